import { asModSeq, asUid } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { flagBits, type MailboxMail } from '../port.ts';
import {
  applyOne,
  Bench,
  bodyOf,
  everything,
  expectError,
  mailGuid,
  type OpenStore,
  present,
} from './setup.ts';

export function changeCases(openStore: OpenStore): void {
  describe('flags', () => flags(openStore));
  describe('expunging', () => expunging(openStore));
  describe('attributes', () => attributes(openStore));
}

const recordOf = async (mailbox: MailboxMail, uid: number) => present(await mailbox.mail(asUid(uid)));

function flags(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('notes the modseq of each flag that changes, and only of those', async () => {
    const inbox = await bench.inbox();
    const { uid } = await bench.save(inbox, 'x', { flags: flagBits.seen });
    await applyOne(inbox, { type: 'flags', uid, addFlags: flagBits.flagged | flagBits.seen });
    const first = await recordOf(inbox, uid);
    expect(first.flags).toBe(flagBits.flagged | flagBits.seen);
    expect(first.flagModSeqs.flags).toEqual([0, first.modSeq, 0, 0, 0]);
    await applyOne(inbox, { type: 'flags', uid, removeFlags: flagBits.seen | flagBits.draft });
    const second = await recordOf(inbox, uid);
    expect(second.flags).toBe(flagBits.flagged);
    expect(second.flagModSeqs.flags).toEqual([0, first.modSeq, 0, second.modSeq, 0]);
    expect(second.modSeq).toBeGreaterThan(first.modSeq);
  });

  it('notes the modseq of each keyword that changes, also of those that are gone', async () => {
    const inbox = await bench.inbox();
    const { uid } = await bench.save(inbox, 'x', { keywords: ['a', 'b'] });
    await applyOne(inbox, { type: 'flags', uid, addKeywords: ['c', 'a'], removeKeywords: ['b', 'never'] });
    const first = await recordOf(inbox, uid);
    expect(first.keywords).toEqual(['a', 'c']);
    expect(first.flagModSeqs.keywords).toEqual({ b: first.modSeq, c: first.modSeq });
    await applyOne(inbox, { type: 'flags', uid, removeKeywords: ['c'] });
    const second = await recordOf(inbox, uid);
    expect(second.keywords).toEqual(['a']);
    expect(second.flagModSeqs.keywords).toEqual({ b: first.modSeq, c: second.modSeq });
  });

  it('takes a keyword in another case for the same one', async () => {
    const inbox = await bench.inbox();
    const { uid } = await bench.save(inbox, 'x', { keywords: ['$Junk', '$junk'] });
    expect((await recordOf(inbox, uid)).keywords).toEqual(['$Junk']);
    const before = await recordOf(inbox, uid);
    await applyOne(inbox, { type: 'flags', uid, addKeywords: ['$JUNK'] });
    expect(await recordOf(inbox, uid), 'nothing changes').toEqual(before);
    await applyOne(inbox, { type: 'flags', uid, removeKeywords: ['$junk'] });
    expect((await recordOf(inbox, uid)).keywords).toEqual([]);
    await applyOne(inbox, { type: 'flags', uid, addKeywords: ['$JUNK'] });
    const after = await recordOf(inbox, uid);
    expect(after.keywords).toEqual(['$JUNK']);
    expect(after.flagModSeqs.keywords, 'one history for all spellings').toEqual({ $JUNK: after.modSeq });
  });

  it('keeps keywords that are names of JavaScript apart from them', async () => {
    const inbox = await bench.inbox();
    const { uid } = await bench.save(inbox);
    await applyOne(inbox, { type: 'flags', uid, addKeywords: ['constructor', '__proto__', 'toString'] });
    const record = await recordOf(inbox, uid);
    expect(record.keywords).toEqual(['__proto__', 'constructor', 'toString']);
    expect(Object.keys(record.flagModSeqs.keywords).sort()).toEqual(['__proto__', 'constructor', 'toString']);
  });

  it('takes no modseq for a change that changes nothing or a mail that is gone', async () => {
    const inbox = await bench.inbox();
    const { uid } = await bench.save(inbox, 'x', { flags: 1, keywords: ['k'] });
    const before = await inbox.status();
    for (const change of [
      { type: 'flags', uid, addFlags: 1, removeFlags: 2, addKeywords: ['k'], removeKeywords: ['j'] },
      { type: 'flags', uid },
      { type: 'flags', uid: asUid(99), addFlags: 1 },
    ] as const)
      expect((await applyOne(inbox, change)).results).toEqual([{ changed: false }]);
    expect(await inbox.status()).toEqual(before);
  });

  it('keeps bits that are no system flag out', async () => {
    const inbox = await bench.inbox();
    const { uid, flags } = await bench.save(inbox, 'x', { flags: 0xff });
    expect(flags).toBe(31);
    await applyOne(inbox, { type: 'flags', uid, addFlags: 0x40, removeFlags: 1 });
    expect((await recordOf(inbox, uid)).flags).toBe(30);
  });

  it('refuses keywords that are none, and changes nothing then', async () => {
    const inbox = await bench.inbox();
    const { uid } = await bench.save(inbox);
    for (const keyword of ['', 'a b', 'a\nb', 'x'.repeat(256)])
      await expectError(
        inbox.apply([
          { type: 'flags', uid, addFlags: 1 },
          { type: 'flags', uid, addKeywords: [keyword] },
        ]),
        'DSYNCD_STORE_LIMIT',
      );
    expect(await recordOf(inbox, uid)).toMatchObject({ flags: 0, keywords: [] });
    await applyOne(inbox, { type: 'flags', uid, addKeywords: ['x'.repeat(255)] });
    expect((await recordOf(inbox, uid)).keywords).toHaveLength(1);
  });
}

