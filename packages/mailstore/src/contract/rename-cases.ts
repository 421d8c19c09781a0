import { asUid, asUidValidity } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import {
  allMails,
  Bench,
  bodyOf,
  expectError,
  mailboxGuid,
  type OpenStore,
  present,
  startSeconds,
} from './setup.ts';

export function renameCases(openStore: OpenStore): void {
  describe('renaming', () => renaming(openStore));
}

function renaming(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('keeps GUID, UIDVALIDITY and mails, and notes the time', async () => {
    const sent = await bench.create(['Sent']);
    const before = await sent.status();
    await bench.save(sent, 'kept');
    await bench.mail.rename(['Sent'], ['Archive', '2026', 'Sent'], { changedAt: 55 });
    expect(await bench.paths()).toEqual(['Archive/', 'Archive/2026/', 'Archive/2026/Sent', 'INBOX']);
    const node = present(await bench.node(['Archive', '2026', 'Sent']));
    expect(node.mailbox).toMatchObject({
      guid: before.guid,
      uidValidity: before.uidValidity,
      messagesCount: 1,
    });
    expect(node.lastRenamedOrCreated).toBe(55);
    expect((await bodyOf(sent, asUid(1))).toString()).toBe('kept');
    expect((await bench.mail.tree()).deletes).toEqual([]);
  });

  it('moves everything below, and leaves a record for a directory, which has no GUID', async () => {
    await bench.create(['a'], mailboxGuid('1'));
    await bench.create(['a', 'dir', 'x'], mailboxGuid('2'));
    await bench.create(['ab'], mailboxGuid('3'));
    await bench.mail.rename(['a'], ['z'], { changedAt: 9 });
    expect(await bench.paths()).toEqual(['INBOX', 'ab', 'z', 'z/dir/', 'z/dir/x']);
    expect((await bench.node(['z', 'dir', 'x']))?.mailbox?.guid).toBe(mailboxGuid('2'));
    expect((await bench.mail.tree()).deletes).toEqual([
      { type: 'directory', path: ['a', 'dir'], deletedAt: 9 },
    ]);
    await bench.mail.rename(['z', 'dir'], ['a', 'dir']);
    expect(await bench.paths()).toEqual(['INBOX', 'a/', 'a/dir/', 'a/dir/x', 'ab', 'z']);
    expect((await bench.mail.tree()).deletes).toMatchObject([{ type: 'directory', path: ['z', 'dir'] }]);
  });

  it('refuses to rename over a name that exists', async () => {
    await bench.create(['a']);
    await bench.create(['b']);
    await bench.mail.createDirectory(['dir']);
    for (const to of [['b'], ['dir'], ['INBOX'], ['inbox']])
      await expectError(bench.mail.rename(['a'], to), 'DSYNCD_STORE_MAILBOX_EXISTS');
    await expectError(bench.mail.rename(['nothing'], ['c']), 'DSYNCD_STORE_NO_MAILBOX');
    await expectError(bench.mail.rename(['a'], ['a', 'sub']), 'DSYNCD_STORE_BAD_RENAME');
    await bench.mail.rename(['a'], ['a']);
    expect(await bench.paths()).toEqual(['INBOX', 'a', 'b', 'dir/']);
  });

  it('renames to a name that was only subscribed', async () => {
    await bench.create(['a']);
    await bench.mail.setSubscribed(['b'], true);
    await bench.mail.rename(['a'], ['b']);
    expect(await bench.node(['b'])).toMatchObject({ exists: true, subscribed: true });
  });

  it('moves INBOX without what is below it, and leaves a new empty one', async () => {
    const inbox = await bench.inbox();
    const child = await bench.create(['INBOX', 'Child']);
    const before = await inbox.status();
    await bench.save(inbox, 'kept');
    bench.nowSeconds += 10;
    await bench.mail.rename(['inbox'], ['Old']);
    expect(await bench.paths()).toEqual(['INBOX', 'INBOX/Child', 'Old']);
    expect((await bench.node(['INBOX', 'Child']))?.mailbox?.guid).toBe(child.guid);
    expect((await bench.node(['Old']))?.mailbox?.guid).toBe(inbox.guid);
    expect((await bodyOf(inbox, asUid(1))).toString()).toBe('kept');
    const fresh = await bench.inbox();
    expect(fresh.guid).not.toBe(inbox.guid);
    expect(await allMails(fresh)).toEqual([]);
    expect((await fresh.status()).uidValidity).toBeGreaterThan(before.uidValidity);
  });

  it('moves INBOX to a name below itself', async () => {
    const inbox = await bench.inbox();
    await bench.mail.rename(['INBOX'], ['INBOX', '2025']);
    expect(await bench.paths()).toEqual(['INBOX', 'INBOX/2025']);
    expect((await bench.node(['INBOX', '2025']))?.mailbox?.guid).toBe(inbox.guid);
  });

  it('lets two mailboxes change places by way of a third name', async () => {
    const a = await bench.create(['a']);
    const b = await bench.create(['b']);
    await bench.save(a, 'of a');
    await bench.save(b, 'of b');
    await bench.mail.rename(['a'], ['t']);
    await bench.mail.rename(['b'], ['a']);
    await bench.mail.rename(['t'], ['b']);
    expect((await bench.mail.mailboxByPath(['b']))?.guid).toBe(a.guid);
    expect((await bodyOf(present(await bench.mail.mailboxByPath(['a'])), asUid(1))).toString()).toBe('of b');
  });

  it('leaves everything as it was when a name below would become too long', async () => {
    const part = 'p'.repeat(250);
    const deep = Array.from({ length: 10 }, () => part);
    await bench.create(['a', ...deep]);
    const before = await bench.paths();
    await expectError(bench.mail.rename(['a'], deep.slice(0, 8)), 'DSYNCD_MAILBOX_NAME');
    expect(await bench.paths()).toEqual(before);
    expect((await bench.mail.tree()).deletes).toEqual([]);
  });
}

