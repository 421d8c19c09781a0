import { execFile } from 'node:child_process';
import { closeSync, constants, lstatSync, openSync, readSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { Socket } from 'node:net';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { DsyncdError, systemCode } from '@dsyncd/core';
import { type SocketAccess, setAccess } from '@dsyncd/process';
import { NotifyParser } from '@dsyncd/protocol';
import type { ListenerOptions, NotifyListener } from '../sink.ts';
import { SinkFeed } from './feed.ts';

export interface FifoOptions extends ListenerOptions {
  /** Default: mode 0o660, for a FIFO that has to be made. One that is there is left as it is without this. */
  readonly access?: Partial<SocketAccess>;
  /** The FIFO, opened by its holder while nobody reads: systemd. It was opened for reading and writing. */
  readonly descriptor?: number;
}

export interface FifoListener extends NotifyListener {
  /**
   * Did somebody hold the FIFO open when we came? If not, what was written before is lost, and a process of Dovecot
   * 2.3 that tried it notifies no change any more, as long as it lives.
   */
  readonly wasHeld: boolean;
}

/**
 * Reads notifications from a FIFO (`replication-notify-fifo`); makes it when it is missing.
 * @throws {DsyncdError} `DSYNCD_NOTIFY_FIFO` (operator) when the path is something else or cannot be used.
 */
export async function listenFifo(path: string, options: FifoOptions): Promise<FifoListener> {
  const wasThere = await ensureFifo(path);
  if (!wasThere || options.access !== undefined) await setAccess(path, { mode: 0o660, ...options.access });
  const wasHeld = options.descriptor !== undefined || hasReader(path);
  // Read and write: with a writer of our own the FIFO never ends when the last other one closes it.
  const fd = options.descriptor ?? openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  const feed = new SinkFeed(options, path);
  const parser = new NotifyParser();
  // A net.Socket polls the FIFO; a file stream would block a thread of the pool for good.
  const socket = new Socket({ fd, readable: true, writable: false });
  feed.attach(socket);
  socket.on('data', (chunk: Buffer) => feed.add(parser.push(chunk)));
  socket.on('error', (error) => options.logger.error({ error, listener: path }, 'notification FIFO failed'));
  return {
    wasHeld,
    get badLines() {
      return feed.badLines;
    },
    get taken() {
      return feed.taken;
    },
    get storedUntil() {
      return feed.storedUntil;
    },
    async close() {
      if (socket.destroyed) return;
      feed.detach(socket);
      socket.pause();
      takeTheRest(socket, fd, (chunk) => feed.add(parser.push(chunk)));
      socket.destroy();
      await feed.settled();
    },
  };
}

/** What lies in a FIFO is lost when its last reader closes it, so it is read out in the same turn. */
function takeTheRest(socket: Socket, fd: number, take: (chunk: Buffer) => void): void {
  for (let chunk = socket.read() as Buffer | null; chunk !== null; chunk = socket.read() as Buffer | null)
    take(chunk);
  const buffer = Buffer.alloc(65_536);
  try {
    // Bounded: a writer that never stops would hold up the shutdown for ever.
    for (let turn = 0; turn < 1000; turn++) {
      const length = readSync(fd, buffer);
      if (length === 0) return;
      take(Buffer.from(buffer.subarray(0, length)));
    }
  } catch (error) {
    if (systemCode(error) !== 'EAGAIN') throw error;
  }
}

function hasReader(path: string): boolean {
  try {
    closeSync(openSync(path, constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch {
    return false;
  }
}

/** @returns whether there was one already. */
async function ensureFifo(path: string): Promise<boolean> {
  try {
    if (isFifo(path)) return true;
    await mkdir(dirname(path), { recursive: true });
    await promisify(execFile)('mkfifo', ['-m', '600', '--', path]);
    return false;
  } catch (error) {
    // Another process may have made it just now.
    if (isFifo(path)) return true;
    throw new DsyncdError('DSYNCD_NOTIFY_FIFO', `cannot make the FIFO ${path}: ${String(error)}`, {
      outcome: 'operator',
      hint: 'the folder must exist and be writable for the user that dsyncd runs as',
      cause: error,
    });
  }
}

function isFifo(path: string): boolean {
  const stat = lstatSync(path, { throwIfNoEntry: false });
  if (stat === undefined) return false;
  if (stat.isFIFO()) return true;
  throw new DsyncdError('DSYNCD_NOTIFY_FIFO', `${path} exists and is no FIFO`, {
    outcome: 'operator',
    hint: 'move it away; dsyncd makes the FIFO by itself',
  });
}

/** How the notification FIFO was found by the dsyncd that runs, for other programs to see. */
export interface FifoNote {
  /** Unix milliseconds. */
  readonly startedAt: number;
  /** False: a mail process of Dovecot 2.3 that wrote before `startedAt`, and still lives, notifies no change any more. */
  readonly wasHeld: boolean;
}

const fileOf = (stateDir: string): string => join(stateDir, 'notify-fifo');

export const writeFifoNote = (stateDir: string, note: FifoNote): Promise<void> =>
  writeFile(fileOf(stateDir), `${JSON.stringify(note)}\n`, { mode: 0o640 });

/** Undefined: dsyncd never ran here, or the note cannot be read. */
export async function readFifoNote(stateDir: string): Promise<FifoNote | undefined> {
  try {
    const { startedAt, wasHeld } = JSON.parse(await readFile(fileOf(stateDir), 'utf8')) as Partial<FifoNote>;
    if (typeof startedAt !== 'number' || typeof wasHeld !== 'boolean') return undefined;
    return { startedAt, wasHeld };
  } catch {
    return undefined;
  }
}
