export { ClockWatch, clockStepMsMin, type SetBack } from './clock-watch.ts';
export { closedError, complainOfLeftOut, noSuchChannel } from './errors.ts';
export type * from './fleet.ts';
export { type MemoryQueueOptions, openMemoryQueue } from './memory-queue.ts';
export { failureLimits } from './model/failure-texts.ts';
export { backoffMs, quickRetryMs, timing } from './model/timing.ts';
export { withOneSpelling } from './one-spelling.ts';
export * from './port.ts';
export { openSqliteQueue, type SqliteQueueOptions } from './sqlite/open-sqlite-queue.ts';
