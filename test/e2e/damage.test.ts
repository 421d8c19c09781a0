import { spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { createPair, type Host, until } from '@dsyncd/testkit';
import Database from 'better-sqlite3';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cleanUpAfterTests,
  deliver,
  failuresOf,
  logOf,
  mailOf,
  onCleanup,
  scratchFolder,
  startHosts,
  untilEqual,
  untilFailed,
  untilInbox,
} from './support.ts';

cleanUpAfterTests();

/** Overwrites the start of a file, as a broken disk or a wrong restore does. */
function overwrite(file: string): void {
  const handle = openSync(file, 'r+');
  writeSync(handle, Buffer.alloc(Math.min(8192, statSync(file).size), 0x55), 0);
  closeSync(handle);
}

const queueOf = (host: Host): string => join(host.folder, 'state', 'queue.sqlite');

describe('damage', () => {
  let a: Host;
  let b: Host;
  beforeAll(async () => {
    ({ a, b } = await createPair({ folder: scratchFolder(), ssl: false }));
    await startHosts(a, b);
  });

  test('of one user’s index: told once with the way to mend it, mail waits with its sender, others go on', async () => {
    const user = 'index@example.com';
    await deliver(a, user, 'before');
    await untilInbox(b, user, 1);
    // Its programs keep an index open for a while, and SQLite reads a page that it has only once.
    await a.stop();
    const home = join(a.folder, 'mail', user);
    for (const name of readdirSync(home).filter((each) => /sqlite(-wal)?$/.test(each)))
      overwrite(join(home, name));
    await a.start();
    expect(await a.deliver(user, mailOf('meanwhile'))).toMatch(/^4\d\d .*index/);
    const failed = await untilFailed(a, user, 'DSYNCD_STORE_INDEX_DAMAGED');
    expect(failed).toMatchObject({ channel: 'default', state: 'quarantined' });
    expect(failed.remedy).toContain('dsyncadm store rebuild');
    expect(failuresOf(a, user)).toHaveLength(1);
    await deliver(a, 'other@example.com', 'other');
    await untilInbox(b, 'other@example.com', 1);

    const rebuilt = await a.admin('store', 'rebuild', '-u', user);
    expect(rebuilt.stderr + rebuilt.stdout).toMatch(/1 mail/);
    expect(rebuilt.code).toBe(0);
    expect((await a.admin('replicator', 'replicate', '-f', user)).code).toBe(0);
    await deliver(a, user, 'after');
    await untilInbox(b, user, 2);
    await untilEqual([a, b], user);
  });

  test('of a stored state: everything is compared, which is noted, and the next sync is incremental again', async () => {
    const user = 'state@example.com';
    await deliver(a, user, 'before');
    await untilInbox(b, user, 1);
    const isState = (line: { user?: string; outcome?: unknown }): boolean =>
      line.user === user && line.outcome === 'ok';
    await until('the state is stored', () => logOf(a, 'dsyncd').some(isState));
    await a.program('dsyncd').end('SIGTERM');
    const queue = new Database(queueOf(a));
    expect(queue.prepare("UPDATE states SET state = 'AQAAgarbage!'").run().changes).toBeGreaterThan(0);
    queue.close();
    await a.startProgram('dsyncd');
    const seen = logOf(a, 'dsyncd').length;
    await deliver(a, user, 'after');
    await untilInbox(b, user, 2);
    await until('it is noted', () =>
      logOf(a, 'dsyncd')
        .slice(seen)
        .some((line) => line.user === user && /damaged/.test(String(line.note))),
    );
    await deliver(a, user, 'later');
    await untilInbox(b, user, 3);
    await untilEqual([a, b], user);
    const last = logOf(a, 'dsyncd').findLast((line) => isState(line));
    expect(last).toMatchObject({ type: 'incremental' });
  });

  test('of the queue file: it is moved aside, told once, and every user is synced anew', async () => {
    const user = 'queue@example.com';
    await deliver(a, user, 'before');
    await untilInbox(b, user, 1);
    await a.program('dsyncd').end('SIGTERM');
    overwrite(queueOf(a));
    const seen = logOf(a, 'dsyncd').length;
    await a.startProgram('dsyncd');
    const told = logOf(a, 'dsyncd')
      .slice(seen)
      .filter((line) => line.level === 'error');
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ msg: expect.stringContaining('queue file damaged') });
    expect(told[0]?.hint).toBeTruthy();
    expect(readdirSync(join(a.folder, 'state'))).toEqual(
      expect.arrayContaining([expect.stringMatching(/^queue\.sqlite\.damaged/)]),
    );
    const known = JSON.parse((await a.admin('replicator', 'status', '--json', '*')).stdout) as {
      username: string;
    }[];
    expect(known.map(({ username }) => username)).toContain(user);
    await deliver(a, user, 'after');
    await untilInbox(b, user, 2);
  });

  test('of the queue file: nobody stands as replicated before a sync, mail nobody told of follows, and the remedy works', async () => {
    const user = 'untold@example.com';
    await deliver(a, user, 'before');
    await untilInbox(b, user, 1);
    await a.program('dsyncd').end('SIGTERM');
    await deliver(a, user, 'while nobody listens');
    for (const name of readdirSync(a.spoolDir)) rmSync(join(a.spoolDir, name), { recursive: true });
    overwrite(queueOf(a));
    // Nothing can be synced yet, so that what status says of everyone can be read.
    await b.program('dsync-server').end('SIGTERM');
    const seen = logOf(a, 'dsyncd').length;
    await a.startProgram('dsyncd');
    const hint = String(
      logOf(a, 'dsyncd')
        .slice(seen)
        .find((line) => line.level === 'error')?.hint,
    );
    const [, mask] = /dsyncadm replicator add "([^"]+)"/.exec(hint) ?? [];
    const remedy = await a.admin('replicator', 'add', mask ?? '');
    expect(remedy.code, remedy.stderr).toBe(0);
    const { code, stdout } = await a.admin('status', '--json');
    expect(code).not.toBe(0);
    const [channel] = (JSON.parse(stdout) as { channels: { users: number; standings: object }[] }).channels;
    expect(channel?.users).toBeGreaterThan(1);
    expect(channel?.standings).toMatchObject({ replicated: 0 });
    await b.startProgram('dsync-server');
    await untilInbox(b, user, 2);
    await until('all is well', async () =>
      (await a.admin('status')).stdout.includes('everything is replicated'),
    );
  }, 90_000);
});

