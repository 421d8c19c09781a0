import type { Logger, UserName } from '@dsyncd/core';
import { newProgress, refuseSync, runSlave } from '@dsyncd/dsync';
import type { MailStore, UserMail } from '@dsyncd/mailstore';
import type { ByteLink } from '@dsyncd/protocol';
import type { SyncAnswerer } from '@dsyncd/transport';
import type { SyncResult } from './port.ts';

export interface BuiltinAnswererOptions {
  readonly store: MailStore;
  /** Of this host. */
  readonly hostname: string;
  readonly lockTimeoutMs: () => number;
  readonly logger: Logger;
  /** Before a sync may change something here; what it answers is called when that is over, after `onImported`. */
  readonly onBegin?: (user: UserName) => Promise<() => void>;
  /** After a sync that changed something here: whom it came from, so that other replicas learn of it. */
  readonly onImported: (user: UserName, peerHostname: string) => void;
}

/** The other end of a sync: answers a dsyncd or a Dovecot from the built-in store. */
export class BuiltinAnswerer implements SyncAnswerer {
  readonly #options: BuiltinAnswererOptions;

  constructor(options: BuiltinAnswererOptions) {
    this.#options = options;
  }

  /** Problems of a user are reported when the sync is answered: a user who is on the peer only gets a home then. */
  async prepare(): Promise<void> {}

  async answer(user: UserName, link: ByteLink): Promise<{ readonly reusable: boolean }> {
    const { hostname, lockTimeoutMs, logger } = this.#options;
    const startedAt = performance.now();
    const mail = await this.#open(user, link);
    const isOver = await this.#options.onBegin?.(user);
    const progress = newProgress();
    try {
      const result = await runSlave({
        user: mail,
        link,
        hostname,
        lockTimeoutMs: lockTimeoutMs(),
        progress,
      });
      return { reusable: result.isReusable };
    } finally {
      // Also what came before the sync broke: the next one does not report it again.
      const { peerHostname: peer, counts } = progress;
      const durationMs = Math.round(performance.now() - startedAt);
      const isChanged = hasImported(progress);
      // What a peer has changed or deleted here must be found in the log of the host that lost it.
      if (isChanged) logger.info({ user, peer, durationMs, ...counts }, 'sync changed mail here');
      else logger.debug({ user, peer, durationMs, ...counts }, 'sync answered');
      if (peer !== undefined && isChanged) this.#options.onImported(user, peer);
      isOver?.();
      await mail.close();
    }
  }

  async #open(user: UserName, link: ByteLink): Promise<UserMail> {
    try {
      return await this.#options.store.open(user, { create: true });
    } catch (error) {
      await refuseSync(link, error);
      throw error;
    }
  }
}

/** Did the sync change anything on this host? */
export const hasImported = ({ counts }: Pick<SyncResult, 'counts'>): boolean =>
  counts.mailsReceived + counts.flagsChanged + counts.expunged + counts.mailboxesChanged > 0;
