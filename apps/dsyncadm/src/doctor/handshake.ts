import { systemRandom, type UserName } from '@dsyncd/core';
import { BuiltinEngine } from '@dsyncd/engine';
import { openMemoryStore } from '@dsyncd/mailstore';
import { createPeer, type Peer } from '@dsyncd/transport';
import type { Scene } from './scene.ts';

/** No mailbox has this name, so the sync below has nothing to do. */
const noMailbox = ['dsyncd-doctor-asks-for-a-name'];
const timeoutMs = 30_000;

/**
 * What a host calls itself in a sync. Only a sync tells: this one receives a mailbox that does not exist into a
 * store that is thrown away, so it changes nothing on either side.
 * @throws {Error} why the sync failed.
 */
export async function hostnameInSync(
  { clock, signal, config }: Scene,
  peer: Parameters<typeof createPeer>,
  user: UserName,
): Promise<string> {
  const way: Peer = createPeer(...peer);
  const store = openMemoryStore({ clock, random: systemRandom });
  const engine = new BuiltinEngine({
    store,
    hostname: `doctor-${systemRandom.hex(4)}.${config.hostname}`,
    lockTimeoutMs: () => config.dsyncLockTimeoutMs,
    peerOf: () => way,
  });
  try {
    await (await store.open(user, { create: true })).close();
    const { peer: name, failure } = await engine.sync({
      user,
      channel: 'doctor',
      type: 'full',
      state: undefined,
      mailbox: noMailbox,
      oneWay: { direction: 'receive', overwrites: true },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    if (name !== undefined) return name;
    throw new Error(failure?.reason ?? 'the sync did not say');
  } finally {
    await engine.close();
    await way.close();
  }
}
