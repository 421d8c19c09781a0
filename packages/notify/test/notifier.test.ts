import { execFileSync } from 'node:child_process';
import { closeSync, constants, openSync, readdirSync, readFileSync, writeFileSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LogFields, parseUserName, silentLogger, systemClock } from '@dsyncd/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { createNotifier, listenFifo, listenNotifySocket, type Notifier, watchSpool } from '../src/index.ts';
import { closeAfterEach, RecordingSink, until } from './recording-sink.ts';

const closeLater = closeAfterEach();
let baseDir: string;
let spoolDir: string;
let sink: RecordingSink;
const user = parseUserName('u@x');

beforeEach(async () => {
  baseDir = await mkdtemp(join(tmpdir(), 'notifier-'));
  spoolDir = join(baseDir, 'spool');
  closeLater(() => rm(baseDir, { recursive: true }));
  sink = new RecordingSink();
});

const options = () => ({ sink, clock: systemClock, logger: silentLogger });
const startFifo = async (): Promise<void> => {
  const listener = await listenFifo(join(baseDir, 'replication-notify-fifo'), options());
  closeLater(() => listener.close());
};
const startSocket = async (): Promise<void> => {
  const listener = await listenNotifySocket(join(baseDir, 'replication-notify'), options());
  closeLater(() => listener.close());
};
const notifier = (syncTimeoutMs = 0): Notifier => {
  const result = createNotifier({ baseDir, spoolDir, syncTimeoutMs });
  closeLater(() => result.close());
  return result;
};
const spooled = (): string[] =>
  readdirSync(spoolDir).map((name) => readFileSync(join(spoolDir, name), 'utf8'));

describe('without waiting', () => {
  test('a saved mail is notified as high, at once', async () => {
    await startFifo();
    expect(await notifier().mailSaved(user)).toBe('queued');
    await until('notified', () => sink.requests.length === 1);
    expect(sink.requests).toEqual([{ user, priority: 'high' }]);
  });

  test('other changes are notified as low, merged; an origin stays only when all have it', async () => {
    await startFifo();
    const plugin = notifier();
    const other = parseUserName('v');
    for (let n = 0; n < 100; n++) plugin.mailChanged(user);
    plugin.mailChanged(other, 'mx2');
    plugin.mailChanged(other, 'mx2');
    plugin.mailChanged(user, 'mx2');
    await until('both', () => sink.requests.length === 2);
    expect(sink.requests).toEqual([
      { user, priority: 'low' },
      { user: other, priority: 'low', origin: 'mx2' },
    ]);
  });

  test('close sends what waits', async () => {
    await startFifo();
    const plugin = notifier();
    for (let n = 0; n < 3000; n++) plugin.mailChanged(parseUserName(`user${n}@example.com`));
    await plugin.close();
    const waiter = watchSpool(spoolDir, options());
    closeLater(async () => (await waiter).close());
    await until('all', () => new Set(sink.users()).size === 3000);
  });
});

describe('when dsyncd is down', () => {
  test.each([
    ['the FIFO is missing', () => {}],
    ['nobody reads it', () => execFileSync('mkfifo', [join(baseDir, 'replication-notify-fifo')])],
    ['something else is in its place', () => writeFileSync(join(baseDir, 'replication-notify-fifo'), '')],
  ])('and %s, changes wait in the spool folder, from where dsyncd takes them', async (_, prepare) => {
    prepare();
    expect(await notifier().mailSaved(user)).toBe('queued');
    expect(spooled()).toEqual(['u@x\thigh\n']);
    const listener = await watchSpool(spoolDir, options());
    closeLater(() => listener.close());
    await until('taken', () => sink.requests.length === 1);
  });

  test('a full FIFO does not hold up the mail process', async () => {
    const path = join(baseDir, 'replication-notify-fifo');
    execFileSync('mkfifo', [path]);
    const fd = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    closeLater(() => closeSync(fd));
    expect(() => {
      for (;;) writeSync(fd, 'x'.repeat(4096));
    }).toThrow('EAGAIN');
    expect(await notifier().mailSaved(user)).toBe('queued');
    expect(spooled()).toEqual(['u@x\thigh\n']);
  });

  test('and the spool folder cannot be written, that is failed, and said', async () => {
    writeFileSync(spoolDir, 'in the way');
    const errors: LogFields[] = [];
    const logger = { ...silentLogger, error: (fields: LogFields) => errors.push(fields) };
    const plugin = createNotifier({ baseDir, spoolDir, syncTimeoutMs: 0, logger });
    expect(await plugin.mailSaved(user)).toBe('failed');
    expect(errors).toEqual([expect.objectContaining({ users: ['u@x'] })]);
  });
});

describe('with a sync timeout', () => {
  test('a save is synced when the sync succeeded', async () => {
    await startSocket();
    expect(await notifier(5000).mailSaved(user)).toBe('synced');
    expect(sink.requests).toEqual([]);
  });

  test('a failed sync becomes high', async () => {
    await startSocket();
    await startFifo();
    sink.answer = () => false;
    expect(await notifier(5000).mailSaved(user)).toBe('queued');
    await until('notified', () => sink.requests.length === 1);
    expect(sink.requests).toEqual([{ user, priority: 'high' }]);
  });

  test('it waits no longer than the timeout, then it becomes high', async () => {
    await startSocket();
    await startFifo();
    const release = sink.hold();
    const begin = performance.now();
    expect(await notifier(100).mailSaved(user)).toBe('queued');
    expect(performance.now() - begin).toBeLessThan(5000);
    release();
    await until('notified', () => sink.requests.length === 1);
  });

  test('without dsyncd it goes to the spool folder at once', async () => {
    expect(await notifier(60_000).mailSaved(user)).toBe('queued');
    expect(spooled()).toEqual(['u@x\thigh\n']);
  });
});
