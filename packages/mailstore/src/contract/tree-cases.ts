import { asUid, asUidValidity } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import {
  alice,
  allMails,
  Bench,
  bodyOf,
  expectError,
  mailboxGuid,
  type OpenStore,
  present,
  startSeconds,
} from './setup.ts';

export function treeCases(openStore: OpenStore): void {
  describe('users and INBOX', () => usersAndInbox(openStore));
  describe('creating', () => creating(openStore));
  describe('deleting', () => deleting(openStore));
  describe('many changes of names', () => manyChanges(openStore));
}

function usersAndInbox(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('says that a user without home does not exist, and makes the home only when asked', async () => {
    const { store } = await bench.open();
    const error = await expectError(store.open(alice), 'DSYNCD_STORE_NO_USER');
    expect(error.outcome).toBe('nouser');
    const users = [];
    for await (const user of store.users()) users.push(user);
    expect(users).toEqual([]);
  });

  it('lists the users that have a home', async () => {
    const users = [];
    for await (const user of bench.underTest.store.users()) users.push(user);
    expect(users).toEqual([alice]);
  });

  it('has an empty INBOX from the start', async () => {
    const { nodes, deletes } = await bench.mail.tree();
    expect(deletes).toEqual([]);
    expect(nodes).toHaveLength(1);
    const [inbox] = nodes;
    expect(inbox).toMatchObject({
      path: ['INBOX'],
      exists: true,
      subscribed: false,
      lastSubscriptionChange: 0,
    });
    expect(inbox?.lastRenamedOrCreated).toBe(startSeconds);
    expect(inbox?.mailbox).toMatchObject({ uidValidity: startSeconds, uidNext: 1, messagesCount: 0 });
    expect(inbox?.mailbox?.guid).toMatch(/^[0-9a-f]{32}$/);
  });

  it('gives handles of one user the same data, and closing twice does nothing', async () => {
    const other = await bench.underTest.store.open(alice);
    await bench.save(await bench.inbox());
    const inbox = present(await other.mailboxByPath(['INBOX']));
    expect(await allMails(inbox)).toHaveLength(1);
    await other.close();
    await other.close();
    expect(await bench.paths()).toEqual(['INBOX']);
  });

  it('knows INBOX in any case, but only at the top', async () => {
    const inbox = await bench.inbox();
    expect((await bench.mail.mailboxByPath(['iNbOx']))?.guid).toBe(inbox.guid);
    await expectError(bench.mail.createMailbox(['inbox']), 'DSYNCD_STORE_MAILBOX_EXISTS');
    await bench.create(['inbox', 'sub']);
    await bench.create(['Work', 'inbox']);
    await bench.mail.setSubscribed(['Inbox'], true);
    expect(await bench.paths()).toEqual(['INBOX', 'INBOX/sub', 'Work/', 'Work/inbox']);
    expect((await bench.node(['INBOX']))?.subscribed).toBe(true);
  });

  it('does not delete INBOX', async () => {
    await expectError(bench.mail.deleteMailbox((await bench.inbox()).guid), 'DSYNCD_STORE_INBOX_STAYS');
    expect(await bench.paths()).toEqual(['INBOX']);
  });
}

