import { asModSeq, asUid, uint32Max } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import {
  allMails,
  applyOne,
  Bench,
  bodyOf,
  bytesOf,
  everything,
  expectError,
  mailboxGuid,
  mailGuid,
  type OpenStore,
  present,
  savedUid,
  startSeconds,
} from './setup.ts';

export function saveCases(openStore: OpenStore): void {
  describe('saving', () => saving(openStore));
  describe('copying', () => copying(openStore));
  describe('counters', () => counters(openStore));
  describe('listing', () => listing(openStore));
}

function saving(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('keeps all that is known of a mail', async () => {
    const inbox = await bench.inbox();
    const record = await bench.save(inbox, 'a\nb\r\n', {
      guid: mailGuid('c'),
      flags: 9,
      keywords: ['zeta', '$Alpha', 'zeta'],
      receivedAt: 100,
      savedAt: 200,
      pop3Uidl: 'uidl-1',
      pop3Order: 3,
    });
    expect(record).toEqual({
      uid: 1,
      guid: mailGuid('c'),
      modSeq: (await inbox.status()).highestModSeq,
      flags: 9,
      keywords: ['$Alpha', 'zeta'],
      flagModSeqs: { flags: [0, 0, 0, 0, 0], keywords: {} },
      receivedAt: 100,
      savedAt: 200,
      size: 5,
      virtualSize: 6,
      pop3Uidl: 'uidl-1',
      pop3Order: 3,
    });
  });

  it('fills in what is not given: now, no flags, a new GUID', async () => {
    const inbox = await bench.inbox();
    const first = await bench.save(inbox);
    const second = await bench.save(inbox);
    expect(first).toMatchObject({ flags: 0, keywords: [], receivedAt: startSeconds, savedAt: startSeconds });
    expect([first.pop3Uidl, first.pop3Order]).toEqual([undefined, undefined]);
    expect(first.guid).toMatch(/^[0-9a-f]{32}$/);
    expect(second.guid).not.toBe(first.guid);
    expect([first.uid, second.uid]).toEqual([1, 2]);
  });

  it('gives the wanted UID from uidNext on, and uidNext to one below', async () => {
    const inbox = await bench.inbox();
    expect((await bench.save(inbox, 'x', { uid: asUid(10) })).uid).toBe(10);
    expect((await bench.save(inbox, 'x', { uid: asUid(11) })).uid).toBe(11);
    expect((await bench.save(inbox, 'x', { uid: asUid(5) })).uid).toBe(12);
    expect((await bench.save(inbox, 'x', { uid: asUid(12) })).uid).toBe(13);
    expect((await inbox.status()).uidNext).toBe(14);
  });

  it('never gives a UID again, not even that of the last mail', async () => {
    const inbox = await bench.inbox();
    await bench.save(inbox);
    const last = await bench.save(inbox);
    await applyOne(inbox, { type: 'expunge', uid: last.uid });
    expect((await inbox.status()).uidNext).toBe(3);
    expect((await bench.save(inbox, 'x', { uid: last.uid })).uid).toBe(3);
  });

  it('says when there is no UID left, and saves nothing', async () => {
    const inbox = await bench.inbox();
    await applyOne(inbox, { type: 'raise', uidNext: asUid(uint32Max - 1) });
    expect((await bench.save(inbox)).uid).toBe(uint32Max - 1);
    await expectError(bench.save(inbox), 'DSYNCD_STORE_UIDS_EXHAUSTED');
    expect(await allMails(inbox)).toHaveLength(1);
    expect((await inbox.status()).uidNext).toBe(uint32Max);
  });

  it('holds the same GUID twice in a mailbox', async () => {
    const inbox = await bench.inbox();
    await bench.save(inbox, 'same', { guid: mailGuid('d') });
    await bench.save(inbox, 'same', { guid: mailGuid('d') });
    await bench.save(inbox, 'else', { guid: mailGuid('e') });
    expect((await inbox.mailsByGuid([mailGuid('d')])).map(({ uid }) => uid)).toEqual([1, 2]);
    expect((await inbox.mailsByGuid([mailGuid('f')])).length).toBe(0);
    await applyOne(inbox, { type: 'expunge', uid: asUid(1) });
    expect((await inbox.mailsByGuid([mailGuid('e'), mailGuid('d')])).map(({ uid }) => uid).sort()).toEqual([
      2, 3,
    ]);
    expect((await bodyOf(inbox, asUid(2))).toString()).toBe('same');
  });

  it('saves all of one call or nothing', async () => {
    const inbox = await bench.inbox();
    const before = await inbox.status();
    const kept = await bench.save(inbox, 'kept', { keywords: ['old'] });
    const between = await inbox.status();
    const body = await bench.mail.stageBody(bytesOf('staged'));
    const failing = inbox.apply([
      { type: 'flags', uid: kept.uid, addFlags: 8, addKeywords: ['new'] },
      { type: 'save', body },
      { type: 'expunge', uid: kept.uid },
      { type: 'expunged-elsewhere', uid: asUid(50), guid: mailGuid('a') },
      { type: 'attribute', attribute: { type: 'shared', key: 'k', value: 'v', changedAt: 1 } },
      { type: 'raise', uidNext: asUid(1000) },
      { type: 'save', body: { mailbox: mailboxGuid('9'), uid: asUid(1) } },
    ]);
    await expectError(failing, 'DSYNCD_STORE_NO_MAIL');
    expect(await inbox.status()).toEqual(between);
    expect(before.uidNext).toBe(1);
    expect(await allMails(inbox)).toEqual([kept]);
    expect(await inbox.expunges(everything, 10)).toEqual([]);
    expect(await inbox.attributes(asModSeq(0))).toEqual([]);
    expect((await bodyOf(inbox, kept.uid)).toString()).toBe('kept');
    await body.discard();
  });

  it('answers each change in order, and how the mailbox was before and is after', async () => {
    const inbox = await bench.inbox();
    const [first, second] = [
      await bench.mail.stageBody(bytesOf('1')),
      await bench.mail.stageBody(bytesOf('2')),
    ];
    const before = await inbox.status();
    const result = await inbox.apply([
      { type: 'save', body: first },
      { type: 'flags', uid: asUid(1), addFlags: 8 },
      { type: 'flags', uid: asUid(1), addFlags: 8 },
      { type: 'save', uid: asUid(7), body: second },
      { type: 'expunge', uid: asUid(1) },
      { type: 'flags', uid: asUid(1), addFlags: 1 },
    ]);
    expect(result.before).toEqual(before);
    expect(result.after).toEqual(await inbox.status());
    expect(result.results).toEqual([
      { uid: 1 },
      { changed: true },
      { changed: false },
      { uid: 7 },
      { changed: true },
      { changed: false },
    ]);
    expect(result.after).toMatchObject({ uidNext: 8, messagesCount: 1 });
  });
}

