import {
  type Clock,
  type Logger,
  outcomeRules,
  priorities,
  type Random,
  type RunningSync,
  type SyncType,
  systemClock,
  type UserName,
} from '@dsyncd/core';
import {
  backoffMs,
  type Claim,
  ClockWatch,
  type Completion,
  failureLimits,
  type QueueSettings,
  quickRetryMs,
} from '@dsyncd/queue';
import type { Look } from './idle-workers.ts';
import type { ScriptRunner } from './script-runner.ts';

/** A lease as the scripts write it. */
interface Lease {
  readonly ch: string;
  readonly user: UserName;
  readonly session: string;
  readonly type: SyncType;
  readonly prio: number;
  /** 0: nobody asked. */
  readonly asked: number;
  /** Start of the last sync that compared everything; 0: there was none. */
  readonly proved: number;
  readonly at: number;
  readonly fails: number;
  readonly quickRetries: number;
}

interface Held {
  readonly lease: Lease;
  readonly leaseId: string;
}

export interface ClaimsOptions {
  readonly scripts: ScriptRunner;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly owner: ClaimsOwner;
}

/** The replicator that claims. */
export interface ClaimsOwner {
  readonly settings: QueueSettings;
  /** Id of its present session. */
  readonly session: string;
  /** Redis does not know the session any more. */
  renew(): Promise<void>;
  /** Computes due times anew: the clock was set back. */
  refresh(): Promise<void>;
}

/** An outcome that Redis does not take is offered again for so long; then the sync counts as not done. */
const completeMsMax = 15_000;
const retryMs = 250;

/** What this replicator has claimed. */
export class Claims {
  readonly #options: ClaimsOptions;
  readonly #held = new Map<number, Held>();
  readonly #clock: ClockWatch;
  /** Due times that a wrong clock gave are put right. */
  #refreshing: Promise<void> = Promise.resolve();
  /** Leases that Redis may hold though nobody here does: to be given back when it answers again. */
  readonly #unsure = new Set<string>();
  #others: readonly RunningSync[] = [];
  #next = 1;
  #isDown = false;

  constructor(options: ClaimsOptions) {
    this.#options = options;
    this.#clock = new ClockWatch(options.clock, () => this.#refresh());
  }

