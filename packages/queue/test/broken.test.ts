import type { Worker } from 'node:worker_threads';
import { parseUserName } from '@dsyncd/core';
import { expect, it } from 'vitest';
import { QueueFolder } from './queue-folder.ts';

/** Opens a queue; answers it and the thread that writes its file. */
async function openWithThread() {
  const threads: Worker[] = [];
  const note = (thread: Worker): void => void threads.push(thread);
  process.on('worker', note);
  const queue = await new QueueFolder().open().finally(() => process.off('worker', note));
  const [thread] = threads;
  if (thread === undefined || threads.length > 1) throw new Error('the queue has one thread');
  return { queue, thread };
}

it('shows that it is broken when the thread of its file ends, and takes no request any more', async () => {
  const { queue, thread } = await openWithThread();
  await thread.terminate();
  expect(await queue.broken).toMatchObject({ code: 'DSYNCD_QUEUE_THREAD', outcome: 'transient' });
  const user = parseUserName('ann@example.com');
  await expect(queue.request('default', [{ user, priority: 'high' }])).rejects.toThrow('queue file');
  await queue.close().catch(() => {});
});

it('is not broken by being closed', async () => {
  const { queue } = await openWithThread();
  await queue.close();
  expect(await Promise.race([queue.broken, Promise.resolve('closed')])).toBe('closed');
});
