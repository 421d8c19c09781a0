import { formatUserName, type UserName, type UsernameFormat } from '@dsyncd/core';
import type { IntakeBatch, ReplicationQueue, UserStatus } from '@dsyncd/queue';

/**
 * The queue with every user under one spelling, whoever names them: notifications, `dsyncadm`, the API, a list of users.
 * Here all of them come together, and nothing that asks the queue need know of it.
 */
export function withOneSpelling(queue: ReplicationQueue, format: UsernameFormat): ReplicationQueue {
  if (format === 'as-is') return queue;
  const one = (user: UserName): UserName => formatUserName(user, format);
  const mask = (text: string): string => formatUserName(text as UserName, format);
  const all = (users: readonly UserName[]): UserName[] => users.map(one);
  return {
    request: (channel, requests) =>
      queue.request(
        channel,
        requests.map((request) => ({ ...request, user: one(request.user) })),
      ),
    requestMany: (batch) => queue.requestMany(respelt(batch, format)),
    waitForSync: (channel, user, signal) => queue.waitForSync(channel, one(user), signal),
    claim: (signal) => queue.claim(signal),
    complete: (claim, completion) => queue.complete(claim, completion),
    abandon: (claim) => queue.abandon(claim),
    add: (channel, users) => queue.add(channel, all(users)),
    doubt: (channel, users) => queue.doubt(channel, all(users)),
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

/** The hot path: most batches have nothing to change. */
function respelt(batch: IntakeBatch, format: UsernameFormat): IntakeBatch {
  let names: string[] | undefined;
  for (let index = 0; index < batch.names.length; index++) {
    const name = batch.names[index] as UserName;
    const one = formatUserName(name, format);
    if (one === name) continue;
    names ??= [...batch.names];
    names[index] = one;
  }
  return names === undefined ? batch : { ...batch, names };
}

/**
 * Gives those whom the queue has known under another spelling their one name, with what they wait for. First the new
 * record is made durable, then the old one goes: a crash between loses nothing.
 * @param queue - the queue itself, which takes names as they come
 * @returns how many there were
 */
export async function respellUsers(
  queue: ReplicationQueue,
  channel: string,
  { format, signal }: { readonly format: UsernameFormat; readonly signal: AbortSignal },
): Promise<number> {
  const others: UserStatus[] = [];
  let seen = 0;
  for await (const status of queue.userStatus(channel, '*')) {
    if (formatUserName(status.user, format) !== status.user) others.push(status);
    if (++seen % usersAtOnce === 0) await new Promise((resolve) => setImmediate(resolve));
    if (signal.aborted) return 0;
  }
  for (const { user, priority, paused } of others) {
    const one = formatUserName(user, format);
    // Nobody knows what the two records have each seen of the one user: a sync tells.
    await queue.request(channel, [
      { user: one, priority: priority === 'none' ? 'low' : priority, full: true },
    ]);
    if (paused && !/[*?]/.test(one)) await queue.pauseUsers(channel, one);
    await queue.remove(channel, user);
  }
  return others.length;
}

const usersAtOnce = 1_000;
