export { isOpenAt, takeInheritedFiles } from './inherited-files.ts';
export { makePrivate } from './private-file.ts';
export * from './run.ts';
export * from './service-manager.ts';
export * from './unix-listener.ts';
