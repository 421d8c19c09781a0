import { createReadStream } from 'node:fs';
import { link, mkdir, readFile, stat, utimes, writeFile } from 'node:fs/promises';
import { asMailGuid, asUid, parseUserName } from '@dsyncd/core';
import type { MemoryUserMail } from '@dsyncd/mailstore';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openStore } from '../../mailstore/test/maildir-setup.ts';
import { placeBody } from '../src/export-mailbox.ts';
import { Bench } from './bench.ts';
import { DovecotHome, hasDovecot } from './dovecot-home.ts';

describe.skipIf(!hasDovecot)('a Dovecot that opens an exported home', () => {
  let bench: Bench<MemoryUserMail>;
  beforeEach(async () => {
    bench = await Bench.create();
  });
  afterEach(() => bench.dovecot.dispose());

  it('sees the same mailboxes, UIDs, GUIDs, flags, keywords, dates and bodies', async () => {
    const inbox = await bench.box('INBOX');
    await bench.save(inbox, 'Subject: one\n\nbare\nline feeds\n', {
      uid: asUid(3),
      flags: 8 | 1,
      keywords: ['$Forwarded', 'work'],
      receivedAt: 1_000_000_000,
    });
    const twice = asMailGuid('d'.repeat(32));
    await bench.save(inbox, 'Subject: two\r\n\r\ncrlf\r\n', { uid: asUid(10), guid: twice, flags: 31 });
    await bench.save(inbox, 'Subject: two\r\n\r\ncrlf\r\n', { guid: twice, keywords: ['work'] });
    await bench.save(inbox, Buffer.from('Subject: M\u00fcll\n\n\u00e4\u00f6\u0000', 'latin1'));
    await bench.save(inbox, '');
    const work = await bench.box('Work', '2026', 'Über & mehr');
    await bench.save(work, 'Subject: deep\n\nx\n', { guid: asMailGuid('1700000000.M1P2.host,S=17,W=20') });
    await bench.box('日本語');
    await inbox.apply([{ type: 'raise', uidNext: asUid(100) }]);

    const report = await bench.export();
    expect(report).toMatchObject({ mailboxes: 3, mails: 6, problems: [] });
    expect(shown(await bench.dovecotView())).toEqual(shown(await bench.storeView()));
    const status = await bench.dovecot.json('mailbox', 'status', 'uidvalidity uidnext guid messages', '*');
    const { nodes } = await bench.mail.tree();
    for (const { path, mailbox } of nodes) {
      if (mailbox === undefined) continue;
      expect(status.find((line) => line.mailbox === path.join('/'))).toMatchObject({
        uidvalidity: String(mailbox.uidValidity),
        uidnext: String(mailbox.uidNext),
        guid: mailbox.guid,
        messages: String(mailbox.messagesCount),
      });
    }
    expect(status).toHaveLength(3);
  });

  it('sees the same subscriptions, of names without a mailbox too', async () => {
    await bench.box('Work', 'Über');
    await bench.box('other');
    for (const path of [['INBOX'], ['Work', 'Über'], ['ghost', 'deep']])
      await bench.mail.setSubscribed(path, true);
    await bench.export();
    expect([...(await bench.dovecot.lines('mailbox', 'list', '-s'))].sort()).toEqual([
      'INBOX',
      'Work/Über',
      'ghost/deep',
    ]);
  });

  it('gives the next mail the next UID and a new mailbox a higher UIDVALIDITY', async () => {
    const inbox = await bench.box('INBOX');
    await bench.save(inbox, 'Subject: 1\n\n');
    await inbox.apply([{ type: 'raise', uidNext: asUid(50) }]);
    for (const name of ['a', 'b', 'c', 'd']) await bench.box(name);
    const highest = await (await bench.box('d')).status();
    await bench.export();
    await bench.dovecot.save('INBOX', 'Subject: new\n\n');
    expect((await bench.dovecot.json('fetch', 'uid', 'mailbox', 'INBOX')).map(({ uid }) => uid)).toEqual([
      '1',
      '50',
    ]);
    await bench.dovecot.doveadm(['mailbox', 'create', 'new']);
    const [status] = await bench.dovecot.json('mailbox', 'status', 'uidvalidity', 'new');
    expect(Number(status?.uidvalidity)).toBeGreaterThan(highest.uidValidity);
  });

  it('has names that Maildir++ can hold for those that it cannot', async () => {
    const paths = [
      ['v1.0'],
      ['v1_0'],
      ['v1.0', 'x.y'],
      ['~home'],
      ['a', 'x'.repeat(200)],
      ['a', 'ü'.repeat(100)],
    ];
    for (const path of paths)
      await bench.save(await bench.box(...path), `Subject: ${path.join('/').slice(0, 9)}\n\n`);
    const report = await bench.export();
    expect(report.mails).toBe(paths.length);
    expect(report.problems).toHaveLength(4);
    const names = await bench.dovecot.lines('mailbox', 'list');
    expect(names).toContain('v1_0');
    expect(names.filter((name) => name.startsWith('v1_0'))).toHaveLength(3);
    expect(await bench.dovecot.json('fetch', 'uid', 'ALL')).toHaveLength(paths.length);
    const again = await bench.import();
    expect(again).toMatchObject({
      mailboxesCreated: 0,
      mailboxesRenamed: 0,
      mailboxesDeleted: 0,
      saved: 0,
      expunged: 0,
    });
  });

  it('gets the 26 most used keywords of a mailbox, and the report names the rest', async () => {
    const inbox = await bench.box('INBOX');
    const words = Array.from({ length: 28 }, (_, index) => `word${String(index).padStart(2, '0')}`);
    const { uid } = await bench.save(inbox, 'Subject: all\n\n', { keywords: words });
    await bench.save(inbox, 'Subject: some\n\n', { keywords: words.slice(2) });
    const report = await bench.export();
    expect(report.problems).toEqual(
      ['word00', 'word01'].map((word) => `mailbox "INBOX": no letter is left for the keyword "${word}"`),
    );
    const [first] = await bench.dovecot.json('fetch', 'flags', 'uid', '1');
    expect(first?.flags?.split(' ').filter((flag) => flag.startsWith('word'))).toEqual(words.slice(2));
    expect(await bench.import()).toMatchObject({ flagsChanged: 0 });
    expect((await inbox.mail(uid))?.keywords).toEqual(words);
  });

  it('leaves a mail out whose body is lost, and does not take it for expunged', async () => {
    const inbox = await bench.box('INBOX');
    const lost = await bench.save(inbox, 'Subject: lost\n\n');
    await bench.save(inbox, 'Subject: there\n\n');
    bench.mail.loseBody(inbox.guid, lost.uid);
    const report = await bench.export();
    expect(report.mails).toBe(1);
    expect(report.problems).toEqual(['mailbox "INBOX": the body of UID 1 is lost, the mail is left out']);
    expect(await bench.import()).toMatchObject({ expunged: 0 });
    expect((await inbox.status()).messagesCount).toBe(2);
  });

  it('is never written over', async () => {
    await mkdir(bench.dovecot.maildir, { recursive: true });
    await writeFile(`${bench.dovecot.maildir}/precious`, 'mail');
    await expect(bench.export()).rejects.toMatchObject({
      code: 'DSYNCD_DOVECOT_HOME_TAKEN',
      outcome: 'operator',
    });
    expect(await readFile(`${bench.dovecot.maildir}/precious`, 'utf8')).toBe('mail');
  });

  it('appears whole after an export that broke off', async () => {
    await mkdir(`${bench.dovecot.maildir}.dsyncd-new/cur`, { recursive: true });
    await writeFile(`${bench.dovecot.maildir}.dsyncd-new/cur/1.half:2,`, 'half a mail');
    await bench.save(await bench.box('INBOX'), 'Subject: whole\n\n');
    await bench.export();
    expect(await bench.dovecotView()).toEqual(await bench.storeView());
  });
});

