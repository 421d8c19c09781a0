import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { noCounts, systemClock } from '@dsyncd/core';
import { until } from '@dsyncd/testkit';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { EventSink } from '../src/event-hub.ts';
import { EventHub, eventClientsMax, eventsPerFlushMax, stalledMsMax } from '../src/event-hub.ts';
import { ApiBench, ann, broken, tokens } from './api-bench.ts';

/** A client of the event stream on a socket of its own. */
class Listener {
  readonly socket: Socket;
  text = '';

  constructor(bench: ApiBench) {
    this.socket = connect(Number(new URL(bench.api.url).port), '127.0.0.1');
    this.socket.on('data', (data) => (this.text += String(data)));
    this.socket.on('error', () => {});
    this.socket.write(
      `GET /v1/events HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${tokens.read}\r\n\r\n`,
    );
    onTestFinished(() => void this.socket.destroy());
  }

  /** Data of the events of one type. */
  of(type: string): Record<string, unknown>[] {
    return [...this.text.matchAll(new RegExp(`event: ${type}\ndata: (.*)\n\n`, 'g'))].map(
      ([, data]) => JSON.parse(data ?? '') as Record<string, unknown>,
    );
  }

  status(): string | undefined {
    return /^HTTP\/1\.1 (\d+)/.exec(this.text)?.[1];
  }
}

async function metric(bench: ApiBench, name: string): Promise<number> {
  const { text } = await bench.call('/metrics');
  return Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
}

describe('GET /v1/events', () => {
  it('begins with every channel, and tells of syncs, notifications and channels that change', async () => {
    const bench = await ApiBench.start();
    const listener = new Listener(bench);
    await until('the channels are shown', () => listener.of('channel').length === 2);
    expect(listener.text).toContain('content-type: text/event-stream');
    expect(listener.text).toContain('retry: 3000');
    expect(listener.of('channel')).toMatchObject([
      { channel: 'default', usersBehind: 0 },
      { channel: 'offsite', usersBehind: 0 },
    ]);
    await bench.sync(ann, broken);
    await bench.post('/v1/notify', { users: ['x', 'y', 'z'], priority: 'high' });
    await until('the sync is told', () => listener.of('sync').length === 1);
    expect(listener.of('sync')).toMatchObject([
      { user: ann, channel: 'default', outcome: 'operator', failure: { hint: 'renew it' } },
    ]);
    await until('the notifications are counted', () => listener.of('notifications').length > 0);
    expect(listener.of('notifications')[0]).toEqual({ count: 3, bySource: { http: 3 } });
    await until('the channel is told anew', () =>
      listener.of('channel').some(({ usersBehind }) => Number(usersBehind) > 0),
    );
  });

  it('tells of a pause at once', async () => {
    const bench = await ApiBench.start();
    const listener = new Listener(bench);
    await until('it listens', () => listener.of('channel').length === 2);
    await bench.post('/v1/channels/offsite/pause');
    await until('the pause is told', () => listener.of('channel').some(({ paused }) => paused === true));
  });

  it('forgets clients that go, also before the stream begins', async () => {
    const bench = await ApiBench.start();
    let reached = 0;
    let letThrough = (): void => {};
    const held = new Promise<void>((resolve) => (letThrough = resolve));
    const channelStatus = bench.queue.channelStatus.bind(bench.queue);
    // A queue that takes its time, as one on another host may.
    bench.queue.channelStatus = async (name) => {
      reached++;
      await held;
      return channelStatus(name);
    };
    const early = new Listener(bench);
    await until('the queue is asked', () => reached > 0);
    early.socket.resetAndDestroy();
    await once(early.socket, 'close');
    await bench.call('/healthz');
    letThrough();
    const listener = new Listener(bench);
    await until('the other one listens', () => listener.of('channel').length === 2);
    expect(await metric(bench, 'dsyncd_event_clients')).toBe(1);
    listener.socket.destroy();
    await until('nobody listens', async () => (await metric(bench, 'dsyncd_event_clients')) === 0);
  });

  it('serves a hundred, refuses thousands more, and answers others meanwhile', async () => {
    const bench = await ApiBench.start();
    const listeners = Array.from({ length: 4_500 }, () => new Listener(bench));
    const those = (status: string): Listener[] => listeners.filter((each) => each.status() === status);
    await until('some listen', () => those('200').length > 0);
    await until('all are answered', () => those('200').length + those('503').length === listeners.length);
    expect(those('200')).toHaveLength(eventClientsMax);
    expect(those('503')[0]?.text).toMatch(/DSYNCD_HTTP_EVENT_CLIENTS.*"hint"/);
    await bench.sync(ann);
    const askedAt = performance.now();
    expect((await bench.call('/v1/status')).status).toBe(200);
    expect(performance.now() - askedAt, 'ms until the status beside those who listen').toBeLessThan(1000);
    await until('all hear of the sync', () => those('200').every((each) => each.of('sync').length === 1));
    for (const { socket } of listeners) socket.destroy();
    await until('there is room', async () => (await metric(bench, 'dsyncd_event_clients')) === 0);
    const next = new Listener(bench);
    await until('it listens', () => next.status() === '200');
  }, 60_000);

  it('tells a client that reads too slowly how much it missed, and costs no more memory for it', async () => {
    const bench = await ApiBench.start();
    const slow = new Listener(bench);
    const quick = new Listener(bench);
    await until('they listen', () => slow.status() === '200' && quick.status() === '200');
    slow.socket.pause();
    const before = process.memoryUsage().arrayBuffers;
    let syncs = 0;
    await until('the slow one misses events', async () => {
      for (let count = 0; count < eventsPerFlushMax - 10; count++, syncs++) bench.api.syncEnded(longSync);
      return (await metric(bench, 'dsyncd_events_dropped_total')) > 20_000;
    });
    expect((process.memoryUsage().arrayBuffers - before) / 1e6, 'MB').toBeLessThan(40);
    slow.socket.resume();
    await until('it is told', () => slow.of('dropped').length > 0);
    const missed = slow.of('dropped').reduce((sum, { count }) => sum + Number(count), 0);
    // Among what is dropped there may be a few events of channels, too.
    await until('both are told of everything', () => {
      const told = (listener: Listener): number =>
        listener.of('sync').length +
        listener.of('dropped').reduce((sum, { count }) => sum + Number(count), 0);
      return told(quick) >= syncs && told(slow) >= syncs;
    });
    expect(missed).toBeGreaterThan(0);
  }, 60_000);

  it('ends the streams when the API is closed', async () => {
    const bench = await ApiBench.start();
    const listener = new Listener(bench);
    await until('it listens', () => listener.of('channel').length === 2);
    const closed = once(listener.socket, 'close');
    await bench.api.close();
    await closed;
  });
});

