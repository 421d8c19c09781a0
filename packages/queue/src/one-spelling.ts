import { formatUserName, type UserName, type UsernameFormat } from '@dsyncd/core';
import { noRoomError } from './errors.ts';
import type { ReplicationQueue } from './port.ts';

/**
 * A queue that takes names as they come, with every user under one spelling. For queues whose records are far away:
 * one that has them at hand spells a name only where it does not know it.
 * @param namesOf - everyone whom a channel knows
 */
export function withOneSpelling(
  queue: ReplicationQueue,
  format: UsernameFormat,
  namesOf: (channel: string) => AsyncIterable<UserName>,
): ReplicationQueue {
  const one = (user: UserName): UserName => formatUserName(user, format);
  const mask = (text: string): string => formatUserName(text as UserName, format);
  const all = (users: readonly UserName[]): UserName[] => users.map(one);
  return {
    request: (channel, requests) =>
      queue.request(
        channel,
        requests.map((request) => ({ ...request, user: one(request.user) })),
      ),
    requestMany: (batch) => queue.requestMany({ ...batch, names: all(batch.names as readonly UserName[]) }),
    waitForSync: (channel, user, signal) => queue.waitForSync(channel, one(user), signal),
    claim: (signal) => queue.claim(signal),
    complete: (claim, completion) => queue.complete(claim, completion),
    abandon: (claim) => queue.abandon(claim),
    add: (channel, users) => queue.add(channel, all(users)),
    doubt: (channel, users) => queue.doubt(channel, all(users)),
    unknown: (channel, users) => queue.unknown(channel, all(users)),
    respell: (channel, signal) => respellUsers(queue, channel, { format, names: namesOf(channel), signal }),
    remove: (channel, user) => queue.remove(channel, one(user)),
    replicate: (channel, text, options) => queue.replicate(channel, mask(text), options),
    pause: (channel) => queue.pause(channel),
    resume: (channel) => queue.resume(channel),
    pauseUsers: (channel, text) => queue.pauseUsers(channel, mask(text)),
    resumeUsers: (channel, text) => queue.resumeUsers(channel, mask(text)),
    channelStatus: (channel) => queue.channelStatus(channel),
    lagCounts: (channel, limitsMs) => queue.lagCounts(channel, limitsMs),
    userStatus: (channel, text) => queue.userStatus(channel, mask(text)),
    userPage: (channel, query) => queue.userPage(channel, { ...query, mask: mask(query.mask) }),
    running: () => queue.running(),
    configure: (settings) => queue.configure(settings),
    close: () => queue.close(),
  };
}

/**
 * Gives those whom the queue has known under another spelling their one name, with what they wait for. First the new
 * record is made durable, then the old one goes: a crash between loses nothing.
 * @param queue - one that finds a record by its very name
 */
export async function respellUsers(
  queue: Pick<ReplicationQueue, 'request' | 'userStatus' | 'pauseUsers' | 'remove'>,
  channel: string,
  {
    format,
    names,
    signal,
  }: {
    readonly format: UsernameFormat;
    readonly names: AsyncIterable<UserName>;
    readonly signal: AbortSignal;
  },
): Promise<number> {
  const others: UserName[] = [];
  for await (const name of names) {
    if (signal.aborted) return 0;
    if (formatUserName(name, format) !== name) others.push(name);
  }
  for (const other of others) {
    const one = formatUserName(other, format);
    for await (const { user, priority, paused } of queue.userStatus(channel, other)) {
      if (user !== other) continue;
      // It is not known what each of the two records has seen of the user: a sync finds out.
      const { leftOut } = await queue.request(channel, [
        { user: one, priority: priority === 'none' ? 'low' : priority, full: true },
      ]);
      if (leftOut.length > 0) throw noRoomError([one]);
      if (paused && !/[*?]/.test(one)) await queue.pauseUsers(channel, one);
      await queue.remove(channel, other);
    }
  }
  return others.length;
}
