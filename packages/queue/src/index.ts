export { type MemoryQueueOptions, openMemoryQueue } from './memory-queue.ts';
export * from './port.ts';
export { openSqliteQueue, type SqliteQueueOptions } from './sqlite/open-sqlite-queue.ts';
