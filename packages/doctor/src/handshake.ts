import type { UserName } from '@dsyncd/core';
import type { createPeer } from '@dsyncd/transport';
import { receiveMailbox } from './one-mailbox-sync.ts';
import type { Scene } from './scene.ts';

/** Nobody has it, so the sync has nothing to do. */
const noMailbox = 'dsyncd-doctor-asks-for-a-name';

/**
 * What a host calls itself in a sync; only a sync tells.
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
