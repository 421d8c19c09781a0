/**
 * The `sync` command of Dovecot's doveadm-server protocol, as a replicator gives it, and its answer:
 * one line of output (the state), then `+` or `-WORD`.
 */

import { DsyncdError, limits, quote, type UserName } from '@dsyncd/core';
import { joinTabs, splitTabs } from '../lines.ts';

/** From this minor version on, log lines come only when asked for by {@link logPassthroughOption}; it is 2.4's. */
export const logPassthroughMinor = 3;
/** The newest version that we speak: answers framed, with log lines beside them. */
export const doveadmFramedVersion = `VERSION\tdoveadm-server\t1\t${logPassthroughMinor}\n`;
export const logPassthroughOption = '\t\tOPTION\tlog-passthrough\n';

/** Minor version of the server's own `VERSION` line; undefined when the line is not one that we understand. */
export function parseDoveadmServerMinor(line: string): number | undefined {
  const minor = /^VERSION\tdoveadm-client\t1\t(\d{1,9})$/.exec(line)?.[1];
  return minor === undefined ? undefined : Number(minor);
}

export interface SyncCommand {
  readonly user: UserName;
  /** As `doveadm sync` takes it: `tcp:host:port`. Comes from configuration or userdb, never from a client. */
  readonly destination: string;
  /** Compare everything, whatever the state says. */
  readonly full: boolean;
  /** `''`: none. */
  readonly state: string;
  readonly lockTimeoutSeconds: number;
  /** The peer is given up when nothing moves for so long. */
  readonly ioTimeoutSeconds: number;
  /** Prefixes of the namespaces to sync; empty: all of them. */
  readonly namespaces?: readonly string[];
  /** Mailboxes that are left out, as masks with `*` and `?`. */
  readonly excludedMailboxes?: readonly string[];
  /** Only this mailbox, as Dovecot names it. */
  readonly mailbox?: string;
}

/**
 * One line. No `-U` and no `-d`: Dovecot 2.4 refuses both, and 2.3 keeps its own imports quiet without them.
 */
export function encodeSyncCommand(command: SyncCommand): string {
  const { user, destination, full, state, lockTimeoutSeconds, ioTimeoutSeconds, mailbox } = command;
  const { namespaces = [], excludedMailboxes = [] } = command;
  return `${joinTabs([
    '',
    user,
    'sync',
    '-u',
    user,
    ...(namespaces.length === 0 ? ['-N'] : namespaces.flatMap((prefix) => ['-n', prefix])),
    ...excludedMailboxes.flatMap((mask) => ['-x', mask]),
    ...(full ? ['-f'] : []),
    ...(mailbox === undefined ? [] : ['-m', mailbox]),
    ...['-l', String(lockTimeoutSeconds), '-T', String(ioTimeoutSeconds), '-s', state],
    destination,
  ])}\n`;
}

export interface DoveadmAnswer {
  /** Fields of the line of output. */
  readonly output: readonly string[];
  /** `+`, or the word after `-`, empty when there was none. */
  readonly word: string;
}

/** Collects the data of one command until its answer is whole. */
export class DoveadmAnswerReader {
  #bytes = Buffer.alloc(0);
  #parts: Buffer[] = [];
  #length = 0;

  /**
   * @returns the answer, once its second line has come; anything after that is ignored.
   * @throws {DsyncdError} `DSYNCD_DOVEADM_ANSWER` (transient) for what is no answer, or one of more than
   *   `limits.stateBytesMax`.
   */
  push(chunk: Uint8Array): DoveadmAnswer | undefined {
    this.#length += chunk.length;
    if (this.#length > limits.stateBytesMax + answerBytesMax)
      throw badAnswer(`an answer of more than ${limits.stateBytesMax} bytes`);
    this.#parts.push(Buffer.from(chunk));
    if (!chunk.includes(lineFeed)) return undefined;
    this.#bytes = Buffer.concat([this.#bytes, ...this.#parts]);
    this.#parts = [];
    const first = this.#bytes.indexOf(lineFeed);
    const second = this.#bytes.indexOf(lineFeed, first + 1);
    if (second < 0) return undefined;
    const answer = this.#bytes.toString('utf8', first + 1, second);
    const word = /^(?:\+|-[^\u0000-\u001f]*)$/.test(answer) ? answer.replace(/^-/, '') : undefined;
    if (word === undefined) throw badAnswer(quote(answer));
    return { output: splitTabs(this.#bytes.toString('utf8', 0, first)), word };
  }
}

const lineFeed = 0x0a;
const answerBytesMax = 1024;

const badAnswer = (what: string): DsyncdError =>
  new DsyncdError('DSYNCD_DOVEADM_ANSWER', `Dovecot answers a sync with ${what}`, {
    outcome: 'transient',
    hint: 'check that doveadm_socket_path is that of the doveadm service',
  });
