import { DsyncdError } from '@dsyncd/core';

/**
 * A connection to a peer as its user sees it: bytes in, bytes out, with a way to put back what was
 * read too far. The doveadm handshake and the dsync stream after it share one link.
 */
export interface ByteLink {
  /**
   * The next bytes, or undefined when the peer has ended.
   * @throws {DsyncdError} when the connection failed or its deadline has passed.
   */
  read(): Promise<Uint8Array | undefined>;
  /** Puts bytes back, to be read next. */
  unread(bytes: Uint8Array): void;
  /** Answers a promise only when the peer reads slower than we write; wait for it before writing on. */
  write(bytes: Uint8Array | string): Promise<void> | undefined;
  /**
   * Our side gives the conversation up: reads and writes that wait fail with `reason`, and every later read; the first
   * reason stays. What was written is still sent, and a last word may follow; later writes wait for nothing.
   */
  abort(reason: unknown): void;
  /** Set as soon as it is known here that nothing new will come from the peer, also while nobody reads. */
  readonly over: LinkOver | undefined;
  /** Who is at the other end, for errors: `tcps:mx2.example.com:12345`. */
  readonly peerName: string;
}

/** The end of a conversation, in order or not. */
export interface LinkOver {
  readonly reason: Error;
  /** What came before and is not read yet; the peer's last words may be in it. */
  readonly unread: readonly Uint8Array[];
}

/**
 * Reads one line, without its line feed, as UTF-8.
 * @returns undefined when the peer ended before a whole line came.
 * @throws {DsyncdError} `DSYNCD_LINE_TOO_LONG` (transient) when more than `bytesMax` come without a line feed.
 */
export async function readLine(link: ByteLink, bytesMax: number): Promise<string | undefined> {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const chunk = await link.read();
    if (chunk === undefined) return undefined;
    const end = chunk.indexOf(0x0a);
    length += end < 0 ? chunk.length : end;
    if (length > bytesMax)
      throw new DsyncdError(
        'DSYNCD_LINE_TOO_LONG',
        `${link.peerName} sent a line of more than ${bytesMax} bytes`,
        {
          outcome: 'transient',
          hint: 'check that the port is that of a dsync server',
        },
      );
    if (end < 0) {
      parts.push(chunk);
      continue;
    }
    parts.push(chunk.subarray(0, end));
    if (end + 1 < chunk.length) link.unread(chunk.subarray(end + 1));
    return Buffer.concat(parts).toString('utf8');
  }
}
