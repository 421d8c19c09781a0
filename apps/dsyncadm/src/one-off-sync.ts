import { type Config, planPeer } from '@dsyncd/config';
import type { Logger, MailboxPath, UserName } from '@dsyncd/core';
import { BuiltinEngine, type SyncResult } from '@dsyncd/engine';
import type { MailStore } from '@dsyncd/mailstore';
import { createPeer } from '@dsyncd/transport';

export { hasImported } from '@dsyncd/engine';

/** One sync at an operator's wish, beside the queue. */
export interface OneOffSync {
  readonly user: UserName;
  /** As in `mail_replica`. */
  readonly destination: string;
  /** Only this mailbox. */
  readonly mailbox: MailboxPath | undefined;
  /** Find out what would change, and change nothing. */
  readonly isDryRun: boolean;
  readonly signal: AbortSignal;
}

export interface OneOffParts {
  readonly config: Config;
  readonly store: MailStore;
  readonly logger: Logger;
}

const channel = 'dsyncadm sync';

/**
 * Runs the built-in engine once. It is a full sync, as nobody keeps the state of one.
 * Expected failures of the sync are outcomes, as in the port of the engine.
 * @throws {DsyncdError} for a destination or a configuration that cannot be used.
 */
export async function runOneOffSync(parts: OneOffParts, sync: OneOffSync): Promise<SyncResult> {
  const { config, store, logger } = parts;
  const { destination, settings } = await planPeer(config, { ...config, mailReplica: sync.destination });
  const peer = createPeer(destination, { ...settings, logger });
  const engine = new BuiltinEngine({
    store,
    hostname: config.hostname,
    lockTimeoutMs: () => config.dsyncLockTimeoutMs,
    peerOf: () => peer,
  });
  const { user, mailbox, isDryRun, signal } = sync;
  try {
    return await engine.sync({
      user,
      channel,
      type: 'full',
      state: undefined,
      signal: AbortSignal.any([signal, AbortSignal.timeout(config.dsyncTimeoutMs)]),
      isDryRun,
      mailbox,
    });
  } finally {
    await engine.close();
    await peer.close();
  }
}
