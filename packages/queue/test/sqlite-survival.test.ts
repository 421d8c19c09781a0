import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseUserName, type UserStatus } from '@dsyncd/core';
import Database from 'better-sqlite3';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { Claim, ReplicationQueue } from '../src/index.ts';
import { QueueFolder } from './queue-folder.ts';

const ann = parseUserName('ann');
const bob = parseUserName('bob');

async function claimNow(queue: ReplicationQueue): Promise<Claim> {
  const claim = await queue.claim(new AbortController().signal);
  if (claim === undefined) throw new Error('the queue is closed');
  return claim;
}

async function usersOf(queue: ReplicationQueue, channel = 'default'): Promise<Map<string, UserStatus>> {
  const users = new Map<string, UserStatus>();
  for await (const status of queue.userStatus(channel, '*')) users.set(status.user, status);
  return users;
}

describe('after a restart', () => {
  it('everything is as it was', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    await queue.request('default', [
      { user: ann, priority: 'high' },
      { user: bob, priority: 'low', full: true },
    ]);
    await queue.request('other', [{ user: parseUserName('jürgen@例え.jp'), priority: 'sync' }]);
    for (const outcome of ['ok', 'transient', 'operator'] as const)
      await queue.complete(await claimNow(queue), {
        outcome,
        full: true,
        state: `state\t${outcome}`,
        ...(outcome === 'ok' ? {} : { failure: { code: 'DSYNCD_CONFIG', reason: 'because', hint: 'do' } }),
      });
    await queue.request('default', [{ user: ann, priority: 'low' }]);
    const before = [await usersOf(queue), await usersOf(queue, 'other')];
    const status = await queue.channelStatus('default');
    await queue.close();
    const again = await place.open();
    expect([await usersOf(again), await usersOf(again, 'other')]).toEqual(before);
    expect(await again.channelStatus('default')).toEqual({ ...status, breaker: expect.anything() });
    await again.close();
    expect(place.log).toEqual([]);
  });

  it('a state comes back, and a forgotten user has left nothing', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    await queue.request('default', [{ user: ann, priority: 'low' }]);
    await queue.complete(await claimNow(queue), { outcome: 'ok', full: true, state: 'the state' });
    await queue.request('default', [{ user: bob, priority: 'low' }]);
    await queue.complete(await claimNow(queue), { outcome: 'nouser', full: false });
    await queue.request('default', [{ user: ann, priority: 'low' }]);
    await queue.close();
    const again = await place.open();
    expect(await claimNow(again)).toMatchObject({ user: ann, state: 'the state', type: 'incremental' });
    await again.close();
    const database = new Database(place.file, { readonly: true });
    expect(database.prepare('SELECT name FROM users').pluck().all()).toEqual(['ann']);
    expect(database.prepare('SELECT count(*) FROM entries').pluck().get()).toBe(1);
    expect(database.prepare('SELECT count(*) FROM states').pluck().get()).toBe(1);
    database.close();
  });

  it('an id that is used again carries nothing of its former user', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    for (const channel of ['default', 'other'])
      await queue.request(channel, [{ user: ann, priority: 'sync' }]);
    for (const _ of ['default', 'other'])
      await queue.complete(await claimNow(queue), { outcome: 'ok', full: true, state: 'of ann' });
    for (const channel of ['default', 'other']) await queue.remove(channel, ann);
    await queue.request('default', [{ user: bob, priority: 'low' }]);
    await queue.close();
    const again = await place.open();
    expect([...(await usersOf(again)).keys()]).toEqual(['bob']);
    expect([...(await usersOf(again, 'other')).keys()]).toEqual([]);
    expect(await claimNow(again)).toMatchObject({ user: bob, type: 'full', state: undefined });
    await again.close();
  });

  it('instants of a clock that was wrong do not hold a user back', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    place.clock.advance(3 * 365 * 86_400_000);
    await queue.request('default', [{ user: ann, priority: 'low' }]);
    await queue.complete(await claimNow(queue), { outcome: 'ok', full: true });
    await queue.close();
    place.clock.set(-3 * 365 * 86_400_000);
    const again = await place.open();
    place.clock.advance(86_400_000);
    expect(await claimNow(again)).toMatchObject({ user: ann, type: 'full' });
    await again.close();
  });

  it('has nobody wait longer than it may when the clock was put right meanwhile', async () => {
    const place = new QueueFolder();
    place.clock.set(2 * 3_600_000);
    const queue = await place.open();
    await queue.request('default', [{ user: ann, priority: 'high' }]);
    await queue.complete(await claimNow(queue), {
      outcome: 'transient',
      full: false,
      failure: { code: 'DSYNCD_PEER_DOWN', reason: 'connection refused' },
    });
    await queue.close();
    place.clock.set(-2 * 3_600_000);
    const again = await place.open();
    place.clock.advance(5_000);
    expect(await claimNow(again)).toMatchObject({ user: ann });
    expect((await again.channelStatus('default')).oldestRequestAt).toBeLessThanOrEqual(place.clock.now());
    await again.close();
  });
});

