import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { parseUserName, silentLogger, systemClock, systemRandom } from '@dsyncd/core';
import type { UnixListener } from '@dsyncd/process';
import { type Completion, openMemoryQueue, type ReplicationQueue } from '@dsyncd/queue';
import { listenDoveadm } from '@dsyncd/replicator';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ann, Rig } from '../rig.ts';

const bob = parseUserName('bob@example.com');
const annUser = parseUserName(ann);

let rig: Rig;
let queue: ReplicationQueue;
let server: UnixListener;

beforeEach(async () => {
  rig = await Rig.open();
  queue = openMemoryQueue({
    clock: systemClock,
    random: systemRandom,
    settings: {
      channels: ['default', 'offsite'],
      fullSyncIntervalMs: 86_400_000,
      failureResyncIntervalMs: 300_000,
    },
  });
  server = await listenDoveadm({
    path: rig.path('run/replicator-doveadm'),
    queue,
    channels: () => [
      { name: 'default', replica: 'tcps:mx2.example.com', chain: false },
      { name: 'offsite', replica: 'tcps:mx3.example.com', chain: false },
    ],
    async *users() {
      yield* [annUser, bob];
    },
    connsMax: () => 2,
    now: () => Date.now(),
    logger: silentLogger,
  });
});
afterEach(async () => {
  await server.close();
  await rig.close();
});

async function sync(completion: Completion): Promise<void> {
  const claim = await queue.claim(AbortSignal.timeout(5000));
  if (claim === undefined) throw new Error('nothing is due');
  await queue.complete(claim, completion);
}

const expired: Completion = {
  outcome: 'operator',
  full: false,
  failure: { code: 'DSYNCD_CERT', reason: 'certificate expired', hint: 'renew it' },
};

describe('replicator', () => {
  it('counts the queue as doveadm does', async () => {
    await rig.ok(['replicator', 'replicate', '-p', 'high', ann]);
    const text = await rig.ok(['replicator', 'status']);
    expect(text).toMatch(/^Queued 'sync' requests +0 +\nQueued 'high' requests +2 +\n/);
    expect(
      JSON.parse(await rig.ok(['replicator', 'status', '--json', '--channel', 'offsite'])),
    ).toMatchObject({
      "Queued 'high' requests": 1,
      'Total number of known users': 1,
    });
  });

  it('lists users, with ages and the time to the next sync', async () => {
    await rig.ok(['replicator', 'replicate', ann, '--channel', 'default']);
    await sync({ outcome: 'ok', full: true, state: 's' });
    const args = ['replicator', 'status', '--channel', 'default', '*'];
    const [titles, row, ...rest] = (await rig.ok(args)).split('\n');
    expect(titles).toMatch(/^username +priority fast sync full sync success sync failed next sync secs$/);
    expect(row).toMatch(
      /^ann@example.com none +00:00:\d\d {2}00:00:\d\d {2}00:00:\d\d +- +(24:00:00|23:59:5\d) *$/,
    );
    expect(rest).toEqual(['']);
    const [user] = JSON.parse(await rig.ok([...args, '--json'])) as Record<string, unknown>[];
    expect(user).toMatchObject({ username: ann, priority: 'none', failed: false });
    expect(Date.parse(String(user?.lastSuccessAt))).toBeGreaterThan(Date.now() - 60_000);
  });

  it.skipIf(!existsSync('/usr/bin/doveadm'))('prints byte for byte what stock doveadm prints', async () => {
    const conf = rig.path('dovecot.conf');
    await writeFile(conf, `base_dir = ${rig.path('run')}\nlog_path = /dev/null\nssl = no\n`);
    const doveadm = (...args: string[]): Promise<string> =>
      new Promise((resolve, reject) =>
        execFile('doveadm', ['-c', conf, 'replicator', ...args], (error, stdout) =>
          error ? reject(error) : resolve(stdout),
        ),
      );
    await rig.ok(['replicator', 'replicate', ann]);
    for (const command of [['status'], ['dsync-status'], ['status', 'none*']]) {
      const theirs = await doveadm(...command);
      // Dovecot before 2.3.20 has no last column.
      if (command.length === 1) expect(await rig.ok(['replicator', ...command])).toBe(theirs);
      else expect(await rig.ok(['replicator', ...command])).toContain('success sync failed');
    }
  });

  it('adds users of the store and removes one', async () => {
    expect(await rig.ok(['replicator', 'add', '*'])).toBe('');
    expect(await rig.ok(['replicator', 'replicate', '*'])).toBe('2 users updated\n');
    expect(await rig.ok(['replicator', 'remove', ann])).toBe('');
    const unknown = await rig.run(['replicator', 'remove', ann]);
    expect(unknown.code).toBe(67);
    expect(unknown.stderr).toContain(`does not know user "${ann}"`);
  });

  it('shows running syncs', async () => {
    await rig.ok(['replicator', 'replicate', ann, '--channel', 'offsite']);
    await queue.claim(AbortSignal.timeout(5000));
    const syncs = JSON.parse(await rig.ok(['replicator', 'dsync-status', '--json'])) as object[];
    expect(syncs[0]).toMatchObject({
      username: ann,
      type: 'full',
      status: expect.stringMatching(/^Syncing on offsite/),
    });
    expect(await rig.ok(['replicator', 'dsync-status'])).toMatch(/ann@example.com +full +Syncing/);
  });

  it.each([
    [['replicator', 'status', '--channel', 'none'], 64, 'no channel "none"'],
    [['replicator', 'replicate'], 64, "missing required argument 'mask'"],
    [['replicator', 'replicate', '-p', 'urgent', ann], 64, 'Allowed choices are low, high, sync'],
    [['replicator', 'replicate', 'a//b'], 64, 'the replicator refused: user name "a//b" has a part'],
    [['replicator', 'remove'], 64, "missing required argument 'user'"],
    [['replicator', 'status', 'a', 'b'], 64, 'too many arguments'],
    [['replicator', 'status', '-a', '/nonexistent/socket'], 75, 'is dsyncd running'],
    [['status', '--limit', 'x'], 64, 'must be a whole number'],
  ])('%j ends with %d', async (args, code, message) => {
    const ended = await rig.run(args);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(message);
  });
});

