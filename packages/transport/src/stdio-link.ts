import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { StreamLink, type StreamLinkOptions } from './stream-link.ts';

/** The link of a dsync server that was started with the peer on standard input and output. */
export function stdioLink(options: Partial<StreamLinkOptions> = {}): StreamLink {
  return new StreamLink(openInput(), openOutput(), { peerName: 'stdio', stallTimeoutMs: 60_000, ...options });
}

// Sockets of our own, as process.stdout waits for a pipe to take everything and would stop the event loop, and
// with it the reading side. Files and terminals cannot be opened so; for them process.stdin and stdout will do.
function openInput(): Readable {
  try {
    return new Socket({ fd: 0, readable: true, writable: false });
  } catch {
    return process.stdin;
  }
}

function openOutput(): Writable {
  try {
    return new Socket({ fd: 1, readable: false, writable: true });
  } catch {
    return process.stdout;
  }
}
