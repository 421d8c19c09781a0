import { parseUserName } from '@dsyncd/core';
import Database from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import type { ReplicationQueue } from '../src/index.ts';
import { QueueFolder } from './queue-folder.ts';

const ann = parseUserName('ann');
const isPaused = async (queue: ReplicationQueue, channel: string): Promise<boolean> =>
  (await queue.channelStatus(channel)).paused;

describe('a pause', () => {
  it('outlives a restart, and so does its end', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    await queue.pause('other');
    await queue.request('other', [{ user: ann, priority: 'high' }]);
    await queue.close();
    const again = await place.open();
    expect([await isPaused(again, 'default'), await isPaused(again, 'other')]).toEqual([false, true]);
    await again.resume('other');
    await again.close();
    const last = await place.open();
    expect(await isPaused(last, 'other')).toBe(false);
    expect(await last.claim(new AbortController().signal)).toMatchObject({ user: ann, channel: 'other' });
    await last.close();
  });

  it('of a user outlives a restart too, and so does its end', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    await queue.request('default', [{ user: ann, priority: 'high' }]);
    expect(await queue.pauseUsers('default', '*')).toBe(1);
    await queue.close();
    const again = await place.open();
    expect(await again.channelStatus('default')).toMatchObject({ pausedUsers: 1, queuedHigh: 0 });
    await again.resumeUsers('default', 'ann');
    await again.close();
    const last = await place.open();
    expect(await last.channelStatus('default')).toMatchObject({ pausedUsers: 0, queuedHigh: 1 });
    await last.close();
  });

  it('is durable when it is answered', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    await queue.pause('default');
    const reader = new Database(place.file, { readonly: true });
    expect(reader.prepare('SELECT name, paused FROM channels ORDER BY id').raw().all()).toEqual([
      ['default', 1],
      ['other', 0],
    ]);
    reader.close();
    await queue.close();
  });

  it('holds at once with a full disk, says so, and is written when there is room', async () => {
    const place = new QueueFolder();
    const queue = await place.open({ fileBytesMax: 64 * 1024 });
    const users = Array.from({ length: 3000 }, (_, index) => parseUserName(`user${index}`));
    await expect(queue.add('default', users)).rejects.toMatchObject({ outcome: 'transient' });
    const pausing = queue.pause('default');
    place.clock.advance(1000);
    await expect(pausing).rejects.toMatchObject({ hint: expect.stringContaining('disk is full') });
    expect(await isPaused(queue, 'default')).toBe(true);
    const removed = Promise.all(users.map((user) => queue.remove('default', user)));
    place.clock.advance(1000);
    await removed;
    await queue.close();
    const again = await place.open();
    expect(await isPaused(again, 'default')).toBe(true);
    await again.close();
  });
});

describe('a queue file of the first version', () => {
  it('is brought up to date with everything in it', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    await queue.request('default', [{ user: ann, priority: 'high' }]);
    await queue.close();
    const old = new Database(place.file);
    old.exec(
      'ALTER TABLE channels DROP COLUMN paused; ALTER TABLE entries DROP COLUMN unproven_since; PRAGMA user_version = 1',
    );
    old.close();
    const again = await place.open();
    expect(place.logged(/damaged|no sense/)).toEqual([]);
    expect(await again.channelStatus('default')).toMatchObject({ users: 1, queuedHigh: 1, paused: false });
    await again.pause('default');
    await again.close();
    const last = await place.open();
    expect(await isPaused(last, 'default')).toBe(true);
    await last.close();
  });
});
