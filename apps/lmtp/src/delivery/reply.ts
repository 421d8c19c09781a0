import { DsyncdError } from '@dsyncd/core';

/** Who reads it is a mail administrator in a bounce or a queue listing, so it says which and why. */
export const savedReply = (address: string): string => `250 2.0.0 <${printable(address)}> saved`;

export const tooBigReply = (bytesMax: number): string =>
  `552 5.3.4 The mail is larger than ${bytesMax} bytes`;

/**
 * The reply for a mail that could not be saved. Only what will never work is refused for good (5xx);
 * with anything else the mail stays in the sender's queue (4xx), where it is safe.
 */
export function failureReply(address: string, error: unknown): string {
  const { status, text } = classify(error);
  return `${status} <${printable(address)}> ${printable(text)}`;
}

function classify(error: unknown): { readonly status: string; readonly text: string } {
  const code = systemCode(error);
  // An error of the store comes from a worker thread, and without its cause.
  const isFull = error instanceof DsyncdError && error.code === 'DSYNCD_STORE_DISK_FULL';
  if (isFull || (code !== undefined && diskFullCodes.has(code)))
    return { status: '452 4.3.1', text: 'the disk is full; try again later' };
  if (!(error instanceof DsyncdError))
    return { status: '451 4.3.0', text: 'internal error; see the log of dsync-lmtp' };
  if (error.outcome === 'nouser') return { status: '550 5.1.1', text: error.message };
  if (error.outcome === 'busy') return { status: '450 4.2.0', text: error.message };
  if (error.code === 'DSYNCD_MAILBOX_NAME') return { status: '550 5.1.3', text: error.message };
  if (error.outcome === 'operator') return { status: '451 4.3.5', text: error.message };
  return { status: '451 4.3.0', text: error.message };
}

const diskFullCodes: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL']);

/** The first system error code along the causes. */
function systemCode(error: unknown, depth = 0): string | undefined {
  if (!(error instanceof Error) || depth > 4) return undefined;
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  if (code !== undefined && !code.startsWith('DSYNCD_')) return code;
  return systemCode(error.cause, depth + 1);
}

/** One line of ASCII: replies are read by programs of any age. */
const printable = (text: string): string => text.replaceAll(/[^\x20-\x7e]/g, '?').slice(0, 400);
