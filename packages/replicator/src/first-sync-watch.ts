import { type Clock, formatSpan, type Logger } from '@dsyncd/core';
import type { ReplicationQueue } from '@dsyncd/queue';
import type { Channel } from './channel.ts';
import { FirstSyncs } from './first-syncs.ts';

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

  /** Milliseconds; undefined: it cannot be told. */
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
    // A queue that does not answer is told of elsewhere.
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
