import { DsyncdError } from '@dsyncd/core';

/** The cursor of a page: the id of its first user. @throws {DsyncdError} `DSYNCD_QUEUE_CURSOR` */
export function readCursor(cursor: string | undefined): number {
  if (cursor === undefined) return 0;
  if (/^\d{1,10}$/.test(cursor)) return Number(cursor);
  throw new DsyncdError('DSYNCD_QUEUE_CURSOR', 'the cursor is none of ours', {
    outcome: 'operator',
    hint: 'take `next` of the page before, or start without a cursor',
  });
}
