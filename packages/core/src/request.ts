import type { UserName } from './ids.ts';

/**
 * How urgent a notification is, as Dovecot's notify plugin says it; `none`: nothing was asked for, and the user is
 * due by the full-sync interval alone.
 */
export type Priority = 'none' | 'low' | 'high' | 'sync';
export type RequestPriority = Exclude<Priority, 'none'>;

/** Highest last: the place of a priority is its code in columns and records, and a greater code wins. */
export const priorities = ['none', 'low', 'high', 'sync'] as const satisfies readonly Priority[];

/** What can be asked for, least urgent first. */
export const requestPriorities = ['low', 'high', 'sync'] as const satisfies readonly RequestPriority[];

export const priorityCodes = { none: 0, low: 1, high: 2, sync: 3 } as const satisfies Record<
  Priority,
  number
>;
/** Code of a priority that can be asked for. */
export type PriorityCode = (typeof priorityCodes)[RequestPriority];

/** Somebody asks for a sync of a user. */
export interface SyncRequest {
  readonly user: UserName;
  readonly priority: RequestPriority;
  /** The next sync ignores the state. */
  readonly full?: boolean;
  /** Asked for by a person: also ends quarantine and does not wait for the next try after a failure. */
  readonly byOperator?: boolean;
}

/** Lines of a notification listener, column by column: no object per line. */
export interface RequestBatch {
  /** Each line goes to all of these. */
  readonly channels: readonly string[];
  /** User names as they came, unchecked. */
  readonly names: readonly string[];
  /** One per name: index into `priorities`, from 1. May be longer than `names`. */
  readonly priorities: ArrayLike<number>;
}
