import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, fstatSync, openSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type LogFields,
  type Logger,
  parseUserName,
  priorityCodes,
  silentLogger,
  systemClock,
  type UserName,
} from '@dsyncd/core';
import { beforeEach, describe, expect, test } from 'vitest';
import { listenFifo } from '../src/index.ts';
import { SinkFeed, waitingLinesMax } from '../src/listeners/feed.ts';
import { closeAfterEach, RecordingSink, until } from './recording-sink.ts';

const closeLater = closeAfterEach();
let path: string;
let sink: RecordingSink;
const warnings: LogFields[] = [];
const logger: Logger = { ...silentLogger, child: () => logger, warn: (fields) => warnings.push(fields) };

beforeEach(async () => {
  const folder = await mkdtemp(join(tmpdir(), 'fifo-'));
  closeLater(() => rm(folder, { recursive: true }));
  path = join(folder, 'run', 'fifo');
  sink = new RecordingSink();
  warnings.length = 0;
});

const listen = async (access?: { mode?: number; user?: string; group?: string }) => {
  const listener = await listenFifo(path, {
    sink,
    clock: systemClock,
    logger,
    access,
  });
  closeLater(() => listener.close());
  return listener;
};

/** Writes as a shell script would. */
const echo = (text: string): void => {
  const fd = openSync(path, constants.O_WRONLY);
  writeSync(fd, text);
  closeSync(fd);
};

describe('the FIFO', () => {
  test.skipIf(process.getuid?.() !== 0)(
    'gets its owner and mode, also when it was there before',
    async () => {
      const listener = await listen();
      await listener.close();
      expect(statSync(path).mode & 0o777).toBe(0o660);
      await listen({ mode: 0o620, user: 'nobody', group: '65534' });
      const { uid, gid, mode } = statSync(path);
      expect([uid, gid, mode & 0o777]).toEqual([65_534, 65_534, 0o620]);
      await expect(listen({ user: 'no-such-user' })).rejects.toMatchObject({
        code: 'DSYNCD_SOCKET',
        message: expect.stringContaining('no-such-user'),
      });
    },
  );

  test('is made with its mode, and takes lines of writers that come and go', async () => {
    await listen({ mode: 0o622 });
    expect(statSync(path).isFIFO()).toBe(true);
    expect(statSync(path).mode & 0o777).toBe(0o622);
    for (const user of ['a', 'b', 'c']) echo(`${user}\tlow\n`);
    await until('three users', () => sink.requests.length === 3);
    expect(sink.users()).toEqual(['a', 'b', 'c']);
  });

  test('that is there already is used, lines of before included', async () => {
    execFileSync('mkdir', [join(path, '..')]);
    execFileSync('mkfifo', [path]);
    const holder = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    closeLater(() => closeSync(holder));
    writeSync(holder, 'early\thigh\n');
    await listen();
    await until('the early user', () => sink.requests.length === 1);
  });

  test('that somebody holds open loses nothing while nobody reads it, and tells so', async () => {
    const first = await listen();
    expect(first.wasHeld).toBe(false);
    const holder = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    closeLater(() => closeSync(holder));
    await first.close();
    echo('waiting\tlow\n');
    expect((await listen()).wasHeld).toBe(true);
    await until('what waited', () => sink.requests.length === 1);
  });

  test('opened by somebody else is read through what it was opened as', async () => {
    execFileSync('mkdir', [join(path, '..')]);
    execFileSync('mkfifo', [path]);
    const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
    const listener = await listenFifo(path, { sink, clock: systemClock, logger, descriptor });
    closeLater(() => listener.close());
    expect(listener.wasHeld).toBe(true);
    expect(() => fstatSync(descriptor)).not.toThrow();
    echo('u\tlow\n');
    await until('the user', () => sink.requests.length === 1);
    await listener.close();
    await until('it is closed', () => {
      try {
        return !fstatSync(descriptor).isFIFO();
      } catch {
        return true;
      }
    });
  });

  test('that is another file is refused', async () => {
    execFileSync('mkdir', [join(path, '..')]);
    writeFileSync(path, '');
    await expect(listen()).rejects.toMatchObject({ code: 'DSYNCD_NOTIFY_FIFO', outcome: 'operator' });
  });

  test('loses no line of many writers at once', async () => {
    const listener = await listen();
    const script = 'i=0; while [ $i -lt 500 ]; do echo "u$1-$i\tlow"; i=$((i+1)); done > "$2"';
    const writers = [1, 2, 3, 4].map((n) =>
      spawn('bash', ['-c', script.replace('\\t', '\t'), '-', String(n), path]),
    );
    await Promise.all(writers.map((writer) => once(writer, 'exit')));
    await until('all lines', () => listener.taken === 2000);
    await until('all users', () => sink.requests.length === 2000);
    expect(new Set(sink.users()).size).toBe(2000);
    expect(listener.badLines).toBe(0);
  });

  test('what was written before close is taken', async () => {
    const listener = await listen();
    echo('last\tlow\n');
    await listener.close();
    expect(sink.users()).toEqual(['last']);
  });

  test('bad lines are counted, and each kind is logged once a minute', async () => {
    const listener = await listen();
    echo('../b\tlow\n'.repeat(50));
    echo('c\tnever\n'.repeat(50));
    await until('all bad lines', () => listener.badLines === 100);
    echo('../b\tlow\n');
    await until('one more', () => listener.badLines === 101);
    expect(warnings.map((fields) => fields.reason).sort()).toEqual(['bad user name', 'unknown priority']);
  });
});

