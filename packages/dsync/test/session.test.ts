import { limits } from '@dsyncd/core';
import type { UserMail } from '@dsyncd/mailstore';
import { type DsyncItem, DsyncStream } from '@dsyncd/protocol';
import { expect, test } from 'vitest';
import { runMaster, runSlave } from '../src/index.ts';
import { PlanBudget } from '../src/peer-limits.ts';
import { Session } from '../src/session.ts';
import { receiveTree } from '../src/tree/exchange-trees.ts';
import { deliverText, textsOf } from './mails.ts';
import { memoryLinks } from './memory-link.ts';
import { World } from './world.ts';

async function hostAndPeer(): Promise<{ host: UserMail; peer: DsyncStream; session: Session }> {
  const [ours, theirs] = memoryLinks();
  const { mail: host } = (await new World(1).open()).host(0);
  const session = new Session({ link: ours, user: host, isMaster: false, hostname: 'us' });
  return { host, peer: new DsyncStream(theirs), session };
}

const nodeNamed = (name: string): DsyncItem => ({
  type: 'node',
  path: [name],
  existence: 'exists',
  lastRenamedOrCreated: 0,
  subscribed: false,
  lastSubscriptionChange: 0,
});

const noDeletes: DsyncItem = {
  type: 'deletes',
  hierarchySeparator: '/',
  escapeCharacter: '',
  mailboxes: [],
  givenUp: [],
  directories: [],
  unsubscribes: [],
};

test('what the handshakes decide cannot be asked before them, nor changed after them', async () => {
  const { session } = await hostAndPeer();
  const peer = { type: 'handshake', hostname: 'them', features: ['expunges'] } as const;
  const terms = { syncType: 'changed', isDryRun: true, oneWay: undefined } as const;

  expect(() => session.isDryRun).toThrow('no handshake yet');
  expect(() => session.isOnlySending).toThrow('no handshake yet');
  expect(() => session.peerCan('expunges')).toThrow('no handshake yet');
  session.agree(peer, terms);
  expect(session).toMatchObject({ peer, ...terms, isOnlySending: false });
  expect(session.peerCan('expunges')).toBe(true);
  expect(() => session.agree(peer, { ...terms, isDryRun: false })).toThrow('exchanged already');
  expect(session.isDryRun).toBe(true);
});

test('what a peer may make us plan in memory is bounded', async () => {
  const { peer, session } = await hostAndPeer();
  for (const guid of ['one', 'two', 'three']) await peer.send({ type: 'request', guid });
  await peer.flush();

  const read = async (): Promise<void> => {
    for await (const request of session.list('request', { countMax: 2, bytesMax: 1000 }))
      expect(request.type).toBe('request');
  };

  await expect(read()).rejects.toMatchObject({
    code: 'DSYNCD_PEER_LIMIT',
    outcome: 'operator',
    message: expect.stringContaining('more than 2 request records'),
  });
});

test('the names that a peer may tell are bounded by their bytes', async () => {
  const { host, peer, session } = await hostAndPeer();
  const tell = async (bytes: number): Promise<void> => {
    const level = 'x'.repeat(8_000);
    for (let told = 0; told < bytes; told += level.length) await peer.send(nodeNamed(`${told}${level}`));
    await peer.sendEnd();
    await peer.send(noDeletes);
    await peer.flush();
  };
  const telling = tell(limits.peerNamesBytesMax + 16_000).catch(() => {});
  const receiving = receiveTree(session);

  await expect(receiving).rejects.toMatchObject({
    code: 'DSYNCD_PEER_LIMIT',
    outcome: 'operator',
    message: expect.stringContaining('bytes of node records'),
  });
  session.stream.abort(new Error('over'));
  await telling;
  expect((await host.tree()).nodes).toHaveLength(1);
});

test('the new mails that a peer makes us plan are bounded over all mailboxes', () => {
  const budget = new PlanBudget('peer', 1000);
  const small = budget.hold({ keywords: [] });
  const large = budget.hold({ keywords: [{ kind: 'final', name: 'k'.repeat(100) }] });
  expect(large).toBeGreaterThan(small + 200);
  budget.release(large);
  budget.hold({ keywords: [] });
  budget.hold({ keywords: [] });
  budget.hold({ keywords: [] });
  expect(() => budget.hold({ keywords: [] })).toThrow('peer sent more new mails and expunges');
});

test('a sync that would plan too much fails before it has saved anything, and says what to do', async () => {
  const world = await new World(2).open();
  const [a, b] = [world.host(0), world.host(1)];
  for (const text of ['one', 'two', 'three']) await deliverText(a, text);
  const planned = async (plannedBytesMax: number): Promise<unknown> => {
    const [near, far] = memoryLinks();
    const common = { lockTimeoutMs: 1000 };
    const [, slave] = await Promise.allSettled([
      runMaster({ ...common, user: a.mail, link: near, hostname: 'a', syncType: 'full' }),
      runSlave({ ...common, user: b.mail, link: far, hostname: 'b', plannedBytesMax }),
    ]);
    return slave;
  };

  expect(await planned(3 * 240 - 1)).toMatchObject({
    reason: { code: 'DSYNCD_PEER_LIMIT', hint: expect.stringContaining('dsyncadm sync -m') },
  });
  expect(await textsOf(b)).toEqual([]);
  expect(await planned(3 * 240)).toMatchObject({ status: 'fulfilled' });
  expect(await textsOf(b)).toEqual(['one', 'three', 'two']);
});
