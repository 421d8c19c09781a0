import { asUid } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import {
  applyOne,
  Bench,
  bodyOf,
  bytesOf,
  expectError,
  mailGuid,
  type OpenStore,
  present,
  savedUid,
} from './setup.ts';

export function bodyCases(openStore: OpenStore): void {
  describe('bodies', () => bodies(openStore));
  describe('lost bodies', () => lostBodies(openStore));
}

function bodies(openStore: OpenStore): void {
  const bench = new Bench(openStore);
  const allBytes = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte));

  it.each([
    ['empty', [''], 0],
    ['all bytes', [allBytes], 257],
    ['bare line feeds', ['a\nb\n\nc'], 9],
    ['CRLF', ['a\r\nb\r\n'], 6],
    ['CRLF cut between chunks', ['a\r', '\nb', '\r', '\n', '\n', 'c\r'], 10],
    ['lone carriage returns', ['\r\r\n\r'], 4],
    ['big', [Buffer.alloc(3_000_000, 'x\n')], 4_500_000],
  ])('keeps a body of %s byte for byte', async (_, parts, virtualSize) => {
    const inbox = await bench.inbox();
    const whole = Buffer.concat(parts.map((part) => Buffer.from(part)));
    const body = await bench.mail.stageBody(bytesOf(...parts));
    expect(body).toMatchObject({ size: whole.length, virtualSize });
    const uid = savedUid(await applyOne(inbox, { type: 'save', body }));
    expect((await bodyOf(inbox, uid)).equals(whole)).toBe(true);
    expect(await inbox.mail(uid)).toMatchObject({ size: whole.length, virtualSize });
  });

  it('saves a stage once, and not after it was discarded', async () => {
    const inbox = await bench.inbox();
    const used = await bench.mail.stageBody(bytesOf('x'));
    await applyOne(inbox, { type: 'save', body: used });
    await expectError(inbox.apply([{ type: 'save', body: used }]), 'DSYNCD_STORE_STAGE_GONE');
    await used.discard();
    expect((await bodyOf(inbox, asUid(1))).toString()).toBe('x');
    const thrown = await bench.mail.stageBody(bytesOf('y'));
    await thrown.discard();
    await thrown.discard();
    await expectError(inbox.apply([{ type: 'save', body: thrown }]), 'DSYNCD_STORE_STAGE_GONE');
    expect((await inbox.status()).messagesCount).toBe(1);
  });

  it('saves a stage after a transaction with it failed', async () => {
    const inbox = await bench.inbox();
    const body = await bench.mail.stageBody(bytesOf('second try'));
    const nowhere = { mailbox: inbox.guid, uid: asUid(99) };
    const failing = inbox.apply([
      { type: 'save', body },
      { type: 'save', body: nowhere },
    ]);
    await expectError(failing, 'DSYNCD_STORE_NO_MAIL');
    const uid = savedUid(await applyOne(inbox, { type: 'save', body }));
    expect((await bodyOf(inbox, uid)).toString()).toBe('second try');
  });

  it('passes on what the source of a body throws', async () => {
    const broken = async function* () {
      yield Buffer.from('half');
      throw new Error('the peer went away');
    };
    await expect(bench.mail.stageBody(broken())).rejects.toThrow('the peer went away');
  });
}

function lostBodies(openStore: OpenStore): void {
  const bench = new Bench(openStore);

  async function withLostBody() {
    const inbox = await bench.inbox();
    const record = await bench.save(inbox, 'gone', { guid: mailGuid('d'), flags: 8 });
    await bench.underTest.loseBody(bench.mail, inbox.guid, record.uid);
    await expectError(inbox.body(record.uid), 'DSYNCD_STORE_BODY_LOST');
    return { inbox, record };
  }

  it('keeps the mail, and says that its body is lost', async () => {
    const { inbox, record } = await withLostBody();
    expect(await inbox.mail(record.uid)).toEqual(record);
    expect(await inbox.lostBodies()).toEqual([record.uid]);
    expect((await bench.mail.findBodies([record.guid])).size).toBe(0);
    const place = { mailbox: inbox.guid, uid: record.uid };
    await expectError(inbox.apply([{ type: 'save', body: place }]), 'DSYNCD_STORE_BODY_LOST');
    await applyOne(inbox, { type: 'flags', uid: record.uid, addFlags: 1 });
    expect((await inbox.mail(record.uid))?.flags).toBe(9);
  });

  it('finds the body where another copy has it', async () => {
    const inbox = await bench.inbox();
    const sent = await bench.create(['Sent']);
    const first = await bench.save(inbox, 'twice');
    await bench.save(sent, 'twice', { guid: first.guid });
    await bench.underTest.loseBody(bench.mail, inbox.guid, first.uid);
    await expectError(inbox.body(first.uid), 'DSYNCD_STORE_BODY_LOST');
    expect((await bench.mail.findBodies([first.guid])).get(first.guid)?.mailbox).toBe(sent.guid);
  });

  it('takes the body back, without a change of the mail', async () => {
    const { inbox, record } = await withLostBody();
    const before = await inbox.status();
    await inbox.restoreBody(record.uid, await bench.mail.stageBody(bytesOf('back')));
    expect((await bodyOf(inbox, record.uid)).toString()).toBe('back');
    expect(await inbox.lostBodies()).toEqual([]);
    expect(await inbox.status()).toEqual(before);
    expect(await inbox.mail(record.uid)).toEqual(record);
    expect((await bench.mail.findBodies([record.guid])).size).toBe(1);
  });

  it('refuses a body of another size, and leaves one that is there alone', async () => {
    const { inbox, record } = await withLostBody();
    const longer = await bench.mail.stageBody(bytesOf('longer'));
    await expectError(inbox.restoreBody(record.uid, longer), 'DSYNCD_STORE_BODY_DIFFERS');
    await longer.discard();
    expect(await inbox.lostBodies()).toEqual([record.uid]);
    const healthy = await bench.save(inbox, 'fine');
    await inbox.restoreBody(healthy.uid, await bench.mail.stageBody(bytesOf('evil')));
    expect((await bodyOf(inbox, healthy.uid)).toString()).toBe('fine');
    const stage = await bench.mail.stageBody(bytesOf('x'));
    await expectError(inbox.restoreBody(asUid(99), stage), 'DSYNCD_STORE_NO_MAIL');
    await stage.discard();
  });

  it('expunges a mail whose body is lost', async () => {
    const { inbox, record } = await withLostBody();
    await applyOne(inbox, { type: 'expunge', uid: record.uid });
    expect(await inbox.lostBodies()).toEqual([]);
    expect(present(await inbox.status()).messagesCount).toBe(0);
  });
}
