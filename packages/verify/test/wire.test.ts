import { parseUserName, systemClock, systemRandom } from '@dsyncd/core';
import { flagBits, openMemoryStore } from '@dsyncd/mailstore';
import { describe, expect, test } from 'vitest';
import { answerQuery, RemoteSide, StoreSide, type UidRange } from '../src/index.ts';

const user = parseUserName('ann@example.com');

async function* text(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('Subject: x\r\n\r\n');
}

test('a remote side answers what the side there does', async () => {
  const store = openMemoryStore({ clock: systemClock, random: systemRandom });
  const there = new StoreSide('there', store);
  const remote = new RemoteSide(
    'there',
    async (name, query) => JSON.parse(JSON.stringify(await answerQuery(there, name, query))) as unknown,
  );
  expect(await remote.mailboxes(user)).toBeUndefined();
  const mail = await store.open(user, { create: true });
  await mail.createDirectory(['Ärger', 'Müll']);
  await mail.setSubscribed(['nowhere'], true);
  const inbox = await mail.mailboxByPath(['INBOX']);
  for (const keywords of [[], ['$Forwarded', 'grün']])
    await inbox?.apply([
      { type: 'save', body: await mail.stageBody(text()), flags: flagBits.seen, keywords: [...keywords] },
    ]);
  const expected = await there.mailboxes(user);
  expect(expected).toHaveLength(4);
  expect(await remote.mailboxes(user)).toEqual(expected);
  const guid = (await inbox?.status())?.guid;
  if (guid === undefined) throw new Error('no INBOX');
  const [one, two] = [1, 2].map((from) => ({ from, to: 2 })) as never as [UidRange, UidRange];
  const ranges = Array.from({ length: 450 }, (_, index) => (index % 2 === 0 ? one : two));
  expect(await remote.digests(user, guid, ranges)).toEqual(await there.digests(user, guid, ranges));
  const mails = await there.mails(user, guid, one);
  expect(mails).toHaveLength(2);
  expect(await remote.mails(user, guid, one)).toEqual(mails);
});

describe('what cannot be understood is refused', () => {
  const side = new StoreSide('x', openMemoryStore({ clock: systemClock, random: systemRandom }));
  const bad = { code: 'DSYNCD_VERIFY_QUERY' };

  test.each([
    '',
    '{}',
    'null',
    '{"ask":"bodies"}',
    '{"ask":"digests","ranges":[1]}',
    '{"ask":"mails","ranges":{}}',
  ])('as a query: %s', (query) => expect(answerQuery(side, user, query)).rejects.toMatchObject(bad));

  test.each([undefined, null, {}, { answer: 7 }, { answer: [[['a'], true, 'no guid', 1, 1, 1, '0']] }])(
    'as an answer: %j',
    (answer) => expect(new RemoteSide('x', async () => answer).mailboxes(user)).rejects.toMatchObject(bad),
  );
});
