import type { UserName } from './ids.ts';
import type { RequestPriority } from './priority.ts';

/** Somebody asks for a sync of a user. */
export interface SyncRequest {
  readonly user: UserName;
  readonly priority: RequestPriority;
  /** The next sync ignores the state. */
  readonly full?: boolean;
  /** Asked for by a person: also ends quarantine and does not wait for the next try after a failure. */
  readonly byOperator?: boolean;
}

/** Lines of a notification listener, column by column: no object a line. */
export interface RequestBatch {
  /** Each line goes to all of these. */
  readonly channels: readonly string[];
  /** User names as they came, unchecked. */
  readonly names: readonly string[];
  /** One a name: index into `priorities`, from 1. May be longer than `names`. */
  readonly priorities: Uint8Array;
}
