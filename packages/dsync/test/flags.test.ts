import { expect, test } from 'vitest';
import { deliverText, inboxOf } from './mails.ts';
import { type SimHost, World } from './world.ts';

test.each(['work', 'constructor', '__proto__'])(
  'the keyword %s, changed on both hosts, ends as the later change has it',
  async (name) => {
    const world = await new World(2).open();
    const [a, b] = [world.host(0), world.host(1)];
    const uid = await deliverText(a, 'Subject: x\r\n\r\n');
    const set = async (host: SimHost, isSet: boolean): Promise<void> => {
      await (await inboxOf(host)).apply([
        {
          type: 'flags',
          uid,
          ...(isSet ? { addKeywords: [name], addFlags: 1 } : { removeKeywords: [name], removeFlags: 1 }),
        },
      ]);
    };
    await set(a, true);
    await world.sync(a, b);
    await set(a, false);
    await set(b, false);
    await set(b, true);

    await world.sync(a, b);

    for (const host of world.hosts) expect((await (await inboxOf(host)).mail(uid))?.keywords).toEqual([name]);
  },
);

test('a keyword that each host spells in its own case is one, and a removal on either host stays one', async () => {
  const world = await new World(2).open();
  const [a, b] = [world.host(0), world.host(1)];
  const uid = await deliverText(a, 'Subject: x\r\n\r\n');
  await world.sync(a, b);
  const edit = async (host: SimHost, change: object): Promise<void> => {
    await (await inboxOf(host)).apply([{ type: 'flags', uid, ...change }]);
  };
  const keywordsOf = async (host: SimHost): Promise<readonly string[] | undefined> =>
    (await (await inboxOf(host)).mail(uid))?.keywords;
  await edit(a, { addKeywords: ['$Junk'] });
  await edit(b, { addKeywords: ['$junk'] });
  await world.sync(a, b);
  for (const host of world.hosts) expect(await keywordsOf(host)).toHaveLength(1);

  await edit(b, { removeKeywords: ['$junk'] });
  await world.sync(a, b);

  for (const host of world.hosts) expect(await keywordsOf(host)).toEqual([]);
});
