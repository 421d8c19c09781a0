export * from './dovecot/index.ts';
export * from './maildir/store.ts';
export * from './memory/store.ts';
export * from './port.ts';
export * from './store-limits.ts';
