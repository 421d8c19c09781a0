export * from './replicator-doveadm-extension.ts';
