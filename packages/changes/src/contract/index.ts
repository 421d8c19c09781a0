import { parseUserName, type UserName } from '@dsyncd/core';
import { expect, test } from 'vitest';
import type { ChangeFeed } from '../port.ts';

/** A feed that can be closed, or killed, and opened again over what it kept. */
export interface FeedUnderTest {
  feed: ChangeFeed;
  /** Opens it again over what is kept now. */
  reopen(): Promise<ChangeFeed>;
  /** Puts a copy of what is kept aside, and brings it back. */
  save(): Promise<void>;
  restore(): Promise<void>;
}

const names = (...texts: readonly string[]): UserName[] => texts.map(parseUserName);

/** Reads to the end. */
async function readAll(feed: ChangeFeed, since: string | undefined, limit: number): Promise<string[]> {
  const users: string[] = [];
  for (let cursor = since; ; ) {
    const page = await feed.page(cursor, limit);
    users.push(...page.users);
    cursor = page.next;
    if (!page.hasMore) return users;
  }
}

/** What every ChangeFeed promises. @param open - a new, empty feed that keeps `usersMax` users */
export function changeFeedContract(open: (usersMax: number) => Promise<FeedUnderTest>): void {
  const refused = { code: 'DSYNCD_CHANGES_CURSOR' };

  test('answers who changed after a cursor, the oldest change first, each user once', async () => {
    const { feed } = await open(100);
    await feed.note(names('ann', 'bob', 'cyd'));
    const cursor = (await feed.page(undefined, 100)).next;
    expect(await feed.backlog(cursor)).toEqual({ users: 0, since: undefined });
    await feed.note(names('bob', 'dan', 'bob'));
    await feed.note(names('ann'));
    expect((await feed.page(cursor, 100)).users.toSorted()).toEqual(['ann', 'bob', 'dan']);
    expect((await feed.page(cursor, 100)).users.at(-1)).toBe('ann');
    expect((await feed.backlog(cursor)).users).toBe(3);
    expect((await feed.page(undefined, 100)).users).toHaveLength(4);
  });

  test('says since when there is something to read, over a new start', async () => {
    const it = await open(100);
    const cursor = await it.feed.end();
    const before = Date.now();
    await it.feed.note(names('ann', 'bob'));
    const after = Date.now();
    await it.feed.note(names('ann'));
    const again = await it.reopen();
    // That ann changed again does not make the first change younger.
    const { users, since = 0 } = await again.backlog(cursor);
    expect(users).toBe(2);
    expect(since).toBeGreaterThanOrEqual(before);
    expect(since).toBeLessThanOrEqual(after);
  });

  test('pages of any size leave nobody out, even who changes meanwhile', async () => {
    const { feed } = await open(100);
    await feed.note(names('a', 'b', 'c', 'd', 'e'));
    const first = await feed.page(undefined, 2);
    expect(first).toMatchObject({ users: ['a', 'b'], hasMore: true });
    await feed.note(names('c', 'a'));
    const rest = await readAll(feed, first.next, 1);
    expect(rest.toSorted()).toEqual(['a', 'c', 'd', 'e']);
  });

  test('keeps changes, cursors and marks over a new start', async () => {
    const it = await open(100);
    await it.feed.note(names('ann'));
    const { next } = await it.feed.page(undefined, 10);
    await it.feed.note(names('bob'));
    await it.feed.keepMark('index', next);
    await it.feed.keepMark('gone', next);
    await it.feed.keepMark('gone', undefined);
    const again = await it.reopen();
    expect(await again.mark('index')).toBe(next);
    expect(await again.mark('gone')).toBeUndefined();
    expect(await readAll(again, next, 10)).toEqual(['bob']);
    await again.note(names('ann'));
    expect(await readAll(again, next, 10)).toEqual(['bob', 'ann']);
    expect(await readAll(again, await again.end(), 10)).toEqual([]);
  });

  test('refuses the cursor of another feed, and text that is none', async () => {
    const { feed } = await open(100);
    const other = await open(100);
    await feed.note(names('ann'));
    await other.feed.note(names('ann'));
    await expect(feed.page(await other.feed.end(), 1)).rejects.toMatchObject(refused);
    await expect(feed.page('next', 1)).rejects.toMatchObject(refused);
    await expect(feed.backlog('')).rejects.toMatchObject(refused);
  });

  test('refuses a cursor that is older than what is kept', async () => {
    const { feed } = await open(3);
    await feed.note(names('a'));
    const old = await feed.end();
    await feed.note(names('b', 'c', 'd'));
    // Who was dropped had been given out before this cursor.
    expect(await readAll(feed, old, 10)).toEqual(['b', 'c', 'd']);
    await feed.note(names('e'));
    await expect(feed.page(old, 10)).rejects.toMatchObject(refused);
    expect(await readAll(feed, undefined, 10)).toEqual(['c', 'd', 'e']);
  });

  test('a feed put back from a copy refuses cursors that were given out after the copy', async () => {
    const it = await open(100);
    await it.feed.note(names('ann'));
    const before = await it.feed.end();
    await it.save();
    await it.feed.note(names('bob'));
    const after = await it.feed.end();
    const later = await it.reopen();
    await later.note(names('cyd'));
    const inLaterRun = await later.end();
    await it.restore();
    const restored = await it.reopen();
    // As many changes as there had been: numbers alone would not tell.
    await restored.note(names('dan', 'eve', 'fay'));
    expect(await readAll(restored, before, 10)).toEqual(['dan', 'eve', 'fay']);
    await expect(restored.page(after, 10)).rejects.toMatchObject(refused);
    await expect(restored.page(inLaterRun, 10)).rejects.toMatchObject(refused);
  });

  test('wakes those who wait for a change, and ends their waiting on abort', async () => {
    const { feed } = await open(100);
    const stop = new AbortController();
    const [noted, given] = [feed.nextNote(stop.signal), feed.nextNote(stop.signal)];
    await feed.note(names('ann'));
    await Promise.all([noted, given]);
    const never = feed.nextNote(stop.signal);
    stop.abort(new Error('enough'));
    await expect(never).rejects.toThrow('enough');
    await expect(feed.nextNote(stop.signal)).rejects.toThrow('enough');
  });
}
