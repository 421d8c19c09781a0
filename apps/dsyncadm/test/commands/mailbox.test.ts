import { chmod, chown, mkdir, readFile, stat, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ann, Rig } from '../rig.ts';

let rig: Rig;
const user = ['-u', ann];

beforeAll(async () => {
  rig = await Rig.open();
  await rig.ok(['mailbox', 'create', ...user, '--create-user', '-s', 'Work/2026', 'Trash']);
});
afterAll(() => rig.close());
beforeEach(async () => void (await rig.takeNotifications()));

const list = async (...more: string[]): Promise<string[]> =>
  (await rig.ok(['mailbox', 'list', ...user, ...more])).split('\n').slice(0, -1);

describe('mailbox', () => {
  it('lists what was created, and masks', async () => {
    expect(await list()).toEqual(['INBOX', 'Trash', 'Work', 'Work/2026']);
    expect(await list('Work*')).toEqual(['Work', 'Work/2026']);
    expect(await list('-s')).toEqual(['Trash', 'Work/2026']);
    expect(JSON.parse(await rig.ok(['mailbox', 'list', ...user, '--json', 'Work']))).toEqual([
      { mailbox: 'Work', exists: true, subscribed: false, holdsMail: false },
    ]);
  });

  it('creates with any name that IMAP can hold, and notifies', async () => {
    await rig.ok(['mailbox', 'create', ...user, 'Entwürfe & Ähnliches']);
    expect(await rig.takeNotifications()).toEqual([`${ann} low`]);
    const stdout = Buffer.from(await rig.ok(['mailbox', 'list', ...user, 'Ent*']), 'latin1').toString('utf8');
    expect(stdout).toBe('Entwürfe & Ähnliches\n');
  });

  it('shows counters', async () => {
    await rig.ok(['mail', 'save', ...user], { stdin: 'x' });
    const text = await rig.ok(['mailbox', 'status', ...user, 'INBOX']);
    expect(text).toMatch(
      /^mailbox messages uidnext uidvalidity highestmodseq guid\nINBOX +1 +2 +\d+ +\d+ [0-9a-f]{32}\n$/,
    );
    const [status] = JSON.parse(await rig.ok(['mailbox', 'status', ...user, '--json', 'INBOX'])) as object[];
    expect(status).toMatchObject({ mailbox: 'INBOX', messagesCount: 1, uidNext: 2 });
  });

  it('renames with everything below, and keeps the GUID', async () => {
    const guids = async (): Promise<unknown[]> =>
      (JSON.parse(await rig.ok(['mailbox', 'status', ...user, '--json', '*2026'])) as { guid: string }[]).map(
        ({ guid }) => guid,
      );
    const before = await guids();
    await rig.ok(['mailbox', 'rename', ...user, 'Work', 'Old/Work']);
    expect(await rig.takeNotifications()).toEqual([`${ann} low`]);
    expect(await list('*Work*')).toEqual(['Old/Work', 'Old/Work/2026']);
    expect(await guids()).toEqual(before);
    await rig.ok(['mailbox', 'rename', ...user, '-s', 'Trash', 'Bin']);
    expect(await list('-s')).toContain('Bin');
    expect(await list('-s')).not.toContain('Trash');
  });

  it('subscribes to what need not exist, and unsubscribes', async () => {
    await rig.ok(['mailbox', 'subscribe', ...user, 'News', 'Lists/a']);
    expect(await list('-s')).toEqual(expect.arrayContaining(['News', 'Lists/a']));
    expect(await rig.takeNotifications()).toEqual([`${ann} low`]);
    await rig.ok(['mailbox', 'unsubscribe', ...user, 'News', 'Lists/a']);
    expect(await list('-s')).not.toContain('News');
    expect(await rig.takeNotifications()).toEqual([`${ann} low`]);
  });

  it('deletes one, or everything below', async () => {
    await rig.ok(['mailbox', 'create', ...user, 'a/b/c', 'a/b']);
    await rig.ok(['mailbox', 'delete', ...user, 'a/b']);
    expect(await list('a*')).toEqual(['a', 'a/b', 'a/b/c']);
    const refused = await rig.run(['mailbox', 'delete', ...user, 'a']);
    expect(refused).toMatchObject({ code: 65 });
    expect(refused.stderr).toContain('--recursive');
    await rig.ok(['mailbox', 'delete', ...user, '-r', 'a']);
    expect(await list('a*')).toEqual([]);
  });

  it.each([
    [['mailbox', 'create', '-u', ann, 'INBOX'], 65, 'exists already'],
    [['mailbox', 'create', '-u', ann, 'x//y'], 64, 'has an empty level'],
    [['mailbox', 'create', '-u', ann, '../x'], 64, 'has the level ".."'],
    [['mailbox', 'create', '-u', ann], 64, "missing required argument 'mailbox'"],
    [['mailbox', 'create', '-u', 'new@example.com', 'x'], 67, '--create-user'],
    [['mailbox', 'delete', '-u', ann, 'inbox'], 65, 'INBOX cannot be deleted'],
    [['mailbox', 'delete', '-u', ann, 'None'], 68, 'no mailbox "None"'],
    [['mailbox', 'rename', '-u', ann, 'None', 'x'], 68, 'no mailbox "None"'],
    [['mailbox', 'rename', '-u', ann, 'Old', 'Old/x'], 65, 'below itself'],
    [['mailbox', 'status', '-u', ann, 'None'], 68, 'no mailbox "None"'],
    [['mailbox', 'list', '-u', ''], 64, 'is empty'],
    [['mailbox', 'lists', '-u', ann], 64, 'Did you mean list?'],
  ])('%j ends with %d', async (args, code, message) => {
    const ended = await rig.run(args);
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toContain(message);
  });

  it('works on mail as its owner when root runs it', async (test) => {
    if (process.getuid?.() !== 0) test.skip();
    const uid = 65_534;
    const folder = rig.path('mail/sub');
    await mkdir(folder);
    await chmod(rig.folder, 0o755);
    await chown(folder, uid, uid);
    await chown(rig.path('state/notify-spool'), uid, uid);
    const config = rig.path('sub.toml');
    await writeFile(
      config,
      (await readFile(rig.configFile, 'utf8')).replace('/mail/%{user}', '/mail/sub/%{user}'),
    );
    await rig.ok(['mailbox', 'create', ...user, '--create-user', 'x', '-c', config]);
    expect((await stat(`${folder}/${ann}`)).uid).toBe(uid);
  });
});
