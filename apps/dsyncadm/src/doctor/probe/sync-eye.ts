import { DsyncdError, type UserName } from '@dsyncd/core';
import { receiveMailbox, type Scene } from '@dsyncd/doctor';
import type { createPeer } from '@dsyncd/transport';
import { sightOf } from './builtin-side.ts';
import type { ProbeEye, Sight } from './sides.ts';

/** Looks at the other end by syncs of that one mailbox, one way. */
export class SyncEye implements ProbeEye {
  readonly #scene: Scene;
  readonly #peer: Parameters<typeof createPeer>;
  readonly #user: UserName;

  constructor(scene: Scene, peer: Parameters<typeof createPeer>, user: UserName) {
    this.#scene = scene;
    this.#peer = peer;
    this.#user = user;
  }

  look(mailbox: string): Promise<Sight | undefined> {
    const asked = { user: this.#user, mailbox };
    return receiveMailbox(this.#scene, this.#peer, asked, async (mail, { outcome, failure }) => {
      if (failure === undefined || outcome === 'ok' || outcome === 'changed') return sightOf(mail, mailbox);
      throw new DsyncdError(failure.code, failure.reason, {
        outcome,
        hint: failure.hint,
      });
    });
  }
}
