import { createHmac, timingSafeEqual } from 'node:crypto';
import { compileMask } from '@dsyncd/core';

/** One line of a known_hosts file; see sshd(8), SSH_KNOWN_HOSTS FILE FORMAT. */
export interface KnownHost {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  readonly isRevoked: boolean;
  /** Whether the line is for a host, by the name that SSH looks up: `host`, or `[host]:port`. */
  readonly matches: (name: string) => boolean;
  /** `ssh-ed25519` and the like. */
  readonly keyType: string;
  readonly key: Buffer;
}

/** Lines that are no host keys (comments, certificate authorities, damaged ones) are left out. */
export function parseKnownHosts(text: string, file: string): KnownHost[] {
  return text.split('\n').flatMap((line, index) => {
    const found = parseLine(line.trim());
    return found === undefined ? [] : [{ ...found, file, line: index + 1 }];
  });
}

function parseLine(line: string): Omit<KnownHost, 'file' | 'line'> | undefined {
  if (line === '' || line.startsWith('#')) return undefined;
  const fields = line.split(/[ \t]+/);
  const marker = fields[0]?.startsWith('@') ? fields.shift() : undefined;
  // Host certificates are not offered to us, so an authority for them has no say.
  if (marker !== undefined && marker !== '@revoked') return undefined;
  const [names, keyType, encodedKey] = fields;
  if (names === undefined || keyType === undefined || encodedKey === undefined) return undefined;
  const key = Buffer.from(encodedKey, 'base64');
  if (key.length === 0) return undefined;
  return { isRevoked: marker === '@revoked', matches: compileNames(names), keyType, key };
}

function compileNames(names: string): (name: string) => boolean {
  if (names.startsWith('|')) return compileHashed(names);
  const patterns = names.toLowerCase().split(',');
  const wanted = patterns.filter((pattern) => !pattern.startsWith('!')).map(compileMask);
  const unwanted = patterns
    .filter((pattern) => pattern.startsWith('!'))
    .map((text) => compileMask(text.slice(1)));
  return (name) => wanted.some((matches) => matches(name)) && !unwanted.some((matches) => matches(name));
}

function compileHashed(names: string): (name: string) => boolean {
  const [, version, salt, hash] = names.split('|');
  if (version !== '1' || salt === undefined || hash === undefined) return () => false;
  const saltBytes = Buffer.from(salt, 'base64');
  const wanted = Buffer.from(hash, 'base64');
  return (name) => {
    const digest = createHmac('sha1', saltBytes).update(name).digest();
    return digest.length === wanted.length && timingSafeEqual(digest, wanted);
  };
}

export type HostKeyVerdict =
  | { readonly kind: 'trusted' }
  /** Not one line is for this host. */
  | { readonly kind: 'unknown' }
  /** `at` says that the key must not be used any more. */
  | { readonly kind: 'revoked'; readonly at: KnownHost }
  /** The host is known by other keys; `at` is one of them, of the same type if there is one. */
  | { readonly kind: 'changed'; readonly at: KnownHost };

const defaultPort = 22;

/** Lines for the host; for another port than 22, lines without a port count only when none has the port. */
export function linesFor(hosts: readonly KnownHost[], host: string, port: number): readonly KnownHost[] {
  const name = host.toLowerCase();
  if (port === defaultPort) return hosts.filter((entry) => entry.matches(name));
  const exact = hosts.filter((entry) => entry.matches(`[${name}]:${port}`));
  return exact.some((entry) => !entry.isRevoked)
    ? exact
    : [...exact, ...hosts.filter((entry) => entry.matches(name))];
}

export function checkHostKey(lines: readonly KnownHost[], keyType: string, key: Buffer): HostKeyVerdict {
  const revoked = lines.find((entry) => entry.isRevoked && entry.key.equals(key));
  if (revoked !== undefined) return { kind: 'revoked', at: revoked };
  const valid = lines.filter((entry) => !entry.isRevoked);
  if (valid.some((entry) => entry.key.equals(key))) return { kind: 'trusted' };
  const at = valid.find((entry) => entry.keyType === keyType) ?? valid[0];
  return at === undefined ? { kind: 'unknown' } : { kind: 'changed', at };
}

/** The type that a public key in SSH's wire format names; '' when it is damaged. */
export function keyTypeOf(key: Buffer): string {
  if (key.length < 4) return '';
  const length = key.readUInt32BE(0);
  return length > 64 || key.length < 4 + length ? '' : key.toString('latin1', 4, 4 + length);
}
