import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createPair, freePort, type Host, until } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { dsyncadm, type Ended } from '../dsyncadm.ts';

const ann = 'ann@example.com';
const user = ['-u', ann];

let folder = '';
let a: Host;
let b: Host;
let destination = '';

const on = (host: Host, args: readonly string[], stdin = ''): Promise<Ended> =>
  dsyncadm(['-c', host.configFile, ...args], { stdin });

/** Each look is a program that starts; a loaded machine takes its time. */
const patiently = { everyMs: 200, timeoutMs: 50_000 };

/** UIDs, GUIDs and flags of INBOX. */
const mailsOn = async (host: Host): Promise<string> => (await on(host, ['mail', 'list', ...user])).stdout;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dsyncadm-sync-'));
  ({ a, b } = await createPair({ folder, ssl: false }));
  const { stdout } = await on(a, ['config', 'check']);
  destination = /default to (tcp:\S+)/.exec(stdout)?.[1] ?? '';
  for (const host of [a, b]) await on(host, ['mailbox', 'create', ...user, '--create-user', 'Work']);
  await on(a, ['mail', 'save', ...user], 'Subject: from a\r\n\r\n');
  await on(b, ['mail', 'save', ...user, '-m', 'Work'], 'Subject: from b\r\n\r\n');
  await b.startProgram('dsync-server');
});
afterAll(async () => {
  await Promise.all([a.stop(), b.stop()]);
  await rm(folder, { recursive: true, force: true });
});

describe('sync', () => {
  it('syncs one mailbox, then everything, then nothing more', async () => {
    const one = await on(a, ['sync', ...user, '-m', 'INBOX', destination]);
    expect(one).toMatchObject({ code: 0, stderr: '' });
    expect(one.stdout).toContain('1 mail sent');
    expect(await mailsOn(b)).toBe(await mailsOn(a));
    expect((await on(a, ['mail', 'list', ...user, '-m', 'Work'])).stdout).not.toContain('\n1\t');
    expect((await on(a, ['sync', ...user, '-f', destination])).stdout).toContain('1 mail received');
    const again = await on(a, ['sync', ...user, destination]);
    expect(again).toMatchObject({ code: 0, stdout: `${ann}: both sides are equal\n  nothing to do\n` });
    const json = JSON.parse((await on(a, ['sync', ...user, '--json', destination])).stdout) as object;
    expect(json).toMatchObject({ outcome: 'ok', peer: 'b.example.com', counts: { mailsSent: 0 } });
    expect(json).not.toHaveProperty('state');
  });

  it('says what it would do and does nothing with --dry-run', async () => {
    await on(b, ['mail', 'save', ...user], 'Subject: second\r\n\r\n');
    const before = await mailsOn(a);
    const { code, stdout, stderr } = await on(a, ['sync', ...user, '--dry-run', destination]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain('dry run, nothing was changed');
    expect(stdout).toContain('1 mail received');
    expect(await mailsOn(a)).toBe(before);
    expect((await on(a, ['sync', ...user, destination])).stdout).toContain('1 mail received');
    expect(await mailsOn(b)).toBe(await mailsOn(a));
  });

  it.each([
    [['sync', ...user, 'mx2.example.com'], 64, 'allowed are tcp:HOST'],
    [['sync', ...user], 64, "missing required argument 'destination'"],
    [['sync', ...user, '-m', 'a//b', 'tcp:127.0.0.1:1'], 64, 'has an empty level'],
    [['sync', '-u', 'zoe@example.com', 'tcp:127.0.0.1:1'], 67, 'has no mail home'],
  ])('%j ends with %d', async (args, code, message) => {
    const ended = await on(a, args);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(message);
  });

  it('ends with 75 when nobody answers there', async () => {
    const ended = await on(a, ['sync', ...user, `tcp:127.0.0.1:${await freePort()}`]);
    expect(ended.code).toBe(75);
    expect(ended.stderr).toMatch(/^dsyncadm: .*nothing listens there/);
  });
});

describe('with a running dsyncd', { timeout: 120_000 }, () => {
  it('replicates what the commands change, and says when all is done', async () => {
    await a.startProgram('dsyncd');
    const saved = await on(a, ['mail', 'save', ...user, '--flags', 'flagged'], 'Subject: later\r\n\r\n');
    expect(saved).toMatchObject({ code: 0, stderr: '' });
    await until('the mail is on b', async () => (await mailsOn(b)).includes('\\Flagged'), patiently);
    await until('dsyncd says so', async () => (await on(a, ['status'])).code === 0, patiently);
    const status = await on(a, ['status']);
    expect(status.stdout).toContain(`channel default to ${destination}: everything is replicated (1 user)`);
    const users = await on(a, ['replicator', 'status', 'ann*']);
    expect(users.stdout).toMatch(/ann@example.com +none +00:00:\d\d/);
    expect(await on(a, ['replicator', 'replicate', '-f', '*'])).toMatchObject({
      code: 0,
      stdout: '1 users updated\n',
    });
  });

  it('shows a dead peer with its reason', async () => {
    const isDone = async (): Promise<boolean> =>
      (await on(a, ['status'])).stdout.includes('everything is replicated');
    await until('nothing is left to do', isDone, patiently);
    await b.program('dsync-server').end('SIGKILL');
    await on(a, ['mail', 'flags', ...user, 'remove', '1:*', 'flagged']);
    await until(
      'status shows it',
      async () => (await on(a, ['status'])).stdout.includes('nothing listens there'),
      {
        everyMs: 200,
      },
    );
    expect((await on(a, ['status'])).code).toBe(1);
    await b.startProgram('dsync-server');
    await on(a, ['replicator', 'replicate', ann]);
    await until('all is well again', isDone, patiently);
    expect(await mailsOn(b)).toBe(await mailsOn(a));
  });
});
