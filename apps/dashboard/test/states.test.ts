import { readFileSync } from 'node:fs';
import { outcomeRules, standings } from '@dsyncd/core';
import { describe, expect, test } from 'vitest';
import type { Channel, Consumer, User } from '../src/model/answers.ts';
import { consumerText } from '../src/model/consumers.ts';
import {
  channelStateOf,
  channelStates,
  replicatorStateOf,
  replicatorStates,
  type StateText,
  userStates,
} from '../src/model/states.ts';
import { outcomeKind, outcomeText } from '../src/model/timeline.ts';
import { whyBehind } from '../src/model/users.ts';

const now = Date.UTC(2026, 0, 1);
const at = (delayMs: number): string => new Date(now + delayMs).toISOString();
const style = ['base', 'parts', 'tables']
  .map((name) => readFileSync(new URL(`../src/style/${name}.css`, import.meta.url), 'utf8'))
  .join('\n');

/** Has a class of its own, whose colour is there in light and in dark. */
function hasColour(level: string): boolean {
  const isVariable = (style.match(new RegExp(`--${level}: #[0-9a-f]{6};`, 'g')) ?? []).length === 2;
  return isVariable && style.includes(`.is-${level} {\n  --level: var(--${level});`);
}

function checkText({ short, level, meaning, next }: StateText): void {
  expect(short).toMatch(/^\S.{2,25}$/);
  expect(hasColour(level)).toBe(true);
  expect(meaning).toMatch(/^[A-Z].{6,}\.$/);
  expect(next).toMatch(/^["A-Z].{6,}\.$/);
}

const user: User = {
  user: 'ann@example.com',
  channel: 'default',
  state: 'replicated',
  priority: 'low',
  lagSeconds: 0,
  failed: false,
  quarantined: false,
  paused: false,
  failuresInRow: 0,
  running: false,
  nextSyncAt: at(5_000),
};
const closed = { state: 'closed', consecutiveFailures: 0 } as const;
const channel = { channel: 'default', paused: false, breaker: closed } as unknown as Channel;

describe('every state has its words, its colour and its next step:', () => {
  test.each(standings)('a user who is "%s"', (state) => {
    checkText(userStates[state]);
    const why = whyBehind(
      {
        ...user,
        state,
        failed: state === 'failing' || state === 'quarantined',
        quarantined: state === 'quarantined',
        paused: state === 'paused',
      },
      channel,
      now,
    );
    expect(why.text).toMatch(/^[A-Z].*\.$/);
    expect(why.hint).toBe(userStates[state].next);
    expect(why.next).not.toBe('');
  });

  test('no other state has a text: it would be of one that is gone', () => {
    expect(Object.keys(userStates).toSorted()).toEqual([...standings].toSorted());
  });

  test.each([
    { paused: true, breaker: closed },
    { paused: false, breaker: closed },
    { paused: false, breaker: { state: 'open', consecutiveFailures: 5 } },
    { paused: false, breaker: { state: 'half-open', consecutiveFailures: 5 } },
  ] as const)('a channel with %j', (each) => {
    checkText(channelStates[channelStateOf(each)]);
    const why = whyBehind({ ...user, state: 'behind' }, { ...channel, ...each }, now);
    expect(why.hint).not.toBe('');
    if (channelStateOf(each) !== 'closed') expect(why.hint).toBe(channelStates[channelStateOf(each)].next);
  });

  test.each([true, false])('a replicator whose "alive" is %j, and a backend without one', (alive) => {
    checkText(replicatorStates[replicatorStateOf({ alive })]);
    checkText(replicatorStates.none);
  });

  test.each(Object.keys(outcomeRules))('a sync that ended as "%s"', (outcome) => {
    // One that is not in the table would show its bare name.
    expect(outcomeText(outcome)).not.toBe(outcome);
    expect(outcomeText(outcome)).toMatch(/^[a-z ]{3,}$/);
    expect(hasColour(outcomeKind(outcome))).toBe(true);
  });

  const consumer: Consumer = {
    name: 'index',
    state: 'waiting',
    startsOver: false,
    usersBehind: 0,
    runs: 0,
    failures: 0,
    failuresInRow: 0,
  };
  test.each<readonly [Partial<Consumer>, object]>([
    [{}, { level: 'good', state: 'has everything', backlog: 'nothing', next: '' }],
    [
      { usersBehind: 2, behindSince: at(-60_000) },
      { level: 'busy', state: 'gathering', backlog: '2 users for 1 min', next: '' },
    ],
    [
      { state: 'running', usersBehind: 1, runningSince: at(-3_000) },
      { level: 'busy', state: 'running', backlog: '1 user', next: 'runs for 3 s' },
    ],
    [{ startsOver: true }, { level: 'busy', state: 'starts over', backlog: 'is being given all users' }],
    [
      { state: 'failing', nextTryAt: at(8_000) },
      { level: 'late', state: 'failing', next: 'tries again in 8 s' },
    ],
    // Never "3 s ago": the page hears of the next run a moment later.
    [
      { state: 'failing', nextTryAt: at(-3_000) },
      { level: 'late', next: 'tries again now' },
    ],
  ])('a consumer with %j', (part, expected) => {
    const text = consumerText({ ...consumer, ...part }, now);
    expect(text).toMatchObject(expected);
    expect(hasColour(text.level)).toBe(true);
  });
});
