import { DsyncdError } from '@dsyncd/core';

/** Of every call after `close`, and of whoever waits then. */
export const closedError = (): DsyncdError =>
  new DsyncdError('DSYNCD_QUEUE_CLOSED', 'the queue is closed', { outcome: 'transient' });
