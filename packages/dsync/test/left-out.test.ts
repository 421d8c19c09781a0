import { DsyncdError } from '@dsyncd/core';
import type { UserMail } from '@dsyncd/mailstore';
import { expect, test } from 'vitest';
import { type SimHost, World } from './world.ts';

const keywordsMax = 3;
const few = ['a', 'b'];
const many = ['a', 'b', 'c', 'd'];

/** The second host takes few keywords in a mailbox. */
async function worldOfTwo(): Promise<[World, SimHost, SimHost]> {
  const world = await new World(2, { keywordsPerMailboxMax: keywordsMax }).open();
  return [world, world.host(0), world.host(1)];
}

async function save(host: SimHost, name: string, keywords: readonly string[]): Promise<void> {
  if ((await host.mail.mailboxByPath([name])) === undefined) await host.mail.createMailbox([name]);
  const mailbox = await host.mail.mailboxByPath([name]);
  const body = await host.mail.stageBody(bodyOf(`Subject: ${name} ${keywords.join(' ')}\r\n\r\n`));
  await mailbox?.apply([{ type: 'save', body, keywords }]);
}

async function* bodyOf(text: string): AsyncGenerator<Uint8Array> {
  yield Buffer.from(text);
}

async function countOf(mail: UserMail, name: string): Promise<number> {
  const mailbox = await mail.mailboxByPath([name]);
  return (await mailbox?.status())?.messagesCount ?? -1;
}

async function failureOf(syncing: Promise<unknown>): Promise<DsyncdError> {
  const error = await syncing.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof DsyncdError) return error;
  throw new Error(`no failure but ${String(error)}`);
}

for (const leader of ['the host that has them', 'the other'] as const)
  test(`a mailbox with too many keywords is left out and named, led by ${leader}`, async () => {
    const [world, a, b] = await worldOfTwo();
    const [from, to] = leader === 'the other' ? [b, a] : [a, b];
    for (const name of ['Before', 'INBOX', 'Keywords', 'Later']) await save(a, name, few);
    await save(a, 'Keywords', many);

    const failure = await failureOf(world.sync(from, to));

    expect(failure).toMatchObject({ code: 'DSYNCD_MAILBOX_LEFT_OUT', outcome: 'transient' });
    expect(failure.message).toMatch(/mailbox Keywords cannot be taken here.*more than 3 keywords/);
    expect(failure.hint).toContain('mail_keywords_max');
    for (const name of ['Before', 'INBOX', 'Later']) expect(await countOf(b.mail, name)).toBe(1);
    expect(await countOf(a.mail, 'Keywords')).toBe(2);

    // What helps, as the hint says.
    const mailbox = await a.mail.mailboxByPath(['Keywords']);
    for (const { uid } of (await mailbox?.mails(1 as never, 10)) ?? [])
      await mailbox?.apply([{ type: 'flags', uid, removeKeywords: ['c', 'd'] }]);
    expect((await world.sync(from, to))?.outcome).toBe('ok');
    expect(await countOf(b.mail, 'Keywords')).toBe(2);
  });

for (const leader of ['the host that has them', 'the other'] as const)
  test(`a mail that was moved to such a mailbox stays where it was, led by ${leader}`, async () => {
    const [world, a, b] = await worldOfTwo();
    const [from, to] = leader === 'the other' ? [b, a] : [a, b];
    await save(a, 'INBOX', few);
    await save(a, 'INBOX', few);
    await save(a, 'Keywords', few);
    expect((await world.sync(from, to))?.outcome).toBe('ok');
    await save(a, 'Keywords', many);
    const inbox = await a.mail.mailboxByPath(['INBOX']);
    const keywords = await a.mail.mailboxByPath(['Keywords']);
    const [moved, gone] = (await inbox?.mails(1 as never, 10)) ?? [];
    if (inbox === undefined || keywords === undefined || moved === undefined || gone === undefined)
      throw new Error('no mails');
    await keywords.apply([
      { type: 'save', body: { mailbox: inbox.guid, uid: moved.uid }, guid: moved.guid, keywords: few },
    ]);
    await inbox.apply([
      { type: 'expunge', uid: moved.uid },
      { type: 'expunge', uid: gone.uid },
    ]);

    await failureOf(world.sync(from, to));

    const left = await (await b.mail.mailboxByPath(['INBOX']))?.mails(1 as never, 10);
    expect(left?.map(({ guid }) => guid)).toEqual([moved.guid]);
  });
