import { asModSeq, asUid, limits } from '@dsyncd/core';
import { expect, test } from 'vitest';
import { deliverText, inboxOf } from './mails.ts';
import { World } from './world.ts';

test('a peer at the end of the UIDs that it may have leaves hosts that go on, and follow each other', async () => {
  const world = await new World(3).open();
  const [poisoned, honest, other] = [world.host(0), world.host(1), world.host(2)];
  await world.settle();
  await (await inboxOf(poisoned)).apply([
    {
      type: 'raise',
      uidNext: asUid(limits.peerUidMax - 1),
      highestModSeq: asModSeq(limits.peerModSeqMax - 2),
    },
  ]);
  await deliverText(poisoned, 'the last one');
  await world.settle();

  for (const host of [honest, other, honest]) {
    await deliverText(host, 'one more');
    await world.settle();
  }
  expect((await (await inboxOf(other)).status()).messagesCount).toBe(4);
});

test.each([
  ['UIDNEXT', { uidNext: asUid(limits.peerUidMax + 1) }],
  ['HIGHESTMODSEQ', { highestModSeq: asModSeq(limits.peerModSeqMax + 2 ** 30) }],
])('a peer beyond it is not followed at once (%s)', async (what, raised) => {
  const world = await new World(2).open();
  await world.settle();
  await (await inboxOf(world.host(0))).apply([{ type: 'raise', ...raised }]);
  await expect(world.sync(world.host(0), world.host(1), { type: 'full' })).rejects.toMatchObject({
    code: 'DSYNCD_PEER_LIMIT',
    outcome: 'operator',
    message: expect.stringContaining(what),
  });
});
