export { ClockWatch, clockStepMsMin, type SetBack } from './clock-watch.ts';
export { closedError, noRoomError, noSuchChannel, requireRoom } from './errors.ts';
export { type MemoryQueueOptions, openMemoryQueue } from './memory-queue.ts';
export { backoffMs, quickRetryMs, timing } from './model/timing.ts';
export { failureLimits } from './model/user-records.ts';
export { withOneSpelling } from './one-spelling.ts';
export type * from './port.ts';
export * from './port.ts';
export { openSqliteQueue, type SqliteQueueOptions } from './sqlite/open-sqlite-queue.ts';
