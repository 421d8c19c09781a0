import type { Clock, Logger } from '@dsyncd/core';
import type { SyncCounts } from '@dsyncd/engine';
import type { Claim } from '@dsyncd/queue';

const tellEveryMs = 60_000;

/** What a sync has moved by now, both ways. */
export interface Moved {
  readonly mails: number;
  /** Of the bodies of mails. */
  readonly bytes: number;
}

interface Running {
  readonly cancel: () => void;
  counts: SyncCounts | undefined;
}

/** How far the syncs are that run: for whoever asks, and once a minute in the log. */
export class RunningProgress {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #running = new Map<string, Running>();

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  /** Undefined: no sync of the user runs there, or its engine does not count. */
  of(channel: string, user: string): Moved | undefined {
    const counts = this.#running.get(keyOf({ channel, user }))?.counts;
    if (counts === undefined) return undefined;
    const { mailsReceived, mailsSent, bytesReceived, bytesSent } = counts;
    return { mails: mailsReceived + mailsSent, bytes: bytesReceived + bytesSent };
  }

  began(claim: Claim): void {
    this.#tellLater(claim, this.#clock.now(), undefined);
  }

  /** @param counts - go on growing while the sync runs */
  counting(claim: Claim, counts: SyncCounts): void {
    const running = this.#running.get(keyOf(claim));
    if (running !== undefined) running.counts = counts;
  }

  ended(claim: Claim): void {
    const key = keyOf(claim);
    this.#running.get(key)?.cancel();
    this.#running.delete(key);
  }

  #tellLater(claim: Claim, startedAt: number, counts: SyncCounts | undefined): void {
    const key = keyOf(claim);
    const cancel = this.#clock.after(tellEveryMs, () => {
      const present = this.#running.get(key)?.counts;
      const { user, channel, type } = claim;
      const durationMs = this.#clock.now() - startedAt;
      this.#logger.info({ user, channel, type, durationMs, ...present }, 'sync goes on');
      this.#tellLater(claim, startedAt, present);
    });
    this.#running.set(key, { cancel, counts });
  }
}

const keyOf = ({ channel, user }: { readonly channel: string; readonly user: string }): string =>
  `${channel}\0${user}`;