function creating(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('creates missing parents as directories, and sorts a parent before its children', async () => {
    await bench.create(['b', 'c', 'd']);
    await bench.create(['b-2']);
    await bench.create(['b', 'a']);
    expect(await bench.paths()).toEqual(['INBOX', 'b/', 'b/a', 'b/c/', 'b/c/d', 'b-2']);
  });

  it('takes the GUID, the UIDVALIDITY and the time that it is given', async () => {
    const info = await bench.mail.createMailbox(['Sent'], {
      guid: mailboxGuid('a'),
      uidValidity: asUidValidity(42),
      changedAt: 77,
    });
    expect(info).toMatchObject({ path: ['Sent'], guid: mailboxGuid('a'), uidValidity: 42, messagesCount: 0 });
    expect(info).toMatchObject({ uidNext: 1 });
    expect(await bench.node(['Sent'])).toMatchObject({ lastRenamedOrCreated: 77, exists: true });
  });

  it('refuses a taken name and a taken GUID, and changes nothing by it', async () => {
    await bench.create(['Sent'], mailboxGuid('a'));
    await expectError(bench.mail.createMailbox(['Sent']), 'DSYNCD_STORE_MAILBOX_EXISTS');
    await expectError(
      bench.mail.createMailbox(['x', 'y'], { guid: mailboxGuid('a') }),
      'DSYNCD_STORE_MAILBOX_EXISTS',
    );
    expect(await bench.paths()).toEqual(['INBOX', 'Sent']);
  });

  it('turns a directory into a mailbox', async () => {
    await bench.mail.createDirectory(['Work', 'old'], { changedAt: 50 });
    expect(await bench.paths()).toEqual(['INBOX', 'Work/', 'Work/old/']);
    expect(await bench.node(['Work'])).toMatchObject({ lastRenamedOrCreated: 50 });
    await bench.create(['Work']);
    expect(await bench.paths()).toEqual(['INBOX', 'Work', 'Work/old/']);
  });

  it('leaves a name that exists alone when a directory is wanted', async () => {
    const sent = await bench.create(['Sent']);
    await bench.mail.createDirectory(['Sent'], { changedAt: 1 });
    expect((await bench.node(['Sent']))?.mailbox?.guid).toBe(sent.guid);
    expect((await bench.node(['Sent']))?.lastRenamedOrCreated).toBe(startSeconds);
  });

  it('never repeats a UIDVALIDITY nor lets one go down', async () => {
    const seen = [(await (await bench.inbox()).status()).uidValidity];
    for (const name of ['a', 'b', 'c']) seen.push((await bench.mail.createMailbox([name])).uidValidity);
    const b = present(await bench.mail.mailboxByPath(['b']));
    await bench.mail.deleteMailbox(b.guid);
    bench.nowSeconds -= 1000;
    seen.push((await bench.mail.createMailbox(['b'])).uidValidity);
    await bench.mail.createMailbox(['given'], { uidValidity: asUidValidity(startSeconds + 500) });
    const afterGiven = (await bench.mail.createMailbox(['d'])).uidValidity;
    expect(seen).toEqual([...new Set(seen)].sort((x, y) => x - y));
    expect(afterGiven).toBeGreaterThan(startSeconds + 500);
    bench.nowSeconds = startSeconds + 9999;
    expect((await bench.mail.createMailbox(['e'])).uidValidity).toBe(startSeconds + 9999);
  });

  it('refuses names that no mailbox can have', async () => {
    for (const path of [[], [''], ['a', '..'], ['a/b'], ['a\u0000'], ['x'.repeat(256)]])
      for (const call of [
        () => bench.mail.createMailbox(path),
        () => bench.mail.createDirectory(path),
        () => bench.mail.rename(['INBOX'], path),
        () => bench.mail.setSubscribed(path, true),
      ])
        await expectError(call(), 'DSYNCD_MAILBOX_NAME');
    expect(await bench.paths()).toEqual(['INBOX']);
  });

  it('keeps odd names as they are', async () => {
    const names = [
      '.dot',
      'Übung & "mehr"',
      '日本語',
      'a.b',
      '&-',
      '~',
      'dbox-Mails',
      'tmp',
      'cur',
      'con\\x',
      ' s ',
      '%2e',
    ];
    for (const name of names) await bench.create([name, name]);
    const wanted = ['INBOX', ...names.flatMap((name) => [`${name}/`, `${name}/${name}`])];
    expect([...(await bench.paths())].sort()).toEqual(wanted.sort());
    for (const name of names) expect(await bench.mail.mailboxByPath([name, name])).toBeDefined();
  });

  it('keeps names apart that differ only in case or Unicode form', async () => {
    for (const name of ['sent', 'Sent', 'caf\u00e9', 'cafe\u0301'])
      await bench.save(await bench.create([name]), name);
    for (const name of ['sent', 'Sent', 'caf\u00e9', 'cafe\u0301']) {
      const mailbox = present(await bench.mail.mailboxByPath([name]));
      expect((await bodyOf(mailbox, asUid(1))).toString()).toBe(name);
    }
  });
}

