import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type LogFields, type Logger, silentLogger } from '@dsyncd/core';
import { VirtualClock } from '@dsyncd/queue/contract';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type CountedSync, History } from '../src/history/history.ts';
import { channelBytesMax, lineOf, rowOf } from '../src/history/history-file.ts';
import { delayStep, delayStepMax, type Gauges, quantile, type Span } from '../src/history/span.ts';
import { tierSizes } from '../src/history/tiers.ts';
import { type HistoryView, historyView } from '../src/views/history-view.ts';
import { ApiBench, ann } from './api-bench.ts';

const noGauges: Gauges = {
  users: 3,
  behind: 0,
  sync: 0,
  high: 0,
  low: 0,
  failed: 0,
  held: 0,
  running: 0,
  lagSeconds: 0,
};
const okSync: CountedSync = {
  channel: 'default',
  isFailure: false,
  delaySeconds: 1,
  conflicts: 0,
  verification: undefined,
  mails: 1,
  bytes: 1000,
};
const day = 86_400;

let folder: string;
let clock: VirtualClock;
/** Undefined: nobody knows. */
let gauges: Gauges | undefined;
let warnings: LogFields[];
let running: History[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dsyncd-history-'));
  clock = new VirtualClock(1_790_000_000_000);
  gauges = { ...noGauges };
  [warnings, running] = [[], []];
});

afterEach(async () => {
  for (const history of running) await history.stop();
  rmSync(folder, { recursive: true, force: true });
});

async function open(place: string | undefined = folder): Promise<History> {
  const logger: Logger = { ...silentLogger, warn: (fields) => warnings.push(fields) };
  const read = async (): Promise<Map<string, Gauges>> => {
    if (gauges === undefined) throw new Error('the queue does not answer');
    return new Map([['default', gauges]]);
  };
  const history = new History({ folder: place, read, clock, logger });
  running.push(history);
  await history.load();
  return history;
}

/** Ten seconds pass, so many times. */
async function pass(history: History, times: number): Promise<void> {
  for (let time = 0; time < times; time++) {
    clock.advance(10_000);
    await history.sample();
  }
}

/** As kill -9 leaves it: nothing more is written. */
const killed = (history: History): void => void running.splice(running.indexOf(history), 1);

const view = (history: History, seconds: number): HistoryView =>
  historyView(history, { seconds, channel: undefined, now: clock.now() });

const sum = (values: readonly (number | null)[]): number =>
  values.reduce<number>((total, value) => total + (value ?? 0), 0);

