import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { ServiceManager } from '../src/index.ts';

const hasParts = ['systemd-notify', 'perl'].every((name) => spawnSync('which', [name]).status === 0);

/** The service manager's end of the socket: one datagram a line. */
const receiver = `use Socket; $| = 1; socket(S, AF_UNIX, SOCK_DGRAM, 0) or die;
bind(S, pack_sockaddr_un($ARGV[0])) or die; while (defined recv(S, $m, 4096, 0)) { $m =~ s/\\n/ /g; print "$m\\n" }`;

let folder: string;
let systemd: ChildProcess;
let received: string[];
let complaints: string[];
const managers: ServiceManager[] = [];

const until = (what: string, isTrue: () => boolean): Promise<void> =>
  vi.waitFor(() => expect(isTrue(), what).toBe(true), { timeout: 20_000, interval: 10 });

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'dsyncd-notify-'));
  [received, complaints] = [[], []];
  if (!hasParts) return;
  systemd = spawn('perl', ['-e', receiver, socketPath()], { stdio: ['ignore', 'pipe', 'inherit'] });
  if (systemd.stdout !== null) createInterface(systemd.stdout).on('line', takeLine);
  await until('the socket is there', () => existsSync(socketPath()));
});

afterEach(async () => {
  for (const manager of managers.splice(0)) await manager.notifyStopping();
  if (hasParts) {
    systemd.kill();
    await once(systemd, 'close');
  }
  rmSync(folder, { recursive: true, force: true });
});

/** systemd-notify asks for a sign that its message was taken; that is not for us. */
const takeLine = (line: string): void => void (line.includes('BARRIER=1') || received.push(line));

const socketPath = (): string => join(folder, 'notify');

function manager(env: NodeJS.ProcessEnv, answers?: () => Promise<unknown>): ServiceManager {
  const made = new ServiceManager({
    answers,
    complain: (text) => complaints.push(text),
    env: { PATH: process.env.PATH, ...env },
  });
  managers.push(made);
  return made;
}

const pings = (): number => received.filter((line) => line.includes('WATCHDOG=1')).length;

describe.skipIf(!hasParts)('ServiceManager', () => {
  it('says that the program is ready, and that it stops', async () => {
    const made = manager({ NOTIFY_SOCKET: socketPath() });
    await made.notifyReady();
    await until('systemd has heard of it', () => received.length >= 1);
    await made.notifyStopping();
    await until('systemd has heard of it', () => received.length >= 2);
    expect(received[0]).toContain('READY=1');
    expect(received[1]).toContain('STOPPING=1');
    expect(complaints).toEqual([]);
  });

  it('pings only while the program answers', async () => {
    let asked = 0;
    let letGo = (): void => {};
    const answers = async (): Promise<void> => {
      if (++asked > 3) await new Promise<void>((resolve) => (letGo = resolve));
    };
    await manager({ NOTIFY_SOCKET: socketPath(), WATCHDOG_USEC: '300000' }, answers).notifyReady();
    await until('it hangs, and says so', () => complaints.length > 0);
    expect(complaints).toEqual(['hangs: the service manager will kill it']);
    expect(asked).toBe(4);
    await until('the pings have come', () => pings() >= 3);
    expect(pings()).toBe(3);
    letGo();
    await until('it pings again', () => pings() >= 4);
  });

  it('takes an error for an answer: a restart would not help', async () => {
    const answers = (): Promise<void> => Promise.reject(new Error('disk full'));
    await manager({ NOTIFY_SOCKET: socketPath(), WATCHDOG_USEC: '300000' }, answers).notifyReady();
    await until('it pings', () => pings() >= 2);
  });

  it('does not ping for a unit without a watchdog, nor for that of another process', async () => {
    let asked = 0;
    const answers = async (): Promise<unknown> => asked++;
    const other = { NOTIFY_SOCKET: socketPath(), WATCHDOG_USEC: '150000', WATCHDOG_PID: '1' };
    await manager({ NOTIFY_SOCKET: socketPath() }, answers).notifyReady();
    await manager(other, answers).notifyReady();
    await manager({ ...other, WATCHDOG_PID: String(process.pid) }).notifyReady();
    await until('the third one pings', () => pings() >= 3);
    expect(asked).toBe(0);
  });
});

describe('ServiceManager', () => {
  it('says nothing without a service manager', async () => {
    const made = manager({});
    await made.notifyReady();
    await made.notifyStopping();
    expect(complaints).toEqual([]);
  });

  it('complains once and goes on when it cannot reach systemd', async () => {
    const made = manager({ NOTIFY_SOCKET: join(folder, 'nobody'), PATH: folder });
    await made.notifyReady();
    await made.notifyStopping();
    expect(complaints).toHaveLength(1);
    expect(complaints[0]).toContain('cannot notify systemd of READY=1');
  });
});
