import { limits } from '@dsyncd/core';

/** The limits that a store keeps; tests open stores with smaller ones. */
export interface StoreLimits {
  readonly mailboxesPerUserMax: number;
  readonly mailsPerMailboxMax: number;
  readonly keywordsPerMailboxMax: number;
  readonly mailBytesMax: number;
}

export const defaultStoreLimits: StoreLimits = {
  mailboxesPerUserMax: limits.mailboxesPerUserMax,
  mailsPerMailboxMax: limits.mailsPerMailboxMax,
  keywordsPerMailboxMax: limits.keywordsPerMailboxMax,
  mailBytesMax: limits.mailBytesMax,
};
