import { asUidValidity } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { allMails, Bench, bodyOf, expectError, mailboxGuid, type OpenStore, startSeconds } from './setup.ts';

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
