import { type Clock, type Logger, priorityCodes, type RequestPriority, type UserName } from '@dsyncd/core';
import type { NotifyRequest, NotifySink } from '@dsyncd/notify';
import type { ReplicationQueue } from '@dsyncd/queue';
import type { Channel } from './channel.ts';
import { LeftOutUsers } from './left-out-users.ts';

export interface IntakeOptions {
  readonly queue: ReplicationQueue;
  readonly channels: () => readonly Channel[];
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Brings notifications to the queues of the channels that they concern.
 *
 * A change that was made on this host goes to every channel. One that a sync brought in came from a
 * peer: it goes on only to channels with `chain`, and never back to that peer.
 */
export class Intake implements NotifySink {
  readonly #options: IntakeOptions;
  /** Host name of each channel's peer, as it named itself in the last sync. */
  readonly #peerOf = new Map<string, string>();

  /** Those whom the queue had no room for. */
  readonly leftOut: LeftOutUsers;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.leftOut = new LeftOutUsers(options);
  }

  /** Remembers who is at the other end of a channel. */
  peerSeen(channel: string, hostname: string): void {
    this.#peerOf.set(channel, hostname);
  }

  async request(batch: readonly NotifyRequest[]): Promise<void> {
    const byOrigin = new Map<string | undefined, NotifyRequest[]>();
    for (const request of batch) {
      const list = byOrigin.get(request.origin);
      if (list === undefined) byOrigin.set(request.origin, [request]);
      else list.push(request);
    }
    await Promise.all(
      [...byOrigin].map(([origin, requests]) => this.#enqueue(this.#concerned(origin), requests)),
    );
  }

  /** A sync on `channel` changed this host; the other channels of a chain are to hear of it. */
  async imported(user: UserName, channel: string): Promise<void> {
    const others = this.#options.channels().filter(({ name, chain }) => chain && name !== channel);
    await this.#enqueue(
      others.map(({ name }) => name),
      [{ user, priority: 'low' }],
    );
  }

  async waitForSync(user: UserName, signal: AbortSignal): Promise<boolean> {
    const channels = this.#concerned(undefined);
    const { queue } = this.#options;
    // First the waiter, then the request: the sync may be over before the next turn of the event loop.
    const waiting = channels.map((channel) => queue.waitForSync(channel, user, signal));
    const outcomes = Promise.all(waiting);
    outcomes.catch(() => {});
    await this.#enqueue(channels, [{ user, priority: 'sync' }]);
    return (await outcomes).every((outcome) => outcome === 'ok' || outcome === 'changed');
  }

  #concerned(origin: string | undefined): string[] {
    const channels = this.#options.channels();
    const concerned =
      origin === undefined
        ? channels
        : channels.filter(({ name, chain }) => chain && this.#peerOf.get(name) !== origin);
    return concerned.map(({ name }) => name);
  }

  async #enqueue(
    channels: readonly string[],
    requests: readonly { readonly user: UserName; readonly priority: RequestPriority }[],
  ): Promise<void> {
    if (channels.length === 0) return;
    const codes = Uint8Array.from(requests, ({ priority }) => priorityCodes[priority]);
    const { leftOut } = await this.#options.queue.requestMany({
      channels,
      names: requests.map(({ user }) => user),
      priorities: codes,
    });
    if (leftOut.length === 0) return;
    this.leftOut.add(
      leftOut.flatMap((position) => {
        const request = requests[position];
        return request === undefined ? [] : [{ user: request.user, priority: request.priority, channels }];
      }),
    );
  }
}
