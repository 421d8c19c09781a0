export {
  type Change,
  type ChangeBatch,
  ChangeColumns,
  changeBatch,
  changesIn,
} from './changes.ts';
export {
  type FifoListener,
  type FifoNote,
  type FifoOptions,
  listenFifo,
  readFifoNote,
  writeFifoNote,
} from './listeners/fifo.ts';
export { listenNotifySocket, listenReplicatorSocket, type SocketOptions } from './listeners/sockets.ts';
export { watchSpool } from './listeners/spool.ts';
export { OutageSink, type OutageSinkOptions, type QueueEnd } from './outage/outage-sink.ts';
export { OutageSpool } from './outage/outage-spool.ts';
export * from './plugin/notifier.ts';
export {
  RefusalNotes,
  type RefusedDeliveries,
  readRefusedDeliveries,
} from './plugin/refused-deliveries.ts';
export { writeSpool } from './plugin/write-notifications.ts';
export * from './sink.ts';
