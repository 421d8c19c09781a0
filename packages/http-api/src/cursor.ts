import { Problem } from './problem.ts';

/** Where a list of users over several channels goes on; no channel: at its end. */
export interface ListPlace {
  readonly channel: string | undefined;
  /** The queue's own cursor in that channel; undefined: its start. */
  readonly cursor: string | undefined;
}

export const encodeCursor = ({ channel, cursor }: ListPlace): string =>
  Buffer.from(JSON.stringify([channel, cursor ?? null])).toString('base64url');

/** @throws {Problem} 400 for what {@link encodeCursor} has not made, or for other channels. */
export function decodeCursor(text: string | undefined, channels: readonly string[]): ListPlace {
  if (text === undefined) return { channel: channels[0], cursor: undefined };
  const [channel, cursor, ...rest] = parseList(text);
  if (typeof channel !== 'string' || !channels.includes(channel) || rest.length > 0) throw noCursor();
  if (cursor !== null && typeof cursor !== 'string') throw noCursor();
  return { channel, cursor: cursor ?? undefined };
}

function parseList(text: string): unknown[] {
  try {
    const list: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

const noCursor = (): Problem =>
  new Problem(400, 'DSYNCD_QUEUE_CURSOR', 'the cursor is none of ours', {
    hint: 'take `next` of the page before, with the same channel, or start without a cursor',
  });