const longSync = {
  claim: {
    id: 0,
    channel: 'default',
    user: ann,
    type: 'full',
    priority: 'low',
    state: undefined,
    requestedAt: undefined,
    lastFullSyncAt: undefined,
  },
  result: {
    outcome: 'transient',
    full: true,
    conflicts: [],
    notes: [],
    counts: noCounts,
    failure: { code: 'DSYNCD_CONFIG', reason: 'r'.repeat(300), hint: 'h'.repeat(300) },
  },
  startedAt: 0,
  endedAt: 1,
} as const;

/** A hub whose time stands still until {@link HubBench.flushAt}. */
class HubBench {
  #now = 0;
  #due: (() => void) | undefined;
  readonly hub = new EventHub({
    ...systemClock,
    now: () => this.#now,
    after: (_: number, task: () => void) => {
      this.#due = task;
      return () => (this.#due = undefined);
    },
  });

  flushAt(now: number): void {
    this.#now = now;
    this.#due?.();
  }
}

/** A client that takes nothing until it drains. */
class FullSink implements EventSink {
  readonly texts: string[] = [];
  isDestroyed = false;
  #onDrain = (): void => {};

  write(data: Buffer): boolean {
    this.texts.push(String(data));
    return false;
  }

  once(event: 'drain' | 'close', listener: () => void): void {
    if (event === 'drain') this.#onDrain = listener;
  }

  end(): void {}

  destroy(): void {
    this.isDestroyed = true;
  }

  drain(): void {
    this.#onDrain();
  }
}

describe('the hub', () => {
  it('disconnects a client that has taken nothing for a minute', () => {
    const bench = new HubBench();
    const sink = new FullSink();
    bench.hub.add(sink, 'hello');
    bench.flushAt(stalledMsMax);
    expect(sink.isDestroyed).toBe(false);
    bench.flushAt(stalledMsMax + 1);
    expect(sink.isDestroyed).toBe(true);
  });

  it('tells a client whose buffer was full of all that it missed, what was too much for everyone too', () => {
    const bench = new HubBench();
    const sink = new FullSink();
    bench.hub.add(sink, 'hello');
    const events = eventsPerFlushMax + 7;
    for (let count = 0; count < events; count++) bench.hub.publish('sync', () => ({}));
    bench.flushAt(1);
    expect(sink.texts).toEqual(['hello']);
    sink.drain();
    expect(sink.texts.slice(1)).toEqual([`event: dropped\ndata: {"count":${events}}\n\n`]);
    expect(bench.hub.dropped).toBe(events);
  });
});
