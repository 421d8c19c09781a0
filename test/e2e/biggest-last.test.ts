import { parseUserName } from '@dsyncd/core';
import { createPair, type Host, until } from '@dsyncd/testkit';
import { expect, test } from 'vitest';
import { cleanUpAfterTests, mailOf, onCleanup, scratchFolder } from './support.ts';

cleanUpAfterTests();

/** Mails that were there before dsyncd was: nobody is told of them. */
async function save(host: Host, user: string, count: number): Promise<void> {
  const store = host.openStore();
  try {
    const mail = await store.open(parseUserName(user), { create: true });
    const inbox = await mail.mailboxByPath(['INBOX']);
    async function* bytes(index: number): AsyncGenerator<Uint8Array> {
      yield Buffer.from(mailOf(`${index}`));
    }
    for (let index = 0; index < count; index++)
      await inbox?.apply([{ type: 'save', body: await mail.stageBody(bytes(index)) }]);
    await mail.close();
  } finally {
    await store.close();
  }
}

test('of users who were never synced, those with much mail are synced last', async () => {
  const { a, b } = await createPair({ folder: scratchFolder(), settings: ['replication_max_conns = 1'] });
  onCleanup(() => Promise.all([a.stop(), b.stop()]));
  for (const [user, count] of [
    ['ann', 250],
    ['bob', 1],
    ['cyd', 80],
  ] as const)
    await save(a, `${user}@example.com`, count);
  await b.startProgram('dsync-server');
  await a.startProgram('dsyncd');
  await until('all is replicated', async () => (await a.admin('status')).code === 0, { timeoutMs: 60_000 });
  const first = a
    .program('dsyncd')
    .log.filter(({ type, outcome }) => type === 'full' && outcome === 'ok')
    .map(({ user }) => user);
  expect(first).toEqual(['bob@example.com', 'cyd@example.com', 'ann@example.com']);
});
