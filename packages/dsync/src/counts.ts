import { noCounts, type SyncCounts } from '@dsyncd/core';

/** What one sync moved, as seen from this host; added up while it runs. */
export type Counts = { -readonly [Count in keyof SyncCounts]-?: NonNullable<SyncCounts[Count]> };

export const newCounts = (): Counts => ({ ...noCounts, mailboxesDeleted: 0 });

/** How far a sync has come; after one that failed too, as what it did by then stays done. */
export interface Progress {
  readonly counts: Counts;
  /** Mailboxes compared by now, and those to be compared: 0 of 0 until both sides know the names of each other, and where the peer leads. */
  readonly mailboxes: { done: number; total: number };
  /** What the peer calls itself; undefined until it has said so. */
  peerHostname: string | undefined;
}

export const newProgress = (): Progress => ({
  counts: newCounts(),
  mailboxes: { done: 0, total: 0 },
  peerHostname: undefined,
});

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
