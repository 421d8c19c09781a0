import { DsyncdError, quote } from '@dsyncd/core';

/**
 * Of `request`, `add` and `doubt`, when all others of the call went through.
 * @throws {DsyncdError} `DSYNCD_QUEUE_USERS_MAX` when there are any
 */
export function complainOfLeftOut(usersMax: number, [first, ...others]: readonly string[]): void {
  if (first === undefined) return;
  const more = others.length > 0 ? ` and ${others.length} more` : '';
  throw new DsyncdError(
    'DSYNCD_QUEUE_USERS_MAX',
    `the queue knows ${usersMax} users and has no room for ${quote(first)}${more}`,
    {
      outcome: 'operator',
      hint: 'see which users were notified: a program that may write to the notification sockets invents names',
    },
  );
}

/** Of every call after `close`, and of whoever waits then. */
export const closedError = (): DsyncdError =>
  new DsyncdError('DSYNCD_QUEUE_CLOSED', 'the queue is closed', { outcome: 'transient' });
