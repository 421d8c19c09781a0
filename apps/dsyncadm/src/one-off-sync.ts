import type { Config, Replica } from '@dsyncd/config';
import type { MailboxPath, UserName } from '@dsyncd/core';
import type { SyncResult } from '@dsyncd/engine';
import type { MailStore } from '@dsyncd/mailstore';
import { notPossible } from './errors.ts';

/** One sync at an operator's wish, beside the queue. */
export interface OneOffSync {
  readonly user: UserName;
  readonly destination: Replica;
  /** Look at everything. */
  readonly full: boolean;
  /** Changes go from here to the destination only. */
  readonly oneWay: boolean;
  /** Only these mailboxes; empty: all. */
  readonly mailboxes: readonly MailboxPath[];
  /** Find out what would change, and change nothing. */
  readonly dryRun: boolean;
  readonly signal: AbortSignal;
}

/** Runs the built-in engine once. Expected failures are outcomes, as in the port of the engine. */
export async function runOneOffSync(
  _config: Config,
  _store: MailStore,
  _sync: OneOffSync,
): Promise<SyncResult> {
  throw notPossible('this build has no engine for one-off syncs', 'use `dsyncadm replicator replicate`');
}