describe('kill -9', () => {
  it.each([200, 1500, 4000])(
    'loses nothing of what was accepted, after %i requests',
    async (requestCount) => {
      const place = new QueueFolder();
      const program = fileURLToPath(new URL('accepting-child.mjs', import.meta.url));
      const child = spawn(process.execPath, [program, place.file], { stdio: ['ignore', 'pipe', 'inherit'] });
      const accepted: string[] = [];
      const lines = createInterface({ input: child.stdout });
      lines.on('line', (line) => {
        accepted.push(line);
        if (accepted.length === requestCount) child.kill('SIGKILL');
      });
      await once(lines, 'close');
      expect(child.signalCode ?? (await once(child, 'exit'))[1]).toBe('SIGKILL');
      expect(accepted.length).toBeGreaterThanOrEqual(requestCount);
      const queue = await place.open();
      const users = await usersOf(queue);
      // The last line may be cut by the kill.
      for (const line of accepted.slice(0, requestCount)) {
        const [user = '', priority] = line.split(' ');
        const found = users.get(user);
        expect(found, user).toBeDefined();
        expect(['low', 'high'].indexOf(found?.priority ?? ''), line).toBeGreaterThanOrEqual(
          ['low', 'high'].indexOf(priority ?? ''),
        );
      }
      expect(users.get('done')).toMatchObject({ priority: 'low', running: false });
      expect(users.get('running')).toMatchObject({ priority: 'high', running: false });
      await queue.close();
    },
  );
});

describe('a second process', () => {
  it('is told that the queue is in use, and can look into the file', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    await queue.request('default', [{ user: ann, priority: 'low' }]);
    await expect(place.open()).rejects.toMatchObject({
      code: 'DSYNCD_QUEUE_LOCKED',
      outcome: 'operator',
      message: expect.stringContaining(place.file),
      hint: expect.stringContaining('state_dir'),
    });
    const database = new Database(place.file, { readonly: true });
    expect(database.prepare('SELECT name FROM users').pluck().all()).toEqual(['ann']);
    database.close();
    await queue.request('default', [{ user: bob, priority: 'low' }]);
    await queue.close();
    const next = await place.open();
    await next.close();
  });
});

