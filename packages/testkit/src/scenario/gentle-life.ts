import { type Random, systemClock, type UserName } from '@dsyncd/core';
import type { MailStore } from '@dsyncd/mailstore';
import type { Host } from '../rig/host.ts';
import { seededRandom } from '../seeded-random.ts';
import { playHost } from './host-life.ts';
import { Ledger } from './ledger.ts';
import type { SourceMail } from './mail-source.ts';
import { sampleMail } from './sample-mail.ts';

/** Of each host; two hosts make it one in a second. */
export const mailEveryMs = 2_000;

/** A mail now and then on every host, with changes beside it, until it is stopped: something to look at. */
export class GentleLife {
  readonly #over = new AbortController();
  readonly #stores: readonly MailStore[];
  readonly #lives: Promise<unknown>;

  constructor(hosts: readonly Host[], users: readonly UserName[], seed: number) {
    this.#stores = hosts.map((host) => host.openStore());
    const { signal } = this.#over;
    this.#lives = Promise.allSettled(
      this.#stores.map((store, index) => {
        const random = seededRandom(seed + index);
        return playHost(hosts[index] as Host, store, trickle(random, signal), users, random, new Ledger());
      }),
    );
  }

  async stop(): Promise<void> {
    this.#over.abort();
    await this.#lives;
    await Promise.all(this.#stores.map((store) => store.close()));
  }
}

async function* trickle(random: Random, over: AbortSignal): AsyncGenerator<SourceMail> {
  for (let number = 1; ; number++) {
    await systemClock.sleep(mailEveryMs, over).catch(() => {});
    if (over.aborted) return;
    yield sampleMail(random, number);
  }
}