  input(more: object = {}): object {
    const {
      channels,
      fullSyncIntervalMs: interval,
      failureResyncIntervalMs: failureInterval,
      quietSyncsMax,
    } = this.#options.owner.settings;
    const quiet = this.#quietSyncs() < (quietSyncsMax ?? Number.POSITIVE_INFINITY);
    return { now: this.#clock.now(), interval, failureInterval, channels, quiet, ...more };
  }

  #refresh(): void {
    this.#refreshing = this.#options.owner.refresh().catch((error: unknown) => {
      this.#options.logger.warn(
        { error },
        'the clock was set back; who waits may wait for longer than planned',
      );
    });
  }

  /** Syncs that run here though nobody asked for them. */
  #quietSyncs(): number {
    let count = 0;
    for (const { lease } of this.#held.values()) if (lease.prio === 0) count++;
    return count;
  }

  /** Those that have not their share of the workers here. */
  #openChannels(): readonly string[] {
    const { channels, channelSyncsMax = Number.POSITIVE_INFINITY } = this.#options.owner.settings;
    const running = new Map<string, number>();
    for (const { lease } of this.#held.values()) running.set(lease.ch, (running.get(lease.ch) ?? 0) + 1);
    return channels.filter((name) => (running.get(name) ?? 0) < channelSyncsMax);
  }

  /** Never rejects: without Redis nothing is due. Answers how many others are ready beside the claim, too. */
  async look(): Promise<Look & { readonly ready: number }> {
    try {
      const found = await this.#claim();
      this.#isDown = false;
      return found;
    } catch (error) {
      if (!this.#isDown)
        this.#options.logger.warn({ error }, 'nothing can be claimed: the queue does not answer');
      this.#isDown = true;
      return { claim: undefined, wakeAt: this.#clock.now() + 1_000, ready: 0 };
    }
  }

  async #claim(): Promise<Look & { readonly ready: number }> {
    await this.settleUnsure();
    const { scripts, owner } = this.#options;
    this.#clock.now();
    await this.#refreshing;
    const id = this.#next++;
    const leaseId = `${owner.session}/${id}`;
    let answer: readonly unknown[];
    try {
      answer = (await scripts.run(
        'claim',
        this.input({ id: leaseId, session: owner.session, channels: this.#openChannels() }),
      )) as unknown[];
    } catch (error) {
      this.#unsure.add(leaseId);
      throw error;
    }
    const [found, rest, ready] = answer;
    if (answer.length === 0) {
      await this.#options.owner.renew();
      return { claim: undefined, wakeAt: this.#clock.now(), ready: 0 };
    }
    if (typeof found !== 'string') {
      const at = Number(rest);
      return { claim: undefined, wakeAt: at < 0 ? Number.POSITIVE_INFINITY : at, ready: 0 };
    }
    const lease = JSON.parse(found) as Lease;
    this.#held.set(id, { lease, leaseId });
    const state = typeof rest === 'string' ? rest : undefined;
    return { claim: claimOf(id, lease, state), wakeAt: 0, ready: Number(ready) };
  }

  /**
   * Answers how many users are ready now, or undefined when the claim is no longer ours.
   * Rejects when Redis did not take the outcome in time.
   */
  async complete(claim: Claim, completion: Completion): Promise<number | undefined> {
    const held = this.#held.get(claim.id);
    if (held === undefined) return undefined;
    const { scripts, logger } = this.#options;
    const input = this.input(this.#completionInput(held, completion));
    const [stored, ready] = (await this.#insist(() =>
      scripts.run('complete', input, completion.state ?? ''),
    )) as number[];
    if (!this.#held.delete(claim.id)) return undefined;
    if (stored !== 1)
      logger.warn(
        { user: claim.user, channel: claim.channel, outcome: completion.outcome },
        'outcome refused: the lease of this sync has ended; the user is synced again',
      );
    return ready;
  }

  #completionInput(
    { lease, leaseId }: Held,
    { outcome, full, state, failure, proofAfterMs }: Completion,
  ): object {
    const { next, isFailure, keepsState } = outcomeRules[outcome];
    const { random, owner } = this.#options;
    const { failureResyncIntervalMs } = owner.settings;
    const delayMs =
      next === 'soon'
        ? quickRetryMs(Math.min(255, lease.quickRetries + 1))
        : backoffMs(Math.min(255, lease.fails + 1), failureResyncIntervalMs, random);
    return {
      id: leaseId,
      outcome,
      full,
      next,
      isFailure,
      keepsState,
      hasState: state !== undefined,
      delayMs,
      fraction: random.fraction(),
      proofAfterMs,
      ...(failure === undefined
        ? {}
        : { failure: failureText(failure), reason: failure.reason.slice(0, failureLimits.reasonCharsMax) }),
    };
  }

  async #insist<T>(act: () => Promise<T>): Promise<T> {
    const until = systemClock.elapsed() + completeMsMax;
    for (;;) {
      try {
        return await act();
      } catch (error) {
        if (systemClock.elapsed() >= until) throw error;
        await systemClock.sleep(retryMs);
      }
    }
  }

  /** Never rejects: what Redis cannot hear now it hears later, or finds out by the end of the session. */
  async abandon(claim: Claim): Promise<number> {
    const held = this.#held.get(claim.id);
    if (held === undefined) return 0;
    this.#held.delete(claim.id);
    this.#unsure.add(held.leaseId);
    try {
      return await this.settleUnsure();
    } catch (error) {
      this.#options.logger.debug({ error }, 'a claim is given back later');
      return 0;
    }
  }

  /** Gives back what nobody here holds; answers how many users are ready then. */
  async settleUnsure(): Promise<number> {
    if (this.#unsure.size === 0) return 0;
    const ids = [...this.#unsure];
    const [, ready] = (await this.#options.scripts.run('abandon', this.input({ ids }))) as number[];
    for (const id of ids) this.#unsure.delete(id);
    return ready ?? 0;
  }

  /** All claims of the present session are void. */
  drop(): void {
    this.#held.clear();
    this.#unsure.clear();
  }

  /** Reads which syncs the other replicators run, for {@link running}. */
  async readOthers(): Promise<void> {
    const flat = (await this.#options.scripts.run('leases', this.input())) as string[];
    const mine = `${this.#options.owner.session}/`;
    const others: RunningSync[] = [];
    for (let index = 0; index + 1 < flat.length; index += 2)
      if (!flat[index]?.startsWith(mine)) others.push(runningOf(JSON.parse(flat[index + 1] ?? '') as Lease));
    this.#others = others;
  }

  /** Our own syncs, and those of the others as they were at the last sign of life. */
  running(): readonly RunningSync[] {
    return [...[...this.#held.values()].map(({ lease }) => runningOf(lease)), ...this.#others];
  }
}

const priorityOf = (index: number): Claim['priority'] => priorities[index] ?? 'none';

function claimOf(
  id: number,
  { ch: channel, user, type, prio, asked, proved }: Lease,
  state: string | undefined,
): Claim {
  return {
    id,
    channel,
    user,
    // A state that is lost is no harm: it is a cache.
    type: type === 'incremental' && state === undefined ? 'full' : type,
    priority: priorityOf(prio),
    state,
    requestedAt: asked === 0 ? undefined : asked,
    lastFullSyncAt: proved > 0 ? proved : undefined,
  };
}

const runningOf = ({ ch: channel, user, type, prio, at: startedAt }: Lease): RunningSync => ({
  channel,
  user,
  type,
  priority: priorityOf(prio),
  startedAt,
});

const failureText = ({ code, reason, hint }: NonNullable<Completion['failure']>): string =>
  JSON.stringify({
    code: code.slice(0, failureLimits.codeCharsMax),
    reason: reason.slice(0, failureLimits.reasonCharsMax),
    hint: hint?.slice(0, failureLimits.hintCharsMax),
  });
