import type { Clock, Logger } from '@dsyncd/core';
import type { SyncWatch } from '@dsyncd/engine';
import type { Claim } from '@dsyncd/queue';

const logEveryMs = 60_000;

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
  readonly watch: SyncWatch;
  cancel: () => void;
}

/** How far the running syncs are: in answers, and once a minute in the log. */
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
    const progress = this.#running.get(keyOf({ channel, user }))?.watch.progress;
    if (progress === undefined) return undefined;
    const { mailsReceived, mailsSent, bytesReceived, bytesSent } = progress.counts;
    const { done, total } = progress.mailboxes;
    return {
      mails: mailsReceived + mailsSent,
      bytes: bytesReceived + bytesSent,
      ...(total === 0 ? {} : { mailboxesDone: done, mailboxesTotal: total }),
    };
  }

  /** @param watch - what the engine has counted by now is read from it */
  began(claim: Claim, watch: SyncWatch): void {
    const running: Running = { watch, cancel: () => {} };
    this.#running.set(keyOf(claim), running);
    this.#logLater(claim, running, this.#clock.now());
  }

  ended(claim: Claim): void {
    const key = keyOf(claim);
    this.#running.get(key)?.cancel();
    this.#running.delete(key);
  }

  #logLater(claim: Claim, running: Running, startedAt: number): void {
    running.cancel = this.#clock.after(logEveryMs, () => {
      const { progress } = running.watch;
      const { user, channel, type } = claim;
      const durationMs = this.#clock.now() - startedAt;
      this.#logger.info(
        { user, channel, type, durationMs, ...progress?.counts, mailboxes: progress?.mailboxes },
        'sync goes on',
      );
      this.#logLater(claim, running, startedAt);
    });
  }
}

const keyOf = ({ channel, user }: { readonly channel: string; readonly user: string }): string =>
  `${channel}\0${user}`;
