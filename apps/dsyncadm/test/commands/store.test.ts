import { readdir, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ann, Rig } from '../rig.ts';

let rig: Rig;
const user = ['-u', ann];

beforeEach(async () => {
  rig = await Rig.open();
  await rig.ok(['mail', 'save', ...user, '--create-user', '--flags', 'seen'], {
    stdin: 'Subject: one\r\n\r\n',
  });
  await rig.ok(['mail', 'save', ...user], { stdin: 'Subject: two\r\n\r\n' });
});
afterEach(() => rig.close());

const home = (...parts: string[]): string => rig.path('mail', ann, ...parts);
const guids = async (): Promise<unknown> =>
  (JSON.parse(await rig.ok(['mail', 'list', ...user, '--json'])) as Record<string, unknown>[]).map(
    ({ uid, guid }) => `${uid} ${guid}`,
  );

describe('store check', () => {
  it('reads every mail', async () => {
    expect(await rig.ok(['store', 'check', ...user])).toBe(`${ann}: 1 mailbox, 2 mails, all good\n`);
  });

  it('names mails that are missing or cut short, and the way to get them back', async () => {
    const folder = home('Maildir/cur');
    const [one = '', two = ''] = (await readdir(folder)).sort();
    await rm(join(folder, one));
    await truncate(join(folder, two), 3);
    const { code, stdout } = await rig.run(['store', 'check', ...user]);
    expect(code).toBe(74);
    for (const uid of [1, 2])
      expect(stdout).toContain(`INBOX, UID ${uid}: is missing or cut short on disk\n`);
    expect(stdout).toContain(`dsyncadm replicator replicate -f ${ann}`);
    const json = JSON.parse((await rig.run(['store', 'check', ...user, '--json'])).stdout) as object;
    expect(json).toMatchObject({ mails: 2, damages: [{ mailbox: 'INBOX' }, { mailbox: 'INBOX' }] });
  });
});

describe('store rebuild', () => {
  it('makes an index again that was destroyed, with the same mails', async () => {
    const before = await guids();
    const index = home('dsyncd-index.sqlite');
    for (const rest of ['-wal', '-shm']) await rm(`${index}${rest}`, { force: true });
    await writeFile(index, 'this is no database, and it is long enough to look like one'.repeat(100));
    const damaged = await rig.run(['mail', 'list', ...user]);
    expect(damaged.code).toBe(74);
    expect(damaged.stderr).toContain('is damaged');
    const text = await rig.ok(['store', 'rebuild', ...user]);
    expect(text).toContain('INBOX: 2 mails\n');
    expect(text).toContain('the old index is now ');
    expect(await guids()).toEqual(before);
    expect(await rig.ok(['store', 'check', ...user])).toContain('all good');
  });

  it('leaves an index alone that can be read, unless forced', async () => {
    const { code, stderr } = await rig.run(['store', 'rebuild', ...user]);
    expect(code).toBe(65);
    expect(stderr).toContain('--force');
    expect(await rig.ok(['mail', 'list', ...user])).toContain('\\Seen');
    await rig.ok(['store', 'rebuild', ...user, '--force']);
    expect(await rig.ok(['mail', 'list', ...user])).not.toContain('\\Seen');
  });

  it.each([[[]], [['--force']]])('makes no home for a user that there is not (%j)', async (more) => {
    expect((await rig.run(['store', 'rebuild', '-u', 'zoe', ...more])).code).toBe(67);
    expect(await readdir(rig.path('mail'))).toEqual([ann]);
  });
});

describe('store export and import', () => {
  it('makes a home of Maildir, and takes back what Dovecot changes there', async () => {
    const folder = rig.path('dovecot');
    expect(await rig.ok(['store', 'export', '--dovecot', folder])).toMatch(
      /^ann@example.com: 1 mailbox, 2 mails/,
    );
    const cur = join(folder, ann, 'Maildir/cur');
    expect(await readdir(cur)).toHaveLength(2);
    expect(await rig.ok(['store', 'import', folder])).toBe(`${ann}: nothing to do\n`);
    // As Dovecot does it: a flag is a file name, a delivery a new file.
    const unseen = (await readdir(cur)).find((name) => !name.endsWith('S')) ?? '';
    await rename(join(cur, unseen), join(cur, `${unseen}S`));
    await writeFile(join(folder, ann, 'Maildir/new/1790000000.M1P1.mx'), 'Subject: three\n\n');
    await rig.takeNotifications();
    expect(await rig.ok(['store', 'import', '-u', 'ann*', folder])).toBe(
      `${ann}: 1 mail saved, flags of 1 mail changed\n`,
    );
    expect(await rig.takeNotifications()).toEqual([`${ann} high`]);
    expect((await rig.ok(['mail', 'list', ...user])).match(/\\Seen/g)).toHaveLength(2);
    expect(await rig.ok(['mail', 'fetch', ...user, '3'])).toBe('Subject: three\n\n');
  });

  it('overwrites nothing, and goes on with the next user', async () => {
    await rig.ok(['mailbox', 'create', '-u', 'bob', '--create-user', 'Work']);
    const folder = rig.path('dovecot');
    await rig.ok(['store', 'export', '--dovecot', '-u', ann, folder]);
    const { code, stdout, stderr } = await rig.run(['store', 'export', '--dovecot', folder]);
    expect({ code, stdout }).toEqual({ code: 69, stdout: 'bob: 2 mailboxes, 0 mails\n' });
    expect(stderr).toContain('exists already');
  });

  it.each([
    [['store', 'export', '--dovecot', '-u', 'z*', 'x'], 67, 'no user matches "z*"'],
    [['store', 'export', '--dovecot', '-u', 'zoe', 'x'], 67, 'has no mail home'],
    [['store', 'export', 'x'], 64, "required option '--dovecot'"],
    [['store', 'import', '/nonexistent'], 75, 'ENOENT'],
  ])('%j ends with %d', async (args, code, message) => {
    const ended = await rig.run(args);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(message);
  });
});
