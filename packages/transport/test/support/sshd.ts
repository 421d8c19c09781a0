import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { onCleanup, scratchFolder, until } from './parties.ts';

const serverProgram = '/usr/sbin/sshd';

export interface Sshd {
  readonly port: number;
  readonly login: string;
  readonly folder: string;
  /** Key that the server accepts. */
  readonly keyFile: string;
  /** The server's public keys, `TYPE BASE64`. */
  readonly hostKeys: readonly string[];
  readonly log: () => string;
  /** Ends the listener and all connections. */
  stop(): Promise<void>;
}

export interface SshdOptions {
  readonly port?: number;
  readonly maxSessions?: number;
  /** Run instead of what the client asks for. */
  readonly forceCommand?: string;
  readonly hostKeyTypes?: readonly string[];
  readonly folder?: string;
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  return typeof address === 'object' && address !== null ? address.port : 0;
}

export function makeKey(file: string, type = 'ed25519'): string {
  execFileSync('ssh-keygen', ['-q', '-t', type, '-N', '', '-C', 'test', '-f', file]);
  return readFileSync(`${file}.pub`, 'utf8').split(' ').slice(0, 2).join(' ');
}

/** A real OpenSSH server on loopback with keys and configuration of its own. */
export async function startSshd(options: SshdOptions = {}): Promise<Sshd> {
  const folder = options.folder ?? scratchFolder();
  // sshd as root refuses to start without its folder for privilege separation.
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  chmodSync(folder, 0o700);
  const port = options.port ?? (await freePort());
  const stamp = `${port}-${Date.now()}`;
  const hostKeyFiles = (options.hostKeyTypes ?? ['ed25519']).map((type) => ({
    type,
    file: join(folder, `host-${type}-${stamp}`),
  }));
  const hostKeys = hostKeyFiles.map(({ type, file }) => makeKey(file, type));
  const keyFile = join(folder, `login-${stamp}`);
  const authorized = join(folder, `authorized-${stamp}`);
  writeFileSync(authorized, `${makeKey(keyFile)}\n`, { mode: 0o600 });
  const config = join(folder, `sshd-${stamp}.conf`);
  writeFileSync(
    config,
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      ...hostKeyFiles.map(({ file }) => `HostKey ${file}`),
      `AuthorizedKeysFile ${authorized}`,
      'PasswordAuthentication no',
      'KbdInteractiveAuthentication no',
      'PermitRootLogin prohibit-password',
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      `MaxSessions ${options.maxSessions ?? 10}`,
      'LogLevel VERBOSE',
      ...(options.forceCommand === undefined ? [] : [`ForceCommand ${options.forceCommand}`]),
    ].join('\n'),
  );
  let log = '';
  const child = spawn(serverProgram, ['-D', '-e', '-f', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
  });
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk.toString();
  });
  const stop = (): Promise<void> => endGroup(child);
  onCleanup(stop);
  await until('sshd listens', () => {
    if (child.exitCode !== null) throw new Error(`sshd ended: ${log}`);
    return log.includes('Server listening');
  });
  await canConnect(port);
  return { port, login: userInfo().username, folder, keyFile, hostKeys, log: () => log, stop };
}

/** Its connections are processes of the same group. */
async function endGroup(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  process.kill(-child.pid, 'SIGKILL');
  await gone;
}

async function canConnect(port: number): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  await once(socket, 'connect');
  socket.destroy();
}
