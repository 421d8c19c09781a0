import type { Clock, Logger, UserName } from '@dsyncd/core';
import type { ChangeBatch } from './changes.ts';

/** Where notifications go: what the listeners need of the replicator. */
export interface NotifySink {
  /** Settles when all of them are durable. A rejection means: try again with the same batch. */
  request(batch: ChangeBatch): Promise<void>;
  /**
   * Asks for a sync with priority `sync` (durably, as {@link NotifySink.request} does) and settles with true
   * when the first sync that started after this call has succeeded on every channel, else with false.
   * Rejects with `signal.reason` when that aborts; what was asked for stays asked for.
   */
  waitForSync(user: UserName, signal: AbortSignal): Promise<boolean>;
}

/** What every listener is made with. */
export interface ListenerOptions {
  readonly sink: NotifySink;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface NotifyListener {
  /** Takes no more, and settles when all that was taken is durable. */
  close(): Promise<void>;
  /** Lines refused since the start. */
  readonly badLines: number;
  /** Notifications taken since the start. */
  readonly taken: number;
  /** Unix milliseconds: what came before is durable. */
  readonly storedUntil: number;
}
