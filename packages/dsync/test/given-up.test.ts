import { asMailboxGuid, type MailboxPath, type Uid } from '@dsyncd/core';
import { expect, test } from 'vitest';
import { type SimHost, visible, World } from './world.ts';

const lesser = asMailboxGuid('1'.repeat(32));
const greater = asMailboxGuid('f'.repeat(32));

async function deliverTo(host: SimHost, path: MailboxPath, text: string): Promise<void> {
  const mailbox = await host.mail.mailboxByPath(path);
  if (mailbox === undefined) throw new Error(`no ${path.join('/')}`);
  const body = await host.mail.stageBody(
    (async function* () {
      yield Buffer.from(text);
    })(),
  );
  await mailbox.apply([{ type: 'save', body }]);
}

/** Every mailbox with mail, and how many. */
async function filled(host: SimHost): Promise<string[]> {
  const { nodes } = await host.mail.tree();
  return nodes.flatMap(({ path, mailbox }) =>
    mailbox !== undefined && mailbox.messagesCount > 0 ? [`${path.join('/')} ${mailbox.messagesCount}`] : [],
  );
}

/** Host 0 and 1 have one mailbox, which 1 calls Work by now; 0 and 2 made one of theirs, and the GUID of 0 is gone. */
async function afterTwins(): Promise<World> {
  const world = await new World(4).open();
  const [a, b, c] = [world.host(0), world.host(1), world.host(2)];
  await a.mail.createMailbox(['Private'], { guid: lesser });
  await deliverTo(a, ['Private'], 'untouched');
  await world.sync(a, b);
  world.nowSeconds += 10;
  await b.mail.rename(['Private'], ['Work']);
  await c.mail.createMailbox(['Private'], { guid: greater, changedAt: world.nowSeconds - 5 });
  await world.sync(a, c);
  return world;
}

test.each([
  ['the host that gave the GUID up', [0]],
  ['the host that it was given up for', [2]],
  ['a host that only heard of it', [2, 3]],
  ['both, one after the other', [2, 0]],
])('a mailbox that got another name meanwhile stays one, when %s comes first', async (_, way) => {
  const world = await afterTwins();
  const b = world.host(1);
  if (way.includes(3)) await world.sync(world.host(2), world.host(3));
  for (const index of way.includes(3) ? [3] : way) await world.sync(world.host(index), b);
  await world.settle();
  for (const host of world.hosts) {
    expect(await filled(host)).toEqual(['Work 1']);
    expect(await visible(host.mail)).toEqual(await visible(b.mail));
  }
});

test('a mailbox that is not known to be another one is not deleted with it', async () => {
  const world = await afterTwins();
  const [a, b, c] = [world.host(0), world.host(1), world.host(2)];
  await deliverTo(b, ['Work'], 'seen by nobody else');
  await c.mail.deleteMailbox(greater);
  await world.sync(c, a);
  await world.settle();
  for (const host of world.hosts) expect(await filled(host)).toEqual(['Work 2']);
  const work = await b.mail.mailboxByPath(['Work']);
  expect(await work?.mails(1 as Uid, 10)).toHaveLength(2);
});

test('a second sync adds nothing', async () => {
  const world = await afterTwins();
  await world.settle();
  const before = await Promise.all(world.hosts.map((host) => host.mail.tree()));
  for (const index of [0, 2, 3]) await world.sync(world.host(index), world.host(1), { type: 'full' });
  expect(await Promise.all(world.hosts.map((host) => host.mail.tree()))).toEqual(before);
});