function copying(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('saves the body of a mail elsewhere, which outlives the first', async () => {
    const inbox = await bench.inbox();
    const sent = await bench.create(['Sent']);
    const first = await bench.save(inbox, 'a\nshared');
    const copy = savedUid(
      await applyOne(sent, { type: 'save', guid: first.guid, body: { mailbox: inbox.guid, uid: first.uid } }),
    );
    expect(await sent.mail(copy)).toMatchObject({ guid: first.guid, size: 8, virtualSize: 9 });
    await applyOne(inbox, { type: 'expunge', uid: first.uid });
    expect((await bodyOf(sent, copy)).toString()).toBe('a\nshared');
    expect((await bench.mail.findBodies([first.guid])).get(first.guid)).toEqual({
      mailbox: sent.guid,
      uid: copy,
    });
    await bench.mail.deleteMailbox(sent.guid);
    expect((await bench.mail.findBodies([first.guid])).size).toBe(0);
  });

  it('copies within a mailbox, also a mail that was saved or is expunged in the same call', async () => {
    const inbox = await bench.inbox();
    const body = await bench.mail.stageBody(bytesOf('moved'));
    const result = await inbox.apply([
      { type: 'save', body },
      { type: 'save', body: { mailbox: inbox.guid, uid: asUid(1) } },
      { type: 'expunge', uid: asUid(1) },
    ]);
    expect(savedUid(result, 1)).toBe(2);
    expect((await bodyOf(inbox, asUid(2))).toString()).toBe('moved');
    expect((await allMails(inbox)).map(({ uid }) => uid)).toEqual([2]);
  });

  it('refuses a place where no mail is', async () => {
    const inbox = await bench.inbox();
    const { uid } = await bench.save(inbox);
    await applyOne(inbox, { type: 'expunge', uid });
    const place = { mailbox: inbox.guid, uid };
    await expectError(inbox.apply([{ type: 'save', body: place }]), 'DSYNCD_STORE_NO_MAIL');
  });

  it('finds bodies wherever they are, at most one place a GUID', async () => {
    const inbox = await bench.inbox();
    const sent = await bench.create(['Sent']);
    await bench.save(inbox, 'd', { guid: mailGuid('d') });
    await bench.save(sent, 'd', { guid: mailGuid('d') });
    await bench.save(sent, 'e', { guid: mailGuid('e') });
    const found = await bench.mail.findBodies([mailGuid('d'), mailGuid('e'), mailGuid('f'), mailGuid('d')]);
    expect([...found.keys()].sort()).toEqual([mailGuid('d'), mailGuid('e')]);
    for (const [guid, place] of found) {
      const mailbox = await bench.mail.mailbox(place.mailbox);
      expect((await mailbox.mail(place.uid))?.guid).toBe(guid);
    }
    expect((await bench.mail.findBodies([])).size).toBe(0);
  });
}