describe('status', () => {
  it('is 0 when everything is replicated, and 1 with reason and remedy when not', async () => {
    await rig.ok(['replicator', 'replicate', ann, '--channel', 'default']);
    await sync({ outcome: 'ok', full: true, state: 's' });
    expect((await rig.run(['status', '--channel', 'default'])).code).toBe(0);
    expect((await rig.run(['status'])).stdout).toBe(
      'channel default to tcps:mx2.example.com: everything is replicated (1 user)\n' +
        'channel offsite to tcps:mx3.example.com: NOT known: no users are known yet\n',
    );
    await rig.ok(['replicator', 'replicate', bob, '--channel', 'default']);
    await sync(expired);
    const { code, stdout } = await rig.run(['status']);
    expect(code).toBe(1);
    expect(stdout).toContain('1 of 2 users replicated, 1 quarantined');
    expect(stdout).toContain('bob@example.com (default): quarantined');
    expect(stdout).toContain(
      'why: certificate expired\n  do:  renew it; then run `dsyncadm replicator replicate bob',
    );
    const json = JSON.parse((await rig.run(['status', '--json', '--channel', 'default'])).stdout) as object;
    expect(json).toMatchObject({ healthy: false, behind: [{ username: bob, code: 'DSYNCD_CERT' }] });
    // What the remedy says helps.
    await rig.ok(['replicator', 'replicate', bob]);
    await sync({ outcome: 'ok', full: true, state: 's' });
    await sync({ outcome: 'ok', full: true, state: 's' });
    expect((await rig.run(['status', '--channel', 'default'])).code).toBe(0);
  });
});

describe('with something else behind the socket', () => {
  const fakes: Server[] = [];
  afterEach(() => {
    for (const fake of fakes.splice(0)) fake.close();
  });
  const serve = async (answer: string): Promise<string> => {
    const path = rig.path('run/fake');
    const fake = createServer((socket) => {
      socket.on('error', () => {});
      socket.end(answer);
    });
    fakes.push(fake);
    await new Promise<void>((resolve) => fake.listen(path, resolve));
    return path;
  };
  const greeting = 'VERSION\treplicator-doveadm-server\t1\t1\n';

  it.each([
    ['* OK IMAP4 ready\n', 76, 'greets with "* OK IMAP4 ready"'],
    ['VERSION\treplicator-doveadm-server\t2\t0\n', 76, 'greets with'],
    ['', 75, 'it closed the connection'],
    [greeting, 75, 'it closed the connection'],
    [`${greeting}Queued\tmany\n\n`, 76, '"many" for "Queued", not a number'],
    [`${greeting}${'x'.repeat(16_385)}\n\n`, 76, 'a line of more than 16384 bytes'],
  ])('%j ends with %d', async (answer, code, message) => {
    const ended = await rig.run(['replicator', 'status', '-a', await serve(answer)]);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(message);
  });

  it('takes a line of the greatest length', async () => {
    const answer = `${greeting}${'x'.repeat(16_382)}\t1\n\n`;
    expect((await rig.run(['replicator', 'status', '-a', await serve(answer)])).code).toBe(0);
  });
});