const mountTmpfs = (path: string): boolean => {
  mkdirSync(path, { recursive: true });
  return spawnSync('/bin/mount', ['-t', 'tmpfs', '-o', 'size=4m', 'dsyncd-test', path]).status === 0;
};

describe.skipIf(process.getuid?.() !== 0)('a full disk', () => {
  test('loses nothing: LMTP and syncs are put off and told, and all goes on when there is room', async (context) => {
    const { a, b } = await createPair({
      folder: scratchFolder(),
      ssl: false,
      settings: ['replication_failure_resync_interval = "1s"'],
    });
    const disk = join(b.folder, 'mail');
    if (!mountTmpfs(disk)) context.skip();
    onCleanup(() => spawnSync('/bin/umount', ['-l', disk]));
    await startHosts(a, b);
    const user = 'full@example.com';
    await deliver(a, user, 'there is room');
    await untilInbox(b, user, 1);
    const ballast = join(disk, 'ballast');
    fill(ballast);
    const text = 'x'.repeat(60).concat('\r\n').repeat(1000);
    expect(await a.deliver(user, `Subject: no room there\r\n\r\n${text}`)).toMatch(/^250 /);
    const status = await untilFailed(a, user, 'DSYNCD_STORE_DISK_FULL');
    expect(status.why).toMatch(/no room/);
    expect(status.remedy).toMatch(/space/);
    expect(await b.deliver(user, `Subject: no room here\r\n\r\n${text}`)).toMatch(/^452 /);
    unlinkSync(ballast);
    expect(await b.deliver(user, `Subject: room again\r\n\r\n${text}`)).toMatch(/^250 /);
    await untilInbox(b, user, 3);
    await untilEqual([a, b], user);
  });
});

/** Writes until the file system is full. */
function fill(file: string): void {
  const handle = openSync(file, 'w');
  try {
    for (let size = 65_536; size >= 512; ) {
      try {
        writeSync(handle, Buffer.alloc(size));
      } catch {
        size /= 2;
      }
    }
  } finally {
    closeSync(handle);
  }
}
