/**
 * What a sync can end as, and what follows from it. A table, not ifs: the scheduler, the status
 * output and the documentation all read it.
 */
export type OutcomeKind = 'ok' | 'changed' | 'busy' | 'transient' | 'operator' | 'nouser' | 'noreplicate';

export interface OutcomeRule {
  /**
   * Store the state string that came with this outcome: only where it is proven that it hides no change. Without it the
   * one before stays, which an earlier sync proved; an empty state drops that, whatever the outcome.
   */
  readonly keepsState: boolean;
  /** Shown as failed in `replicator status`. */
  readonly isFailure: boolean;
  /** When the user is due again. */
  readonly next: 'full-sync-interval' | 'soon' | 'backoff' | 'quarantine' | 'forget';
  readonly meaning: string;
}

export const outcomeRules: Readonly<Record<OutcomeKind, OutcomeRule>> = {
  ok: {
    keepsState: true,
    isFailure: false,
    next: 'full-sync-interval',
    meaning: 'both sides are equal',
  },
  changed: {
    keepsState: false,
    isFailure: false,
    next: 'soon',
    meaning: 'a mailbox changed during the sync: sync again soon',
  },
  busy: {
    keepsState: false,
    isFailure: false,
    next: 'soon',
    meaning: 'the user is locked by another sync: try again soon',
  },
  transient: {
    keepsState: false,
    isFailure: true,
    next: 'backoff',
    meaning: 'the peer or the network failed: try again with growing delay',
  },
  operator: {
    keepsState: false,
    isFailure: true,
    next: 'quarantine',
    meaning: 'needs a person: held until replicated by hand',
  },
  nouser: {
    keepsState: false,
    isFailure: false,
    next: 'forget',
    meaning: 'the user does not exist any more',
  },
  noreplicate: {
    keepsState: false,
    isFailure: false,
    next: 'forget',
    meaning: 'the user is excluded from replication',
  },
};
