import type { ByteLink } from '../src/index.ts';

/** A link that gives the chunks one after the other, and remembers what was written. */
export function scriptedLink(chunks: readonly (string | Uint8Array)[]): ByteLink & { written(): string } {
  const pending = chunks.map((chunk) => (typeof chunk === 'string' ? Buffer.from(chunk) : chunk));
  const written: Buffer[] = [];
  return {
    over: undefined,
    peerName: 'script',
    read: async () => pending.shift(),
    unread: (bytes) => void pending.unshift(bytes),
    write: (bytes) => {
      written.push(Buffer.from(bytes));
      return undefined;
    },
    abort: () => {},
    written: () => Buffer.concat(written).toString(),
  };
}
