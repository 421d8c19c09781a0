/** A worker thread of the store: does the disk's work so that the event loop never waits for it. */

import { workerData } from 'node:worker_threads';
import { fail } from '@dsyncd/core';
import { answerCalls } from '@dsyncd/process';
import { isOutOfFiles, storeError } from './disk-errors.ts';
import { indexFile } from './names-on-disk.ts';
import type { HomePlace, WorkerSettings } from './wire.ts';
import { attempt } from './worker/body-files.ts';
import { BusyHomes } from './worker/busy-homes.ts';
import { writeDueNotes } from './worker/notes.ts';
import { IndexCache } from './worker/open-index.ts';
import { homeOperations, indexOperations, type Operations } from './worker/operations.ts';
import { leftoverAgeMs, sweep, takeSweepTurn } from './worker/sweep.ts';
import { releaseSyncLocks } from './worker/sync-lock-file.ts';
import { ensureInbox } from './worker/tree-operations.ts';
import { ReplacedError, type UserIndex } from './worker/user-index.ts';

type Work = (first: unknown, ...rest: readonly unknown[]) => unknown;

const cache = new IndexCache((workerData as WorkerSettings).openIndexesMax);
const onIndex = indexOperations as unknown as Readonly<Record<string, Work>>;
const onHome = homeOperations as unknown as Readonly<Record<string, Work>>;

/** An index that nobody has used for this long, or up to twice as long, is closed: each takes half a MB. */
const closeUnusedMs = 10_000;
setInterval(() => cache.closeUnused(), closeUnusedMs).unref();

const busyHomes = new BusyHomes();

const reportFailure = answerCalls({
  perform: (operation, [place, ...args]) =>
    operation === 'close'
      ? close()
      : busyHomes.run((place as HomePlace).home, () => perform(operation, place as HomePlace, args)),
  asError(cause, [place]) {
    const error = storeErrorAt(place as HomePlace, cause);
    // The next call needs some.
    if (isOutOfFiles(error)) cache.giveBack();
    return error;
  },
});

function close(): void {
  cache.closeAll();
  releaseSyncLocks();
}

const storeErrorAt = (place: HomePlace, cause: unknown): Error =>
  storeError(cause, place, indexFile(place.home));

function perform(operation: string, place: HomePlace, args: readonly unknown[]): unknown {
  if (operation === 'open') return open(place, args as Operations['open']['args']);
  const home = onHome[operation];
  if (home !== undefined) return home(place, ...args);
  const work = onIndex[operation] ?? fail(`unknown operation ${operation}`);
  return withIndex(place, (index) => work(index, ...args));
}

/** An index that was replaced under us is opened anew, once. */
function withIndex(place: HomePlace, work: (index: UserIndex) => unknown, isRetry = false): unknown {
  const index = cache.take(place, false, (opened) => attempt(() => writeDueNotes(opened)));
  index.users++;
  const done = (): void => {
    index.users--;
    cache.done(index);
  };
  const onError = (error: unknown): unknown => {
    done();
    if (error instanceof ReplacedError && !isRetry) return withIndex(place, work, true);
    throw error;
  };
  try {
    const result = work(index);
    if (result instanceof Promise)
      return result.then((value: unknown) => {
        done();
        return value;
      }, onError);
    done();
    return result;
  } catch (error) {
    return onError(error);
  }
}

function open(place: HomePlace, [options]: Operations['open']['args']): undefined {
  const { create, nowSeconds, inboxGuid, mailboxesMax } = options;
  cache.take(place, create, (index) => {
    ensureInbox(index, { mailboxesMax, nowSeconds, at: nowSeconds, newGuid: inboxGuid });
    attempt(() => writeDueNotes(index));
    if (takeSweepTurn(index, nowSeconds))
      setImmediate(() => sweepSlowly(place, nowSeconds * 1000 - leftoverAgeMs));
  });
  return undefined;
}

/** Step by step between other calls. A sweep that fails is tried again the next day. */
function sweepSlowly(place: HomePlace, olderThanAt: number): void {
  const work = (): unknown =>
    withIndex(place, async (index) => {
      const steps = sweep(index, olderThanAt);
      while (!steps.next().done) await new Promise(setImmediate);
    });
  const swept = (async () => busyHomes.run(place.home, work))();
  swept.catch((error: unknown) => reportFailure(storeErrorAt(place, error)));
}
