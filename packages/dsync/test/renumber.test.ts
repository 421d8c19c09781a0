import { expect, test } from 'vitest';
import { deliverText, inboxOf, textsOf } from './mails.ts';
import { World } from './world.ts';

test('a sync that is cut after mails got other UIDs leaves each of them once', async () => {
  for (let cutAfter = 0; cutAfter < 40; cutAfter++) {
    const world = await new World(3).open();
    const [a, b, c] = [world.host(0), world.host(1), world.host(2)];
    await deliverText(b, 'b1');
    const first = await deliverText(a, 'a1');
    await deliverText(a, 'a2');
    await deliverText(b, 'b2');
    await world.sync(c, a);
    await (await inboxOf(a)).apply([{ type: 'expunge', uid: first }]);
    // Both had given out the same UIDs, so all four mails have new ones on b and c; a does not know yet.
    await world.sync(b, c);
    await world.sync(a, c, { cutAfter });

    await world.settle();

    for (const host of world.hosts) {
      // That a1 was expunged under the UID that it had before is no reason to lose it under the one that it got.
      const texts = (await textsOf(host)).filter(
        (text, index, all) => text !== 'a1' || all.indexOf(text) !== index,
      );
      expect(texts, `cut after ${cutAfter}`).toEqual(['a2', 'b1', 'b2']);
    }
  }
});
