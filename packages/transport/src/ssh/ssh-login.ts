import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { DsyncdError } from '@dsyncd/core';
import type { ConnectConfig } from 'ssh2';

export interface SshSettings {
  /** Private key without a passphrase; read at each new connection. */
  readonly keyFile: string | undefined;
  /** Socket of an SSH agent, asked after the key file. */
  readonly agentSocket: string | undefined;
  readonly knownHostsFiles: readonly string[];
  /**
   * What runs on the other host, read by the login's shell there; each `%{user}` becomes the quoted user name.
   */
  readonly command: string | undefined;
}

export const defaultKnownHostsFiles: readonly string[] = [
  join(homedir(), '.ssh', 'known_hosts'),
  '/etc/ssh/ssh_known_hosts',
];

/** With `remoteprefix:` the name comes over the stream, so a wrapper can be trusted to check it. */
const defaultCommands = { named: 'dsync-server --stdio --user=%{user}', prefixed: 'dsync-server --stdio' };

/** The command line for the remote shell. The user name is quoted so that no shell finds anything in it. */
export function remoteCommand(template: string | undefined, user: string, sendsUserName: boolean): string {
  const command = template ?? (sendsUserName ? defaultCommands.prefixed : defaultCommands.named);
  return command.replaceAll('%{user}', () => quoteForShell(user));
}

/** One word of a POSIX shell, whatever is in it. */
export const quoteForShell = (text: string): string =>
  /^[A-Za-z0-9@%_+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;

/** @throws {DsyncdError} `DSYNCD_SSH_KEY` (operator). */
export async function loadSshLogin({
  keyFile,
  agentSocket,
}: SshSettings): Promise<Pick<ConnectConfig, 'privateKey' | 'agent' | 'authHandler'>> {
  if (keyFile === undefined && agentSocket === undefined)
    throw keyError('there is neither an SSH key nor an SSH agent to log in with', undefined);
  const privateKey = keyFile === undefined ? undefined : await readKey(keyFile);
  return {
    privateKey,
    agent: agentSocket,
    authHandler: [
      ...(privateKey === undefined ? [] : ['publickey' as const]),
      ...(agentSocket === undefined ? [] : ['agent' as const]),
    ],
  };
}

async function readKey(keyFile: string): Promise<Buffer> {
  let content: Buffer;
  try {
    content = await readFile(keyFile);
  } catch (error) {
    throw keyError(
      `cannot read the SSH key ${keyFile}: ${error instanceof Error ? error.message : error}`,
      error,
    );
  }
  const { utils } = await loadSsh();
  const parsed = utils.parseKey(content);
  if (parsed instanceof Error)
    throw keyError(`cannot use the SSH key ${keyFile}: ${parsed.message}`, undefined);
  return content;
}

const keyError = (message: string, cause: unknown): DsyncdError =>
  new DsyncdError('DSYNCD_SSH_KEY', message, {
    outcome: 'operator',
    hint: "make one with: ssh-keygen -t ed25519 -N '' -f KEYFILE, readable by the service only; it can have no passphrase",
    cause,
  });

/** Loaded with the first SSH destination: it takes a while, and a dsync server on stdio never needs it. */
export async function loadSsh(): Promise<typeof import('ssh2')> {
  // A CommonJS package: some of its names are found in its default export only.
  const { default: ssh2 } = await import('ssh2');
  return ssh2;
}
