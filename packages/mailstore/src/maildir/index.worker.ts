/** A worker thread of the store: does the disk's work so that the event loop never waits for it. */

import { parentPort, workerData } from 'node:worker_threads';
import { fail } from '@dsyncd/core';
import { isOutOfFiles, storeError, toWireError } from './disk-errors.ts';
import { indexFile } from './names-on-disk.ts';
import { type Answer, type Call, type HomePlace, unasked, type WorkerSettings } from './wire.ts';
import { attempt } from './worker/body-files.ts';
import { BusyHomes } from './worker/busy-homes.ts';
import { writeDueNotes } from './worker/notes.ts';
import { IndexCache } from './worker/open-index.ts';
import { homeOperations, indexOperations, type Operations } from './worker/operations.ts';
import { leftoverAgeMs, sweep, takeSweepTurn } from './worker/sweep.ts';
import { ensureInbox } from './worker/tree-operations.ts';
import { ReplacedError, type UserIndex } from './worker/user-index.ts';

type Work = (first: unknown, ...rest: readonly unknown[]) => unknown;

const port = parentPort ?? fail('this file is for worker threads');
const cache = new IndexCache((workerData as WorkerSettings).openIndexesMax);
const onIndex = indexOperations as unknown as Readonly<Record<string, Work>>;
const onHome = homeOperations as unknown as Readonly<Record<string, Work>>;

const busyHomes = new BusyHomes();

let answers: Answer[] = [];

port.on('message', (calls: readonly Call[]) => {
  for (const call of calls) start(call);
  flush();
});

/** Answers of calls that came together go back together. */
function flush(): void {
  if (answers.length === 0) return;
  port.postMessage(answers);
  answers = [];
}

function start(call: Call): void {
  const [id, , place] = call;
  const onError = (cause: unknown): void => {
    const error = storeError(cause, place, indexFile(place.home));
    // Whoever comes next is to have some.
    if (isOutOfFiles(error)) cache.giveBack();
    answers.push([id, false, toWireError(error)]);
  };
  try {
    const result = busyHomes.run(place.home, () => perform(call));
    if (!(result instanceof Promise)) {
      answers.push([id, true, result]);
      return;
    }
    result.then((value: unknown) => answers.push([id, true, value]), onError).finally(flush);
  } catch (error) {
    onError(error);
  }
}

function perform([, operation, place, args]: Call): unknown {
  if (operation === 'close') return cache.closeAll();
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
  swept.catch((error: unknown) => {
    answers.push([unasked, false, toWireError(storeError(error, place, indexFile(place.home)))]);
    flush();
  });
}
