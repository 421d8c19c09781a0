import { bytesOfText, DsyncdError, limits, quote, textOfBytes } from '@dsyncd/core';
import type { ByteLink } from '../byte-link.ts';
import { splitTabs } from '../lines.ts';
import { BodyEscaper, BodyUnescaper, bodyEnd } from './body.ts';
import { decodeItem } from './decode-item.ts';
import { encodeItem, streamHeader } from './encode-item.ts';
import { type DsyncItem, type Finish, type ItemType, itemTable } from './items.ts';
import { decodeRecord } from './record.ts';

/** End of a list of items, or the peer closing the stream in order before its end. */
export type StreamMark = { readonly type: 'end' } | { readonly type: 'done' };
export type Received = DsyncItem | StreamMark;

const end: StreamMark = { type: 'end' };
const done: StreamMark = { type: 'done' };
/** Text is collected up to this size before it goes to the link. */
const writeBytes = 32 * 1024;
/** Unknown item types a peer may announce. */
const headerLinesMax = 64;

const finishLetter = 'F';

/** Why nothing new comes, and what the peer said about it. */
export interface StreamOver {
  readonly reason: Error;
  readonly lastWord?: Finish;
}

/**
 * A dsync stream over a link: items both ways, bodies between them. One reader and one writer may
 * use it at the same time.
 */
export class DsyncStream {
  readonly #link: ByteLink;
  readonly #keysByLetter = new Map<
    string,
    { readonly type: ItemType | 'cache-field'; readonly keys: string[] }
  >();
  #output = '';
  #input: Buffer = Buffer.alloc(0);
  #inputAt = 0;
  #hasHeader = false;
  #recordBytes = 0;
  #openBody: AsyncGenerator<Uint8Array> | undefined;
  #abortion: { readonly reason: unknown } | undefined;

  constructor(link: ByteLink) {
    this.#link = link;
    this.#output = streamHeader;
  }

  get peerName(): string {
    return this.#link.peerName;
  }

  /** Of the line that was received last, as it came. */
  get recordBytes(): number {
    return this.#recordBytes;
  }

  /** Set as soon as it is known here that nothing new comes; also while nobody receives. */
  get over(): StreamOver | undefined {
    const { over } = this.#link;
    if (over === undefined) return undefined;
    const lastWord = this.#lastWord(Buffer.concat([this.#input.subarray(this.#inputAt), ...over.unread]));
    return { reason: over.reason, lastWord };
  }

