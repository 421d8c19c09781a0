import { isUserName, type Random } from '@dsyncd/core';
import { Scheduler } from '../model/scheduler.ts';
import { flag } from '../model/user-records.ts';
import type { QueueSettings } from '../port.ts';
import type { FileThread } from './file-thread.ts';
import { channelOfKey, messageRowWidth, type OpenedFile, userOfKey } from './messages.ts';
import type { SqliteJournal } from './sqlite-journal.ts';

export interface LoadOptions {
  readonly thread: FileThread;
  readonly journal: SqliteJournal;
  readonly opened: Pick<OpenedFile, 'channels' | 'userIdBound'>;
  readonly random: Random;
  readonly settings: QueueSettings;
  readonly now: number;
  readonly usersMax?: number;
}

/** Fills a scheduler from the file, page by page. Answers how many rows made no sense and were left out. */
export async function loadQueue(options: LoadOptions): Promise<{ scheduler: Scheduler; unusable: number }> {
  const { journal, opened, random, settings, usersMax } = options;
  const scheduler = new Scheduler({
    random,
    settings,
    channels: opened.channels,
    usersMax,
    onChange: (channel, user) => journal.noteRecord(channel, user),
    onUserChange: (user) => journal.noteUser(user),
  });
  scheduler.reserve(opened.userIdBound);
  const unusableUsers = await loadUsers(options, scheduler);
  const unusable = unusableUsers.length + (await loadRecords(options, scheduler));
  if (unusable > 0) await options.thread.call('sweep', unusableUsers);
  await loadFailures(options, scheduler);
  journal.attach(scheduler);
  scheduler.users.finishRestore();
  return { scheduler, unusable };
}

async function loadUsers({ thread }: LoadOptions, scheduler: Scheduler): Promise<readonly number[]> {
  const unusable: number[] = [];
  for (let afterId = -1; ; ) {
    const { ids, names } = await thread.call('users', afterId);
    if (ids.length === 0) return unusable;
    for (const [index, name] of names.entries()) {
      const id = ids[index] as number;
      if (typeof name !== 'string' || !isUserName(name) || !scheduler.users.restore(id, name))
        unusable.push(id);
    }
    afterId = ids[ids.length - 1] as number;
  }
}

async function loadRecords({ thread, now }: LoadOptions, scheduler: Scheduler): Promise<number> {
  let unusable = 0;
  for (let afterKey = -1; ; ) {
    const rows = await thread.call('rows', afterKey);
    if (rows.length === 0) return unusable;
    for (let offset = 0; offset < rows.length; offset += messageRowWidth) {
      afterKey = rows[offset] as number;
      const channel = scheduler.channels[channelOfKey(afterKey)];
      const isRestored =
        channel !== undefined && scheduler.restore(channel, userOfKey(afterKey), rows, offset + 1, now);
      if (!isRestored) unusable++;
    }
  }
}

async function loadFailures({ thread }: LoadOptions, scheduler: Scheduler): Promise<void> {
  for (let afterKey = -1; ; ) {
    const failures = await thread.call('failures', afterKey);
    if (failures.length === 0) return;
    for (const { key, code, reason, hint } of failures) {
      afterKey = key;
      const channel = scheduler.channels[channelOfKey(key)];
      if (channel?.records.has(userOfKey(key), flag.failed))
        channel.failures.set(userOfKey(key), { code, reason, hint });
    }
  }
}
