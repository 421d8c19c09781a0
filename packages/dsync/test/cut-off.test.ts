import { DsyncdError } from '@dsyncd/core';
import type { UserMail } from '@dsyncd/mailstore';
import { describe, expect, test } from 'vitest';
import { runMaster, runSlave } from '../src/index.ts';
import { watchUser } from '../src/session.ts';
import { deliverText, inboxOf } from './mails.ts';
import { memoryLinks } from './memory-link.ts';
import { type SimHost, World } from './world.ts';

const mailsCount = 300;

/** Two hosts that were equal, until one made a folder and expunged every mail. */
async function hostsWithWork(): Promise<readonly [SimHost, SimHost]> {
  const world = await new World(2).open();
  const [a, b] = [world.host(0), world.host(1)];
  for (let count = 0; count < mailsCount; count++) await deliverText(a, `Subject: ${count}\r\n\r\nbody\r\n`);
  await world.sync(a, b);
  await a.mail.createMailbox(['Archive']);
  const inbox = await inboxOf(a);
  const mails = await inbox.mails(1 as never, mailsCount);
  await inbox.apply(mails.map(({ uid, guid }) => ({ type: 'expunge', uid, guid })));
  return [a, b];
}

interface Ends {
  readonly master: PromiseSettledResult<unknown>;
  readonly slave: PromiseSettledResult<unknown>;
}

/** One full sync of a with b, with a look at each call of either store. */
async function sync(
  hosts: readonly [SimHost, SimHost],
  onCall: (side: 'master' | 'slave', cut: () => void) => void,
): Promise<Ends> {
  const [near, far] = memoryLinks();
  const watched = (host: SimHost, side: 'master' | 'slave', end: () => void): UserMail =>
    watchUser(host.mail, () => onCall(side, end));
  const [a, b] = hosts;
  const [master, slave] = await Promise.allSettled([
    runMaster({
      user: watched(a, 'master', () => far.end()),
      link: near,
      hostname: a.name,
      lockTimeoutMs: 1000,
      syncType: 'full',
    }).finally(() => near.end()),
    runSlave({
      user: watched(b, 'slave', () => near.end()),
      link: far,
      hostname: b.name,
      lockTimeoutMs: 1000,
    }).finally(() => far.end()),
  ]);
  return { master, slave };
}

async function callsOf(side: 'master' | 'slave'): Promise<number> {
  let calls = 0;
  await sync(await hostsWithWork(), (caller) => void (caller === side && calls++));
  return calls;
}

describe.each(['master', 'slave'] as const)('a %s whose peer is gone', (side) => {
  test('does nothing more to its mail, and frees the lock', async () => {
    const total = await callsOf(side);
    expect(total).toBeGreaterThan(8);
    for (let cutAt = 1; cutAt <= total; cutAt++) {
      const hosts = await hostsWithWork();
      let calls = 0;
      const ends = await sync(hosts, (caller, cut) => {
        if (caller === side && ++calls === cutAt) cut();
      });
      if (cutAt < total) expect(ends[side].status, `cut at call ${cutAt} of ${total}`).toBe('rejected');
      expect(calls - cutAt, `calls after the cut at call ${cutAt} of ${total}`).toBe(0);
      const host = hosts[side === 'master' ? 0 : 1];
      await (await host.mail.lock(0)).release();
    }
  });
});

test('a master says why the slave gave up, whatever it was doing itself', async () => {
  const total = await callsOf('slave');
  for (let failAt = 1; failAt <= total; failAt++) {
    let calls = 0;
    const { master } = await sync(await hostsWithWork(), (caller) => {
      if (caller === 'slave' && ++calls >= failAt)
        throw new DsyncdError('DSYNCD_STORE_DISK_FULL', 'the disk is full', { outcome: 'transient' });
    });
    expect(master, `failed at call ${failAt} of ${total}`).toMatchObject({
      status: 'rejected',
      reason: { code: 'DSYNCD_STORE_DISK_FULL', message: expect.stringContaining('the disk is full') },
    });
  }
});
