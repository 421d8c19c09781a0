import { createHash, timingSafeEqual } from 'node:crypto';
import { DsyncdError, type ErrorCode, parseUserName, toDsyncdError, type UserName } from '@dsyncd/core';
import {
  type ByteLink,
  commandAccepted,
  doveadmGreeting,
  doveadmVersionProblem,
  dovecotProbe,
  encodeCommandRefusal,
  encodeGreetingRefusal,
  parseDsyncServerCommand,
  parsePeerQuestion,
  parsePlainLogin,
  readLine,
} from '@dsyncd/protocol';
import type { SyncAnswerer } from '../port.ts';

/** One login or command line, its line feed not counted. */
export const commandLineBytesMax = 8192;

export interface Credentials {
  /** What a client must know. Empty: no one comes in. */
  readonly secret: string;
  /** Why its certificate keeps the client out. */
  readonly certificateProblem?: string;
  /** Waits before a wrong secret is answered; guessing takes time, and who is only configured wrongly still learns it. */
  readonly beforeRefusal?: () => Promise<void>;
}

/**
 * Lets a client in, or throws why not.
 * @throws {DsyncdError} `DSYNCD_DOVEADM_CLIENT`, `DSYNCD_TLS`, `DSYNCD_SECRET` (operator), or why the link broke.
 */
export async function admitClient(
  link: ByteLink,
  { secret, certificateProblem, beforeRefusal }: Credentials,
): Promise<void> {
  if (certificateProblem !== undefined)
    await turnAway(
      link,
      'DSYNCD_TLS',
      certificateProblem,
      'give it a certificate of the client CA, or fix the CA file',
    );
  const versionProblem = doveadmVersionProblem(await readOrEnd(link));
  if (versionProblem !== undefined)
    await turnAway(
      link,
      'DSYNCD_DOVEADM_CLIENT',
      versionProblem,
      'only doveadm and dsyncd may connect to this port',
    );
  await link.write(`${doveadmGreeting.authenticate}\n`);
  const given = parsePlainLogin(await readOrEnd(link));
  if (given !== undefined && isSame(given, secret)) {
    await link.write('+\n');
    return;
  }
  await beforeRefusal?.();
  await link.write('-\n');
  if (given === undefined)
    throw clientError('DSYNCD_DOVEADM_CLIENT', `${link.peerName} does not log in as doveadm by PLAIN`, {
      hint: 'doveadm_username of a Dovecot client must be "doveadm"',
    });
  throw clientError('DSYNCD_SECRET', `${link.peerName} has another secret than we`, {
    hint: 'compare doveadm_password_file (Dovecot: doveadm_password) of both hosts',
  });
}

const clientError = (code: ErrorCode, message: string, { hint }: { readonly hint: string }): DsyncdError =>
  new DsyncdError(code, message, { outcome: 'operator', hint });

async function turnAway(link: ByteLink, code: ErrorCode, problem: string, hint: string): Promise<never> {
  await link.write(encodeGreetingRefusal({ outcome: 'operator', reason: problem }));
  throw clientError(code, `${link.peerName}: ${problem}`, { hint });
}

/** In a time that does not depend on either. */
function isSame(given: Buffer, secret: string): boolean {
  const digest = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest();
  return secret !== '' && timingSafeEqual(digest(given), digest(Buffer.from(secret, 'utf8')));
}

async function readOrEnd(link: ByteLink): Promise<string> {
  const line = await readLine(link, commandLineBytesMax);
  if (line !== undefined) return line;
  throw new DsyncdError('DSYNCD_LINK_LOST', `${link.peerName} left before it had logged in`, {
    outcome: 'transient',
  });
}

/**
 * Performs one command line: whether the connection may carry the next one, and what the sync died of.
 * @throws {DsyncdError} when the link broke before there was a sync.
 */
export async function answerCommand(
  line: string,
  link: ByteLink,
  answerer: SyncAnswerer,
  signal: AbortSignal,
): Promise<{ readonly reusable: boolean; readonly user?: string; readonly failure?: DsyncdError }> {
  const question = parsePeerQuestion(line);
  if (question !== undefined && answerer.answerQuestion !== undefined) {
    await link.write(`${JSON.stringify(await answerer.answerQuestion(question))}\n+\n`);
    return { reusable: true };
  }
  const command = parseDsyncServerCommand(line);
  if (command.problem !== undefined) {
    await link.write('\n-USAGE\n');
    // A client that asks who we are has done nothing wrong.
    return line === dovecotProbe
      ? { reusable: true }
      : { reusable: true, failure: badCommand(link, command.problem) };
  }
  let user: UserName;
  try {
    user = parseUserName(command.user);
    await answerer.prepare(user);
  } catch (error) {
    const failure = toDsyncdError(error, { code: 'DSYNCD_SYNC_PREPARE', outcome: 'transient' });
    await link.write(encodeCommandRefusal({ outcome: failure.outcome, reason: failure.message }));
    return { reusable: true, user: command.user, failure };
  }
  // Goes out together with the first bytes of the stream.
  await link.write(commandAccepted);
  try {
    const { reusable } = await answerer.answer(user, link, signal);
    return { reusable, user };
  } catch (error) {
    const failure = toDsyncdError(error, { code: 'DSYNCD_SYNC_ANSWER', outcome: 'transient' });
    return { reusable: false, user, failure };
  }
}

const badCommand = (link: ByteLink, problem: string): DsyncdError =>
  new DsyncdError(
    'DSYNCD_DOVEADM_COMMAND',
    `${link.peerName} sent a command that is not served: ${problem}`,
    {
      outcome: 'operator',
    },
  );
