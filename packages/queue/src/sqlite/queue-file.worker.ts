/** The thread that writes the queue file, so that the event loop never waits for a disk. */

import { parentPort } from 'node:worker_threads';
import type { FileAnswer, FileCall, FileRequest } from './messages.ts';
import { problemOf, QueueFile } from './queue-file.ts';

const file = new QueueFile();

function perform(call: FileCall, argument: unknown): unknown {
  // The other end is FileThread, which types each call; nothing from outside comes here.
  const perform = file[call] as (argument: unknown) => unknown;
  return perform.call(file, argument);
}

function answer({ id, call, argument }: FileRequest): FileAnswer {
  try {
    return { id, value: perform(call, argument) };
  } catch (error) {
    return { id, error: problemOf(error) };
  }
}

parentPort?.on('message', (request: FileRequest) => {
  parentPort?.postMessage(answer(request));
  if (request.call === 'close') parentPort?.close();
});
