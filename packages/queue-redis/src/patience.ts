import { systemClock } from '@dsyncd/core';

const closingMsMax = 2_000;

/**
 * For what is to end with the queue: waits for it, but not for ever. What was asked of a Redis that is away
 * never comes back, not even when the connection is given up. Never rejects.
 */
export async function patiently(task: Promise<unknown>): Promise<void> {
  const isDone = new AbortController();
  await Promise.race([
    task.catch(() => {}).finally(() => isDone.abort()),
    systemClock.sleep(closingMsMax, isDone.signal).catch(() => {}),
  ]);
}
