export { isOpenAt, takeInheritedFiles } from './inherited-files.ts';
export * from './peer-settings.ts';
export * from './run.ts';
export * from './service-manager.ts';
export * from './store.ts';
export * from './version.ts';
