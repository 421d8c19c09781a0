export { type FileLock, isSqliteBusy, tryLockFile } from './file-lock.ts';
export { isOpenAt, takeInheritedFiles } from './inherited-files.ts';
export * from './listened-until.ts';
export {
  type DatabaseFormat,
  isDatabaseDamage,
  moveDatabaseAside,
  openOwnedDatabase,
} from './owned-database.ts';
export { makePrivate } from './private-file.ts';
export * from './run.ts';
export * from './service-manager.ts';
export { answerCalls } from './threads/answer-calls.ts';
export { threadFile, WorkerThread } from './threads/worker-thread.ts';
export * from './unix-listener.ts';