describe.skipIf(!hasDovecot)('a Dovecot with "." between levels', () => {
  it('sees the same mailboxes', async () => {
    const bench = await Bench.create('.');
    await bench.save(await bench.box('Work', '2026', 'Über'), 'Subject: x\n\n');
    await bench.mail.setSubscribed(['Work', '2026', 'Über'], true);
    await bench.export();
    expect(await bench.dovecot.lines('mailbox', 'list')).toEqual([
      'Work',
      'Work.2026',
      'Work.2026.Über',
      'INBOX',
    ]);
    expect(await bench.dovecot.lines('mailbox', 'list', '-s')).toEqual(['Work.2026.Über']);
    expect(await bench.dovecot.json('fetch', 'uid', 'mailbox', 'Work.2026.Über')).toEqual([{ uid: '1' }]);
    await bench.dovecot.dispose();
  });
});

describe('placing a body', () => {
  let bench: Bench<MemoryUserMail>;
  const received = 1_234_567_890;
  beforeEach(async () => {
    bench = await Bench.create();
    await mkdir(bench.dovecot.home);
  });
  afterEach(() => bench.dovecot.dispose());
  const file = (name: string): string => `${bench.dovecot.home}/${name}`;

  it('links a file, and gives it the received date', async () => {
    await writeFile(file('body'), 'text');
    expect(await placeBody(createReadStream(file('body')), file('there'), received)).toBe('linked');
    const [source, there] = [await stat(file('body')), await stat(file('there'))];
    expect([there.ino, there.mtimeMs / 1000]).toEqual([source.ino, received]);
  });

  it('copies a file that other mails share, unless its date is the right one', async () => {
    await writeFile(file('body'), 'text');
    await link(file('body'), file('other mail'));
    expect(await placeBody(createReadStream(file('body')), file('there'), received)).toBe('copied');
    expect((await stat(file('there'))).mtimeMs / 1000).toBe(received);
    expect((await stat(file('other mail'))).mtimeMs / 1000).toBeGreaterThan(received);
    await utimes(file('body'), received, received);
    expect(await placeBody(createReadStream(file('body')), file('there too'), received)).toBe('linked');
  });
});

