import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '@dsyncd/core';
import { VirtualClock } from '@dsyncd/queue/contract';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { type Condition, conditionsOf } from '../src/history/conditions.ts';
import { eventsMax, Timeline } from '../src/history/timeline.ts';
import { ApiBench, ann } from './api-bench.ts';

let folder: string;
let clock: VirtualClock;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dsyncd-timeline-'));
  clock = new VirtualClock(1_790_000_000_000);
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function start(place: string | undefined = folder): Promise<Timeline> {
  const timeline = new Timeline({ folder: place, version: '1.2.3', clock, logger: silentLogger });
  await timeline.start();
  return timeline;
}

const peer: Condition = { key: 'channel/default/peer', level: 'bad', text: 'The replica does not answer.' };
const file = (): string => join(folder, 'events.jsonl');

async function look(timeline: Timeline, ...conditions: readonly Condition[]): Promise<void> {
  clock.advance(10_000);
  await timeline.look(conditions);
}

const textsOf = (timeline: Timeline): string[] =>
  timeline.events.map(({ kind, level, text }) => `${kind} ${level}: ${text}`).toReversed();

test('notes what begins and what ends, when two looks agree', async () => {
  const timeline = await start();
  await look(timeline, peer);
  await look(timeline);
  await look(timeline, peer);
  expect(textsOf(timeline)).toHaveLength(1);
  await look(timeline, peer);
  await look(timeline, peer);
  await look(timeline);
  await look(timeline, peer);
  await look(timeline);
  await look(timeline);
  await look(timeline);
  expect(textsOf(timeline)).toEqual([
    'started good: dsyncd 1.2.3 was started.',
    'begins bad: The replica does not answer.',
    'ends good: The replica does not answer.',
  ]);
});

test('goes on over restarts, tells a kill from a stop, and ends what had begun before', async () => {
  const first = await start();
  await look(first, peer);
  await look(first, peer);
  const second = await start();
  await look(second, peer);
  await look(second, peer);
  await second.stop();
  const third = await start();
  await look(third);
  await look(third);
  expect(textsOf(third)).toEqual([
    'started good: dsyncd 1.2.3 was started.',
    'begins bad: The replica does not answer.',
    'started late: dsyncd 1.2.3 was started; it had not been stopped in order.',
    'stopped late: dsyncd was stopped.',
    'started good: dsyncd 1.2.3 was started.',
    'ends good: The replica does not answer.',
  ]);
});

test('keeps no more than it says, whatever is in the file, and goes on where it cannot be kept', async () => {
  const timeline = await start();
  const long = { ...peer, text: 'x'.repeat(5_000) };
  for (let index = 0; index < eventsMax * 2; index++) {
    await look(timeline, long);
    await look(timeline, long);
    await look(timeline);
    await look(timeline);
  }
  expect(timeline.events).toHaveLength(eventsMax);
  expect(statSync(file()).size).toBeLessThan(2 * eventsMax * 600);
  expect(readFileSync(file(), 'utf8').split('\n').length).toBeLessThanOrEqual(2 * eventsMax + 1);

  appendFileSync(file(), '{"at": 17, "kind": "never"}\nnull\n[]\n\u0000\n{"at": ');
  const again = await start();
  expect(again.events).toHaveLength(eventsMax);
  expect((await start()).events[0]?.text).toContain('was started');
  expect(readFileSync(file(), 'utf8')).not.toContain('never');

  const other = join(folder, 'other');
  mkdirSync(join(other, 'events.jsonl'), { recursive: true });
  const blocked = await start(other);
  await look(blocked, peer);
  await look(blocked, peer);
  expect(textsOf(blocked)).toHaveLength(2);
  writeFileSync(file(), Buffer.alloc(1_000, 0xff));
  expect((await start()).events).toHaveLength(1);
});

test('finds a paused channel, a problem of the host and a consumer that fails, and nothing on a host that is well', async () => {
  const bench = await ApiBench.start();
  const { channels } = (await bench.call('/v1/channels')).body as unknown as Parameters<
    typeof conditionsOf
  >[0];
  expect(conditionsOf({ channels, problems: [], consumers: [] })).toEqual([]);
  const failure = { code: 'X', outcome: 'transient', reason: 'exited with 3', hint: undefined } as const;
  const consumer = { name: 'index', failure } as Parameters<typeof conditionsOf>[0]['consumers'][number];
  const [first] = channels;
  if (first === undefined) throw new Error('no channel');
  const queued = { ...first.queued, failed: 2, quarantined: 1 };
  const found = conditionsOf({
    channels: [
      { ...first, queued },
      { ...first, channel: 'b', queued, breaker: { state: 'open', consecutiveFailures: 5 } },
      { ...first, channel: 'c', paused: true, oldestLagSeconds: 500 },
      { ...first, channel: 'd', oldestLagSeconds: 61 },
    ],
    problems: [{ check: 'disk', message: '/ is full', remedy: 'free space' }],
    consumers: [consumer],
  });
  expect(found.map(({ key, level }) => `${key} ${level}`)).toEqual([
    'host/disk bad',
    `channel/${first.channel}/held bad`,
    `channel/${first.channel}/failed late`,
    'channel/b/held bad',
    'channel/b/peer bad',
    'channel/c/paused late',
    'channel/d/late late',
    'consumer/index late',
  ]);
  for (const { text } of found) expect(text).toMatch(/^[A-Z].*\.$/);
  await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
  expect((await bench.call('/v1/timeline')).body).toMatchObject({ events: [{ kind: 'started' }] });
});
