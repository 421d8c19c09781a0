import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { DsyncdError, messageOf, type SshDestination, systemCode } from '@dsyncd/core';
import { checkHostKey, type KnownHost, keyTypeOf, linesFor, parseKnownHosts } from './known-hosts.ts';

/** Signature algorithms by key type, the best first: a host shows the key that we ask for. */
const algorithmsOf = [
  ['ssh-ed25519', ['ssh-ed25519']],
  ['ecdsa-sha2-nistp256', ['ecdsa-sha2-nistp256']],
  ['ecdsa-sha2-nistp384', ['ecdsa-sha2-nistp384']],
  ['ecdsa-sha2-nistp521', ['ecdsa-sha2-nistp521']],
  ['ssh-rsa', ['rsa-sha2-512', 'rsa-sha2-256']],
] as const;

export type HostKeyAlgorithm = (typeof algorithmsOf)[number][1][number];

/** What the known_hosts files say of one host. */
export class HostKeyCheck {
  readonly #destination: SshDestination;
  readonly #files: readonly string[];
  readonly #lines: readonly KnownHost[];

  private constructor(destination: SshDestination, files: readonly string[], lines: readonly KnownHost[]) {
    this.#destination = destination;
    this.#files = files;
    this.#lines = lines;
  }

  /** Files that do not exist are empty. @throws {DsyncdError} `DSYNCD_SSH_HOST_KEY` (operator) when one cannot be read. */
  static async load(destination: SshDestination, files: readonly string[]): Promise<HostKeyCheck> {
    const hosts: KnownHost[] = [];
    for (const file of files) hosts.push(...parseKnownHosts(await readKnownHosts(file), file));
    return new HostKeyCheck(destination, files, linesFor(hosts, destination.host, destination.port));
  }

  /** Kinds of key that the host is known by come first; else it may show one that we cannot compare. */
  get algorithms(): HostKeyAlgorithm[] {
    const known = new Set(this.#lines.map((line) => line.keyType));
    const isKnown = (type: string): boolean => known.has(type);
    const sorted = [
      ...algorithmsOf.filter(([type]) => isKnown(type)),
      ...algorithmsOf.filter(([type]) => !isKnown(type)),
    ];
    return sorted.flatMap(([, algorithms]) => [...algorithms]);
  }

  /** Undefined when the key, in SSH's wire format, is that of the host. */
  problemOf(key: Buffer): DsyncdError | undefined {
    const keyType = keyTypeOf(key);
    const shown = `${keyType} SHA256:${createHash('sha256').update(key).digest('base64').replace(/=+$/, '')}`;
    const verdict = checkHostKey(this.#lines, keyType, key);
    switch (verdict.kind) {
      case 'trusted':
        return undefined;
      case 'unknown':
        return this.#error(`its host key ${shown} is not known`, this.#scanHint());
      case 'revoked':
        return this.#error(
          `its host key ${shown} is revoked in ${verdict.at.file} line ${verdict.at.line}`,
          'give that host a new key, then add the new one',
        );
      case 'changed':
        return this.#error(
          `its host key ${shown} is not the one in ${verdict.at.file} line ${verdict.at.line}`,
          'either that host has a new key or someone is in between: compare with ssh-keygen -lf on that host; ' +
            `if it is right, remove the old one with: ssh-keygen -R '${this.#lookupName()}' -f ${verdict.at.file}; ` +
            `then ${this.#scanHint()}`,
        );
    }
  }

  #error(problem: string, hint: string): DsyncdError {
    return new DsyncdError('DSYNCD_SSH_HOST_KEY', `${this.#destination.name}: ${problem}`, {
      outcome: 'operator',
      hint,
    });
  }

  #lookupName(): string {
    const { host, port } = this.#destination;
    return port === 22 ? host : `[${host}]:${port}`;
  }

  #scanHint(): string {
    const { host, port } = this.#destination;
    const file = this.#files[0] ?? 'the known_hosts file';
    return `add it with: ssh-keyscan -p ${port} ${host} >> ${file}, after comparing it with the key on that host`;
  }
}

async function readKnownHosts(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return '';
    const text = messageOf(error);
    throw new DsyncdError('DSYNCD_SSH_HOST_KEY', `cannot read the known hosts: ${text}`, {
      outcome: 'operator',
      hint: 'check the owner and the mode of the file, and the user that the service runs as',
      cause: error,
    });
  }
}
