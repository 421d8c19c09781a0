/**
 * Notification lines: `USER TAB PRIORITY [TAB ORIGIN] LF`, PRIORITY one of low, high, sync.
 *
 * ORIGIN is ours: the name of the host that the change was imported from, so that it is not sent
 * back there. Plain Dovecot never sends it.
 */

import {
  limits,
  type PriorityCode,
  priorityCodes,
  quote,
  type RequestPriority,
  type UserName,
  userNameProblem,
} from '@dsyncd/core';
import { LineBlocks } from '../lines.ts';

export type BadLineReason =
  | 'too long'
  | 'not UTF-8'
  | 'control character'
  | 'unknown priority'
  | 'bad user name'
  | 'bad field';

export interface BadLine {
  readonly reason: BadLineReason;
  /** The line, cut and escaped for a log. */
  readonly quoted: string;
}

/** What a block of lines says, as parallel arrays. */
export interface NotifyBatch {
  /** Slices of the block: who keeps one for long should copy it, or the block stays in memory. */
  readonly users: readonly UserName[];
  readonly priorities: readonly PriorityCode[];
  /** The third field, by index, of the lines that have one. */
  readonly extras: ReadonlyMap<number, string>;
  readonly badCount: number;
  /** The first bad line for each reason. */
  readonly bad: readonly BadLine[];
}

/** An origin is a host name; an ID of the replicator socket is a number. */
export const extraFieldBytesMax = 255;

export interface NotifyParserOptions {
  /** What stands before the user name in every line: `U\t` on the replicator socket. */
  readonly prefix?: string;
}

/** A parser of one stream of notification lines. Never throws: bad lines are counted and skipped. */
export class NotifyParser {
  readonly #blocks = new LineBlocks(limits.lineBytesMax);
  readonly #prefix: string;

  constructor(options: NotifyParserOptions = {}) {
    this.#prefix = options.prefix ?? '';
  }

  /** Bytes of an unfinished line that are held; at most `limits.lineBytesMax`. */
  get heldBytes(): number {
    return this.#blocks.heldBytes;
  }

  /** The lines that `chunk` completes. */
  push(chunk: Uint8Array): NotifyBatch {
    const batch = new Batch();
    const block = this.#blocks.push(chunk);
    if (block !== undefined) parseLines(block.toString('utf8'), this.#prefix, batch);
    const skipped = this.#blocks.takeSkipped();
    if (skipped !== undefined) batch.addBad('too long', Buffer.from(skipped).toString('utf8'));
    return batch;
  }
}

class Batch implements NotifyBatch {
  readonly users: UserName[] = [];
  readonly priorities: PriorityCode[] = [];
  readonly extras = new Map<number, string>();
  readonly bad: BadLine[] = [];
  badCount = 0;

  addBad(reason: BadLineReason, line: string): void {
    this.badCount++;
    if (!this.bad.some((bad) => bad.reason === reason)) this.bad.push({ reason, quoted: quote(line) });
  }
}

/** Anything that needs a closer look at each line; TAB and LF are the frame. */
const suspicious = /[\u0000-\u0008\u000b-\u001f\u007f\ufffd/]/;
/** Below this many characters a name cannot have too many bytes. */
const surelyShortChars = Math.floor(limits.userNameBytesMax / 3);

/** Parses whole lines, each ended by LF. One look at the block spares most of the looks at each line. */
function parseLines(text: string, prefix: string, batch: Batch): void {
  const mayHaveBad = suspicious.test(text);
  let start = 0;
  let tab = -1;
  for (let end = text.indexOf('\n'); end >= 0; start = end + 1, end = text.indexOf('\n', start)) {
    const nameStart = start + prefix.length;
    // A TAB beyond this line is kept for the later ones: lines without TAB cost no second search.
    if (tab < nameStart) tab = text.indexOf('\t', nameStart);
    if (tab < 0) tab = text.length;
    const priority = tab < end ? plainPriority(text, tab + 1, end) : undefined;
    if (
      mayHaveBad ||
      priority === undefined ||
      end - start > surelyShortChars ||
      !text.startsWith(prefix, start)
    ) {
      parseUnusualLine(text.slice(start, end), prefix, batch);
      continue;
    }
    // "." and "..", which have no "/".
    if (tab - nameStart < 3 && /^\.{0,2}$/.test(text.slice(nameStart, tab))) {
      batch.addBad('bad user name', text.slice(start, end));
      continue;
    }
    batch.users.push(text.slice(nameStart, tab) as UserName);
    batch.priorities.push(priority);
  }
}

/** The priority when it is the last field of the line. */
function plainPriority(text: string, start: number, end: number): PriorityCode | undefined {
  if (end - start === 3) return text.startsWith('low', start) ? priorityCodes.low : undefined;
  if (end - start !== 4) return undefined;
  if (text.startsWith('high', start)) return priorityCodes.high;
  return text.startsWith('sync', start) ? priorityCodes.sync : undefined;
}

function parseUnusualLine(line: string, prefix: string, batch: Batch): void {
  const reason = lineProblem(line);
  if (reason !== undefined) {
    batch.addBad(reason, line);
    return;
  }
  if (!line.startsWith(prefix)) {
    batch.addBad('bad field', line);
    return;
  }
  const [user = '', word = '', extra, ...more] = line.slice(prefix.length).split('\t');
  const priority = plainPriority(word, 0, word.length);
  if (priority === undefined) batch.addBad('unknown priority', line);
  else if (userNameProblem(user) !== undefined) batch.addBad('bad user name', line);
  else if (
    more.length > 0 ||
    extra === '' ||
    (extra !== undefined && Buffer.byteLength(extra) > extraFieldBytesMax)
  )
    batch.addBad('bad field', line);
  else {
    if (extra !== undefined) batch.extras.set(batch.users.length, extra);
    batch.users.push(user as UserName);
    batch.priorities.push(priority);
  }
}

function lineProblem(line: string): BadLineReason | undefined {
  if (line.length > limits.lineBytesMax || Buffer.byteLength(line) > limits.lineBytesMax) return 'too long';
  if (line.includes('\ufffd')) return 'not UTF-8';
  return /[\u0000-\u0008\u000b-\u001f\u007f]/.test(line) ? 'control character' : undefined;
}

/**
 * One line with its line feed. `user` must be a checked name. An origin comes from a peer: one that does not
 * fit a line is left out, which costs one more sync, for it must not begin a line of its own.
 */
export const encodeNotify = (user: UserName, priority: RequestPriority, origin?: string): string =>
  origin === undefined || !isOrigin(origin) ? `${user}\t${priority}\n` : `${user}\t${priority}\t${origin}\n`;

const isOrigin = (origin: string): boolean =>
  origin !== '' &&
  !/[\u0000-\u001f\u007f\ufffd]/.test(origin) &&
  Buffer.byteLength(origin) <= extraFieldBytesMax;
