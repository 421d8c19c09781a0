export * from './byte-link.ts';
export * from './doveadm-server.ts';
export * from './dsync/body.ts';
export { DsyncStream, type Received, type StreamMark } from './dsync/dsync-stream.ts';
export * from './dsync/items.ts';
export * from './dsync/state-string.ts';
export * from './replicator-doveadm-extension.ts';
export * from './tab-escape.ts';
