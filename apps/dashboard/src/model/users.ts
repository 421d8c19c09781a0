import { relativeText } from './ages.ts';
import type { Channel, User } from './answers.ts';

export interface Why {
  readonly text: string;
  readonly hint?: string;
  /** When something happens next, in words; empty when nothing does by itself. */
  readonly next: string;
}

/**
 * Why a user's changes are not on the replica yet.
 * @param channel - of the user, when it is known
 * @param now - Unix ms of the server's clock
 */
export function whyBehind(user: User, channel: Channel | undefined, now: number): Why {
  const hint = user.failure?.hint;
  const withHint = hint === undefined ? {} : { hint };
  const failed = user.failure?.reason ?? 'The last sync failed.';
  const next = nextText(user.nextSyncAt, now);
  if (user.quarantined) return { text: failed, ...withHint, next: 'held until you act' };
  if (user.running) return { text: 'A sync runs now.', next: 'now' };
  if (user.paused) return { text: 'A person has paused this user.', next: 'when resumed' };
  if (channel?.paused === true)
    return { text: `Channel ${channel.channel} is paused.`, next: 'when resumed' };
  const breaker = channel?.breaker;
  if (breaker !== undefined && breaker.state !== 'closed')
    return {
      text: breaker.lastReason ?? failed,
      ...withHint,
      next: nextText(breaker.retryAt, now),
    };
  if (user.failed) return { text: failed, ...withHint, next };
  if (user.state === 'never synced') return { text: 'Waits for its first sync.', next };
  if (user.state === 'not known')
    return { text: 'Mail may have changed while dsyncd was not listening; a sync will find out.', next };
  if (user.state === 'unproven')
    return {
      text: 'Changes came so close to the last sync that flags may differ; a full sync will prove.',
      next,
    };
  if (user.state === 'changing') return { text: 'The mail changes during every sync.', next };
  return { text: `Waits for its turn, priority ${user.priority}.`, next };
}

function nextText(instant: string | undefined, now: number): string {
  if (instant === undefined) return '';
  return Date.parse(instant) <= now ? 'due' : relativeText(instant, now);
}

/** Who waits longest comes first; who has no change that waits (but failed) comes after; then by name. */
export function byOldestChange(one: User, other: User): number {
  const [first, second] = [one.requestedAt ?? '9999', other.requestedAt ?? '9999'];
  if (first !== second) return first < second ? -1 : 1;
  return byName(one, other);
}

/** By code unit, so that every browser has the same order; then by channel. */
export function byName(one: User, other: User): number {
  if (one.user !== other.user) return one.user < other.user ? -1 : 1;
  return one.channel < other.channel ? -1 : one.channel > other.channel ? 1 : 0;
}
