import { connect } from 'node:net';
import type { Clock, UserName } from '@dsyncd/core';
import { encodeNotify } from '@dsyncd/protocol';

/** Asks on the `replication-notify` socket for a sync, and waits at most `timeoutMs` for its end. Never rejects. */
export function requestSync(
  path: string,
  user: UserName,
  timeoutMs: number,
  clock: Clock,
): Promise<'synced' | 'sync failed' | 'timed out' | 'dsyncd not reachable'> {
  return new Promise((resolve) => {
    const socket = connect(path);
    const settle = (result: Parameters<typeof resolve>[0]): void => {
      cancelTimer();
      socket.destroy();
      resolve(result);
    };
    const cancelTimer = clock.after(timeoutMs, () => settle('timed out'));
    socket.once('connect', () => socket.write(encodeNotify(user, 'sync')));
    socket.once('data', (answer) => settle(answer[0] === 0x2b ? 'synced' : 'sync failed'));
    socket.once('error', () => settle('dsyncd not reachable'));
    socket.once('close', () => settle('dsyncd not reachable'));
  });
}
