/** The client's bytes, as lines and as mails. Reads on only when it is asked, so a busy server holds its clients up. */
export class Input {
  readonly #chunks: AsyncIterator<Buffer>;
  #buffer: Buffer = Buffer.alloc(0);

  constructor(chunks: AsyncIterable<Buffer>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  /** The next line without its line end; undefined when the client has ended; `'too long'` is not read further. */
  async line(bytesMax: number): Promise<string | undefined | { readonly tooLong: true }> {
    for (let searched = 0; ; ) {
      const end = this.#buffer.indexOf(0x0a, searched);
      if (end > bytesMax || (end < 0 && this.#buffer.length > bytesMax)) return { tooLong: true };
      if (end >= 0) {
        const line = this.#buffer.toString('utf8', 0, end);
        this.#buffer = this.#buffer.subarray(end + 1);
        return line.endsWith('\r') ? line.slice(0, -1) : line;
      }
      searched = this.#buffer.length;
      const chunk = await this.#next();
      if (chunk === undefined) return undefined;
      this.#buffer = Buffer.concat([this.#buffer, chunk]);
    }
  }

  /** The mail after DATA. @throws when the client ends before the mail does. */
  async *mail(): AsyncGenerator<Buffer> {
    const decoder = new DotDecoder();
    let chunk: Buffer | undefined = this.#buffer;
    this.#buffer = Buffer.alloc(0);
    for (; chunk !== undefined; chunk = await this.#next()) {
      const { content, rest } = decoder.push(chunk);
      yield* content;
      if (rest === undefined) continue;
      this.#buffer = rest;
      return;
    }
    throw new Error('the client closed the connection inside a mail');
  }

  async #next(): Promise<Buffer | undefined> {
    const result = await this.#chunks.next();
    return result.done ? undefined : result.value;
  }
}

/** LMTP commands (RFC 2033, RFC 5321), parsed from one line. */
export type Command =
  | { readonly type: 'lhlo' }
  | { readonly type: 'mail'; readonly size: number | undefined }
  | { readonly type: 'rcpt'; readonly address: string }
  | { readonly type: 'data' | 'rset' | 'noop' | 'quit' | 'vrfy' }
  | { readonly type: 'wrong'; readonly reply: string };

const wrong = (reply: string): Command => ({ type: 'wrong', reply });

/** @param line - without its line end */
export function parseCommand(line: string): Command {
  const [, verb = '', rest = ''] = /^(\S*)\s*(.*)$/s.exec(line) ?? [];
  switch (verb.toUpperCase()) {
    case 'LHLO':
      return rest === '' ? wrong('501 5.5.4 LHLO needs a host name') : { type: 'lhlo' };
    case 'HELO':
    case 'EHLO':
      return wrong('500 5.5.1 This is LMTP: use LHLO');
    case 'MAIL':
      return parseMail(rest);
    case 'RCPT':
      return parseRecipient(rest);
    case 'DATA':
      return { type: 'data' };
    case 'RSET':
      return { type: 'rset' };
    case 'NOOP':
      return { type: 'noop' };
    case 'QUIT':
      return { type: 'quit' };
    case 'VRFY':
      return { type: 'vrfy' };
    default:
      return wrong('500 5.5.2 Unknown command');
  }
}

function parseMail(rest: string): Command {
  const match = /^FROM:\s*<[^>]*>((?:\s+\S+)*)\s*$/i.exec(rest);
  if (match === null) return wrong('501 5.5.4 Expected MAIL FROM:<address>');
  const size = /(?:^|\s)SIZE=(\d{1,15})(?:\s|$)/i.exec(match[1] ?? '')?.[1];
  return { type: 'mail', size: size === undefined ? undefined : Number(size) };
}

function parseRecipient(rest: string): Command {
  // A source route (<@relay:user@domain>) is to be ignored, says RFC 5321 appendix C.
  const match = /^TO:\s*<(?:@[^:>]*:)?((?:"(?:[^"\\]|\\.)*"|[^">])+)>(?:\s+\S+)*\s*$/i.exec(rest);
  return match?.[1] === undefined
    ? wrong('501 5.1.3 Expected RCPT TO:<address>')
    : { type: 'rcpt', address: unquoteLocalPart(match[1]) };
}

/** `"a b"@x` is the user `a b@x`. */
function unquoteLocalPart(address: string): string {
  const match = /^"((?:[^"\\]|\\.)*)"(@.*)?$/s.exec(address);
  if (match === null) return address;
  return (match[1] ?? '').replaceAll(/\\(.)/gs, '$1') + (match[2] ?? '');
}

const carriageReturn = 0x0d;
const lineFeed = 0x0a;
const dot = 0x2e;
const lineWithDot = Buffer.from('\r\n.');

/**
 * Undoes the dot stuffing of DATA (RFC 5321 section 4.5.2), byte for byte: only CRLF ends a line, so
 * a bare LF and what follows it are left alone, and only CRLF "." CRLF ends the mail.
 */
export class DotDecoder {
  #held: Buffer = Buffer.alloc(0);
  #atLineStart = true;

  /** @returns the content in `chunk`; `rest` are the bytes after the end of the mail, once that has come. */
  push(chunk: Buffer): { readonly content: readonly Buffer[]; readonly rest?: Buffer } {
    const bytes = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    this.#held = Buffer.alloc(0);
    const content: Buffer[] = [];
    let at = 0;
    while (at < bytes.length) {
      if (this.#atLineStart && bytes[at] === dot) {
        const length = markerLength(bytes, at);
        if (length === undefined) {
          this.#held = bytes.subarray(at);
          break;
        }
        if (length === 3) return { content, rest: bytes.subarray(at + 3) };
        at += 1;
      }
      this.#atLineStart = false;
      const next = bytes.indexOf(lineWithDot, at);
      const end = next < 0 ? this.#endOfPlainBytes(bytes, at) : next + 2;
      if (next >= 0) this.#atLineStart = true;
      if (end > at) content.push(bytes.subarray(at, end));
      at = end;
      if (next < 0) break;
    }
    return { content };
  }

  /** How far bytes without CRLF "." can be given out; a CR at their end may still become one. */
  #endOfPlainBytes(bytes: Buffer, from: number): number {
    const { length } = bytes;
    if (bytes[length - 1] === carriageReturn) {
      this.#held = bytes.subarray(length - 1);
      return Math.max(from, length - 1);
    }
    this.#atLineStart =
      bytes[length - 1] === lineFeed && length - 2 >= from && bytes[length - 2] === carriageReturn;
    return length;
  }
}

/** Length of what the dot at the start of a line stands for: 3 the end of the mail, 1 a stuffed dot; undefined: more bytes are needed. */
function markerLength(bytes: Buffer, at: number): 1 | 3 | undefined {
  const next = bytes[at + 1];
  if (next === undefined) return undefined;
  if (next !== carriageReturn) return 1;
  const afterNext = bytes[at + 2];
  if (afterNext === undefined) return undefined;
  return afterNext === lineFeed ? 3 : 1;
}
