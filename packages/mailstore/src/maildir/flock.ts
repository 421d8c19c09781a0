/// <reference path="./fs-ext.d.ts" />
import { flockSync } from 'fs-ext';
import { systemCode } from './disk-errors.ts';

/**
 * Locks an open file unless another one has it; never waits. The kernel drops the lock when the last
 * copy of the descriptor is closed, so it dies with its process.
 *
 * Only for the main thread: fs-ext keeps JavaScript values in static memory, and loading it in a thread
 * after another thread that had it ended crashes the process.
 */
export function tryFlock(descriptor: number): boolean {
  try {
    flockSync(descriptor, 'exnb');
    return true;
  } catch (error) {
    if (['EAGAIN', 'EWOULDBLOCK'].includes(systemCode(error))) return false;
    throw error;
  }
}
