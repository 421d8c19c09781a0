import { type OutcomeKind, parseUserName, silentLogger, systemRandom, type UserName } from '@dsyncd/core';
import { changeBatch } from '@dsyncd/notify';
import { openMemoryQueue, type ReplicationQueue } from '@dsyncd/queue';
import { VirtualClock } from '@dsyncd/queue/contract';
import { afterAll, describe, expect, it } from 'vitest';
import { Intake } from '../src/index.ts';

const [u, v, w] = ['u', 'v', 'w'].map(parseUserName) as [UserName, UserName, UserName];

it('the queue merges the lines of a user: the highest priority, on every channel that one of them concerns', async () => {
  const clock = new VirtualClock();
  const queue = openQueue(clock, ['default', 'chain']);
  const channels = () => ['default', 'chain'].map((name) => ({ name, replica: '', chain: name === 'chain' }));
  const intake = new Intake({ queue, channels, clock, logger: silentLogger });
  await intake.request(
    changeBatch([
      { user: u, priority: 'low' },
      { user: u, priority: 'high' },
      { user: u, priority: 'low' },
      { user: v, priority: 'low', origin: 'mx2' },
      { user: w, priority: 'low', origin: 'mx2' },
      { user: w, priority: 'low' },
    ]),
  );
  const asked = async (channel: string): Promise<Record<string, string>> => {
    const found: Record<string, string> = {};
    for await (const { user, priority } of queue.userStatus(channel, '*')) found[user] = priority;
    return found;
  };
  expect(await asked('default')).toEqual({ u: 'high', w: 'low' });
  expect(await asked('chain')).toEqual({ u: 'high', v: 'low', w: 'low' });
  await queue.close();
});

describe('a waiter', () => {
  const clock = new VirtualClock();
  const queue = openQueue(clock, ['default', 'offsite']);
  afterAll(() => queue.close());
  const noted: UserName[][] = [];
  const intake = new Intake({
    queue,
    channels: () => [
      { name: 'default', replica: '', chain: false, requiresReplica: (user) => user === u },
      { name: 'offsite', replica: '', chain: false },
    ],
    changes: { note: async (users) => void noted.push([...users]) },
    clock,
    logger: silentLogger,
  });
  const wait = (user: UserName) => intake.waitForSync(user, new AbortController().signal);

  /** Ends the syncs of each channel as its outcomes say, until all of them have been had. */
  async function sync(outcomes: Record<string, OutcomeKind[]>): Promise<void> {
    while (Object.values(outcomes).some(({ length }) => length > 0)) {
      // So that the waiter has asked before anything is claimed.
      await new Promise(setImmediate);
      const claim = await queue.claim(AbortSignal.timeout(5_000));
      if (claim === undefined) throw new Error(`nothing to claim for ${JSON.stringify(outcomes)}`);
      await queue.complete(claim, { outcome: outcomes[claim.channel]?.shift() ?? 'transient', full: false });
      // A user whose mail changed meanwhile waits a moment before the next try.
      clock.advance(1_000);
    }
  }

  it('whose replica is required waits for that channel alone, and for a sync that ended as ok', async () => {
    const answer = wait(u);
    let answered: boolean | undefined;
    void answer.then((isSynced) => {
      answered = isSynced;
    });
    await sync({ default: ['changed', 'changed'], offsite: ['transient'] });
    await new Promise(setImmediate);
    expect(answered).toBeUndefined();
    await sync({ default: ['ok'] });
    expect(await answer).toBe(true);
    const next = wait(u);
    await sync({ default: ['transient'] });
    expect(await next).toBe(false);
    expect(noted.splice(0)).toEqual([[u], [u]]);
  });

  it.each([
    ['changed', true],
    ['transient', false],
  ] as const)('without that waits for every channel, the one that ends as %s too', async (last, isSynced) => {
    const answer = wait(v);
    await sync({ default: ['ok'], offsite: [last] });
    expect(await answer).toBe(isSynced);
    expect(noted.splice(0)).toEqual([[v]]);
  });
});

function openQueue(clock: VirtualClock, channels: readonly string[]): ReplicationQueue {
  const settings = { channels, fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 300_000 };
  return openMemoryQueue({ clock, random: systemRandom, settings });
}
