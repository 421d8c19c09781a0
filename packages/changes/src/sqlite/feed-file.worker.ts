/** The thread that writes the feed's file, so that the event loop never waits for a disk. */

import { answerCalls } from '@dsyncd/process';
import { FeedFile, feedFileError } from './feed-file.ts';
import type { FeedCalls } from './messages.ts';

const file = new FeedFile();

answerCalls({
  perform(name, args) {
    // The other end is SqliteFeed, which types each call; nothing from outside comes here.
    const call = file[name as keyof FeedCalls] as (...args: readonly unknown[]) => unknown;
    return call.apply(file, [...args]);
  },
  asError: (cause) => feedFileError(file.path, cause),
});
