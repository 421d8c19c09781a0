import type { Clock, Logger } from '@dsyncd/core';
import type { BadLineReason, NotifyBatch } from '@dsyncd/protocol';

const quietMs = 60_000;

const hints: Readonly<Record<BadLineReason, string>> = {
  'too long': 'a line is USER TAB PRIORITY and ends with a line feed: look for a program that leaves it out',
  'not UTF-8': 'user names must be UTF-8: rename the user, or mend the program that notifies',
  'control character': 'mend the program that notifies: only TAB stands between user and priority',
  'unknown priority': 'the priority must be low, high or sync',
  'bad user name': 'user names have 1 to 255 bytes of UTF-8 without "/" or a leading "-" or "."',
  'bad field': 'a line is USER TAB PRIORITY: mend the program that notifies',
};

/** Logs refused lines, each kind at most once a minute: a broken client must not fill the log. */
export class BadLineLog {
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #loggedAt = new Map<BadLineReason, number>();
  #unlogged = 0;
  count = 0;

  constructor(clock: Clock, logger: Logger) {
    this.#clock = clock;
    this.#logger = logger;
  }

  add({ badCount, bad }: NotifyBatch): void {
    if (badCount === 0) return;
    this.count += badCount;
    this.#unlogged += badCount;
    const now = this.#clock.elapsed();
    for (const { reason, quoted } of bad) {
      const loggedAt = this.#loggedAt.get(reason);
      if (loggedAt !== undefined && now - loggedAt < quietMs) continue;
      this.#loggedAt.set(reason, now);
      this.#logger.warn(
        { reason, line: quoted, refusedLines: this.#unlogged, hint: hints[reason] },
        'notification line refused',
      );
      this.#unlogged = 0;
    }
  }
}
