import type { Clock, Logger, SyncProgress } from '@dsyncd/core';
import type { Claim } from '@dsyncd/queue';

const tellEveryMs = 60_000;

/** What a sync has moved by now, both ways. */
export interface Moved {
  readonly mails: number;
  /** Of the bodies of mails. */
  readonly bytes: number;
  /** Compared by now, and all; missing until that is known. */
  readonly mailboxesDone?: number;
  readonly mailboxesTotal?: number;
}

interface Running {
  readonly cancel: () => void;
  progress: SyncProgress | undefined;
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
    const progress = this.#running.get(keyOf({ channel, user }))?.progress;
    if (progress === undefined) return undefined;
    const { mailsReceived, mailsSent, bytesReceived, bytesSent } = progress.counts;
    const { done, total } = progress.mailboxes;
    return {
      mails: mailsReceived + mailsSent,
      bytes: bytesReceived + bytesSent,
      ...(total === 0 ? {} : { mailboxesDone: done, mailboxesTotal: total }),
    };
  }

  began(claim: Claim): void {
    this.#tellLater(claim, this.#clock.now(), undefined);
  }

  /** @param progress - goes on growing while the sync runs */
  counting(claim: Claim, progress: SyncProgress): void {
    const running = this.#running.get(keyOf(claim));
    if (running !== undefined) running.progress = progress;
  }

  ended(claim: Claim): void {
    const key = keyOf(claim);
    this.#running.get(key)?.cancel();
    this.#running.delete(key);
  }

  #tellLater(claim: Claim, startedAt: number, progress: SyncProgress | undefined): void {
    const key = keyOf(claim);
    const cancel = this.#clock.after(tellEveryMs, () => {
      const present = this.#running.get(key)?.progress;
      const { user, channel, type } = claim;
      const durationMs = this.#clock.now() - startedAt;
      this.#logger.info(
        { user, channel, type, durationMs, ...present?.counts, mailboxes: present?.mailboxes },
        'sync goes on',
      );
      this.#tellLater(claim, startedAt, present);
    });
    this.#running.set(key, { cancel, progress });
  }
}

const keyOf = ({ channel, user }: { readonly channel: string; readonly user: string }): string =>
  `${channel}\0${user}`;
