import { priorities, type SyncType } from '@dsyncd/core';
import { type SetBack, setBackInstant } from '../clock-watch.ts';
import type { Claim, Completion } from '../port.ts';

/** A request as the model sees it. */
export interface CodedRequest {
  /** Index into `priorities`, from 1. */
  readonly priority: number;
  readonly full: boolean;
  readonly byOperator: boolean;
}

/** Requests that came while the sync ran: they cause one more. Priorities are indexes. */
export interface MoreWork {
  readonly priority: number;
  readonly full: boolean;
  readonly byOperator: boolean;
  readonly requestedAt: number;
}

/** A sync that runs. */
export interface RunningClaim {
  readonly claimId: number;
  readonly channel: number;
  readonly user: number;
  readonly type: SyncType;
  readonly hasState: boolean;
  readonly priority: number;
  requestedAt: number;
  startedAt: number;
  /** The sync that tries whether a peer is back. */
  readonly isProbe: boolean;
  /** The user was removed meanwhile: the outcome is of no interest. */
  isStale: boolean;
  /** Doubt that came while the sync ran is not dispelled by it. */
  isDoubtedAgain: boolean;
  more: MoreWork | undefined;
}

/** What the model says of a finished sync, for the code that keeps states and answers waiters. */
export interface Finish {
  readonly outcome: Completion['outcome'];
  /** The state to store, '' to drop it, undefined to leave it as it is. */
  readonly state: string | undefined;
  /** Waiters of this user that came during the sync get this answer: no sync will come. */
  readonly laterWaiters: Completion['outcome'] | undefined;
  /** The channel is held back now: all waiters of it are answered. */
  readonly isHeldBack: boolean;
}

export type ClaimHead = Omit<Claim, 'state'> & { readonly hasState: boolean };

/** The claim as a worker gets it, with names instead of numbers. */
export const headOf = (
  { claimId, type, priority, requestedAt, hasState }: RunningClaim,
  names: Pick<Claim, 'channel' | 'user' | 'lastFullSyncAt'>,
): ClaimHead => ({
  ...names,
  id: claimId,
  type,
  priority: priorities[priority] ?? 'none',
  requestedAt: requestedAt === 0 ? undefined : requestedAt,
  hasState,
});

export const mergeRequest = (more: MoreWork | undefined, asked: CodedRequest, now: number): MoreWork => ({
  priority: Math.max(more?.priority ?? 0, asked.priority),
  full: (more?.full ?? false) || asked.full,
  byOperator: (more?.byOperator ?? false) || asked.byOperator,
  requestedAt: more?.requestedAt ?? now,
});

/** The clock was set back while the sync runs. */
export function setClaimBack(claim: RunningClaim, step: SetBack): void {
  claim.requestedAt = setBackInstant(claim.requestedAt, step);
  claim.startedAt = setBackInstant(claim.startedAt, step);
  if (claim.more !== undefined)
    claim.more = { ...claim.more, requestedAt: setBackInstant(claim.more.requestedAt, step) };
}
