import type { Logger } from '@dsyncd/core';
import { threadFile, WorkerThread } from '@dsyncd/process';
import { storeClosedError, threadEndedError } from './disk-errors.ts';
import type { HomePlace, WorkerSettings } from './wire.ts';
import type { Operations } from './worker/operations.ts';

/** The operations, each with the home that it is about. */
export type StoreCalls = {
  readonly [Name in keyof Operations]: (
    place: HomePlace,
    ...args: Operations[Name]['args']
  ) => Operations[Name]['result'];
};

/** A thread of the store, which does all work on the homes that are its own. */
export type StoreThread = WorkerThread<StoreCalls>;

export const newStoreThread = (logger: Logger, settings: WorkerSettings): StoreThread =>
  new WorkerThread<StoreCalls>({
    file: threadFile(import.meta.url, 'index.worker'),
    workerData: settings,
    closedError: storeClosedError,
    endedError: threadEndedError,
    onEnd: (error, failedCalls) => {
      if (failedCalls > 0) logger.error({ error: error.message }, 'a worker thread of the mail store ended');
    },
    onOwnFailure: (error) =>
      logger.warn(
        { error: error.message, code: 'code' in error ? error.code : undefined },
        'background work of the mail store failed',
      ),
  });