describe('the file', () => {
  it('is readable for its owner only, with all that stands beside it', async () => {
    const place = new QueueFolder();
    const modes = (): Record<string, string> =>
      Object.fromEntries(
        readdirSync(place.folder).map((name) => [
          name,
          (statSync(join(place.folder, name)).mode & 0o777).toString(8),
        ]),
      );
    const queue = await place.open();
    await queue.request('default', [{ user: ann, priority: 'low' }]);
    const expected = {
      'queue.sqlite': '600',
      'queue.sqlite-shm': '600',
      'queue.sqlite-wal': '600',
      'queue.sqlite.lock': '600',
    };
    expect(modes()).toEqual(expected);
    await queue.close();
    // As earlier versions left them.
    for (const name of readdirSync(place.folder)) chmodSync(join(place.folder, name), 0o644);
    const again = await place.open();
    expect(modes()).toEqual(expected);
    await again.close();
  });

  it.each([
    ['not a database', () => Buffer.from('x'.repeat(5000))],
    [
      'damaged inside',
      (file: Buffer) => Buffer.concat([file.subarray(0, 4096), Buffer.alloc(file.length - 4096, 0x5a)]),
    ],
    ['cut short', (file: Buffer) => file.subarray(0, file.length - 5000)],
  ])('that is %s is moved aside, and the queue starts empty', async (_, damage) => {
    const place = new QueueFolder();
    const queue = await place.open();
    await queue.add(
      'default',
      Array.from({ length: 500 }, (_, index) => parseUserName(`user${index}`)),
    );
    await queue.close();
    const damaged = damage(readFileSync(place.file));
    writeFileSync(place.file, damaged);
    const again = await place.open();
    expect(await again.channelStatus('default')).toMatchObject({ users: 0 });
    expect(place.logged(/damaged/)).toMatchObject([
      { level: 'error', fields: { movedTo: `${place.file}.damaged-1` } },
    ]);
    expect(readFileSync(`${place.file}.damaged-1`).equals(damaged)).toBe(true);
    await again.request('default', [{ user: ann, priority: 'low' }]);
    await again.close();
    const third = await place.open();
    expect([...(await usersOf(third)).keys()]).toEqual(['ann']);
    await third.close();
  });

  it('that is damaged while we run is written anew from memory', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    await queue.request('default', [{ user: ann, priority: 'high' }]);
    await queue.complete(await claimNow(queue), { outcome: 'ok', full: true, state: 'lost' });
    await queue.add(
      'default',
      Array.from({ length: 2000 }, (_, index) => parseUserName(`user${index}`)),
    );
    const other = new Database(place.file);
    other.pragma('wal_checkpoint(TRUNCATE)');
    other.close();
    // The first page stays, so that SQLite sees the file as its own and finds the damage further in.
    const healthy = readFileSync(place.file);
    writeFileSync(
      place.file,
      Buffer.concat([healthy.subarray(0, 4096), Buffer.alloc(healthy.length - 4096, 0x5a)]),
    );
    // Makes connections drop their cached pages: the change counter of page 1 differs.
    const touched = readFileSync(place.file);
    touched.writeUInt32BE(touched.readUInt32BE(24) + 1, 24);
    writeFileSync(place.file, touched);
    const refused = queue.request('default', [{ user: bob, priority: 'low' }]);
    await expect(refused).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_DAMAGED' });
    expect(place.logged(/damaged: moved aside/)).toMatchObject([
      { fields: { movedTo: `${place.file}.damaged-1` } },
    ]);
    await queue.request('default', [{ user: ann, priority: 'low' }]);
    await queue.close();
    const again = await place.open();
    const users = await usersOf(again);
    expect(users.size).toBe(2002);
    expect(users.get('bob')).toMatchObject({ priority: 'low' });
    await again.remove('default', bob);
    expect(await claimNow(again)).toMatchObject({ user: ann, type: 'normal', state: undefined });
    await again.close();
  });

  it('of another program or a later version is left alone', async () => {
    const place = new QueueFolder();
    const foreign = new Database(place.file);
    foreign.exec('CREATE TABLE precious (x)');
    foreign.close();
    await expect(place.open()).rejects.toMatchObject({ code: 'DSYNCD_QUEUE_FOREIGN' });
    expect(readdirSync(place.folder).filter((name) => name.includes('damaged'))).toEqual([]);
    const later = new QueueFolder();
    await (await later.open()).close();
    const database = new Database(later.file);
    database.pragma('user_version = 99');
    database.close();
    await expect(later.open()).rejects.toMatchObject({ message: expect.stringContaining('format 99') });
  });

  it('in a folder that is not there is an error that names it', async () => {
    const place = new QueueFolder();
    await expect(place.open({ file: `${place.folder}/nowhere/queue.sqlite` })).rejects.toMatchObject({
      name: 'DsyncdError',
      message: expect.stringContaining('nowhere/queue.sqlite'),
    });
  });

  it('that is full: requests are refused and kept in memory, logged once, written when there is room', async () => {
    const place = new QueueFolder();
    const queue = await place.open({ fileBytesMax: 64 * 1024 });
    await queue.request('default', [{ user: ann, priority: 'low' }]);
    const users = Array.from({ length: 3000 }, (_, index) => parseUserName(`user${index}`));
    const full = { name: 'DsyncdError', outcome: 'transient', hint: expect.stringContaining('disk is full') };
    await expect(queue.add('default', users)).rejects.toMatchObject(full);
    expect(await queue.channelStatus('default')).toMatchObject({ users: 3001 });
    const second = expect(queue.request('default', [{ user: bob, priority: 'high' }])).rejects.toMatchObject(
      full,
    );
    place.clock.advance(1000);
    await second;
    expect(place.logged(/not written/)).toHaveLength(1);
    const removed = Promise.all(users.map((user) => queue.remove('default', user)));
    place.clock.advance(1000);
    await removed;
    await queue.request('default', [{ user: bob, priority: 'high' }]);
    expect(place.logged(/written again/)).toHaveLength(1);
    await queue.close();
    const again = await place.open();
    expect([...(await usersOf(again)).keys()].sort()).toEqual(['ann', 'bob']);
    await again.close();
  });
});

