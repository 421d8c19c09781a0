/**
 * The `replicator` socket, on which a Dovecot aggregator reports changes to a replicator:
 * `VERSION TAB replicator-notify TAB 1 TAB 0`, then `U TAB USER TAB low|high` or
 * `U TAB USER TAB sync TAB ID`, which is answered by `+ TAB ID` or `- TAB ID`.
 */

import { quote } from '@dsyncd/core';
import { type NotifyBatch, NotifyParser } from './notify-lines.ts';

export const replicatorNotifyVersion = 'VERSION\treplicator-notify\t1\t0\n';

/** Larger IDs than this are no ID of an aggregator. */
const syncIdPattern = /^\d{1,10}$/;
export const isSyncId = (text: string): boolean => syncIdPattern.test(text);

export const encodeSyncAnswer = (id: string, synced: boolean): string => `${synced ? '+' : '-'}\t${id}\n`;

/** Greetings are short; more than this without a line feed is something else. */
export const greetingBytesMax = 256;

/** Parser of one connection: the greeting first, then updates. */
export class ReplicatorParser {
  readonly #updates = new NotifyParser({ prefix: 'U\t' });
  #greeting: Buffer | undefined = Buffer.alloc(0);

  /** @returns the updates that `chunk` completes, or what is wrong with the greeting: then close the connection. */
  push(chunk: Uint8Array): NotifyBatch | { readonly badGreeting: string } {
    if (this.#greeting === undefined) return this.#updates.push(chunk);
    const bytes = Buffer.concat([this.#greeting, chunk]);
    const end = bytes.indexOf(0x0a);
    if (end > greetingBytesMax || (end < 0 && bytes.length > greetingBytesMax))
      return { badGreeting: quote(bytes.toString('utf8', 0, greetingBytesMax)) };
    if (end < 0) {
      this.#greeting = bytes;
      return this.#updates.push(Buffer.alloc(0));
    }
    const line = bytes.toString('utf8', 0, end);
    // A higher minor version may add to the end of lines; a higher major one may change everything.
    if (!/^VERSION\treplicator-notify\t1\t\d{1,9}$/.test(line)) return { badGreeting: quote(line) };
    this.#greeting = undefined;
    return this.#updates.push(bytes.subarray(end + 1));
  }
}
