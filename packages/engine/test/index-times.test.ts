import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DsyncdError, parseUserName } from '@dsyncd/core';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { IndexTimes } from '../src/index.ts';

const ann = parseUserName('ann');
const never = new AbortController().signal;
const [before, since, after] = [1_000_000, 1_500_000, 2_000_000];
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'index-times-'));
});
afterEach(() => rmSync(home, { recursive: true }));

/** Makes files with that time; the folders above them are older. */
function put(timeMs: number, ...paths: readonly string[]): void {
  for (const path of paths) {
    const file = join(home, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, '');
    utimesSync(file, timeMs / 1000, timeMs / 1000);
  }
}

const ask = (
  fields: readonly (readonly [string, string])[] = [['home', home]],
  folder?: string,
): Promise<boolean | undefined> =>
  new IndexTimes({ auth: { lookUp: async () => new Map(fields) }, folderOf: () => folder }).changedSince(
    ann,
    since,
    never,
  );

const sdbox = ['mail/dovecot.list.index.log', 'mail/mailboxes/INBOX/dbox-Mails/dovecot.index.log'];
const maildir = [
  'Maildir/dovecot.list.index.log',
  'Maildir/dovecot.index.log',
  'Maildir/.Sub/dovecot.index.log',
];

describe('the times of the index files', () => {
  test.each([
    ['a delivery to INBOX', sdbox, ['mail/mailboxes/INBOX/dbox-Mails/dovecot.index.log'], true],
    [
      'a flag in another mailbox',
      sdbox,
      ['mail/dovecot.list.index.log', 'mail/mailboxes/a/b/dbox-Mails/dovecot.index.log'],
      true,
    ],
    ['a rename', sdbox, ['mail/dovecot.list.index.log', 'mail/dovecot.mailbox.log'], true],
    ['a sync with nothing to do', sdbox, ['mail/dovecot.list.index.log'], false],
    ['nothing', sdbox, [], false],
    ['a delivery to INBOX of a Maildir', maildir, ['Maildir/dovecot.index.log'], true],
    [
      'a flag in another Maildir',
      maildir,
      ['Maildir/dovecot.list.index.log', 'Maildir/.Sub/dovecot.index.log'],
      true,
    ],
    ['a sync of a Maildir', maildir, ['Maildir/dovecot.list.index.log'], false],
    ['mdbox', ['mdbox/dovecot.list.index.log'], ['mdbox/mailboxes/INBOX/dbox-Mails/dovecot.index.log'], true],
    [
      'mail in the home itself',
      ['dovecot.list.index.log'],
      ['dovecot.list.index.log', '.Sub/dovecot.index.log'],
      true,
    ],
    [
      'no index of the list',
      ['mail/mailboxes/a/dbox-Mails/dovecot.index.log'],
      ['mail/mailboxes/b/dbox-Mails/dovecot.index.log'],
      true,
    ],
  ])('tell %s', async (_, old, changed, expected) => {
    put(before, ...old);
    put(after, ...changed);
    expect(await ask()).toBe(expected);
  });

  test('tell mail that something else put into a Maildir', async () => {
    put(before, ...maildir);
    put(before, 'Maildir/new/1.x');
    utimesSync(join(home, 'Maildir/new'), since / 1000, since / 1000);
    expect(await ask()).toBe(true);
  });

  test('are looked for where userdb or the configuration says', async () => {
    put(before, ...sdbox);
    put(after, 'index/dovecot.index.log');
    const index = join(home, 'index');
    expect(await ask()).toBe(true);
    for (const [key, value] of [
      ['mail', `sdbox:~/mail:INDEX=${index}`],
      ['mail', 'maildir:~/index'],
      ['mail_index_path', '%{home}/index'],
      ['mail_path', '~/index'],
    ] as const)
      expect(
        await ask([
          ['home', home],
          [key, value],
        ]),
      ).toBe(true);
    expect(
      await ask([
        ['home', home],
        ['mail', 'sdbox:~/mail'],
      ]),
    ).toBe(false);
    expect(await ask([], index)).toBe(true);
    expect(await ask([], join(home, 'mail'))).toBe(false);
  });

  test('say nothing where there are none, or they are not ours to look at', async () => {
    expect(await ask()).toBeUndefined();
    expect(await ask([['home', '/proc/1/no-such']])).toBeUndefined();
    expect(await ask([])).toBeUndefined();
    expect(await ask([], join(home, 'missing'))).toBeUndefined();
  });

  test('one user whom userdb cannot look up does not hold up the others; a userdb that is away does', async () => {
    const failing = (code: DsyncdError['code']): Promise<boolean | undefined> =>
      new IndexTimes({
        auth: {
          lookUp: () => Promise.reject(new DsyncdError(code, 'x', { outcome: 'transient' })),
        },
        folderOf: () => undefined,
      }).changedSince(ann, since, never);
    expect(await failing('DSYNCD_USERDB_USER')).toBeUndefined();
    await expect(failing('DSYNCD_USERDB')).rejects.toMatchObject({ code: 'DSYNCD_USERDB' });
  });
});

test('the index files of all mailboxes tell who has much mail', async () => {
  const sizeOf = (user: string): Promise<number> =>
    new IndexTimes({
      auth: { lookUp: async () => new Map([['home', join(home, user)]]) },
      folderOf: () => undefined,
    }).indexBytes(ann, never);
  put(before, 'little/mail/dovecot.list.index.log', 'much/mail/dovecot.list.index.log');
  put(before, 'little/mail/mailboxes/INBOX/dbox-Mails/dovecot.index.log');
  put(before, 'much/mail/mailboxes/a/b/dbox-Mails/dovecot.index.log');
  writeFileSync(join(home, 'little/mail/mailboxes/INBOX/dbox-Mails/dovecot.index.cache'), 'x'.repeat(10));
  writeFileSync(join(home, 'much/mail/mailboxes/a/b/dbox-Mails/dovecot.index.cache'), 'x'.repeat(1000));
  writeFileSync(join(home, 'much/mail/mailboxes/a/b/dbox-Mails/u.1'), 'x'.repeat(50));
  expect([await sizeOf('none'), await sizeOf('little'), await sizeOf('much')]).toEqual([0, 10, 1000]);
});
