import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ann, Rig } from '../rig.ts';

let rig: Rig;
const user = ['-u', ann];

beforeAll(async () => {
  rig = await Rig.open();
  await rig.ok(['mailbox', 'create', ...user, '--create-user', 'Archive', 'Work']);
});
afterAll(() => rig.close());
beforeEach(async () => void (await rig.takeNotifications()));

const save = (mailbox: string, text: string, ...more: string[]): Promise<string> =>
  rig.ok(['mail', 'save', ...user, '-m', mailbox, ...more], { stdin: text });

/** `UID FLAGS` of each mail. */
async function mailsOf(mailbox: string): Promise<string[]> {
  const lines = (await rig.ok(['mail', 'list', ...user, '-m', mailbox])).trimEnd().split('\n');
  return lines.slice(1).map((line) => {
    const [uid, , , , flags] = line.split('\t');
    return `${uid} ${flags}`.trim();
  });
}

describe('mail save and fetch', () => {
  it('gives back every byte, whatever it is', async () => {
    const body = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));
    expect(await rig.ok(['mail', 'save', ...user], { stdin: body })).toBe('1\n');
    expect(await rig.ok(['mail', 'fetch', ...user, '1'])).toBe(body.toString('latin1'));
  });

  it('takes a file, flags and the date, and notifies with high priority', async () => {
    const file = rig.path('mail.eml');
    await writeFile(file, 'Subject: x\r\n\r\n');
    await rig.ok([
      'mail',
      'save',
      ...user,
      file,
      '--flags',
      'seen,invoice',
      '--received',
      '2026-01-02T03:04:05Z',
    ]);
    expect(await rig.takeNotifications()).toEqual([`${ann} high`]);
    const [mail] = JSON.parse(await rig.ok(['mail', 'list', ...user, '--json', '2'])) as Record<
      string,
      unknown
    >[];
    expect(mail).toMatchObject({
      uid: 2,
      size: 14,
      flags: ['\\Seen'],
      keywords: ['invoice'],
      receivedAt: '2026-01-02T03:04:05Z',
    });
  });

  it.each([
    [['mail', 'save', '-u', ann, '-m', 'None'], 68, 'no mailbox "None"'],
    [['mail', 'save', '-u', ann, '--flags', 'a b'], 64, 'neither a flag nor a keyword'],
    [['mail', 'save', '-u', ann, '--received', 'now'], 64, 'is not an instant'],
    [['mail', 'save', '-u', 'zoe@example.com'], 67, 'has no mail home'],
    [['mail', 'save', '-u', '../zoe'], 64, 'user name "../zoe"'],
    [['mail', 'save', '-u', ann, '/nonexistent/mail'], 75, 'ENOENT'],
    [['mail', 'save', '-u', ann, '-m', ''], 64, 'empty'],
    [['mail', 'fetch', '-u', ann, '999'], 68, 'UID 999'],
    [['mail', 'fetch', '-u', ann, '1:2'], 64, 'not the UID of one mail'],
    [['mail', 'list', '-u', ann, 'x'], 64, 'not a UID'],
    [['mail', 'list'], 64, "required option '-u, --user <user>'"],
    [['mail', 'flags', '-u', ann, 'toggle', '1'], 64, 'Allowed choices'],
    [['mail', 'flags', '-u', ann, 'add', '1'], 64, 'which flags to add'],
    [['mail', 'copy', '-u', ann, '1', 'None'], 68, 'no mailbox "None"'],
    [['mail', 'move', '-u', ann, '1', 'INBOX'], 64, 'the same mailbox'],
    [['mail', 'expunge', '-u', ann], 64, "missing required argument 'uids'"],
  ])('%j ends with %d', async (args, code, message) => {
    const ended = await rig.run(args, { stdin: 'Subject: x\n\n' });
    expect(ended).toMatchObject({ code, stdout: '' });
    expect(ended.stderr).toMatch(/^dsyncadm: /);
    expect(ended.stderr).toContain(message);
  });

  it('leaves nothing behind of a mail that could not be saved', async () => {
    const before = await mailsOf('INBOX');
    expect((await rig.run(['mail', 'save', ...user], { stdin: '' })).code).toBe(64);
    expect(await mailsOf('INBOX')).toEqual(before);
  });
});

describe('mail flags, copy, move and expunge', () => {
  it('adds, removes and replaces flags', async () => {
    await save('Work', 'a', '--flags', 'seen,old');
    await save('Work', 'b');
    await rig.takeNotifications();
    expect(await rig.ok(['mail', 'flags', ...user, '-m', 'Work', 'add', '1:*', '\\Flagged', 'new'])).toBe(
      '2 mails changed\n',
    );
    expect(await rig.takeNotifications()).toEqual([`${ann} low`]);
    expect(await mailsOf('Work')).toEqual(['1 \\Flagged \\Seen new old', '2 \\Flagged new']);
    await rig.ok(['mail', 'flags', ...user, '-m', 'Work', 'remove', '1', 'flagged', 'old']);
    expect(await rig.ok(['mail', 'flags', ...user, '-m', 'Work', 'replace', '2', 'draft'])).toBe(
      '1 mail changed\n',
    );
    expect(await mailsOf('Work')).toEqual(['1 \\Seen new', '2 \\Draft']);
    expect(await rig.ok(['mail', 'flags', ...user, '-m', 'Work', 'replace', '2', 'draft'])).toBe(
      '0 mails changed\n',
    );
  });

  it('copies with flags and the same GUID, with high priority', async () => {
    expect(await rig.ok(['mail', 'copy', ...user, '-m', 'Work', '2', 'Archive'])).toBe('1 mail copied\n');
    expect(await rig.takeNotifications()).toEqual([`${ann} high`]);
    expect(await mailsOf('Archive')).toEqual(['1 \\Draft']);
    expect(await rig.ok(['mail', 'fetch', ...user, '-m', 'Archive', '1'])).toBe('b');
    const guidOf = async (mailbox: string, uid: string): Promise<unknown> =>
      (
        JSON.parse(await rig.ok(['mail', 'list', ...user, '-m', mailbox, '--json', uid])) as {
          guid: string;
        }[]
      )[0]?.guid;
    expect(await guidOf('Archive', '1')).toBe(await guidOf('Work', '2'));
  });

  it('moves, and leaves the source without them', async () => {
    expect(await rig.ok(['mail', 'move', ...user, '-m', 'Work', '1:*', 'Archive'])).toBe('2 mails moved\n');
    expect(await rig.takeNotifications()).toEqual([`${ann} low`]);
    expect(await mailsOf('Work')).toEqual([]);
    expect(await mailsOf('Archive')).toHaveLength(3);
  });

  it('expunges', async () => {
    expect(await rig.ok(['mail', 'expunge', ...user, '-m', 'Archive', '2,99'])).toBe('1 mail expunged\n');
    expect(await mailsOf('Archive')).toHaveLength(2);
    expect(await rig.takeNotifications()).toEqual([`${ann} low`]);
  });

  it('lists nothing as an empty list', async () =>
    expect(await rig.ok(['mail', 'list', ...user, '-m', 'Work', '--json'])).toBe('[]\n'));
});