export function identityCases(openStore: OpenStore): void {
  describe('subscriptions', () => subscriptions(openStore));
  describe('identity', () => identity(openStore));
}

function subscriptions(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('subscribes names that do not exist', async () => {
    await bench.mail.setSubscribed(['later', 'maybe'], true, { changedAt: 5 });
    expect(await bench.node(['later', 'maybe'])).toEqual({
      path: ['later', 'maybe'],
      exists: false,
      lastRenamedOrCreated: 0,
      subscribed: true,
      lastSubscriptionChange: 5,
    });
    await bench.create(['later', 'maybe']);
    expect(await bench.node(['later', 'maybe'])).toMatchObject({ exists: true, subscribed: true });
  });

  it('keeps the record of an unsubscription until it is subscribed again', async () => {
    await bench.create(['Sent']);
    await bench.mail.setSubscribed(['Sent'], true, { changedAt: 5 });
    await bench.mail.setSubscribed(['Sent'], true, { changedAt: 6 });
    expect(await bench.node(['Sent'])).toMatchObject({ subscribed: true, lastSubscriptionChange: 5 });
    await bench.mail.setSubscribed(['Sent'], false, { changedAt: 7 });
    expect(await bench.node(['Sent'])).toMatchObject({ subscribed: false, lastSubscriptionChange: 7 });
    expect((await bench.mail.tree()).deletes).toEqual([
      { type: 'unsubscribe', path: ['Sent'], deletedAt: 7 },
    ]);
    await bench.mail.setSubscribed(['Sent'], true, { changedAt: 8 });
    expect((await bench.mail.tree()).deletes).toEqual([]);
  });

  it('forgets a name that was only subscribed', async () => {
    await bench.mail.setSubscribed(['ghost'], true);
    expect(await bench.paths()).toEqual(['INBOX', 'ghost?']);
    await bench.mail.setSubscribed(['ghost'], false);
    expect(await bench.paths()).toEqual(['INBOX']);
    await bench.mail.setSubscribed(['other'], false);
    expect((await bench.mail.tree()).deletes).toMatchObject([{ type: 'unsubscribe', path: ['ghost'] }]);
  });

  it('keeps the subscription of a mailbox that is deleted or renamed with the name', async () => {
    const sent = await bench.create(['Sent']);
    await bench.create(['Work']);
    await bench.mail.setSubscribed(['Sent'], true);
    await bench.mail.setSubscribed(['Work'], true);
    await bench.mail.deleteMailbox(sent.guid);
    await bench.mail.rename(['Work'], ['Play']);
    expect(await bench.paths()).toEqual(['INBOX', 'Play', 'Sent?', 'Work?']);
    expect((await bench.node(['Play']))?.subscribed).toBe(false);
  });
}

