import { type OutcomeKind, outcomeRules, parseUserName } from '@dsyncd/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClaimHead } from '../src/model/running-claim.ts';
import { Scheduler } from '../src/model/scheduler.ts';
import { readRow, rowWidth, UserRecords, writeRow } from '../src/model/user-records.ts';

const users = ['ann', 'bob', 'carl', 'dora'].map(parseUserName);
const channels = ['default', 'other'];
const settings = { channels, fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 300_000 };
const outcomes = Object.keys(outcomeRules) as OutcomeKind[];

type Step =
  | {
      readonly do: 'request';
      readonly user: number;
      readonly channel: number;
      readonly priority: number;
      readonly full: boolean;
      readonly byOperator: boolean;
    }
  | { readonly do: 'add' | 'remove'; readonly user: number; readonly channel: number }
  | { readonly do: 'claim' }
  | { readonly do: 'complete'; readonly which: number; readonly outcome: OutcomeKind; readonly full: boolean }
  | { readonly do: 'abandon'; readonly which: number }
  | { readonly do: 'pass'; readonly ms: number };

const user = fc.nat(users.length - 1);
const channel = fc.nat(channels.length - 1);
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('request' as const),
      user,
      channel,
      priority: fc.integer({ min: 1, max: 3 }),
      full: fc.boolean(),
      byOperator: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constantFrom('add' as const, 'remove' as const), user, channel }),
  },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('claim' as const) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('complete' as const),
      which: fc.nat(3),
      outcome: fc.constantFrom(...outcomes),
      full: fc.boolean(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('abandon' as const), which: fc.nat(3) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 400_000 }) }),
  },
);

/** The scheduler beside what must be true of it: which changes are not yet covered by a successful sync. */
class Rig {
  now = Date.UTC(2026, 0, 1);
  readonly claims: ClaimHead[] = [];
  /** `channel/user` of changes that were notified and not covered by a sync that started later and went well. */
  readonly owed = new Set<string>();
  readonly changedDuring = new Set<string>();
  readonly scheduler = new Scheduler({
    random: { fraction: () => 0.3, hex: () => '' },
    settings,
    onChange: () => {},
    onUserChange: () => {},
  });

  perform(step: Step): void {
    switch (step.do) {
      case 'pass':
        this.now += step.ms;
        return;
      case 'claim':
        this.claim();
        return;
      case 'complete':
        this.complete(this.claims[step.which], step.outcome, step.full);
        return;
      case 'abandon':
        this.abandon(this.claims[step.which]);
        return;
      default:
        this.#change(step);
    }
  }

  #change(step: Extract<Step, { readonly do: 'request' | 'add' | 'remove' }>): void {
    const channel = this.scheduler.channel(channels[step.channel] ?? '');
    const name = users[step.user] ?? parseUserName('nobody');
    const key = `${channel.name}/${name}`;
    if (step.do === 'request') {
      this.scheduler.request(channel, name, step, this.now);
      this.owed.add(key);
      this.changedDuring.add(key);
    } else if (step.do === 'add') this.scheduler.add(channel, name, this.now);
    else {
      this.scheduler.remove(channel, name);
      this.owed.delete(key);
      this.changedDuring.delete(key);
    }
  }

  claim(): ClaimHead | undefined {
    const claim = this.scheduler.claim(this.now);
    if (claim === undefined) return undefined;
    expect(
      this.claims.map((other) => other.user),
      'one sync a user',
    ).not.toContain(claim.user);
    this.claims.push(claim);
    this.changedDuring.delete(`${claim.channel}/${claim.user}`);
    return claim;
  }

  complete(claim: ClaimHead | undefined, outcome: OutcomeKind, full: boolean): void {
    if (claim === undefined) return;
    this.claims.splice(this.claims.indexOf(claim), 1);
    const finish = this.scheduler.complete(claim.id, { outcome, full, state: 'state' }, this.now);
    const key = `${claim.channel}/${claim.user}`;
    if (finish === undefined || this.changedDuring.has(key)) return;
    const { next } = outcomeRules[outcome];
    if (next === 'full-sync-interval' || next === 'forget') this.owed.delete(key);
  }

  abandon(claim: ClaimHead | undefined): void {
    if (claim === undefined) return;
    this.claims.splice(this.claims.indexOf(claim), 1);
    this.scheduler.abandon(claim.id, this.now);
  }

  checkCounts(): void {
    for (const channel of this.scheduler.channels) {
      const status = channel.status(this.now);
      const known = users.filter((name) => {
        const id = this.scheduler.users.idOf(name);
        return id !== undefined && channel.knows(id);
      });
      const statuses = known.map((name) => channel.userStatus(this.scheduler.users.idOf(name) ?? -1));
      expect(status.users).toBe(known.length);
      expect(status.quarantined).toBe(statuses.filter((user) => user?.quarantined && !user.running).length);
      const requested = statuses.map((user) => user?.requestedAt ?? Number.POSITIVE_INFINITY);
      expect(status.oldestRequestAt ?? Number.POSITIVE_INFINITY).toBe(Math.min(...requested));
      for (const name of known)
        if (this.owed.has(`${channel.name}/${name}`))
          expect(channel.userStatus(this.scheduler.users.idOf(name) ?? -1)?.requestedAt, name).toBeDefined();
    }
  }
}

