import { type Clock, formatSpan, type Logger } from '@dsyncd/core';
import type { ReplicationQueue } from '@dsyncd/queue';
import type { Channel } from '../channel.ts';

const lookEveryMs = 10_000;
const looksPerLine = 6;

/** Looks how the first syncs of each channel go, and says so in the log once a minute while there are some. */
export class FirstSyncWatch {
  readonly #queue: Pick<ReplicationQueue, 'channelStatus'>;
  readonly #channels: () => readonly Channel[];
  readonly #clock: Clock;
  readonly #logger: Logger;
  readonly #syncs = new Map<string, FirstSyncs>();
  #looks = 0;
  #cancel: (() => void) | undefined;
  #isStopped = false;

  constructor(options: {
    readonly queue: Pick<ReplicationQueue, 'channelStatus'>;
    readonly channels: () => readonly Channel[];
    readonly clock: Clock;
    readonly logger: Logger;
  }) {
    this.#queue = options.queue;
    this.#channels = options.channels;
    this.#clock = options.clock;
    this.#logger = options.logger;
  }

  /** Milliseconds; undefined: not known. */
  leftMs(channel: string): number | undefined {
    return this.#syncs.get(channel)?.leftMs;
  }

  /** Never rejects. */
  async start(): Promise<void> {
    for (const { name } of this.#channels()) await this.#look(name);
    this.#looks++;
    if (!this.#isStopped) this.#cancel = this.#clock.after(lookEveryMs, () => void this.start());
  }

  stop(): void {
    this.#isStopped = true;
    this.#cancel?.();
  }

  async #look(channel: string): Promise<void> {
    // A queue that does not answer is reported elsewhere.
    const status = await this.#queue.channelStatus(channel).catch(() => undefined);
    if (status === undefined) return;
    const syncs = this.#syncs.get(channel) ?? new FirstSyncs();
    this.#syncs.set(channel, syncs);
    const left = status.standings['never synced'];
    syncs.note(left, this.#clock.now());
    if (left === 0 || this.#looks % looksPerLine !== looksPerLine - 1) return;
    const { leftMs } = syncs;
    const guess = leftMs === undefined ? {} : { timeLeft: formatSpan(leftMs) };
    this.#logger.info({ channel, neverSynced: left, users: status.users, ...guess }, 'first syncs go on');
  }
}

/** Samples of this long count: a host that was slow this morning may be quick now. */
const windowMs = 600_000;
/** Before that, the first users synced say nothing of the others. */
const sampleMsMin = 20_000;

/** How long it takes until every user of a channel has had a first sync, guessed from how quickly they went lately. Pure. */
export class FirstSyncs {
  readonly #samples: { readonly at: number; readonly left: number }[] = [];

  /** @param left - users never synced; @param at - Unix milliseconds, ascending */
  note(left: number, at: number): void {
    const last = this.#samples.at(-1);
    // More than before: users were added, and what came before says nothing about them.
    if (left === 0 || (last !== undefined && left > last.left)) this.#samples.length = 0;
    while (this.#samples.length > 1 && at - (this.#samples[0]?.at ?? at) > windowMs) this.#samples.shift();
    if (left > 0) this.#samples.push({ at, left });
  }

  /** Milliseconds; undefined: nobody is left, or it is not known yet. */
  get leftMs(): number | undefined {
    const [first, last] = [this.#samples[0], this.#samples.at(-1)];
    if (first === undefined || last === undefined) return undefined;
    const done = first.left - last.left;
    if (done <= 0 || last.at - first.at < sampleMsMin) return undefined;
    return Math.round(((last.at - first.at) / done) * last.left);
  }
}