  /** A peer that gives up says so in its last line, whatever that comes after. */
  #lastWord(unread: Buffer): Finish | undefined {
    const layout = this.#keysByLetter.get(finishLetter);
    if (layout === undefined || unread.at(-1) !== 0x0a) return undefined;
    const line = textOfBytes(unread.subarray(unread.lastIndexOf(0x0a, -2) + 1, -1));
    if (line[0] !== finishLetter) return undefined;
    const item = decodeItem('finish', decodeRecord(layout.keys, line.slice(1)));
    return item.type === 'finish' ? item : undefined;
  }

  /** Adds an item to what is sent next; wait for the promise, if there is one, before sending on. */
  send(item: DsyncItem): Promise<void> | undefined {
    return this.#write(encodeItem(item));
  }

  sendEnd(): Promise<void> | undefined {
    return this.#write('.\n');
  }

  /** Tells the peer that we stop before the end. */
  sendDone(): Promise<void> | undefined {
    return this.#write('X\n');
  }

  async sendBody(body: AsyncIterable<Uint8Array>): Promise<void> {
    const escaper = new BodyEscaper();
    await this.flush();
    for await (const chunk of body) await this.#writeOut(escaper.escape(chunk));
    await this.#writeOut(bodyEnd);
  }

  /** Ends everything that waits for the peer, and all that is tried later, with `reason`; only {@link sendLast} still works. */
  abort(reason: unknown): void {
    this.#abortion ??= { reason };
    this.#link.abort(reason);
  }

  /** A last word to the peer, even after {@link abort}; one that comes in the middle of something else just breaks the stream. */
  async sendLast(item: DsyncItem): Promise<void> {
    const output = this.#abortion === undefined ? this.#output : '';
    this.#output = '';
    await this.#link.write(bytesOfText(output + encodeItem(item)));
  }

  /** Hands everything collected to the link. */
  flush(): Promise<void> | undefined {
    if (this.#output === '') return undefined;
    const output = this.#output;
    this.#output = '';
    return this.#writeOut(bytesOfText(output));
  }

  #writeOut(bytes: Uint8Array | string): Promise<void> | undefined {
    this.#checkAborted();
    return this.#link.write(bytes);
  }

  #checkAborted(): void {
    if (this.#abortion !== undefined) throw this.#abortion.reason;
  }

  #write(text: string): Promise<void> | undefined {
    this.#checkAborted();
    this.#output += text;
    return this.#output.length >= writeBytes ? this.flush() : undefined;
  }

  /**
   * The next item. A body that was not read is skipped.
   * @throws {DsyncdError} `DSYNCD_PEER_CLOSED` (transient) when the peer ended without a mark, `DSYNCD_PROTOCOL` for anything that is not a dsync stream.
   */
  async receive(): Promise<Received> {
    this.#checkAborted();
    if (this.#openBody !== undefined) for await (const _ of this.#openBody);
    this.#openBody = undefined;
    if (!this.#hasHeader) await this.#receiveHeader();
    const line = this.#bufferedLine() ?? (await this.#readLine());
    if (line === '.') return end;
    const letter = line[0] ?? '';
    if (letter === 'X') return done;
    const layout = this.#keysByLetter.get(letter);
    if (layout === undefined || layout.type === 'cache-field')
      throw this.#broken(`sent ${quote(line)}, which is no record that it announced`);
    const item = decodeItem(layout.type, decodeRecord(layout.keys, line.slice(1)));
    if ('hasStream' in item && item.hasStream) this.#openBody = this.#readBody();
    return item;
  }

  /** The body that follows the item with `hasStream` that was just received; once begun, it must be read to its end. */
  body(): AsyncIterable<Uint8Array> {
    if (this.#openBody === undefined) throw new TypeError('no body follows');
    return this.#openBody;
  }

  /** Puts bytes that came after the end of the stream back to the link: they belong to what follows it. */
  close(): void {
    const rest = this.#input.subarray(this.#inputAt);
    this.#input = Buffer.alloc(0);
    this.#inputAt = 0;
    if (rest.length > 0) this.#link.unread(rest);
  }

  async #receiveHeader(): Promise<void> {
    const version = splitTabs(await this.#readLine());
    if (version[0] !== 'VERSION' || version[1] !== 'dsync')
      throw this.#broken(`does not speak dsync: its first line is ${quote(version.join(' '))}`);
    if (version[2] !== '3')
      throw this.#broken(`speaks dsync version ${quote(version[2] ?? '')}; 3 is needed`);
    for (let count = 0; count < headerLinesMax; count++) {
      const line = await this.#readLine();
      if (line === '.') {
        this.#checkHeader();
        this.#hasHeader = true;
        return;
      }
      const known = itemTable.find(({ letter }) => letter === line[0]);
      if (known !== undefined)
        this.#keysByLetter.set(known.letter, { type: known.type, keys: splitTabs(line.slice(1)) });
    }
    throw this.#broken('announced too many record types');
  }

  #checkHeader(): void {
    for (const { letter, required, type } of itemTable) {
      const keys = this.#keysByLetter.get(letter)?.keys;
      const missing = required.find((key) => keys?.includes(key) !== true);
      if (missing !== undefined) throw this.#broken(`announced no ${missing} in its ${type} records`);
    }
  }

  #bufferedLine(): string | undefined {
    const lineEnd = this.#input.indexOf(0x0a, this.#inputAt);
    if (lineEnd < 0) return undefined;
    if (lineEnd - this.#inputAt > limits.dsyncLineBytesMax) throw this.#tooLong();
    this.#recordBytes = lineEnd - this.#inputAt;
    const line = textOfBytes(this.#input.subarray(this.#inputAt, lineEnd));
    this.#inputAt = lineEnd + 1;
    return line;
  }

  async #readLine(): Promise<string> {
    for (;;) {
      const line = this.#bufferedLine();
      if (line !== undefined) return line;
      if (this.#input.length - this.#inputAt > limits.dsyncLineBytesMax) throw this.#tooLong();
      await this.#readMore();
    }
  }

  async #readMore(): Promise<void> {
    const chunk = await this.#link.read();
    if (chunk === undefined)
      throw new DsyncdError(
        'DSYNCD_PEER_CLOSED',
        `${this.peerName} closed the connection in the middle of a sync`,
        {
          outcome: 'transient',
          hint: 'its log says why',
        },
      );
    const rest = this.#input.subarray(this.#inputAt);
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    this.#input = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    this.#inputAt = 0;
  }

  async *#readBody(): AsyncGenerator<Uint8Array> {
    const unescaper = new BodyUnescaper();
    let size = 0;
    for (;;) {
      this.#checkAborted();
      if (this.#inputAt === this.#input.length) await this.#readMore();
      const { body, rest } = unescaper.push(this.#input.subarray(this.#inputAt));
      // What comes after the end stays for the next reader, even if this one stops early.
      this.#inputAt = this.#input.length - (rest?.length ?? 0);
      for (const part of body) {
        size += part.length;
        if (size > limits.mailBytesMax)
          throw this.#broken(`sent a mail of more than ${limits.mailBytesMax} bytes`);
        yield part;
      }
      if (rest !== undefined) return;
    }
  }

  #tooLong(): DsyncdError {
    return this.#broken(`sent a line of more than ${limits.dsyncLineBytesMax} bytes`);
  }

  #broken(what: string): DsyncdError {
    return new DsyncdError('DSYNCD_PROTOCOL', `${this.peerName} ${what}`, {
      outcome: 'transient',
      hint: 'check that the peer is a Dovecot 2.3 or 2.4 or a dsyncd, and check its log',
    });
  }
}
