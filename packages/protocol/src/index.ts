export * from './byte-link.ts';
export * from './replicator-doveadm-extension.ts';
export * from './tab-escape.ts';