const run = (steps: readonly Step[]): Rig => {
  const rig = new Rig();
  for (const each of steps) {
    rig.perform(each);
    rig.checkCounts();
  }
  return rig;
};

describe('whatever happens', () => {
  it('a user is synced once at a time, and every change is owed until a later sync went well', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80 }), (steps) => {
        run(steps);
      }),
      { numRuns: 300 },
    );
  });

  it('everything owed is synced in the end, unless a person has to act', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const rig = run(steps);
        while (rig.claims.length > 0) rig.abandon(rig.claims[0]);
        for (let round = 0; round < 200; round++) {
          const claim = rig.claim();
          if (claim === undefined) rig.now += 5_000;
          else rig.complete(claim, 'ok', true);
        }
        for (const key of rig.owed) {
          const [channel = '', name = ''] = key.split('/');
          const id = rig.scheduler.users.idOf(name) ?? -1;
          expect(rig.scheduler.channel(channel).userStatus(id), key).toMatchObject({ quarantined: true });
        }
        rig.checkCounts();
      }),
      { numRuns: 200 },
    );
  });

  it('the next look is never later than someone becomes due', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
        const rig = run(steps);
        while (rig.claim() !== undefined);
        const wakeAt = rig.scheduler.wakeAt(rig.now);
        expect(wakeAt).toBeGreaterThan(rig.now);
        if (wakeAt === Number.POSITIVE_INFINITY) return;
        rig.now = wakeAt - 1;
        expect(rig.claim()).toBeUndefined();
        rig.now = wakeAt;
        expect(rig.claim()).toBeDefined();
      }),
    );
  });
});

describe('a record', () => {
  const limits = { now: 1_000_000, delayMsMax: 500 };

  it('is read from disk as it was written', () => {
    const values = fc.tuple(
      fc.nat(63),
      fc.integer({ min: 1, max: 3 }),
      ...[2, 3, 4, 5, 6].map(() => fc.integer({ min: 1, max: 999_999 })),
      fc.nat(255),
      fc.nat(255),
      fc.nat(999_999),
    );
    fc.assert(
      fc.property(values, (numbers) => {
        const row = Float64Array.from(numbers);
        row[0] = (row[0] ?? 0) | 1;
        const records = new UserRecords();
        readRow(records, 3, row, 0, limits);
        const again = new Float64Array(rowWidth);
        writeRow(records, 3, again, 0);
        expect(again).toEqual(row);
      }),
    );
  });

  it('is usable whatever numbers the disk has', () => {
    fc.assert(
      fc.property(fc.array(fc.double(), { minLength: rowWidth, maxLength: rowWidth }), (numbers) => {
        const records = new UserRecords();
        readRow(records, 0, Float64Array.from(numbers), 0, limits);
        const row = new Float64Array(rowWidth);
        writeRow(records, 0, row, 0);
        expect(row.every((value) => Number.isFinite(value) && value >= 0)).toBe(true);
        expect(row[1]).toBeLessThanOrEqual(3);
        for (const index of [2, 3, 4, 5]) expect(row[index]).toBeLessThanOrEqual(limits.now);
        expect(row[6]).toBeLessThanOrEqual(limits.now + limits.delayMsMax);
        expect((row[1] ?? 0) > 0).toBe((row[2] ?? 0) > 0);
      }),
    );
  });
});