describe('the history', () => {
  test('counts syncs, keeps the most of what comes and goes, and gives quantiles of delays', async () => {
    const history = await open();
    gauges = { ...noGauges, behind: 7, high: 5, low: 2, lagSeconds: 4 };
    for (let index = 0; index < 90; index++) history.syncEnded(okSync);
    for (let index = 0; index < 10; index++) history.syncEnded({ ...okSync, delaySeconds: 30 });
    history.syncEnded({ ...okSync, isFailure: true, delaySeconds: undefined, conflicts: 2 });
    history.syncEnded({ ...okSync, isFailure: undefined });
    history.syncEnded({ ...okSync, verification: 'equal', delaySeconds: undefined });
    history.syncEnded({ ...okSync, verification: 'repaired', delaySeconds: undefined });
    await pass(history, 1);
    gauges = noGauges;
    await pass(history, 5);
    const hour = view(history, 3600);
    expect(hour.resolutionSeconds).toBe(10);
    expect(hour.times).toHaveLength(6);
    expect(hour.behind).toEqual([7, 0, 0, 0, 0, 0]);
    expect(hour.synced[0]).toBe(102);
    expect(hour.failures).toEqual([1, 0, 0, 0, 0, 0]);
    expect(hour.delayP50.slice(0, 2)).toEqual([expect.closeTo(1, 0), null]);
    expect(hour.delayP95[0]).toBeGreaterThan(30 * 0.8);
    expect(hour.delayP95[0]).toBeLessThan(30 * 1.2);
    expect(hour.total).toMatchObject({ synced: 102, failures: 1, conflicts: 2, verified: 1, repaired: 1 });
    const all = view(history, day);
    expect(all.resolutionSeconds).toBe(60);
    expect(Math.max(...all.behind.map((value) => value ?? 0))).toBe(7);
    expect(sum(all.synced)).toBe(102);
    expect(view(history, 30 * day)).toMatchObject({ resolutionSeconds: 900, total: { synced: 102 } });
  });

  test('is the same after a restart and after kill -9, in every resolution', async () => {
    const first = await open();
    for (let index = 0; index < 200; index++) {
      first.syncEnded(okSync);
      await pass(first, 1);
    }
    const before = [3600, day, 30 * day].map((seconds) => view(first, seconds));
    killed(first);
    const second = await open();
    expect([3600, day, 30 * day].map((seconds) => view(second, seconds))).toEqual(before);
    second.syncEnded(okSync);
    await pass(second, 1);
    for (const seconds of [3600, day, 30 * day]) expect(view(second, seconds).total.synced).toBe(201);
    // What was down meanwhile is a gap, not zeros.
    await second.stop();
    clock.advance(600_000);
    const third = await open();
    await pass(third, 1);
    const { times } = view(third, 3600);
    expect((times.at(-1) ?? 0) - (times.at(-2) ?? 0)).toBeGreaterThan(500);
  });

  test('keeps no more than it says, on disk and in memory, and no line is longer than it says', async () => {
    const span: Span = {
      gauges: Object.fromEntries(Object.keys(noGauges).map((name) => [name, 1_234_567_890.123])) as Gauges,
      sums: {
        synced: 1e9,
        failures: 1e9,
        conflicts: 1e9,
        verified: 1e9,
        repaired: 1e9,
        mails: 1e12,
        bytes: 1e15,
      },
      delays: new Map(Array.from({ length: delayStepMax + 1 }, (_, step) => [step, 1_000_000])),
    };
    const row = { at: 1_790_000_000, channels: new Map([['c'.repeat(64), span]]) };
    expect(lineOf(row).length).toBeLessThan(channelBytesMax);
    expect(rowOf(lineOf(row).trim())).toEqual(row);

    const history = await open();
    // A bit more than a file of the first tier gets before it is written anew.
    for (let index = 0; index < 500; index++) {
      history.syncEnded(okSync);
      await pass(history, 1);
    }
    expect(view(history, 3600).times).toHaveLength(360);
    const lines = readFileSync(join(folder, '10s.jsonl'), 'utf8').split('\n').length - 1;
    expect(lines).toBeGreaterThanOrEqual(360);
    expect(lines).toBeLessThanOrEqual(450);
    expect(statSync(join(folder, '10s.jsonl')).size).toBeLessThan(450 * 200);
    expect(readdirSync(folder).toSorted()).toEqual(['10s.jsonl', '15min.jsonl', '1min.jsonl']);
    const rowsMax = tierSizes.reduce((rows, size) => rows + size.rowsMax, 0);
    expect(rowsMax * 1.25 * channelBytesMax).toBeLessThan(8_000_000);
  });

  test.each([
    ['a line that was cut off', (file: string) => appendFileSync(file, '[17900'), 0],
    [
      'a line of something else',
      (file: string) => appendFileSync(file, '{"at": 1}\n[1,{"a":[1,2,3]}]\n\n'),
      0,
    ],
    ['bytes of something else', (file: string) => writeFileSync(file, Buffer.alloc(5_000, 0xfe)), 20],
    ['an empty file', (file: string) => writeFileSync(file, ''), 20],
  ])('goes on after %s', async (_, damage, lost) => {
    const first = await open();
    await pass(first, 20);
    killed(first);
    damage(join(folder, '10s.jsonl'));
    const second = await open();
    expect(view(second, 3600).times).toHaveLength(20 - lost);
    await pass(second, 5);
    killed(second);
    const third = await open();
    expect(view(third, 3600).times).toHaveLength(25 - lost);
  });

  test('goes on in memory where nothing can be kept, says so once, and keeps it when it can again', async () => {
    const place = join(folder, 'history');
    writeFileSync(place, 'a file where the folder is to be');
    const history = await open(place);
    await pass(history, 10);
    expect(view(history, 3600).times).toHaveLength(10);
    expect(warnings).toHaveLength(1);
    rmSync(place);
    mkdirSync(place);
    await pass(history, 1);
    killed(history);
    expect(view(await open(place), 3600).times).toHaveLength(11);
  });

  test('counts on while the queue cannot be read', async () => {
    const history = await open();
    gauges = undefined;
    history.syncEnded(okSync);
    await pass(history, 2);
    expect(view(history, 3600)).toMatchObject({ behind: [null, null], synced: [1, 0] });
    gauges = noGauges;
    await pass(history, 1);
    expect(view(history, 3600).behind).toEqual([null, null, 0]);
  });

  test('goes on when the clock was set back', async () => {
    const history = await open();
    await pass(history, 10);
    clock.set(-2 * day * 1000);
    await pass(history, 3);
    const { times } = view(history, 3600);
    expect(times).toHaveLength(3);
    expect(times.at(-1)).toBeLessThanOrEqual(clock.now() / 1000 + 10);
  });

  test('a delay is in the step next to it', () => {
    for (const seconds of [0.01, 0.3, 1, 60, 3600, day]) {
      const found = quantile(new Map([[delayStep(seconds), 1]]), 0.5) ?? 0;
      expect(found / seconds).toBeGreaterThan(0.8);
      expect(found / seconds).toBeLessThan(1.25);
    }
    expect(delayStep(-1)).toBe(0);
    expect(delayStep(1e12)).toBe(delayStepMax);
    expect(quantile(new Map(), 0.5)).toBeUndefined();
  });
});

describe('GET /v1/history', () => {
  test('answers spans with a value of each kind, for all channels or one', async () => {
    const bench = await ApiBench.start();
    await bench.queue.request('default', [{ user: ann, priority: 'high' }]);
    const { status, body } = await bench.call('/v1/history?seconds=86400&channel=default');
    expect(status).toBe(200);
    expect(body).toMatchObject({ resolutionSeconds: 60, total: { synced: 0 } });
    expect((await bench.call('/v1/history?seconds=1')).status).toBe(400);
    expect((await bench.call('/v1/history?seconds=9999999')).status).toBe(400);
    expect(existsSync(folder)).toBe(true);
  });
});
