import type { Clock, Random } from '@dsyncd/core';
import { MemoryJournal } from './journal.ts';
import { Scheduler } from './model/scheduler.ts';
import type { QueueSettings, ReplicationQueue } from './port.ts';
import { ScheduledQueue } from './scheduled-queue.ts';

export interface MemoryQueueOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly settings: QueueSettings;
  /** Known users of all channels together; more are refused. @defaultValue 10,000,000 */
  readonly usersMax?: number;
}

/** A queue that lives as long as its process: for tests and trials. */
export function openMemoryQueue({ clock, random, settings, usersMax }: MemoryQueueOptions): ReplicationQueue {
  const scheduler = new Scheduler({
    random,
    settings,
    usersMax,
    onChange: () => {},
    onUserChange: () => {},
  });
  return new ScheduledQueue({ scheduler, journal: new MemoryJournal(), clock });
}
