import { systemRandom, type UserName } from '@dsyncd/core';
import { BuiltinEngine, type SyncResult } from '@dsyncd/engine';
import { openMemoryStore, type UserMail } from '@dsyncd/mailstore';
import { createPeer } from '@dsyncd/transport';
import type { Scene } from './scene.ts';

const timeoutMs = 30_000;

export interface Asked {
  readonly user: UserName;
  readonly mailbox: string;
}

/**
 * Brings one mailbox of the other end into a store that is thrown away. A dsync server answers syncs and nothing else
 * about mail, so that is how mail there is inspected; one way, it changes nothing there.
 * @param look - gets what came; where the sync failed, {@link SyncResult.failure} says why
 */
export async function receiveMailbox<T>(
  { clock, signal, config }: Scene,
  peer: Parameters<typeof createPeer>,
  { user, mailbox }: Asked,
  look: (mail: UserMail, result: SyncResult) => Promise<T>,
): Promise<T> {
  const way = createPeer(...peer);
  const store = openMemoryStore({ clock, random: systemRandom });
  const engine = new BuiltinEngine({
    store,
    // A name of its own, as dsync knows hosts by it.
    hostname: `doctor-${systemRandom.hex(4)}.${config.hostname}`,
    lockTimeoutMs: () => config.dsyncLockTimeoutMs,
    peerOf: () => way,
  });
  const mail = await store.open(user, { create: true });
  try {
    const result = await engine.sync({
      user,
      channel: 'doctor',
      type: 'full',
      state: undefined,
      mailbox: [mailbox],
      oneWay: { direction: 'receive', overwrites: true },
      signal: AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]),
    });
    return await look(mail, result);
  } finally {
    await mail.close();
    await engine.close();
    await way.close();
    await store.close();
  }
}

/** Nobody has it, so the sync has nothing to do. */
const noMailbox = 'dsyncd-doctor-asks-for-a-name';

/**
 * What a host calls itself in a sync; only a sync shows it.
 * @throws {Error} why the sync failed.
 */
export const hostnameInSync = (
  scene: Scene,
  peer: Parameters<typeof createPeer>,
  user: UserName,
): Promise<string> =>
  receiveMailbox(scene, peer, { user, mailbox: noMailbox }, async (_, { peer: name, failure }) => {
    if (name !== undefined) return name;
    throw new Error(failure?.reason ?? 'the sync did not say');
  });
