// Takes the lock of a file, as a thread or a process, for file-lock.test.ts. Ends as it is asked to, never in order.
import { parentPort, workerData } from 'node:worker_threads';
import { tryLockFile } from '@dsyncd/process';

const file = workerData ?? process.argv[2];
// Kept, so that it is the end of the thread that frees it, and no clean-up of memory.
globalThis.lock = tryLockFile(file);
const end = {
  exit: () => process.exit(1),
  throw: () => {
    throw new Error('thrown by the test');
  },
  'run out of memory': () => {
    for (const kept = []; ; ) kept.push(new Array(100_000).fill({}));
  },
};
if (parentPort === null) process.stdin.resume();
parentPort?.on('message', (how) => end[how]());
const state = globalThis.lock === undefined ? 'busy' : 'locked';
if (parentPort === null) process.stdout.write(`${state}\n`);
else parentPort.postMessage(state);
