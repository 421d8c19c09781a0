import {
  type Clock,
  formatUserName,
  isUserName,
  type Logger,
  type OutcomeKind,
  priorities,
  type UserName,
  type UsernameFormat,
} from '@dsyncd/core';
import { hasImported, type SyncResult } from '@dsyncd/engine';
import { type ChangeBatch, ChangeColumns, changeBatch, type NotifySink } from '@dsyncd/notify';
import type { Claim, ReplicationQueue } from '@dsyncd/queue';
import type { Channel } from './channel.ts';
import { LeftOutUsers } from './left-out-users.ts';

export interface IntakeOptions {
  readonly queue: ReplicationQueue;
  readonly channels: () => readonly Channel[];
  /** Keeps who changed, whoever replicates that. Missing: nobody wants to know. */
  readonly changes?: { note(users: readonly UserName[]): Promise<void> };
  /** How users are spelt. @defaultValue 'as-is' */
  readonly usernameFormat?: UsernameFormat;
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

  /** Users that the queue had no room for. */
  readonly leftOut: LeftOutUsers;

  constructor(options: IntakeOptions) {
    this.#options = options;
    this.leftOut = new LeftOutUsers(options);
  }

  /** Settles when all of them are in the queue, and in the change feed where there is one. */
  async request(batch: ChangeBatch): Promise<void> {
    await Promise.all([this.noteChanges(batch.users), this.#request(batch)]);
  }

  /** Only for the change feed: their mail changed, or may have. */
  async noteChanges(names: readonly string[]): Promise<void> {
    const { changes, usernameFormat = 'as-is' } = this.#options;
    if (changes === undefined) return;
    await changes.note(names.filter(isUserName).map((name) => formatUserName(name, usernameFormat)));
  }

  async #request(batch: ChangeBatch): Promise<void> {
    if (batch.origins.size === 0) return this.#enqueue(this.#concerned(undefined), batch);
    const byOrigin = new Map<string | undefined, ChangeColumns>();
    for (const [index, user] of batch.users.entries()) {
      const origin = batch.origins.get(index);
      const columns = byOrigin.get(origin) ?? new ChangeColumns();
      byOrigin.set(origin, columns);
      columns.add(user, batch.priorities[index] ?? 1);
    }
    await Promise.all([...byOrigin].map(([origin, part]) => this.#enqueue(this.#concerned(origin), part)));
  }

  /** After each sync: remembers the peer, and brings what the sync imported to the other channels of a chain. */
  async synced({ user, channel }: Claim, result: SyncResult): Promise<void> {
    if (result.peer !== undefined) this.#peerOf.set(channel, result.peer);
    if (result.properUser !== undefined)
      await this.request(changeBatch([{ user: result.properUser, priority: 'high' }]));
    // Where nobody counted, something may have come.
    if (result.isCounted === false || hasImported(result)) await this.noteChanges([user]);
    if (!hasImported(result)) return;
    const others = this.#options.channels().filter(({ name, chain }) => chain && name !== channel);
    await this.#enqueue(
      others.map(({ name }) => name),
      changeBatch([{ user, priority: 'low' }]),
    );
  }

  async waitForSync(user: UserName, signal: AbortSignal): Promise<boolean> {
    const required = this.#options
      .channels()
      .filter(({ requiresReplica }) => requiresReplica?.(user) === true)
      .map(({ name }) => name);
    if (required.length === 0) {
      const [outcomes] = await Promise.all([
        this.#syncedOn(this.#concerned(undefined), user, signal),
        this.noteChanges([user]),
      ]);
      return outcomes.every((outcome) => outcome === 'ok' || outcome === 'changed');
    }
    await this.request(changeBatch([{ user, priority: 'high' }]));
    // A sync that ended as changed proves no copy; one more does.
    for (;;) {
      const outcomes = await this.#syncedOn(required, user, signal);
      if (outcomes.every((outcome) => outcome === 'ok')) return true;
      if (signal.aborted || outcomes.some((outcome) => outcome !== 'ok' && outcome !== 'changed'))
        return false;
    }
  }

  async #syncedOn(
    channels: readonly string[],
    user: UserName,
    signal: AbortSignal,
  ): Promise<readonly OutcomeKind[]> {
    const { queue } = this.#options;
    // First the waiter, then the request: the sync may be over before the next turn of the event loop.
    const waiting = channels.map((channel) => queue.waitForSync(channel, user, signal));
    const outcomes = Promise.all(waiting);
    outcomes.catch(() => {});
    await this.#enqueue(channels, changeBatch([{ user, priority: 'sync' }]));
    return outcomes;
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
    { users, priorities: codes }: Pick<ChangeBatch, 'users' | 'priorities'>,
  ): Promise<void> {
    if (channels.length === 0) return;
    const { leftOut } = await this.#options.queue.requestMany({ channels, names: users, priorities: codes });
    if (leftOut.length === 0) return;
    this.leftOut.add(
      leftOut.flatMap((index) => {
        const [user, priority] = [users[index], priorities[codes[index] ?? 1]];
        return user === undefined ? [] : [{ user, priority, channels }];
      }),
    );
  }
}