function deleting(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('leaves a deletion record, and the mails are gone', async () => {
    const sent = await bench.create(['Sent']);
    const { guid } = await bench.save(sent);
    await bench.mail.deleteMailbox(sent.guid, { changedAt: 99 });
    const tree = await bench.mail.tree();
    expect(tree.deletes).toEqual([{ type: 'mailbox', guid: sent.guid, deletedAt: 99 }]);
    expect(await bench.paths()).toEqual(['INBOX']);
    expect(await bench.mail.mailboxByPath(['Sent'])).toBeUndefined();
    expect((await bench.mail.findBodies([guid])).size).toBe(0);
    await expectError(bench.mail.mailbox(sent.guid), 'DSYNCD_STORE_NO_MAILBOX');
    await expectError(sent.status(), 'DSYNCD_STORE_NO_MAILBOX');
    await expectError(sent.apply([]), 'DSYNCD_STORE_NO_MAILBOX');
    await expectError(bench.mail.deleteMailbox(sent.guid), 'DSYNCD_STORE_NO_MAILBOX');
  });

  it('turns a mailbox with children into a directory', async () => {
    const work = await bench.create(['Work']);
    const child = await bench.create(['Work', 'child']);
    await bench.save(child, 'kept');
    await bench.mail.deleteMailbox(work.guid);
    expect(await bench.paths()).toEqual(['INBOX', 'Work/', 'Work/child']);
    expect((await bodyOf(child, asUid(1))).toString()).toBe('kept');
    expect((await bench.mail.tree()).deletes).toMatchObject([{ type: 'mailbox', guid: work.guid }]);
  });

  it('lets a GUID come back, and drops its deletion record then', async () => {
    const sent = await bench.create(['Sent']);
    await bench.save(sent, 'old');
    await bench.mail.deleteMailbox(sent.guid);
    const again = await bench.create(['Sent'], sent.guid);
    expect((await bench.mail.tree()).deletes).toEqual([]);
    expect(await allMails(again)).toEqual([]);
    await bench.save(again, 'new');
    expect((await bodyOf(again, asUid(1))).toString()).toBe('new');
  });

  it('deletes only directories without children, and records it', async () => {
    await bench.mail.createDirectory(['a', 'b']);
    const box = await bench.create(['box']);
    await bench.mail.deleteDirectory(['a']);
    await bench.mail.deleteDirectory(['box']);
    await bench.mail.deleteDirectory(['never']);
    expect(await bench.paths()).toEqual(['INBOX', 'a/', 'a/b/', 'box']);
    expect((await bench.mail.tree()).deletes).toEqual([]);
    await bench.mail.deleteDirectory(['a', 'b'], { changedAt: 7 });
    await bench.mail.deleteDirectory(['a'], { changedAt: 8 });
    expect(await bench.paths()).toEqual(['INBOX', 'box']);
    const { deletes } = await bench.mail.tree();
    expect([...deletes].sort((x, y) => x.deletedAt - y.deletedAt)).toEqual([
      { type: 'directory', path: ['a', 'b'], deletedAt: 7 },
      { type: 'directory', path: ['a'], deletedAt: 8 },
    ]);
    await bench.mail.createDirectory(['a']);
    expect((await bench.mail.tree()).deletes).toEqual([
      { type: 'directory', path: ['a', 'b'], deletedAt: 7 },
    ]);
    expect((await bench.mail.mailbox(box.guid)).guid).toBe(box.guid);
  });
}

function manyChanges(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('does them in order, leaves out what was overtaken and says why', async () => {
    await bench.create(['Old'], mailboxGuid('a'));
    const reasons = await bench.mail.changeNames([
      { type: 'create-directory', path: ['Work'], changedAt: 60 },
      { type: 'create-mailbox', path: ['Work', 'x'], guid: mailboxGuid('b'), uidValidity: asUidValidity(9) },
      { type: 'create-mailbox', path: ['Work', 'x'], guid: mailboxGuid('c') },
      { type: 'delete-mailbox', guid: mailboxGuid('d') },
      { type: 'rename', from: ['Old'], to: ['New'], changedAt: 70 },
      { type: 'rename', from: ['Old'], to: ['Newer'] },
      { type: 'subscribe', path: ['New'], subscribed: true, changedAt: 80 },
      { type: 'create-directory', path: ['Empty'] },
      { type: 'delete-directory', path: ['Empty'] },
      { type: 'delete-directory', path: ['Work'] },
      { type: 'note-given-up', guid: mailboxGuid('e'), by: mailboxGuid('b') },
    ]);
    expect(reasons.flatMap((reason, index) => (reason === undefined ? [] : [index]))).toEqual([2, 3, 5]);
    expect(await bench.paths()).toEqual(['INBOX', 'New', 'Work/', 'Work/x']);
    expect(await bench.node(['New'])).toMatchObject({
      lastRenamedOrCreated: 70,
      subscribed: true,
      lastSubscriptionChange: 80,
      mailbox: { guid: mailboxGuid('a') },
    });
    expect(await bench.node(['Work', 'x'])).toMatchObject({
      mailbox: { guid: mailboxGuid('b'), uidValidity: 9 },
    });
    expect((await bench.mail.tree()).deletes.map(({ type }) => type).toSorted()).toEqual([
      'directory',
      'given-up',
    ]);
  });

  it('moves INBOX among them, and a mailbox that is deleted takes its mails along', async () => {
    const inbox = await bench.inbox();
    await bench.save(inbox);
    const sent = await bench.create(['Sent']);
    const reasons = await bench.mail.changeNames([
      { type: 'rename', from: ['INBOX'], to: ['Before'] },
      { type: 'delete-mailbox', guid: sent.guid },
      { type: 'create-mailbox', path: ['Sent'], guid: mailboxGuid('f') },
    ]);
    expect(reasons).toEqual([undefined, undefined, undefined]);
    expect(await bench.paths()).toEqual(['Before', 'INBOX', 'Sent']);
    expect((await bench.node(['Before']))?.mailbox).toMatchObject({ guid: inbox.guid, messagesCount: 1 });
    expect((await bench.node(['INBOX']))?.mailbox?.messagesCount).toBe(0);
  });
}