function identity(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('gives a mailbox another GUID and UIDVALIDITY, and its mails keep their UIDs', async () => {
    const sent = await bench.create(['Sent']);
    const first = await bench.save(sent, 'one', { keywords: ['k'] });
    const before = await sent.status();
    await bench.mail.changeMailboxIdentity(sent.guid, {
      guid: mailboxGuid('b'),
      uidValidity: asUidValidity(startSeconds + 50),
    });
    await expectError(bench.mail.mailbox(sent.guid), 'DSYNCD_STORE_NO_MAILBOX');
    const renamed = await bench.mail.mailbox(mailboxGuid('b'));
    expect(await renamed.status()).toMatchObject({
      guid: mailboxGuid('b'),
      uidValidity: startSeconds + 50,
      uidNext: before.uidNext,
      messagesCount: 1,
    });
    expect(await allMails(renamed)).toEqual([first]);
    expect((await bodyOf(renamed, first.uid)).toString()).toBe('one');
    expect((await bench.mail.findBodies([first.guid])).get(first.guid)).toEqual({
      mailbox: mailboxGuid('b'),
      uid: first.uid,
    });
    expect((await bench.mail.tree()).deletes).toEqual([
      { type: 'given-up', guid: sent.guid, by: mailboxGuid('b'), deletedAt: bench.nowSeconds },
    ]);
    expect((await bench.node(['Sent']))?.mailbox?.guid).toBe(mailboxGuid('b'));
  });

  it('notes a GUID that was given up elsewhere, until a mailbox has it', async () => {
    const inbox = await bench.inbox();
    await bench.mail.noteGivenUp(mailboxGuid('1'), mailboxGuid('2'));
    await bench.mail.noteGivenUp(mailboxGuid('1'), mailboxGuid('3'));
    await bench.mail.noteGivenUp(inbox.guid, mailboxGuid('2'));
    expect((await bench.mail.tree()).deletes).toEqual([
      { type: 'given-up', guid: mailboxGuid('1'), by: mailboxGuid('2'), deletedAt: bench.nowSeconds },
    ]);
    await bench.create(['Sent'], mailboxGuid('1'));
    expect((await bench.mail.tree()).deletes).toEqual([]);
  });

  it('changes only the UIDVALIDITY when the GUID is the same', async () => {
    const sent = await bench.create(['Sent']);
    await bench.mail.changeMailboxIdentity(sent.guid, { guid: sent.guid, uidValidity: asUidValidity(7) });
    expect((await sent.status()).uidValidity).toBe(7);
  });

  it('refuses a GUID that another mailbox has, and a mailbox that is not there', async () => {
    const sent = await bench.create(['Sent']);
    const inbox = await bench.inbox();
    const to = { guid: inbox.guid, uidValidity: asUidValidity(7) };
    await expectError(bench.mail.changeMailboxIdentity(sent.guid, to), 'DSYNCD_STORE_MAILBOX_EXISTS');
    await expectError(bench.mail.changeMailboxIdentity(mailboxGuid('9'), to), 'DSYNCD_STORE_NO_MAILBOX');
    expect((await sent.status()).guid).toBe(sent.guid);
  });
}
