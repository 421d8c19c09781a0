export * from './copying.ts';
export * from './dovecot/index.ts';
export { mailChangedAt, mailIndexBytes } from './maildir/changed-at.ts';
export { openFilesMax } from './maildir/open-files-limit.ts';
export * from './maildir/store.ts';
export * from './memory/store.ts';
export * from './port.ts';
export * from './store-limits.ts';
