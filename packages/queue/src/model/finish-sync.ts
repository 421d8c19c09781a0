import { type OutcomeKind, outcomeRules, type Random } from '@dsyncd/core';
import type { Completion } from '../port.ts';
import type { ChannelQueue } from './channel-queue.ts';
import type { Finish, RunningClaim } from './running-claim.ts';
import { backoffMs, quickRetryMs, timing } from './timing.ts';
import { flag } from './user-records.ts';

interface Ending {
  readonly channel: ChannelQueue;
  readonly claim: RunningClaim;
  readonly completion: Completion;
  readonly now: number;
  readonly random: Random;
}

/** What each `next` of core's outcome table does to the user's record. */
const consequences = {
  'full-sync-interval': ({ channel: { records, timing: settings }, claim, completion, now }) => {
    const { user } = claim;
    records.quickRetries[user] = 0;
    takeUpMore(records, claim);
    // An engine that answers "ok" without the full sync that was asked for would be asked at once again.
    const isUnfulfilled = claim.type === 'full' && !completion.full && claim.more === undefined;
    const proofAt = planProof(records, claim, completion, now);
    records.notBefore[user] = isUnfulfilled ? now + settings.failureResyncIntervalMs : proofAt;
  },
  soon: ({ channel: { records }, claim: { user }, now }) => {
    const timesInRow = Math.min(255, (records.quickRetries[user] ?? 0) + 1);
    records.quickRetries[user] = timesInRow;
    records.notBefore[user] = now + quickRetryMs(timesInRow);
  },
  backoff: ({ channel: { records, timing: settings }, claim: { user }, now, random }) => {
    records.notBefore[user] =
      now + backoffMs(records.failures[user] ?? 1, settings.failureResyncIntervalMs, random);
  },
  quarantine: ({ channel: { records }, claim }) => {
    records.notBefore[claim.user] = 0;
    // Whoever asked by hand while this sync ran wants to see another try.
    if (claim.more?.byOperator !== true) records.mark(claim.user, flag.quarantined);
  },
  forget: ({ channel, claim }) => {
    if (claim.more === undefined) {
      channel.forget(claim.user);
      return;
    }
    // Notified while the sync ran: the user may have been made just then.
    channel.records.notBefore[claim.user] = 0;
    takeUpMore(channel.records, claim);
  },
} satisfies Record<(typeof outcomeRules)[OutcomeKind]['next'], (ending: Ending) => void>;

/** What was asked before this sync is done; what was asked during it remains. */
function takeUpMore(records: ChannelQueue['records'], { user, more }: RunningClaim): void {
  records.priority[user] = more?.priority ?? 0;
  records.requestedAt[user] = more?.requestedAt ?? 0;
}

/**
 * When a full sync is to prove both sides equal, 0 where none waits for that alone: for one who never pauses the next
 * sync is full, whatever it is for.
 */
function planProof(
  records: ChannelQueue['records'],
  { user, more }: RunningClaim,
  { proofAfterMs = timing.proofPauseMs }: Completion,
  now: number,
): number {
  if (!records.isUnproven(user)) return 0;
  const isOverdue = now - (records.unprovenSince[user] as number) >= timing.proofPausesMax * proofAfterMs;
  if (isOverdue) records.mark(user, flag.wantsFull);
  if (more !== undefined) return 0;
  return isOverdue ? now : now + proofAfterMs;
}

/** Only a full sync that ends well proves both sides equal. */
function noteProof({ channel: { records }, claim, completion }: Ending): void {
  const { user, startedAt } = claim;
  if (completion.outcome === 'ok' && completion.full) records.unprovenSince[user] = 0;
  else if (completion.proofAfterMs !== undefined && !records.isUnproven(user))
    records.unprovenSince[user] = startedAt;
}

/** Applies the outcome of a sync to the user's record. The user must not count as running any more. */
export function finishSync(ending: Ending): Finish {
  const { channel, claim, completion, now } = ending;
  const { records } = channel;
  const { user } = claim;
  const { outcome } = completion;
  const rule = outcomeRules[outcome];
  records.lastFastAt[user] = claim.startedAt;
  recordFailure(ending, rule.isFailure);
  if (rule.keepsState && completion.full) {
    records.fullBaseAt[user] = claim.startedAt;
    records.mark(user, flag.fullSynced);
    if (claim.more?.full !== true) records.clear(user, flag.wantsFull);
  }
  noteProof(ending);
  const state = storeState(ending, rule.keepsState, rule.next === 'forget');
  if (outcome === 'ok') {
    records.lastSuccessAt[user] = now;
    if (!claim.isDoubtedAgain) records.clear(user, flag.doubted);
  }
  consequences[rule.next](ending);
  if (claim.more !== undefined) channel.hurry(user, claim.more);
  const isHeldBack = informBreaker(ending);
  const isOver = rule.next === 'quarantine' ? records.has(user, flag.quarantined) : !channel.knows(user);
  return { outcome, state, laterWaiters: isOver ? outcome : undefined, isHeldBack };
}

function recordFailure({ channel, claim, completion }: Ending, isFailure: boolean): void {
  const { records, failures } = channel;
  const { user } = claim;
  if (isFailure) {
    records.failures[user] = Math.min(255, (records.failures[user] ?? 0) + 1);
    records.mark(user, flag.failed);
    failures.set(user, completion.failure);
  } else if (completion.outcome !== 'busy') {
    // "busy" says nothing about whether what failed before works again.
    records.failures[user] = 0;
    records.clear(user, flag.failed);
    failures.set(user, undefined);
  }
}

function storeState(
  { channel: { records }, claim: { user }, completion }: Ending,
  keepsState: boolean,
  isForgotten: boolean,
): string | undefined {
  const isDropped = isForgotten || completion.state === '';
  const state = isDropped ? '' : keepsState ? completion.state : undefined;
  if (state === undefined) return undefined;
  if (state === '') records.clear(user, flag.hasState);
  else records.mark(user, flag.hasState);
  return state;
}

function informBreaker({ channel, claim, completion, now }: Ending): boolean {
  const { breaker, records } = channel;
  const { outcome } = completion;
  if (outcome === 'transient')
    return breaker.failed(claim.user, completion.failure?.reason, claim.isProbe, now);
  if (outcome !== 'ok' && outcome !== 'changed') {
    breaker.undecided(claim.isProbe, now);
    return false;
  }
  for (const user of breaker.succeeded())
    if (user !== claim.user && channel.knows(user) && records.has(user, flag.failed)) {
      records.notBefore[user] = Math.min(records.notBefore[user] as number, now + timing.quickRetryFirstMs);
      channel.place(user, now);
    }
  return false;
}