describe('a request that merges', () => {
  it('into a durable one costs no write', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    const names = Array.from({ length: 100 }, (_, index) => `user${index}`);
    const batch = { channels: ['default'], names, priorities: new Uint8Array(100).fill(2) };
    await queue.requestMany(batch);
    const writtenBytes = statSync(`${place.file}-wal`).size;
    for (let round = 0; round < 20; round++) await queue.requestMany(batch);
    await queue.request('default', [{ user: parseUserName('user7'), priority: 'low' }]);
    expect(statSync(`${place.file}-wal`).size).toBe(writtenBytes);
    await queue.request('default', [{ user: parseUserName('user7'), priority: 'sync' }]);
    expect(statSync(`${place.file}-wal`).size).toBeGreaterThan(writtenBytes);
    await queue.close();
  });

  it('into one that is not durable is not accepted either', async () => {
    const place = new QueueFolder();
    const queue = await place.open({ fileBytesMax: 64 * 1024 });
    const names = Array.from({ length: 3000 }, (_, index) => `user${index}`);
    const batch = { channels: ['default'], names, priorities: new Uint8Array(3000).fill(2) };
    const full = { name: 'DsyncdError', outcome: 'transient' };
    await expect(queue.requestMany(batch)).rejects.toMatchObject(full);
    const merged = expect(
      queue.request('default', [{ user: parseUserName('user7'), priority: 'low' }]),
    ).rejects.toMatchObject(full);
    place.clock.advance(1000);
    await merged;
    await queue.close();
  });
});

describe('rows that belong to nobody', () => {
  it('are left out, logged and swept, and never become those of another user', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    for (const channel of ['default', 'other'])
      await queue.request(channel, [{ user: ann, priority: 'sync' }]);
    await queue.close();
    const database = new Database(place.file);
    database.exec("DELETE FROM users; INSERT INTO users VALUES (7, '../etc')");
    database.close();
    const again = await place.open();
    expect(place.logged(/make no sense/)).toMatchObject([{ level: 'warn', fields: { unusable: 3 } }]);
    await again.request('default', [{ user: bob, priority: 'low' }]);
    await again.close();
    const third = await place.open();
    expect([...(await usersOf(third)).keys()]).toEqual(['bob']);
    expect(await usersOf(third, 'other')).toEqual(new Map());
    await third.close();
    expect(place.logged(/make no sense/)).toHaveLength(1);
  });
});

describe('limits', () => {
  it('take as many users as allowed and refuse one more', async () => {
    const place = new QueueFolder();
    const queue = await place.open({ usersMax: 2 });
    await queue.add('default', [ann, bob]);
    const carl = { user: parseUserName('carl'), priority: 'low' } as const;
    expect(await queue.request('default', [carl])).toEqual({ leftOut: [0] });
    expect(await queue.request('default', [carl, { user: ann, priority: 'low' }])).toEqual({ leftOut: [0] });
    await queue.close();
    onTestFinished(() => expect(place.log).toEqual([]));
  });

  it('commit more changed users than one batch holds', async () => {
    const place = new QueueFolder();
    const queue = await place.open();
    const names = Array.from({ length: 25_000 }, (_, index) => `user${index}`);
    await queue.requestMany({
      channels: ['default', 'other'],
      names,
      priorities: new Uint8Array(25_000).fill(1),
    });
    await queue.close();
    const again = await place.open();
    for (const channel of ['default', 'other'])
      expect(await again.channelStatus(channel)).toMatchObject({ users: 25_000, queuedLow: 25_000 });
    await again.close();
  });
});
