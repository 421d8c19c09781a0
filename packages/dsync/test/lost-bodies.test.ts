import { expect, test } from 'vitest';
import { deliverText, inboxOf, loseBody, textsOf } from './mails.ts';
import { World } from './world.ts';

test('a body that was lost comes back with the next full sync', async () => {
  const world = await new World(2).open();
  const [a, b] = [world.host(0), world.host(1)];
  const uid = await deliverText(a, 'Subject: lost\r\n\r\n.\r\n');
  await world.sync(a, b);
  await loseBody(a, uid);
  expect(await (await inboxOf(a)).lostBodies()).toEqual([uid]);

  await world.sync(a, b, { type: 'full' });

  expect(await textsOf(a)).toEqual(['Subject: lost\r\n\r\n.\r\n']);
});

test.each([
  [0, 1],
  [1, 0],
])('a mail that must get another UID and has lost its body holds up no other mail', async (first, second) => {
  const world = await new World(2).open();
  const [a, b] = [world.host(0), world.host(1)];
  await world.sync(a, b);
  const lost = await deliverText(a, 'lost on a');
  await deliverText(a, 'on a');
  await deliverText(b, 'on b');
  await deliverText(b, 'too');
  await loseBody(a, lost);

  await world.sync(world.host(first), world.host(second));

  expect(await textsOf(b)).toEqual(['on a', 'on b', 'too']);
  expect(await textsOf(a)).toEqual(['lost', 'on a', 'on b', 'too']);
});

test('a mail that must get another UID and has lost its body gets it from the peer', async () => {
  const world = await new World(2).open();
  const [a, b] = [world.host(0), world.host(1)];
  const uid = await deliverText(a, 'on both');
  const guid = (await (await inboxOf(a)).mail(uid))?.guid;
  await deliverText(a, 'on a');
  await deliverText(b, 'on b');
  await deliverText(b, 'on both', guid);
  await loseBody(a, uid);

  await world.sync(a, b);

  expect(await textsOf(a)).toEqual(['on a', 'on b', 'on both']);
  expect(await textsOf(b)).toEqual(['on a', 'on b', 'on both']);
});

test.each([
  [0, 1],
  [1, 0],
])('a body that no host has any more does not make them sync for ever', async (first, second) => {
  const world = await new World(2).open();
  const [master, slave] = [world.host(first), world.host(second)];
  await world.sync(master, slave);
  const uid = await deliverText(world.host(0), 'lost');
  await loseBody(world.host(0), uid);
  await deliverText(world.host(0), 'after it');

  const changed = await world.sync(master, slave);
  const full = await world.sync(master, slave, { type: changed?.state === '' ? 'full' : 'incremental' });

  expect(changed?.outcome).toBe('changed');
  expect(full).toMatchObject({ outcome: 'ok', isFull: true });
  expect(full?.state).not.toBe('');
  expect(await textsOf(world.host(1))).toEqual(['after it']);
});