function expunging(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  it('removes the mail and leaves a record for good', async () => {
    const inbox = await bench.inbox();
    const { uid, guid } = await bench.save(inbox);
    expect((await applyOne(inbox, { type: 'expunge', uid, guid })).results).toEqual([{ changed: true }]);
    const { highestModSeq } = await inbox.status();
    expect(await inbox.expunges(everything, 10)).toEqual([{ uid, guid, modSeq: highestModSeq }]);
    await expectError(inbox.body(uid), 'DSYNCD_STORE_NO_MAIL');
    expect(await inbox.mailsByGuid([guid])).toEqual([]);
    expect((await applyOne(inbox, { type: 'expunge', uid })).results).toEqual([{ changed: false }]);
    expect(await inbox.expunges(everything, 10)).toHaveLength(1);
  });

  it('skips a mail that has another GUID', async () => {
    const inbox = await bench.inbox();
    const { uid } = await bench.save(inbox, 'kept');
    const before = await inbox.status();
    const result = await applyOne(inbox, { type: 'expunge', uid, guid: mailGuid('0') });
    expect(result.results).toEqual([{ changed: false }]);
    expect(await inbox.status()).toEqual(before);
    expect((await bodyOf(inbox, uid)).toString()).toBe('kept');
  });

  it('notes a UID that was expunged elsewhere, and never gives it out', async () => {
    const inbox = await bench.inbox();
    const change = { type: 'expunged-elsewhere', uid: asUid(20), guid: mailGuid('7') } as const;
    expect((await applyOne(inbox, change)).results).toEqual([{ changed: true }]);
    const status = await inbox.status();
    expect(status).toMatchObject({ uidNext: 21, messagesCount: 0 });
    expect(await inbox.expunges(everything, 10)).toEqual([
      { uid: 20, guid: mailGuid('7'), modSeq: status.highestModSeq },
    ]);
    expect((await applyOne(inbox, change)).results).toEqual([{ changed: false }]);
    expect((await bench.save(inbox, 'x', { uid: asUid(20) })).uid).toBe(21);
  });

  it('notes one below uidNext too, but leaves mails and older records alone', async () => {
    const inbox = await bench.inbox();
    const kept = await bench.save(inbox, 'kept', { uid: asUid(5) });
    const gone = await bench.save(inbox);
    await applyOne(inbox, { type: 'expunge', uid: gone.uid });
    const { results } = await inbox.apply([
      { type: 'expunged-elsewhere', uid: kept.uid, guid: kept.guid },
      { type: 'expunged-elsewhere', uid: gone.uid, guid: mailGuid('1') },
      { type: 'expunged-elsewhere', uid: asUid(2), guid: mailGuid('2') },
    ]);
    expect(results).toEqual([{ changed: false }, { changed: false }, { changed: true }]);
    const records = await inbox.expunges(everything, 10);
    expect(records.map(({ uid, guid }) => [Number(uid), guid])).toEqual([
      [2, mailGuid('2')],
      [gone.uid, gone.guid],
    ]);
    expect((await inbox.status()).uidNext).toBe(7);
    expect((await bodyOf(inbox, kept.uid)).toString()).toBe('kept');
  });
}

function attributes(openStore: OpenStore): void {
  const bench = new Bench(openStore);
  const comment = { type: 'private', key: 'comment', value: 'für mich', changedAt: 10 } as const;

  it('sets, changes and deletes attributes, and keeps the deletion', async () => {
    const inbox = await bench.inbox();
    const since = async (modSeq: number) => inbox.attributes(asModSeq(modSeq));
    await applyOne(inbox, { type: 'attribute', attribute: comment });
    await applyOne(inbox, { type: 'attribute', attribute: { ...comment, type: 'shared', value: '' } });
    const between = (await inbox.status()).highestModSeq;
    expect((await since(0)).map(({ type, value }) => [type, value]).sort()).toEqual([
      ['private', 'für mich'],
      ['shared', ''],
    ]);
    await applyOne(inbox, {
      type: 'attribute',
      attribute: { type: 'private', key: 'comment', changedAt: 11 },
    });
    const { highestModSeq } = await inbox.status();
    expect(await since(between)).toEqual([
      { type: 'private', key: 'comment', changedAt: 11, modSeq: highestModSeq },
    ]);
    expect(await since(highestModSeq)).toEqual([]);
    expect(await since(0)).toHaveLength(2);
  });

  it('takes no modseq when nothing changes, but notes a deletion of what it never had', async () => {
    const inbox = await bench.inbox();
    await applyOne(inbox, { type: 'attribute', attribute: comment });
    const before = await inbox.status();
    const same = await applyOne(inbox, { type: 'attribute', attribute: comment });
    expect(same.results).toEqual([{ changed: false }]);
    expect(await inbox.status()).toEqual(before);
    const gone = { type: 'shared', key: 'never', changedAt: 3 } as const;
    expect((await applyOne(inbox, { type: 'attribute', attribute: gone })).results).toEqual([
      { changed: true },
    ]);
    expect(await inbox.attributes(before.highestModSeq)).toMatchObject([gone]);
  });

  it('refuses keys that are empty or too long', async () => {
    const inbox = await bench.inbox();
    for (const key of ['', 'k'.repeat(1025)]) {
      const attribute = { ...comment, key };
      await expectError(inbox.apply([{ type: 'attribute', attribute }]), 'DSYNCD_STORE_LIMIT');
    }
    await applyOne(inbox, { type: 'attribute', attribute: { ...comment, key: 'k'.repeat(1024) } });
    expect(await inbox.attributes(asModSeq(0))).toHaveLength(1);
  });
}
