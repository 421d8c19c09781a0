import { relativeText } from './ages.ts';
import type { Channel, User } from './answers.ts';
import { channelStates, userStates } from './states.ts';

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
  const { meaning, next: nextStep } = userStates[user.state];
  const hint = user.failure?.hint;
  const reason = user.failure?.reason ?? meaning;
  const next = nextText(user.nextSyncAt, now);
  if (user.quarantined) return { text: reason, hint: hint ?? nextStep, next: 'held until you act' };
  if (user.running) return { text: 'A sync runs now.', next: 'now' };
  if (user.paused) return { text: meaning, hint: nextStep, next: 'when resumed' };
  if (channel?.paused === true)
    return {
      text: `Channel ${channel.channel} is paused.`,
      hint: channelStates.paused.next,
      next: 'when resumed',
    };
  const breaker = channel?.breaker;
  if (breaker !== undefined && breaker.state !== 'closed')
    return {
      text: breaker.lastReason ?? reason,
      hint: hint ?? channelStates[breaker.state].next,
      next: nextText(breaker.retryAt, now),
    };
  if (user.failed) return { text: reason, hint: hint ?? nextStep, next };
  const isQueued = user.state === 'behind';
  return {
    text: isQueued ? `Waits for its turn, priority ${user.priority}.` : meaning,
    hint: nextStep,
    next,
  };
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
