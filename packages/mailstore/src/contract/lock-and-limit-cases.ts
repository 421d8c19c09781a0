import { describe, expect, it } from 'vitest';
import { alice, allMails, Bench, bytesOf, expectError, type OpenStore } from './setup.ts';

export function lockAndLimitCases(openStore: OpenStore): void {
  describe('the sync lock', () => syncLock(openStore));
  describe('limits', () => storeLimits(openStore));
}

function syncLock(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('keeps a second sync out until it is released', async () => {
    const lock = await bench.mail.lock(0);
    const other = await bench.underTest.store.open(alice);
    const error = await expectError(other.lock(0), 'DSYNCD_STORE_LOCKED');
    expect(error.outcome).toBe('busy');
    await expectError(other.lock(20), 'DSYNCD_STORE_LOCKED');
    await lock.release();
    await lock.release();
    const second = await other.lock(0);
    await expectError(bench.mail.lock(0), 'DSYNCD_STORE_LOCKED');
    await lock.release();
    await expectError(bench.mail.lock(0), 'DSYNCD_STORE_LOCKED');
    await second.release();
    await other.close();
  });

  it('goes to one that waits as soon as it is released', async () => {
    const lock = await bench.mail.lock(0);
    const waiting = bench.mail.lock(20_000);
    await lock.release();
    await (await waiting).release();
  });

  it('does not keep deliveries out', async () => {
    const lock = await bench.mail.lock(0);
    await bench.save(await bench.inbox());
    await bench.create(['Sent']);
    await lock.release();
  });

  it('is let go by closing the handle that took it', async () => {
    const other = await bench.underTest.store.open(alice);
    await other.lock(0);
    await other.close();
    await (await bench.mail.lock(5_000)).release();
  });
}

function storeLimits(openStore: OpenStore): void {
  const bench = new Bench(openStore, {
    mailboxesPerUserMax: 3,
    mailsPerMailboxMax: 2,
    keywordsPerMailboxMax: 2,
    mailBytesMax: 10,
  });

  it('takes as many mailboxes as allowed, and not one more', async () => {
    await expectError(bench.create(['a', 'b', 'c']), 'DSYNCD_STORE_LIMIT');
    await bench.create(['a', 'b']);
    await expectError(bench.create(['c']), 'DSYNCD_STORE_LIMIT');
    await expectError(bench.mail.createDirectory(['c']), 'DSYNCD_STORE_LIMIT');
    await expectError(bench.mail.setSubscribed(['c'], true), 'DSYNCD_STORE_LIMIT');
    expect(await bench.paths()).toEqual(['INBOX', 'a/', 'a/b']);
  });

  it('takes as many mails as allowed, and not one more', async () => {
    const inbox = await bench.inbox();
    for (const text of ['1', '2']) await bench.save(inbox, text);
    await expectError(bench.save(inbox, '3'), 'DSYNCD_STORE_LIMIT');
    expect(await allMails(inbox)).toHaveLength(2);
    expect((await inbox.status()).uidNext).toBe(3);
  });

  it('takes as many keywords as allowed, and not one more', async () => {
    const inbox = await bench.inbox();
    await bench.save(inbox, '1', { keywords: ['a'] });
    const { uid } = await bench.save(inbox, '2', { keywords: ['a', 'b'] });
    await expectError(inbox.apply([{ type: 'flags', uid, addKeywords: ['c'] }]), 'DSYNCD_STORE_LIMIT');
    expect((await inbox.mail(uid))?.keywords).toEqual(['a', 'b']);
  });

  it('takes mails as big as allowed, and not one byte more', async () => {
    const stage = await bench.mail.stageBody(bytesOf('0123456789'));
    await stage.discard();
    await expectError(bench.mail.stageBody(bytesOf('01234', '567890')), 'DSYNCD_STORE_LIMIT');
  });
}
