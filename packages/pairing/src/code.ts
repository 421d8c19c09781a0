import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto';
import { DsyncdError } from '@dsyncd/core';

/**
 * What the code that a person carries from one host to the other holds: a secret that proves the joiner, and the start of the hash
 * of the listener's TLS key, which proves the listener before anything is sent to it.
 */
export interface PairingCode {
  /** 9 random bytes. It can be guessed over the network only, a few times. */
  readonly secret: Buffer;
  /** The first 15 bytes of the SHA-256 of the listener's public key (SPKI, DER). */
  readonly fingerprint: Buffer;
}

const secretBytes = 9;
const fingerprintBytes = 15;
const checksumBytes = 1;
const codeBytes = secretBytes + fingerprintBytes + checksumBytes;
const groupChars = 5;
/** Crockford's: without the letters that look like digits, and U. */
const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
const codeChars = (codeBytes * 8) / 5;

/** @param publicKey - SPKI in DER */
export const fingerprintOf = (publicKey: Uint8Array): Buffer =>
  createHash('sha256').update(publicKey).digest().subarray(0, fingerprintBytes);

export const newCode = (publicKey: Uint8Array): PairingCode => ({
  secret: randomBytes(secretBytes),
  fingerprint: fingerprintOf(publicKey),
});

/** 8 groups of 5 letters and digits. */
export function formatCode({ secret, fingerprint }: PairingCode): string {
  const body = Buffer.concat([fingerprint, secret]);
  const bytes = Buffer.concat([body, checksumOf(body)]);
  let bits = 0n;
  for (const byte of bytes) bits = (bits << 8n) | BigInt(byte);
  const chars = Array.from({ length: codeChars }, (_, index) => {
    const shift = BigInt(5 * (codeChars - 1 - index));
    return alphabet.charAt(Number((bits >> shift) & 31n));
  });
  return (chars.join('').match(new RegExp(`.{${groupChars}}`, 'g')) ?? []).join('-');
}

/**
 * Reads a code as a person may type it: any case, with or without dashes and blanks, O for 0, I and L for 1.
 * @throws {DsyncdError} `DSYNCD_PAIR_CODE` when it cannot be one: too long, too short, or mistyped. The code is never in the message.
 */
export function parseCode(text: string): PairingCode {
  const chars = text.toUpperCase().replace(/[\s-]/g, '').replaceAll('O', '0').replace(/[IL]/g, '1');
  if (chars.length !== codeChars)
    throw badCode(`the code has ${chars.length} letters and digits, not ${codeChars}`);
  let bits = 0n;
  for (const char of chars) {
    const value = alphabet.indexOf(char);
    if (value < 0) throw badCode('the code holds a sign that no code has');
    bits = (bits << 5n) | BigInt(value);
  }
  const bytes = Buffer.from(bits.toString(16).padStart(codeBytes * 2, '0'), 'hex');
  const body = bytes.subarray(0, codeBytes - checksumBytes);
  if (!checksumOf(body).equals(bytes.subarray(body.length))) throw badCode('the code was mistyped');
  return { fingerprint: body.subarray(0, fingerprintBytes), secret: body.subarray(fingerprintBytes) };
}

export type Role = 'init' | 'join';

/**
 * Proof that one end knows the secret, for this TLS connection only.
 * @param binding - keying material of the TLS connection (RFC 5705): differs when somebody sits in between
 */
export const proofOf = ({ secret }: PairingCode, role: Role, binding: Uint8Array): string =>
  createHmac('sha256', secret).update(`dsyncd pair ${role}\0`).update(binding).digest('hex');

/** In a time that does not depend on where they differ. */
export const isProof = (given: string, wanted: string): boolean =>
  given.length === wanted.length && timingSafeEqual(Buffer.from(given), Buffer.from(wanted));

/** It finds a typing mistake before anything goes over the network. */
const checksumOf = (body: Uint8Array): Buffer =>
  createHash('sha256').update('dsyncd pair code').update(body).digest().subarray(0, checksumBytes);

const badCode = (message: string): DsyncdError =>
  new DsyncdError('DSYNCD_PAIR_CODE', message, {
    outcome: 'operator',
    hint: 'copy it from the other host, where `dsyncadm pair init` printed it',
  });
