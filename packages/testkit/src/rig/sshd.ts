import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { until } from '../until.ts';
import { freePort } from './program.ts';

const serverProgram = '/usr/sbin/sshd';

export interface Sshd {
  readonly port: number;
  readonly login: string;
  /** Key that the server accepts. */
  readonly keyFile: string;
  /** What a client's known_hosts must hold. */
  readonly knownHostsLine: string;
  /** Ends the listener and all connections. */
  stop(): Promise<void>;
}

/** Makes a key pair; answers the public one, `TYPE BASE64`. */
export function makeSshKey(file: string): string {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file]);
  return readFileSync(`${file}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
}

/** A real OpenSSH server on loopback with keys and configuration of its own in `folder`. */
export async function startSshd(folder: string): Promise<Sshd> {
  mkdirSync(folder, { recursive: true });
  // sshd as root refuses to start without its folder for privilege separation.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  chmodSync(folder, 0o700);
  const port = await freePort();
  const hostKeyFile = join(folder, 'host-key');
  const hostKey = makeSshKey(hostKeyFile);
  const keyFile = join(folder, 'login-key');
  writeFileSync(join(folder, 'authorized'), `${makeSshKey(keyFile)}\n`, { mode: 0o600 });
  const config = join(folder, 'sshd.conf');
  writeFileSync(config, sshdSettings(folder, port, hostKeyFile).join('\n'));
  let log = '';
  const child = spawn(serverProgram, ['-D', '-e', '-f', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  child.stderr.on('data', (chunk: Buffer) => (log += chunk.toString()));
  await until('sshd listens', () => {
    if (child.exitCode !== null) throw new Error(`sshd ended: ${log}`);
    return log.includes('Server listening');
  });
  return {
    port,
    login: userInfo().username,
    keyFile,
    knownHostsLine: `[127.0.0.1]:${port} ${hostKey}`,
    stop: () => endGroup(child),
  };
}

const sshdSettings = (folder: string, port: number, hostKeyFile: string): readonly string[] => [
  `Port ${port}`,
  'ListenAddress 127.0.0.1',
  `HostKey ${hostKeyFile}`,
  `AuthorizedKeysFile ${join(folder, 'authorized')}`,
  'PasswordAuthentication no',
  'KbdInteractiveAuthentication no',
  'PermitRootLogin prohibit-password',
  'StrictModes no',
  'UsePAM no',
  'PidFile none',
  'LogLevel VERBOSE',
];

/** Its connections are processes of the same group. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await gone;
}
