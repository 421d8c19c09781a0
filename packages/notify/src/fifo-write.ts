import { closeSync, constants, fstatSync, openSync, writeSync } from 'node:fs';
import { encodeNotify } from '@dsyncd/protocol';
import type { NotifyRequest } from './sink.ts';

/** What one write puts into a FIFO whole, whoever else writes (PIPE_BUF of Linux). */
const atomicBytesMax = 4096;

/**
 * Writes notifications to a FIFO. Never waits: answers those that could not be written, because
 * nobody reads, the FIFO is missing, or it is full.
 */
export function writeFifo(path: string, requests: readonly NotifyRequest[]): readonly NotifyRequest[] {
  let fd: number;
  try {
    fd = openSync(path, constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch {
    return requests;
  }
  let written = 0;
  try {
    if (!fstatSync(fd).isFIFO()) return requests;
    for (const { lines, count } of packets(requests)) {
      if (writeSync(fd, lines) !== lines.length) break;
      written += count;
    }
  } catch {
    // Full, or the reader has gone: the rest is left.
  } finally {
    closeSync(fd);
  }
  return requests.slice(written);
}

function* packets(
  requests: readonly NotifyRequest[],
): Generator<{ readonly lines: Buffer; readonly count: number }> {
  let lines: Buffer[] = [];
  let bytes = 0;
  for (const { user, priority, origin } of requests) {
    const line = Buffer.from(encodeNotify(user, priority, origin));
    if (bytes + line.length > atomicBytesMax && lines.length > 0) {
      yield { lines: Buffer.concat(lines), count: lines.length };
      lines = [];
      bytes = 0;
    }
    lines.push(line);
    bytes += line.length;
  }
  if (lines.length > 0) yield { lines: Buffer.concat(lines), count: lines.length };
}
