import { obstaclesOf } from '@dsyncd/core';
import { type ChannelReading, lagLimitsMs } from '@dsyncd/telemetry';
import type { Gauges } from '../history/span.ts';
import type { HttpApiParts } from '../parts.ts';
import { channelStatus } from './fleet-view.ts';
import { VerificationCensus } from './verification.ts';
import { type ChannelView, channelView } from './views.ts';

type Parts = Pick<HttpApiParts, 'queue' | 'channels' | 'problems' | 'firstSyncsLeftMs' | 'clock' | 'logger'>;

/** How ready this host's users are for a failover to their replica. */
export interface Readiness {
  readonly isReady: boolean;
  /** Users whose oldest change waits longer than the limit. */
  readonly usersBehind: number;
  readonly usersNeverSynced: number;
  readonly oldestLagSeconds: number;
  /** Why not, a line each. */
  readonly reasons: readonly string[];
}

/** What the queue says of its channels, without looking at each user. */
export class Overview {
  readonly #parts: Parts;
  readonly #census: VerificationCensus;

  constructor(parts: Parts) {
    this.#parts = parts;
    this.#census = new VerificationCensus(parts);
  }

  /** @throws {DsyncdError} `DSYNCD_QUEUE_CHANNEL` when there is none of that name. */
  async channel(name: string): Promise<ChannelView> {
    const { queue, channels, clock, firstSyncsLeftMs } = this.#parts;
    const configured = channels().find((channel) => channel.name === name);
    return channelView(configured ?? { name, replica: '', chain: false }, await channelStatus(queue, name), {
      now: clock.now(),
      firstSyncsLeftMs: firstSyncsLeftMs?.(name),
    });
  }

  channels(): Promise<ChannelView[]> {
    return Promise.all(this.#parts.channels().map(({ name }) => this.channel(name)));
  }

  /** For the history, by channel. */
  async gauges(): Promise<ReadonlyMap<string, Gauges>> {
    const channels = await this.channels();
    return new Map(
      channels.map(({ channel, users, usersBehind, queued, running, oldestLagSeconds }) => [
        channel,
        {
          users,
          behind: usersBehind,
          sync: queued.sync,
          high: queued.high,
          low: queued.low,
          failed: queued.failed,
          held: queued.quarantined,
          running,
          lagSeconds: oldestLagSeconds,
        },
      ]),
    );
  }

  async readings(): Promise<ChannelReading[]> {
    const { queue, channels, clock } = this.#parts;
    return Promise.all(
      channels().map(async ({ name }) => {
        const status = await queue.channelStatus(name);
        const { oldestRequestAt = clock.now() } = status;
        return {
          ...status,
          oldestLagMs: Math.max(0, clock.now() - oldestRequestAt),
          lagCounts: await queue.lagCounts(name, lagLimitsMs),
          verification: await this.#census.read(name),
        };
      }),
    );
  }

  /** Of one channel, or the worst of all: a user who is behind on two is counted once a channel. */
  async readiness(maxLagMs: number, channel: string | undefined): Promise<Readiness> {
    const { queue, channels, problems, clock } = this.#parts;
    const names = channel === undefined ? channels().map(({ name }) => name) : [channel];
    const reasons = names.length === 0 ? ['no channel is configured: there is no replica'] : [];
    // Everyone who reaches the port reads this: the check is named, not the paths that its message may hold.
    for (const { check } of problems())
      reasons.push(`this host: the check "${check}" fails; see dsyncadm status on it`);
    let usersBehind = 0;
    let usersNeverSynced = 0;
    let oldestLagMs = 0;
    for (const name of names) {
      const status = await queue.channelStatus(name);
      const [late = 0] = await queue.lagCounts(name, [maxLagMs]);
      usersBehind += late;
      usersNeverSynced += status.standings['never synced'];
      oldestLagMs = Math.max(oldestLagMs, clock.now() - (status.oldestRequestAt ?? clock.now()));
      reasons.push(...obstaclesOf(status, late).map((text) => `channel ${name}: ${text}`));
    }
    return {
      isReady: reasons.length === 0,
      usersBehind,
      usersNeverSynced,
      oldestLagSeconds: oldestLagMs / 1000,
      reasons,
    };
  }
}
