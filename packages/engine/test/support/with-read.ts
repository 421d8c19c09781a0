import type { SyncConnection } from '@dsyncd/transport';

/** The connection, with reads done by `read`. */
export const withRead = (connection: SyncConnection, read: SyncConnection['read']): SyncConnection => ({
  peerName: connection.peerName,
  get over() {
    return connection.over;
  },
  get bytesReceived() {
    return connection.bytesReceived;
  },
  get bytesSent() {
    return connection.bytesSent;
  },
  get quietMs() {
    return connection.quietMs;
  },
  get peerLog() {
    return connection.peerLog;
  },
  read,
  write: (bytes) => connection.write(bytes),
  unread: (bytes) => connection.unread(bytes),
  abort: (reason) => connection.abort(reason),
  release: (reusable) => connection.release(reusable),
});
