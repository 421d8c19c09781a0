import { type Clock, DsyncdError } from '@dsyncd/core';
import type { SyncWatch } from '@dsyncd/engine';
import type { Claim, ReplicationQueue } from '@dsyncd/queue';
import type { Channel } from './channel.ts';

/** Longer than this no sync may take: one that hangs must be given up some day. */
const timeoutMsMax = 24 * 3_600_000;
/** More than these are not remembered; who is forgotten begins anew. */
const usersMax = 10_000;

type Who = Pick<Claim, 'user' | 'channel'>;

/**
 * How long a sync may take: twice as long after each one that was cut off, or a first sync of much mail would begin anew
 * for ever. That nothing moves is found earlier, by the watch over the connection.
 */
export class GrowingTimeout {
  /** How many were cut off in a row. */
  readonly #rows = new Map<string, number>();

  /** @param baseMs - for one that was not cut off before */
  of(who: Who, baseMs: number): number {
    return Math.max(baseMs, Math.min(timeoutMsMax, baseMs * 2 ** (this.#rows.get(keyOf(who)) ?? 0)));
  }

  ended(who: Who, wasCutOff: boolean): void {
    const key = keyOf(who);
    const row = this.#rows.get(key) ?? 0;
    this.#rows.delete(key);
    if (!wasCutOff) return;
    if (this.#rows.size >= usersMax) this.#rows.clear();
    this.#rows.set(key, row + 1);
  }
}

const keyOf = ({ user, channel }: Who): string => `${channel}\0${user}`;

/** A peer from which nothing comes for so long must not keep the user from another channel any more. */
export const graceMs = 10_000;
/** How often it is asked whether another channel has begun to wait. */
const lookEveryMs = 1_000;

export interface HangWatchOptions {
  readonly queue: Pick<ReplicationQueue, 'userStatus' | 'channelStatus'>;
  readonly channels: () => readonly Pick<Channel, 'name'>[];
  readonly clock: Clock;
}

/**
 * A user is synced on one channel at a time: two syncs at once would merge into the same mail without knowing of each
 * other. So one whose peer hangs is ended for the sake of a channel that waits for the same user. A slow peer loses by
 * that, so each next try of the user on that channel has twice the grace.
 */
export class HangWatch {
  readonly #options: HangWatchOptions;
  readonly #grace = new GrowingTimeout();

  constructor(options: HangWatchOptions) {
    this.#options = options;
  }

  /**
   * @param watch - a sync without a connection in it is left alone
   * @param giveUp - called once at most
   * @returns to be called when the sync has ended
   */
  begin(claim: Claim, watch: SyncWatch, giveUp: (reason: DsyncdError) => void): () => void {
    const { clock, channels } = this.#options;
    const grace = this.#grace.of(claim, graceMs);
    const startedAt = clock.elapsed();
    let cancel = (): void => {};
    let isOver = false;
    let hasHung = false;
    const lookAfter = (delayMs: number): void => {
      cancel = clock.after(delayMs, () => void look());
    };
    const look = async (): Promise<void> => {
      const { connection } = watch;
      if (connection === undefined) return;
      const quiet = connection === 'opening' ? clock.elapsed() - startedAt : connection.quietMs;
      const other = quiet < grace ? undefined : await this.#whoWaits(claim).catch(() => undefined);
      if (isOver) return;
      if (other === undefined) {
        lookAfter(Math.max(lookEveryMs, grace - quiet));
        return;
      }
      hasHung = true;
      giveUp(hung(claim, quiet, other));
    };
    if (channels().length > 1) lookAfter(grace);
    return () => {
      isOver = true;
      cancel();
      this.#grace.ended(claim, hasHung);
    };
  }

  /** Another channel on which the user would be synced now. */
  async #whoWaits({ user, channel }: Claim): Promise<string | undefined> {
    const { queue, channels, clock } = this.#options;
    for (const { name } of channels()) {
      if (name === channel) continue;
      const { paused, breaker } = await queue.channelStatus(name);
      if (paused || breaker.state === 'open') continue;
      for await (const status of queue.userStatus(name, user)) {
        const isDue = status.nextSyncAt !== undefined && status.nextSyncAt <= clock.now();
        // A held user has no next sync.
        if (status.user === user && status.standing !== 'replicated' && isDue) return name;
      }
    }
    return undefined;
  }
}

const hung = ({ user }: Claim, quietMs: number, other: string): DsyncdError =>
  new DsyncdError(
    'DSYNCD_LINK_STALLED',
    `nothing came from the peer for ${Math.round(quietMs / 1000)} s, and channel ${other} waits for ${user}`,
    {
      outcome: 'transient',
      hint: 'check the load and the log of the other host, and the network between; the next try has twice the time',
    },
  );