/** Dovecot shows a body with NUL bytes and bytes that are not UTF-8 otherwise than it is. */
const shown = (view: Readonly<Record<string, unknown>>): unknown =>
  JSON.parse(
    JSON.stringify(view, (key, value: unknown) =>
      key === 'text' ? String(value).replace(/[^\n -~]+/g, '?') : value,
    ),
  );

describe.skipIf(!hasDovecot)('a home exported from the Maildir store', () => {
  it('shares the bodies with the store, and takes over what Dovecot did', async () => {
    const dovecot = await DovecotHome.create();
    const folder = `${dovecot.base}/store`;
    const store = openStore(folder);
    const mail = await store.open(parseUserName('alice'), { create: true });
    const bench = new Bench(mail, dovecot);
    const inbox = await bench.box('INBOX');
    const first = await bench.save(inbox, 'Subject: one\n\nx\n', { receivedAt: 1_000_000_000 });
    const sent = await bench.box('Sent');
    await sent.apply([
      { type: 'save', body: { mailbox: inbox.guid, uid: first.uid }, guid: first.guid, receivedAt: 5 },
    ]);
    await bench.save(inbox, `Subject: alone\n\n${'big\n'.repeat(500_000)}`, { receivedAt: 1_000_000_001 });
    // The store hands out small bodies as bytes, large ones as files.
    expect(await bench.export()).toMatchObject({ mails: 3, linked: 1, copied: 2, problems: [] });
    expect(await bench.dovecotView()).toEqual(await bench.storeView());
    await dovecot.save('Sent', 'Subject: new\n\n');
    await dovecot.doveadm(['flags', 'add', '\\Seen', 'mailbox', 'INBOX', 'uid', '1']);
    await dovecot.doveadm(['expunge', 'mailbox', 'Sent', 'uid', '1']);
    expect(await bench.import()).toMatchObject({ saved: 1, flagsChanged: 1, expunged: 1, problems: [] });
    expect(await bench.storeView()).toEqual(await bench.dovecotView());
    await mail.close();
    await store.close();
    await dovecot.dispose();
  });
});
