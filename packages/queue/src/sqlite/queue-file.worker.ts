/** The thread that writes the queue file, so that the event loop never waits for a disk. */

import { answerCalls } from '@dsyncd/process';
import type { FileCalls } from './messages.ts';
import { QueueFile, queueFileError } from './queue-file.ts';

const file = new QueueFile();

answerCalls({
  perform(name, args) {
    // The other end is FileThread, which types each call; nothing from outside comes here.
    const call = file[name as keyof FileCalls] as (...args: readonly unknown[]) => unknown;
    return call.apply(file, [...args]);
  },
  asError: (cause) => queueFileError(file.path, cause),
});
