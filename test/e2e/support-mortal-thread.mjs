// Given to a program by --import: the thread that writes the queue file ends at SIGUSR2, as it would for want of memory.
import { syncBuiltinESMExports } from 'node:module';
import threads from 'node:worker_threads';

const { Worker } = threads;
threads.Worker = class extends Worker {
  constructor(file, options) {
    super(file, options);
    if (String(file).includes('queue-file')) process.once('SIGUSR2', () => void this.terminate());
  }
};
syncBuiltinESMExports();
