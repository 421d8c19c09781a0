import type { Clock, DsyncdError, Logger, Random } from '@dsyncd/core';
import type { QueueSettings, ReplicationQueue } from '../port.ts';
import { ScheduledQueue } from '../scheduled-queue.ts';
import { FileThread, isDamage } from './file-thread.ts';
import { type LoadOptions, loadQueue } from './load-queue.ts';
import { SqliteJournal } from './sqlite-journal.ts';

export interface SqliteQueueOptions {
  /** Made when it is not there; its folder must be. `FILE.lock` stands beside it. */
  readonly file: string;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
  readonly settings: QueueSettings;
  /** Known users of all channels together; more are refused. @defaultValue 10,000,000 */
  readonly usersMax?: number;
  /** The file grows no larger; a full one is treated as a full disk. @defaultValue 64 GiB */
  readonly fileBytesMax?: number;
}

export interface SqliteQueue extends ReplicationQueue {
  /**
   * Fulfils when the queue can store nothing more until the program is started anew, which loses nothing that was
   * stored. Never rejects.
   */
  readonly broken: Promise<DsyncdError>;
}

const fileBytesMaxDefault = 64 * 1024 ** 3;

/**
 * Opens the embedded queue. What is asked for, and what was running when the process died, is due again.
 *
 * A damaged file is moved aside to `FILE.damaged-N` and the queue starts empty: make the users known
 * with `add`, and each gets a full sync.
 *
 * @throws {DsyncdError} `DSYNCD_QUEUE_LOCKED` when another process has it, `DSYNCD_QUEUE_FOREIGN` when
 *   the file is not a queue or of a later version, `DSYNCD_QUEUE_FILE` when it cannot be read or made.
 */
export async function openSqliteQueue(options: SqliteQueueOptions): Promise<SqliteQueue> {
  const { file, clock, random, settings, usersMax } = options;
  const logger = options.logger.child({ file });
  const thread = new FileThread(file);
  try {
    const opened = await thread.call('open', {
      file,
      fileBytesMax: options.fileBytesMax ?? fileBytesMaxDefault,
    });
    if (opened.damaged !== undefined) logDamage(logger, opened.damaged.movedTo, opened.damaged.reason);
    const journal = new SqliteJournal({ thread, clock, logger });
    const load: LoadOptions = {
      thread,
      journal,
      opened,
      random,
      settings,
      now: clock.now(),
      usersMax,
    };
    const { scheduler, unusable } = await loadOrStartAnew(load, logger);
    if (unusable > 0) logger.warn({ unusable }, 'rows of the queue file make no sense and were left out');
    const broken = thread.inUse();
    return Object.assign(new ScheduledQueue({ scheduler, journal, clock }), { broken });
  } catch (error) {
    await thread.close().catch(() => {
      // The caller gets the first error; the thread ends in any case.
    });
    throw error;
  }
}

async function loadOrStartAnew(load: LoadOptions, logger: Logger): ReturnType<typeof loadQueue> {
  try {
    return await loadQueue(load);
  } catch (error) {
    if (!isDamage(error)) throw error;
    logDamage(logger, await load.thread.call('moveAside'), error instanceof Error ? error.message : '');
    return loadQueue({ ...load, opened: { channels: [], userIdBound: 0 } });
  }
}

const logDamage = (logger: Logger, movedTo: string, reason: string): void =>
  logger.error(
    {
      movedTo,
      reason,
      hint: 'make the users known again: dsyncadm replicator add "*"; each gets a full sync',
    },
    'queue file damaged: moved aside, the queue starts empty',
  );