function counters(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('raises counters, and never lowers one', async () => {
    const inbox = await bench.inbox();
    const raised = { uidNext: asUid(100), highestModSeq: asModSeq(5000), firstRecentUid: asUid(50) };
    expect((await applyOne(inbox, { type: 'raise', ...raised })).results).toEqual([{ changed: true }]);
    expect(await inbox.status()).toMatchObject(raised);
    const low = { uidNext: asUid(1), highestModSeq: asModSeq(1), firstRecentUid: asUid(1) };
    expect((await applyOne(inbox, { type: 'raise', ...low })).results).toEqual([{ changed: false }]);
    expect(await inbox.status()).toMatchObject(raised);
    const record = await bench.save(inbox);
    expect(record.uid).toBe(100);
    expect(record.modSeq).toBeGreaterThan(5000);
  });

  it('gives changes after a raise in the same call modseqs above it', async () => {
    const inbox = await bench.inbox();
    const { uid } = await bench.save(inbox);
    await inbox.apply([
      { type: 'raise', highestModSeq: asModSeq(900) },
      { type: 'flags', uid, addFlags: 1 },
    ]);
    const mail = present(await inbox.mail(uid));
    expect(mail.modSeq).toBeGreaterThan(900);
    expect(mail.flagModSeqs.flags[0]).toBe(mail.modSeq);
    expect((await inbox.status()).highestModSeq).toBeGreaterThanOrEqual(mail.modSeq);
  });

  it('gives every change a modseq above the highest before', async () => {
    const inbox = await bench.inbox();
    let highest = (await inbox.status()).highestModSeq;
    const { uid } = await bench.save(inbox);
    const steps = [
      () => bench.save(inbox),
      () => applyOne(inbox, { type: 'flags', uid, addFlags: 8 }),
      () => applyOne(inbox, { type: 'flags', uid, addKeywords: ['k'] }),
      () =>
        applyOne(inbox, {
          type: 'attribute',
          attribute: { type: 'private', key: 'a', value: '1', changedAt: 1 },
        }),
      () => applyOne(inbox, { type: 'expunged-elsewhere', uid: asUid(9), guid: mailGuid('a') }),
      () => applyOne(inbox, { type: 'expunge', uid }),
    ];
    for (const step of steps) {
      await step();
      const now = (await inbox.status()).highestModSeq;
      expect(now).toBeGreaterThan(highest);
      highest = now;
    }
    const records = await inbox.expunges(everything, 10);
    expect(Math.max(...records.map(({ modSeq }) => modSeq))).toBe(highest);
  });
}

function listing(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('lists mails by UID, in pages', async () => {
    const inbox = await bench.inbox();
    for (const wanted of [3, 5, 8, 9]) await bench.save(inbox, 'x', { uid: asUid(wanted) });
    await applyOne(inbox, { type: 'expunge', uid: asUid(8) });
    const uids = async (from: number, limit: number) =>
      (await inbox.mails(asUid(from), limit)).map(({ uid }) => Number(uid));
    expect(await uids(0, 10)).toEqual([3, 5, 9]);
    expect(await uids(4, 1)).toEqual([5]);
    expect(await uids(9, 5)).toEqual([9]);
    expect(await uids(10, 5)).toEqual([]);
    expect(await uids(1, 0)).toEqual([]);
    expect(await inbox.mail(asUid(8))).toBeUndefined();
  });

  it('lists what changed after a modseq, up to a UID, in pages', async () => {
    const inbox = await bench.inbox();
    for (let count = 0; count < 5; count++) await bench.save(inbox);
    const modSeq = (await inbox.status()).highestModSeq;
    for (const changed of [4, 2, 5])
      await applyOne(inbox, { type: 'flags', uid: asUid(changed), addFlags: 8 });
    const uids = async (range: { uidMax: number; afterUid: number }, limit: number) =>
      (
        await inbox.changedMails(
          { modSeq, uidMax: asUid(range.uidMax), afterUid: asUid(range.afterUid) },
          limit,
        )
      ).map(({ uid }) => Number(uid));
    expect(await uids({ uidMax: uint32Max, afterUid: 0 }, 10)).toEqual([2, 4, 5]);
    expect(await uids({ uidMax: 4, afterUid: 0 }, 10)).toEqual([2, 4]);
    expect(await uids({ uidMax: 5, afterUid: 2 }, 1)).toEqual([4]);
    const nothing = { modSeq: (await inbox.status()).highestModSeq, uidMax: asUid(9), afterUid: asUid(0) };
    expect(await inbox.changedMails(nothing, 10)).toEqual([]);
  });

  it('lists expunge records by UID, in pages, after a modseq', async () => {
    const inbox = await bench.inbox();
    for (let count = 0; count < 4; count++) await bench.save(inbox);
    await applyOne(inbox, { type: 'expunge', uid: asUid(4) });
    const { highestModSeq } = await inbox.status();
    await inbox.apply([
      { type: 'expunge', uid: asUid(3) },
      { type: 'expunge', uid: asUid(1) },
    ]);
    const uids = async (modSeq: number, afterUid: number, limit: number) =>
      (await inbox.expunges({ modSeq: asModSeq(modSeq), afterUid: asUid(afterUid) }, limit)).map((r) =>
        Number(r.uid),
      );
    expect(await uids(0, 0, 10)).toEqual([1, 3, 4]);
    expect(await uids(0, 1, 1)).toEqual([3]);
    expect(await uids(highestModSeq, 0, 10)).toEqual([1, 3]);
  });
}
