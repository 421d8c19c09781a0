import { createPrivateKey, randomBytes, X509Certificate } from 'node:crypto';
import { type Clock, messageOf } from '@dsyncd/core';
import { newAuthority, newHostKey, signingRequest } from './authority.ts';
import type { Joined } from './listener.ts';
import { badAnswer, type HostFacts } from './messages.ts';

/** What one host gets: its own key, made here, and what the two share. */
export interface Material {
  /** PEM of the authority of this pair. */
  readonly authority: string;
  /** PEM of this host. */
  readonly certificate: string;
  /** PEM, PKCS #8. */
  readonly privateKey: string;
  /** 64 hexadecimal digits. */
  readonly secret: string;
}

/** What a host does in the conversation; the rest is {@link leadPair} and {@link followPair}. */
export interface Hands {
  readonly facts: HostFacts;
  /** Shows the plan and asks the person; throws when it is refused or cannot be done. */
  agree(peer: HostFacts): Promise<void>;
  /** Writes everything, so that {@link rollBack} can undo it. */
  write(material: Material, peer: HostFacts): Promise<void>;
  /** From here on the files stay. */
  keep(): Promise<void>;
  /** Undoes {@link write}, however far it came. */
  rollBack(): Promise<void>;
}

/** A person reads the plan on the other host. */
const agreeMsMax = 15 * 60_000;
/** Files are written and checked by doveconf meanwhile. */
const writeMsMax = 120_000;

/**
 * The side of `pair init`, which is the authority. When it ends well, both hosts keep their files.
 *
 * Who keeps last: the joiner keeps when both have written, and this side when the joiner has. So what this side reports as
 * paired is so on both; a joiner that did not hear the last word says that it does not know.
 */
export async function leadPair({ stream, peer }: Joined, hands: Hands, clock: Clock): Promise<void> {
  try {
    await hands.agree(peer);
    const { request, reachedAt } = await stream.receive('agreed', agreeMsMax);
    const authority = await newAuthority(clock.now());
    const key = await newHostKey();
    const secret = randomBytes(32).toString('hex');
    const shared = { authority: authority.certificatePem, secret };
    stream.send({ type: 'material', ...shared, certificate: await authority.sign(request, namesOf(peer)) });
    await stream.receive('written', writeMsMax);
    const certificate = await authority.sign(await signingRequest(key), [...namesOf(hands.facts), reachedAt]);
    await hands.write({ ...shared, certificate, privateKey: key.privatePem }, peer);
    stream.send({ type: 'written' });
    await stream.receive('kept', writeMsMax);
    await hands.keep();
    stream.send({ type: 'kept' });
    await stream.end();
  } catch (error) {
    stream.fail(messageOf(error));
    await hands.rollBack();
    throw error;
  }
}

/** What the joiner knows in the end: `unsure` when the other host did not say whether it kept its files. */
export type FollowResult = 'paired' | 'unsure';

/** The side of `pair join`. */
export async function followPair({ stream, peer }: Joined, hands: Hands): Promise<FollowResult> {
  let isKept = false;
  try {
    await hands.agree(peer);
    const key = await newHostKey();
    stream.send({ type: 'agreed', request: await signingRequest(key), reachedAt: peer.address });
    const { authority, certificate, secret } = await stream.receive('material', agreeMsMax);
    checkCertificate({ authority, certificate, privateKey: key.privatePem });
    await hands.write({ authority, certificate, privateKey: key.privatePem, secret }, peer);
    stream.send({ type: 'written' });
    await stream.receive('written', writeMsMax);
    await hands.keep();
    isKept = true;
    stream.send({ type: 'kept' });
    await stream.receive('kept', writeMsMax);
    await stream.end();
    return 'paired';
  } catch (error) {
    stream.fail(messageOf(error));
    if (isKept) return 'unsure';
    await hands.rollBack();
    throw error;
  }
}

const namesOf = ({ hostname, address }: HostFacts): readonly string[] => [hostname, address];

function checkCertificate({ authority, certificate, privateKey }: Omit<Material, 'secret'>): void {
  try {
    const own = new X509Certificate(certificate);
    if (
      own.checkPrivateKey(createPrivateKey(privateKey)) &&
      own.verify(new X509Certificate(authority).publicKey)
    )
      return;
  } catch (error) {
    throw badAnswer(`the other host sent a certificate that cannot be read (${messageOf(error)})`);
  }
  throw badAnswer('the other host sent a certificate that is not for our key');
}
