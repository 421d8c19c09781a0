import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { programFile, until } from '@dsyncd/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const keeper = new URL('../../deploy/fifo-keeper.sh', import.meta.url).pathname;

let folder: string;
let fifo: string;
let socket: string;
let log = '';
const children: ChildProcess[] = [];

beforeEach(() => {
  log = '';
  folder = mkdtempSync(join(tmpdir(), 'held-'));
  mkdirSync(join(folder, 'run'));
  fifo = join(folder, 'run/replication-notify-fifo');
  socket = join(folder, 'run/replication-notify');
  const lines = [
    'hostname = "a.test"',
    `base_dir = "${folder}/run"`,
    `state_dir = "${folder}/state"`,
    `doveadm_password_file = "${folder}/secret"`,
    `mail_home = "${folder}/mail/%{user}"`,
    '[channels.default]',
    'mail_replica = "tcp:127.0.0.1:1"',
  ];
  writeFileSync(join(folder, 'secret'), 'secret-of-both-hosts\n', { mode: 0o600 });
  writeFileSync(join(folder, 'dsyncd.toml'), `${lines.join('\n')}\n`);
});

afterEach(async () => {
  for (const child of children.splice(0)) await end(child, 'SIGKILL');
  rmSync(folder, { recursive: true });
});

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  child.kill(signal);
  await once(child, 'exit');
}

function follow(child: ChildProcess): void {
  children.push(child);
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    log += text;
  });
}

/** As systemd starts it: `LISTEN_PID` is that of the process itself. */
async function startDsyncd(files: readonly (readonly [string, number])[] = []): Promise<ChildProcess> {
  const child = spawn(
    'sh',
    [
      '-c',
      'LISTEN_PID=$$ exec "$@"',
      '-',
      process.execPath,
      programFile('dsyncd'),
      '-c',
      join(folder, 'dsyncd.toml'),
    ],
    {
      stdio: ['ignore', 'ignore', 'pipe', ...files.map(([, descriptor]) => descriptor)],
      env: {
        ...process.env,
        LISTEN_FDS: String(files.length),
        LISTEN_FDNAMES: files.map(([name]) => name).join(':'),
      },
    },
  );
  follow(child);
  const seen = log.length;
  await until('dsyncd is ready', () => {
    if (child.exitCode !== null) throw new Error(log);
    return log.includes('"ready"', seen);
  });
  return child;
}

/** As the plugin of Dovecot 2.3: it does not wait, and throws away what has no reader. */
function tell(user: string): void {
  const descriptor = openSync(fifo, constants.O_WRONLY | constants.O_NONBLOCK);
  writeSync(descriptor, `${user}\tlow\n`);
  closeSync(descriptor);
}

/** A user without a home is asked for, and forgotten again. */
const isKnown = (user: string): boolean => log.includes(`"user":"${user}"`);

describe('what is told while dsyncd is not there', () => {
  test.each(['SIGTERM', 'SIGKILL'] as const)(
    'waits in a FIFO that systemd holds, over %s',
    async (signal) => {
      execFileSync('mkfifo', [fifo]);
      const held = openSync(fifo, constants.O_RDWR | constants.O_NONBLOCK);
      try {
        const first = await startDsyncd([['replication-notify-fifo', held]]);
        await end(first, signal);
        tell('ann');
        await startDsyncd([['replication-notify-fifo', held]]);
        await until('ann is known', () => isKnown('ann'));
        tell('bob');
        await until('bob is known', () => isKnown('bob'));
      } finally {
        closeSync(held);
      }
    },
  );

  test('waits in a FIFO that the keeper holds', async () => {
    children.push(spawn('sh', [keeper, fifo], { stdio: 'ignore' }));
    await until('the keeper holds it', () => {
      try {
        tell('early');
        return true;
      } catch {
        return false;
      }
    });
    const first = await startDsyncd();
    await end(first, 'SIGTERM');
    tell('ann');
    await startDsyncd();
    await until('both are known', () => isKnown('ann') && isKnown('early'));
  });

  test.skipIf(spawnSync('systemd-socket-activate', ['--version']).status !== 0)(
    'waits in a socket that systemd holds, and has it start dsyncd',
    async () => {
      const command = [process.execPath, programFile('dsyncd'), '-c', join(folder, 'dsyncd.toml')];
      follow(
        spawn('systemd-socket-activate', [
          '--listen',
          socket,
          '--fdname',
          'replication-notify',
          '--setenv=PATH',
          ...command,
        ]),
      );
      await until('it listens', () => existsSync(socket));
      const client = connect(socket).on('error', () => {});
      client.write('ann\thigh\n');
      await until('ann is known', () => isKnown('ann'));
      expect(log).not.toContain('is not used');
      client.destroy();
    },
  );

  test('a FIFO that is not the one of the configuration is told and not used', async () => {
    const other = join(folder, 'other');
    execFileSync('mkfifo', [other]);
    const held = openSync(other, constants.O_RDWR | constants.O_NONBLOCK);
    await startDsyncd([['replication-notify-fifo', held]]);
    closeSync(held);
    tell('ann');
    await until('ann is known', () => isKnown('ann'));
    expect(log).toContain('is not used: adapt dsyncd.socket');
  });
});
