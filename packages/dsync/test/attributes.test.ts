import { limits } from '@dsyncd/core';
import { expect, test } from 'vitest';
import { attributesBytesMax } from '../src/mailbox/exchange-mailbox.ts';
import { inboxOf } from './mails.ts';
import { World } from './world.ts';

test('a peer may send so many bytes of attributes for a mailbox, and no more', async () => {
  const world = await new World(2).open();
  const [a, b] = [world.host(0), world.host(1)];
  const value = 'x'.repeat(limits.attributeValueBytesMax);
  const count = attributesBytesMax / limits.attributeValueBytesMax;
  const set = async (key: string, text: string): Promise<void> => {
    await (await inboxOf(a)).apply([
      { type: 'attribute', attribute: { type: 'private', key, value: text, changedAt: 1 } },
    ]);
  };
  for (let index = 0; index < count; index++) await set(`key${index}`, value);

  await expect(world.sync(a, b)).resolves.toMatchObject({ outcome: 'ok' });
  await set('one', 'x');
  await expect(world.sync(a, b, { type: 'full' })).rejects.toMatchObject({ code: 'DSYNCD_PEER_LIMIT' });
}, 60_000);
