/**
 * How a body travels in a dsync stream: a dot at the start of a line is doubled, and `CRLF . CRLF`
 * ends it, whose first CRLF is not part of the body. Bytes are otherwise untouched.
 */

const lf = 0x0a;
const cr = 0x0d;
const dot = 0x2e;

export const bodyEnd = '\r\n.\r\n';

/** Doubles dots at line starts; keeps its state between the chunks of one body. */
export class BodyEscaper {
  #atLineStart = true;

  escape(chunk: Uint8Array): Uint8Array {
    if (chunk.length === 0) return chunk;
    const positions = this.#dotsAtLineStart(chunk);
    this.#atLineStart = chunk[chunk.length - 1] === lf;
    if (positions.length === 0) return chunk;
    const escaped = new Uint8Array(chunk.length + positions.length);
    let from = 0;
    let to = 0;
    for (const position of positions) {
      escaped.set(chunk.subarray(from, position), to);
      to += position - from;
      escaped[to++] = dot;
      from = position;
    }
    escaped.set(chunk.subarray(from), to);
    return escaped;
  }

  #dotsAtLineStart(chunk: Uint8Array): number[] {
    const positions: number[] = [];
    if (this.#atLineStart && chunk[0] === dot) positions.push(0);
    for (let index = chunk.indexOf(dot, 1); index >= 0; index = chunk.indexOf(dot, index + 1))
      if (chunk[index - 1] === lf) positions.push(index);
    return positions;
  }
}

const noBytes: Buffer = Buffer.alloc(0);

export interface UnescapedPart {
  readonly body: readonly Uint8Array[];
  /** The bytes after the end of the body, once that has come. */
  readonly rest: Uint8Array | undefined;
}

/** Undoes {@link BodyEscaper} and finds the end; keeps its state between the chunks of one body. */
export class BodyUnescaper {
  /** What may be the beginning of the end: at most `CR LF . CR`. */
  #held: Buffer = noBytes;
  #atStart = true;

  push(chunk: Uint8Array): UnescapedPart {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    const data = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    this.#held = noBytes;
    const body: Uint8Array[] = [];
    let from = 0;
    if (this.#atStart && data[0] === dot) {
      // The start of the body is the start of a line, though no LF stands before it.
      if (data.length < 3) return this.#hold(data, 0, 0, body);
      if (endLength(data, 0) > 0) return { body, rest: data.subarray(endLength(data, 0)) };
      if (data[1] === dot) from = 1;
    }
    if (data.length > 0) this.#atStart = false;
    let searchFrom = from;
    for (;;) {
      const lineEnd = data.indexOf('\n.', searchFrom, 'latin1');
      if (lineEnd < 0) return this.#hold(data, from, heldFrom(data, from), body);
      const next = data[lineEnd + 2];
      const length = endLength(data, lineEnd + 1);
      if (length > 0) {
        pushPart(body, data, from, beforeCr(data, lineEnd, from));
        return { body, rest: data.subarray(lineEnd + 1 + length) };
      }
      if (next === undefined || (next === cr && lineEnd + 3 === data.length))
        return this.#hold(data, from, beforeCr(data, lineEnd, from), body);
      searchFrom = lineEnd + 2;
      if (next !== dot) continue;
      pushPart(body, data, from, lineEnd + 2);
      from = lineEnd + 3;
      searchFrom = from;
    }
  }

  #hold(data: Buffer, from: number, holdFrom: number, body: Uint8Array[]): UnescapedPart {
    pushPart(body, data, from, holdFrom);
    this.#held = Buffer.from(data.subarray(holdFrom));
    return { body, rest: undefined };
  }
}

/** Length of `.LF` or `.CRLF` at `index`, or 0 when neither stands there. */
function endLength(data: Buffer, index: number): number {
  if (data[index + 1] === lf) return 2;
  return data[index + 1] === cr && data[index + 2] === lf ? 3 : 0;
}

const beforeCr = (data: Buffer, lineEnd: number, from: number): number =>
  lineEnd > from && data[lineEnd - 1] === cr ? lineEnd - 1 : lineEnd;

/** Where a line end at the very end of the data starts, which may be the first part of the body's end. */
function heldFrom(data: Buffer, from: number): number {
  const last = data.length - 1;
  if (last < from) return data.length;
  if (data[last] === cr) return last;
  return data[last] === lf ? beforeCr(data, last, from) : data.length;
}

function pushPart(body: Uint8Array[], data: Buffer, from: number, to: number): void {
  if (to > from) body.push(data.subarray(from, to));
}
