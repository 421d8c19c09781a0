export * from './copy-mails.ts';
export { mailChangedAt, mailIndexBytes } from './maildir/find-homes.ts';
export * from './maildir/maildir-store.ts';
export { openFilesMax } from './maildir/open-files-limit.ts';
export * from './memory/memory-store.ts';
export { isBelow, isInbox, parentsOf, pathKey } from './name-tree.ts';
export * from './port.ts';
export type { FlagEdit } from './store-rules.ts';