describe('while the sink is held up', () => {
  test('lines wait in their order, with their priorities and origins', async () => {
    const listener = await listen();
    const release = sink.hold();
    echo('first\tlow\n');
    await until('the first batch', () => sink.batches.length === 1);
    echo('u\tlow\nu\thigh\nv\tlow\torigin\nw\tlow\torigin\nw\tlow\n');
    await until('all taken', () => listener.taken === 6);
    release();
    await until('all stored', () => sink.requests.length === 6);
    expect(sink.requests.slice(1)).toEqual([
      { user: 'u', priority: 'low' },
      { user: 'u', priority: 'high' },
      { user: 'v', priority: 'low', origin: 'origin' },
      { user: 'w', priority: 'low', origin: 'origin' },
      { user: 'w', priority: 'low' },
    ]);
  });

  test.each([
    ['as many lines as may wait stay lines', waitingLinesMax, waitingLinesMax],
    [
      'one more, and they are merged: the highest priority wins, and an origin that all have',
      waitingLinesMax + 1,
      3,
    ],
  ])('%s', async (_, count, stored) => {
    const feed = new SinkFeed({ sink, clock: systemClock, logger: silentLogger }, 'test');
    const release = sink.hold();
    const { low, high } = priorityCodes;
    const names = ['u', 'v', 'w'].map(parseUserName);
    const extras = new Map<number, string>();
    for (let index = 0; index < count; index++)
      if (index % 3 === 1 || index === 2) extras.set(index, 'origin');
    feed.add({
      users: Array.from({ length: count }, (_, index) => names[index % 3] as UserName),
      priorities: Array.from({ length: count }, (_, index) => (index === 3 ? high : low)),
      extras,
      badCount: 0,
      bad: [],
    });
    expect(feed.isFull).toBe(false);
    release();
    await feed.settled();
    expect(sink.requests).toHaveLength(stored);
    if (stored === 3)
      expect(sink.requests).toEqual([
        { user: 'u', priority: 'high' },
        { user: 'v', priority: 'low', origin: 'origin' },
        { user: 'w', priority: 'low' },
      ]);
  });

  test('the FIFO is not read on, so writers notice; afterwards nothing is missing', async () => {
    const listener = await listen();
    const release = sink.hold();
    const fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK);
    closeLater(() => closeSync(fd));
    let written = 0;
    // Full for this many turns of the loop in a row: then nobody reads.
    for (let full = 0; full < 200; ) {
      try {
        writeSync(fd, `user${written}\tlow\n`);
        written++;
        full = 0;
      } catch {
        await new Promise((resolve) => setImmediate(resolve));
        full++;
      }
    }
    expect(listener.taken).toBeLessThan(waitingLinesMax + 20_000);
    release();
    await until('all stored', () => sink.requests.length === written);
  });

  test('a batch that the sink refuses is tried again', async () => {
    sink.failures = 1;
    await listen();
    echo('u\tlow\n');
    await until('stored in the end', () => sink.requests.length === 1);
    expect(sink.batches).toEqual([1, 1]);
  });
});
