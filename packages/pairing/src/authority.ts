// x509 asks for this before it is loaded.
import 'reflect-metadata';
import { generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import { DsyncdError } from '@dsyncd/core';
import * as x509 from '@peculiar/x509';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 86_400_000;
/** Both certificates: a pair that runs for years has nobody who thinks of them. `doctor` warns before the end. */
const validDays = 3650;
/** Clocks of the two hosts may differ by this. */
const beforeMs = dayMs;

/** A private key and its public half; the key is PKCS #8 in PEM. */
export interface HostKey {
  readonly privatePem: string;
  readonly keys: CryptoKeyPair;
}

type CryptoKeyPair = webcrypto.CryptoKeyPair;

/** A new key (P-256). The private half never leaves the host that made it. */
export async function newHostKey(): Promise<HostKey> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const pkcs8 = privateKey.export({ type: 'pkcs8', format: 'der' });
  const spki = publicKey.export({ type: 'spki', format: 'der' });
  const { subtle } = webcrypto;
  return {
    privatePem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    keys: {
      privateKey: await subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
      publicKey: await subtle.importKey('spki', spki, algorithm, true, ['verify']),
    },
  };
}

/** A certificate that says nothing but the key: for the listener of the pairing, which is known by its fingerprint. */
export async function selfSigned({ keys }: HostKey, now: number): Promise<string> {
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serial(),
      name: [{ CN: ['dsyncd pair'] }],
      ...validity(now, 1),
      keys,
      signingAlgorithm: algorithm,
    },
    webcrypto,
  );
  return certificate.toString('pem');
}

/** Asks the authority for a certificate: PKCS #10 in PEM. */
export async function signingRequest({ keys }: HostKey): Promise<string> {
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    { name: [{ CN: ['dsyncd pair'] }], keys, signingAlgorithm: algorithm },
    webcrypto,
  );
  return request.toString('pem');
}

/** The authority of one pair. Its key lives in memory alone, so that nobody can sign a third host later. */
export interface Authority {
  readonly certificatePem: string;
  /**
   * A certificate for the key of a signing request, with the names given here; those in the request do not count.
   * @throws {DsyncdError} `DSYNCD_PAIR_ANSWER` when the request is none, or not signed by its own key.
   */
  sign(request: string, names: readonly string[]): Promise<string>;
}

export async function newAuthority(now: number): Promise<Authority> {
  const { keys } = await newHostKey();
  const authority = await x509.X509CertificateGenerator.createSelfSigned(
    {
      serialNumber: serial(),
      name: [{ CN: [`dsyncd pair ${randomBytes(4).toString('hex')}`] }],
      ...validity(now, validDays),
      keys,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(true, 0, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign, true),
      ],
    },
    webcrypto,
  );
  return {
    certificatePem: authority.toString('pem'),
    async sign(text, names) {
      const request = await readRequest(text);
      const certificate = await x509.X509CertificateGenerator.create(
        {
          serialNumber: serial(),
          subject: [{ CN: [(names[0] ?? '').slice(0, 64)] }],
          issuer: authority.subjectName,
          ...validity(now, validDays),
          publicKey: request.publicKey,
          signingKey: keys.privateKey,
          signingAlgorithm: algorithm,
          extensions: [
            new x509.BasicConstraintsExtension(false, undefined, true),
            new x509.SubjectAlternativeNameExtension(
              [...new Set(names)].map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value })),
            ),
            new x509.ExtendedKeyUsageExtension([
              x509.ExtendedKeyUsage.serverAuth,
              x509.ExtendedKeyUsage.clientAuth,
            ]),
          ],
        },
        webcrypto,
      );
      return certificate.toString('pem');
    },
  };
}

async function readRequest(text: string): Promise<x509.Pkcs10CertificateRequest> {
  try {
    const request = new x509.Pkcs10CertificateRequest(text);
    if (await request.verify(webcrypto)) return request;
  } catch (error) {
    throw badRequest(error);
  }
  throw badRequest(undefined);
}

const badRequest = (cause: unknown): DsyncdError =>
  new DsyncdError('DSYNCD_PAIR_ANSWER', 'the signing request of the other host is not valid', {
    outcome: 'operator',
    hint: 'run the same version of dsyncd on both hosts',
    cause,
  });

const validity = (now: number, days: number): { readonly notBefore: Date; readonly notAfter: Date } => ({
  notBefore: new Date(now - beforeMs),
  notAfter: new Date(now + days * dayMs),
});

/** Positive, as a certificate wants it. */
const serial = (): string => `01${randomBytes(15).toString('hex')}`;
