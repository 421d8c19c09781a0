export { ClockWatch, clockStepMsMin, type SetBack } from './clock-watch.ts';
export { closedError, complainOfLeftOut, noSuchChannel } from './errors.ts';
export type * from './fleet.ts';
export { type MemoryQueueOptions, openMemoryQueue } from './memory-queue.ts';
export { failureLimits } from './model/failure-texts.ts';
export { backoffMs, soonMs, timing } from './model/timing.ts';
export * from './port.ts';
export { openSqliteQueue, type SqliteQueueOptions } from './sqlite/open-sqlite-queue.ts';
