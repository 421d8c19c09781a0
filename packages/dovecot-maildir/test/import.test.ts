import { readdir, readFile, rename, rm, unlink, writeFile } from 'node:fs/promises';
import { gzipSync } from 'node:zlib';
import { asMailGuid, asUid } from '@dsyncd/core';
import { exportDovecot, importDovecot } from '@dsyncd/dovecot-maildir';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Bench } from './bench.ts';
import { hasDovecot } from './dovecot-home.ts';

const nothing = {
  mailboxesCreated: 0,
  mailboxesRenamed: 0,
  mailboxesDeleted: 0,
  saved: 0,
  flagsChanged: 0,
  expunged: 0,
  subscriptionsChanged: 0,
};
const text = (subject: string): string => `Subject: ${subject}\n\nbody of ${subject}\n`;

describe.skipIf(!hasDovecot)('importing from Dovecot', () => {
  let bench: Bench;
  beforeEach(async () => {
    bench = await Bench.create();
    const inbox = await bench.box('INBOX');
    for (const subject of ['one', 'two', 'three', 'four'])
      await bench.save(inbox, text(subject), { keywords: ['old'] });
  });
  afterEach(() => bench.dovecot.dispose());

  const subjects = async (...path: readonly string[]): Promise<readonly string[]> => {
    const mailbox = await bench.box(...path);
    const mails = await mailbox.mails(asUid(1), 100);
    const texts = await Promise.all(mails.map((mail) => bench.body(mailbox, mail.uid)));
    return texts.map((body) => body.replace(/^Subject: (.*?)\r?\n.*$/s, '$1'));
  };
  const flagsOf = async (uid: number) => {
    const record = await (await bench.box('INBOX')).mail(asUid(uid));
    return record && { flags: record.flags, keywords: record.keywords };
  };
  /** Both sides are equal, and importing again changes nothing. */
  const expectSettled = async (): Promise<void> => {
    expect(await bench.storeView()).toEqual(await bench.dovecotView());
    expect(await bench.import()).toEqual({ ...nothing, problems: [] });
    expect(await bench.storeView()).toEqual(await bench.dovecotView());
  };

  it('does nothing when Dovecot did nothing', async () => {
    await bench.export();
    expect(await bench.import()).toEqual({ ...nothing, problems: [] });
    await expectSettled();
  });

  it('takes over new mails, flags, keywords and expunges, in the same UIDs', async () => {
    await bench.export();
    await bench.dovecot.save('INBOX', text('new'));
    await bench.dovecot.imap(
      'SELECT INBOX',
      'UID STORE 1 +FLAGS (\\Seen \\Flagged $Fresh)',
      'UID STORE 2 -FLAGS (old)',
      'UID STORE 3 +FLAGS (\\Deleted)',
    );
    // Not in one go: Dovecot runs pipelined commands on what it saw before them.
    await bench.dovecot.imap('SELECT INBOX', 'EXPUNGE');
    expect(await bench.import()).toEqual({
      ...nothing,
      saved: 1,
      flagsChanged: 2,
      expunged: 1,
      problems: [],
    });
    expect(await subjects('INBOX')).toEqual(['one', 'two', 'four', 'new']);
    expect(await flagsOf(1)).toEqual({ flags: 2 | 8, keywords: ['$Fresh', 'old'] });
    expect(await flagsOf(2)).toEqual({ flags: 0, keywords: [] });
    await expectSettled();
  });

  it('follows what Dovecot changes after an import', async () => {
    await bench.export();
    await bench.dovecot.save('INBOX', text('new'));
    await bench.import();
    await bench.dovecot.doveadm(['flags', 'add', '\\Seen', 'mailbox', 'INBOX', 'uid', '5,1']);
    await bench.import();
    await bench.dovecot.doveadm(['flags', 'remove', '\\Seen', 'mailbox', 'INBOX', 'uid', '1']);
    await bench.dovecot.doveadm(['expunge', 'mailbox', 'INBOX', 'uid', '5']);
    expect(await bench.import()).toEqual({ ...nothing, flagsChanged: 1, expunged: 1, problems: [] });
    await expectSettled();
  });

  it('takes over moves and copies between mailboxes', async () => {
    await bench.box('Work');
    await bench.export();
    await bench.dovecot.doveadm(['move', 'Work', 'mailbox', 'INBOX', 'uid', '1']);
    await bench.dovecot.doveadm(['copy', 'Work', 'mailbox', 'INBOX', 'uid', '2']);
    await bench.dovecot.doveadm(['copy', 'INBOX', 'mailbox', 'INBOX', 'uid', '3']);
    await bench.import();
    expect(await subjects('INBOX')).toEqual(['two', 'three', 'four', 'three']);
    expect(await subjects('Work')).toEqual(['one', 'two']);
    await expectSettled();
  });

  it('gives a mail that was moved out and back its new UID', async () => {
    await bench.box('Work');
    await bench.export();
    await bench.dovecot.doveadm(['move', 'Work', 'mailbox', 'INBOX', 'uid', '1']);
    await bench.dovecot.doveadm(['move', 'INBOX', 'mailbox', 'Work', 'all']);
    await bench.import();
    expect(await subjects('INBOX')).toEqual(['two', 'three', 'four', 'one']);
    await expectSettled();
  });

  it('takes over new, renamed and deleted mailboxes and subscriptions', async () => {
    const work = await bench.box('Work');
    const child = await bench.box('Work', 'v1.0');
    await bench.save(child, text('in child'));
    const trash = await bench.box('Trash', 'old');
    await bench.save(trash, text('thrown away'));
    await bench.mail.setSubscribed(['Work'], true);
    await bench.mail.setSubscribed(['INBOX'], true);
    await bench.export();
    await bench.dovecot.doveadm(['mailbox', 'rename', 'Work', 'Über/Job']);
    await bench.dovecot.doveadm(['mailbox', 'delete', 'Trash/old']);
    await bench.dovecot.doveadm(['mailbox', 'create', 'Über/new']);
    await bench.dovecot.save('Über/new', text('fresh'));
    await bench.dovecot.doveadm(['mailbox', 'unsubscribe', 'Work']);
    await bench.dovecot.doveadm(['mailbox', 'subscribe', 'Über/Job']);
    expect(await bench.import()).toMatchObject({
      mailboxesCreated: 1,
      mailboxesDeleted: 1,
      saved: 1,
      subscriptionsChanged: 2,
      problems: [],
    });
    expect((await bench.mail.mailboxByPath(['Über', 'Job']))?.guid).toBe(work.guid);
    expect(await subjects('Über', 'new')).toEqual(['fresh']);
    const { nodes } = await bench.mail.tree();
    const guids = nodes.flatMap(({ path, mailbox }) =>
      mailbox === undefined ? [] : [[mailbox.guid, path.join('/')]],
    );
    expect(guids.find(([guid]) => guid === child.guid)?.[1]).toMatch(/^Über\/Job\//);
    expect(guids.map(([, name]) => name).sort()).toHaveLength(4);
    expect(nodes.filter(({ subscribed }) => subscribed).map(({ path }) => path.join('/'))).toEqual([
      'INBOX',
      'Über/Job',
    ]);
    expect(await bench.import()).toEqual({ ...nothing, problems: [] });
  });

  it('follows two mailboxes that changed places, and one that went below itself', async () => {
    for (const name of ['a', 'b', 'c']) await bench.save(await bench.box(name), text(`of ${name}`));
    await bench.export();
    await bench.dovecot.doveadm(['mailbox', 'rename', 'a', 't']);
    await bench.dovecot.doveadm(['mailbox', 'rename', 'b', 'a']);
    await bench.dovecot.doveadm(['mailbox', 'rename', 't', 'b']);
    await bench.dovecot.doveadm(['mailbox', 'rename', 'c', 'x']);
    await bench.dovecot.doveadm(['mailbox', 'rename', 'x', 'c/below']);
    await bench.import();
    expect([await subjects('a'), await subjects('b'), await subjects('c', 'below')]).toEqual([
      ['of b'],
      ['of a'],
      ['of c'],
    ]);
    await expectSettled();
  });

  it('keeps a mailbox that Dovecot deleted and made anew apart from the old one', async () => {
    await bench.save(await bench.box('Work'), text('old'));
    await bench.export();
    await bench.dovecot.doveadm(['mailbox', 'delete', 'Work']);
    await bench.dovecot.doveadm(['mailbox', 'create', 'Work']);
    await bench.dovecot.save('Work', text('new'));
    expect(await bench.import()).toMatchObject({ mailboxesDeleted: 1, mailboxesCreated: 1, problems: [] });
    expect(await subjects('Work')).toEqual(['new']);
    await expectSettled();
  });

  describe('when the store changed too', () => {
    it('merges flags by who changed what', async () => {
      await bench.export();
      const inbox = await bench.box('INBOX');
      await inbox.apply([
        { type: 'flags', uid: asUid(1), addFlags: 2, addKeywords: ['here'], removeKeywords: ['old'] },
      ]);
      await bench.dovecot.doveadm(['flags', 'add', '\\Seen there', 'mailbox', 'INBOX', 'uid', '1']);
      await bench.import();
      const merged = { flags: 2 | 8, keywords: ['here', 'there'] };
      expect(await flagsOf(1)).toEqual(merged);
      expect(await bench.import()).toEqual({ ...nothing, problems: [] });
      expect(await flagsOf(1)).toEqual(merged);
      // Dovecot never learned of \Flagged; that it lacks it is no change of Dovecot's, that it sets and removes it is.
      await bench.dovecot.doveadm(['flags', 'remove', '\\Seen', 'mailbox', 'INBOX', 'uid', '1']);
      await bench.import();
      expect(await flagsOf(1)).toEqual({ flags: 2, keywords: ['here', 'there'] });
    });

    it('keeps both mails where both sides gave the same UID', async () => {
      await bench.export();
      const here = await bench.save(await bench.box('INBOX'), text('delivered here'));
      await bench.dovecot.save('INBOX', text('delivered there'));
      expect(here.uid).toBe(5);
      await bench.import();
      expect([...(await subjects('INBOX'))].sort()).toEqual(
        ['one', 'two', 'three', 'four', 'delivered here', 'delivered there'].sort(),
      );
      const uids = (await (await bench.box('INBOX')).mails(asUid(1), 10)).map(({ uid }) => Number(uid));
      expect(uids.filter((uid) => uid > 4)).toEqual([6, 7]);
      expect(await bench.import()).toEqual({ ...nothing, problems: [] });
      await bench.dovecot.doveadm(['expunge', 'mailbox', 'INBOX', 'uid', '5']);
      expect(await bench.import()).toEqual({ ...nothing, expunged: 1, problems: [] });
      expect(await subjects('INBOX')).toEqual(['one', 'two', 'three', 'four', 'delivered here']);
    });

    it('lets an expunge win, here and there, and brings no mail back', async () => {
      await bench.export();
      const inbox = await bench.box('INBOX');
      await inbox.apply([{ type: 'expunge', uid: asUid(1) }]);
      await bench.dovecot.doveadm(['flags', 'add', '\\Seen', 'mailbox', 'INBOX', 'uid', '1']);
      await inbox.apply([{ type: 'flags', uid: asUid(2), addFlags: 1 }]);
      await bench.dovecot.doveadm(['expunge', 'mailbox', 'INBOX', 'uid', '2']);
      expect(await bench.import()).toEqual({ ...nothing, expunged: 1, problems: [] });
      expect(await subjects('INBOX')).toEqual(['three', 'four']);
      expect(await bench.import()).toEqual({ ...nothing, problems: [] });
    });

    it('does not bring back an imported mail that the store expunged', async () => {
      await bench.export();
      await bench.save(await bench.box('INBOX'), text('here'));
      await bench.dovecot.save('INBOX', text('there'));
      await bench.import();
      const inbox = await bench.box('INBOX');
      const there = (await inbox.mails(asUid(1), 10)).find(({ guid }) => guid.includes(',S='));
      await inbox.apply([{ type: 'expunge', uid: there?.uid ?? asUid(0) }]);
      for (const _ of [1, 2]) expect(await bench.import()).toEqual({ ...nothing, problems: [] });
      expect([...(await subjects('INBOX'))].sort()).toEqual(['four', 'here', 'one', 'three', 'two']);
    });

    it('keeps a mailbox that Dovecot deleted but that got mail here', async () => {
      await bench.save(await bench.box('Work'), text('old'));
      await bench.export();
      await bench.save(await bench.box('Work'), text('new'));
      await bench.dovecot.doveadm(['mailbox', 'delete', 'Work']);
      const report = await bench.import();
      expect(report.problems).toEqual([
        expect.stringContaining('mailbox "Work" was deleted there, but stays'),
      ]);
      expect(await subjects('Work')).toEqual(['old', 'new']);
    });

    it('makes a mailbox anew that was deleted here but got mail there, with that mail only', async () => {
      const work = await bench.box('Work');
      await bench.save(work, text('old'));
      await bench.export();
      await bench.mail.deleteMailbox(work.guid);
      await bench.dovecot.save('Work', text('new'));
      expect(await bench.import()).toEqual({ ...nothing, mailboxesCreated: 1, saved: 1, problems: [] });
      expect(await subjects('Work')).toEqual(['new']);
      expect(await bench.import()).toEqual({ ...nothing, problems: [] });
      expect((await bench.mail.mailboxByPath(['Work']))?.guid).toBe(work.guid);
    });

    it('merges mailboxes that both sides created', async () => {
      await bench.export();
      await bench.save(await bench.box('Both'), text('here'));
      await bench.dovecot.doveadm(['mailbox', 'create', 'Both']);
      await bench.dovecot.save('Both', text('there'));
      expect(await bench.import()).toEqual({ ...nothing, saved: 1, problems: [] });
      expect([...(await subjects('Both'))].sort()).toEqual(['here', 'there']);
      expect(await bench.import()).toEqual({ ...nothing, problems: [] });
      await bench.dovecot.doveadm(['expunge', 'mailbox', 'Both', 'all']);
      await bench.import();
      expect(await subjects('Both')).toEqual(['here']);
    });
  });

  describe('when something is damaged', () => {
    it('expunges nothing and doubles nothing after the list of UIDs was lost', async () => {
      await bench.export();
      await unlink(`${bench.dovecot.maildir}/dovecot-uidlist`);
      const [file = ''] = await readdir(`${bench.dovecot.maildir}/cur`);
      await unlink(`${bench.dovecot.maildir}/cur/${file}`);
      expect((await bench.import()).problems).toHaveLength(1);
      expect(await subjects('INBOX')).toHaveLength(4);
      await bench.dovecot.json('fetch', 'uid', 'mailbox', 'INBOX');
      expect(await bench.import()).toMatchObject({ saved: 0 });
      expect([...(await subjects('INBOX'))].length).toBeGreaterThanOrEqual(3);
    });

    it('keeps a mailbox whose folder lost its mails but not itself', async () => {
      await bench.save(await bench.box('Work'), text('kept'));
      await bench.export();
      await rm(`${bench.dovecot.maildir}/.Work/cur`, { recursive: true });
      const report = await bench.import();
      expect(report.problems).toEqual([expect.stringContaining('is damaged, not deleted')]);
      expect(await subjects('Work')).toEqual(['kept']);
    });

    it('refuses a home without the record of its export, or of another user', async () => {
      await bench.export();
      const record = `${bench.dovecot.maildir}/dsyncd-export.json`;
      const content = await readFile(record, 'utf8');
      await writeFile(record, content.replace('"user":"alice"', '"user":"carol"'));
      await expect(bench.import()).rejects.toMatchObject({ code: 'DSYNCD_DOVECOT_NO_EXPORT' });
      for (const broken of ['{}', '{"version":1', content.replace('"notThere":[', '"notThere":[7,')]) {
        await writeFile(record, broken);
        await expect(bench.import()).rejects.toMatchObject({ code: 'DSYNCD_DOVECOT_NO_EXPORT' });
      }
      await rm(record);
      await expect(bench.import()).rejects.toMatchObject({
        code: 'DSYNCD_DOVECOT_NO_EXPORT',
        outcome: 'operator',
      });
      await rename(bench.dovecot.maildir, `${bench.dovecot.maildir}.gone`);
      await expect(bench.import()).rejects.toMatchObject({ code: 'DSYNCD_DOVECOT_NO_EXPORT' });
      expect(await subjects('INBOX')).toHaveLength(4);
    });

    it('comes to the same when it is repeated after it broke off before its record was written', async () => {
      await bench.export();
      const record = `${bench.dovecot.maildir}/dsyncd-export.json`;
      const before = await readFile(record);
      await bench.save(await bench.box('INBOX'), text('here'));
      await bench.dovecot.save('INBOX', text('there'));
      await bench.dovecot.doveadm(['mailbox', 'create', 'New']);
      await bench.dovecot.save('New', text('in new'));
      await bench.dovecot.doveadm(['flags', 'add', '\\Seen', 'mailbox', 'INBOX', 'uid', '1']);
      await bench.dovecot.doveadm(['expunge', 'mailbox', 'INBOX', 'uid', '2']);
      await bench.import();
      const view = await bench.storeView();
      await writeFile(record, before);
      expect(await bench.import()).toEqual({ ...nothing, problems: [] });
      expect(await bench.storeView()).toEqual(view);
    });

    it('unpacks gzip, and leaves what it cannot unpack, which is tried again', async () => {
      await bench.export();
      const file = (name: string): string => `${bench.dovecot.maildir}/new/${name}`;
      await writeFile(file('1.gz.host'), gzipSync(text('packed')));
      await writeFile(file('2.zst.host'), Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 1, 2, 3]));
      for (const saved of [1, 0]) {
        const report = await bench.import();
        expect(report).toMatchObject({ saved, problems: [expect.stringContaining('2.zst.host')] });
      }
      expect(await subjects('INBOX')).toEqual(['one', 'two', 'three', 'four', 'packed']);
    });

    it('waits for no lock longer than it is told', async () => {
      const lock = await bench.mail.lock(0);
      const home = { mail: bench.mail, home: bench.dovecot.home, lockTimeoutMs: 1 };
      await expect(exportDovecot(home)).rejects.toMatchObject({ code: 'DSYNCD_STORE_LOCKED' });
      await expect(importDovecot(home)).rejects.toMatchObject({ code: 'DSYNCD_STORE_LOCKED' });
      await lock.release();
    });
  });

  it('takes over mails whose GUID no list of UIDs can hold', async () => {
    const inbox = await bench.box('INBOX');
    const odd = await bench.save(inbox, text('odd'), { guid: asMailGuid('with a space / and ü') });
    await bench.export();
    await bench.dovecot.doveadm(['flags', 'add', '\\Seen', 'mailbox', 'INBOX', 'uid', '5']);
    expect(await bench.import()).toEqual({ ...nothing, flagsChanged: 1, problems: [] });
    expect(await inbox.mail(odd.uid)).toMatchObject({ flags: 8, guid: 'with a space / and ü' });
    await inbox.apply([{ type: 'expunge', uid: odd.uid }]);
    expect(await bench.import()).toEqual({ ...nothing, problems: [] });
  });
});
