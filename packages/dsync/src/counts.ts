/** What one sync moved, as seen from this host; added up while it runs. */
export interface Counts {
  mailsReceived: number;
  mailsSent: number;
  bodiesSpared: number;
  flagsChanged: number;
  expunged: number;
  /** Names made, renamed, deleted or subscribed to here; those deleted among them. */
  mailboxesChanged: number;
  mailboxesDeleted: number;
  bytesReceived: number;
  bytesSent: number;
}

export const newCounts = (): Counts => ({
  mailsReceived: 0,
  mailsSent: 0,
  bodiesSpared: 0,
  flagsChanged: 0,
  expunged: 0,
  mailboxesChanged: 0,
  mailboxesDeleted: 0,
  bytesReceived: 0,
  bytesSent: 0,
});

/** How far a sync has come; after one that failed too, as what it did by then stays done. */
export interface Progress {
  readonly counts: Counts;
  /** What the peer calls itself; undefined until it has said so. */
  peerHostname: string | undefined;
}

export const newProgress = (): Progress => ({ counts: newCounts(), peerHostname: undefined });

/** A body's chunks as they pass by, counted. */
export async function* counted(
  body: AsyncIterable<Uint8Array>,
  add: (bytes: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of body) {
    add(chunk.length);
    yield chunk;
  }
}
