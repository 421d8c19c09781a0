export * from './copying.ts';
export type { FlagEdit } from './flag-history.ts';
export { mailChangedAt, mailIndexBytes } from './maildir/changed-at.ts';
export { openFilesMax } from './maildir/open-files-limit.ts';
export * from './maildir/store.ts';
export * from './memory/store.ts';
export * from './port.ts';
export * from './store-limits.ts';
export { isBelow, isInbox, parentsOf, pathKey } from './tree/paths.ts';
