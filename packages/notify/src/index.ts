export { type FifoOptions, listenFifo } from './fifo.ts';
export * from './notifier.ts';
export { listenNotifySocket, type SocketOptions } from './notify-socket.ts';
export { listenReplicatorSocket } from './replicator-socket.ts';
export * from './sink.ts';
export type { SocketAccess } from './socket-access.ts';
export { watchSpool } from './spool.ts';
export { writeSpool } from './spool-write.ts';
export { listenUnix, type UnixServer } from './unix-server.ts';
