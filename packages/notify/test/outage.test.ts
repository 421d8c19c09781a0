import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUserName, silentLogger, systemClock, type UserName } from '@dsyncd/core';
import { beforeEach, describe, expect, it } from 'vitest';
import { type Change, type ChangeBatch, changeBatch, OutageSink, OutageSpool } from '../src/index.ts';
import { closeAfterEach, RecordingSink, until } from './recording-sink.ts';

const onClose = closeAfterEach();
const ann = parseUserName('ann@example.com');
const bob = parseUserName('bob@example.com');
const high = (user: UserName): Change => ({ user, priority: 'high' });
const patient = new AbortController().signal;

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dsyncd-outage-'));
  onClose(() => rmSync(folder, { recursive: true, force: true }));
});
const files = (): readonly string[] => readdirSync(folder);

/** A queue that can be taken away. */
class Queue extends RecordingSink {
  isAway = false;
  hangs = false;

  override async request(batch: ChangeBatch): Promise<void> {
    if (this.isAway) throw new Error('away');
    await super.request(batch);
  }

  override async waitForSync(user: UserName, signal: AbortSignal): Promise<boolean> {
    if (this.hangs) return new Promise(() => {});
    if (this.isAway) throw new Error('away');
    return super.waitForSync(user, signal);
  }

  probe = async (): Promise<void> => {
    if (this.isAway) throw new Error('away');
  };
}

async function openSink(): Promise<OutageSink> {
  const sink = new OutageSink({
    spool: await OutageSpool.open(folder),
    isOutage: (error) => error instanceof Error && error.message === 'away',
    clock: systemClock,
    logger: silentLogger,
  });
  onClose(() => sink.close());
  return sink;
}

async function connected(): Promise<{ readonly queue: Queue; readonly sink: OutageSink }> {
  const queue = new Queue();
  const sink = await openSink();
  sink.connect({ sink: queue, probe: queue.probe });
  // A request before the first look would go by the spool.
  await until('it is there', async () => {
    await sink.request(changeBatch([high(ann)]));
    return queue.requests.length > 0 && files().length === 0;
  });
  queue.requests.length = 0;
  return { queue, sink };
}

describe('a sink before a queue that may be away', () => {
  it('keeps what comes before the queue is there, and what an earlier run left', async () => {
    const earlier = await openSink();
    await earlier.request(changeBatch([{ user: ann, priority: 'low', origin: 'mx2.example.com' }]));
    await earlier.close();
    const sink = await openSink();
    await sink.request(changeBatch([high(bob)]));
    expect(files()).toHaveLength(2);
    const queue = new Queue();
    sink.connect({ sink: queue, probe: queue.probe });
    await until('all is handed over', () => files().length === 0);
    expect(queue.requests).toEqual([{ user: ann, priority: 'low', origin: 'mx2.example.com' }, high(bob)]);
  });

  it('takes requests while the queue is away and hands them over when it is back', async () => {
    const { queue, sink } = await connected();
    queue.isAway = true;
    await sink.request(changeBatch([high(ann), { user: bob, priority: 'low' }]));
    await sink.request(changeBatch([high(ann)]));
    expect(files(), 'what waits already is not written again').toHaveLength(1);
    queue.isAway = false;
    await until('all is handed over', () => files().length === 0);
    expect(queue.requests).toEqual([high(ann), { user: bob, priority: 'low' }]);
    await sink.request(changeBatch([high(bob)]));
    expect(queue.requests.at(-1)).toEqual(high(bob));
  });

  it('writes again what is told after it was handed over', async () => {
    const { queue, sink } = await connected();
    for (let outage = 1; outage <= 2; outage++) {
      queue.isAway = true;
      await sink.request(changeBatch([high(ann)]));
      queue.isAway = false;
      await until('it is handed over', () => queue.requests.length === outage && files().length === 0);
    }
  });

  it('answers a sync with no at once, and asks for one later', async () => {
    const { queue, sink } = await connected();
    queue.isAway = true;
    expect(await sink.waitForSync(ann, patient), 'found out by it').toBe(false);
    expect(await sink.waitForSync(bob, patient), 'known before').toBe(false);
    queue.isAway = false;
    await until('both are handed over', () => queue.users().join() === `${ann},${bob}`);
  });

  it('holds nobody longer than asked when the queue hangs', async () => {
    const { queue, sink } = await connected();
    queue.hangs = true;
    const patience = new AbortController();
    const waiting = sink.waitForSync(ann, patience.signal);
    patience.abort(new Error('no patience'));
    await expect(waiting).rejects.toThrow('no patience');
  });

  it('passes on what the queue refuses', async () => {
    const { queue, sink } = await connected();
    queue.failures = 1;
    await expect(sink.request(changeBatch([high(ann)]))).rejects.toThrow('disk full');
    expect(files()).toEqual([]);
  });

  it('tells again what the queue took last, when that may have lost it', async () => {
    const { queue, sink } = await connected();
    await sink.request(changeBatch([{ user: bob, priority: 'low' }]));
    queue.requests.length = 0;
    await sink.repeatRecent();
    await until('it is told', () => queue.users().join() === `${ann},${bob}`);
  });

  it('leaves lines that are none, and half a file, aside', async () => {
    writeFileSync(join(folder, '.tmp-1'), 'carl@example.com\tlow');
    writeFileSync(join(folder, '1'), 'no line\nbob@example.com\thigh\n');
    const queue = new Queue();
    const sink = await openSink();
    sink.connect({ sink: queue, probe: queue.probe });
    await until('it is read', () => files().length === 0);
    expect(queue.requests).toEqual([high(bob)]);
  });
});
