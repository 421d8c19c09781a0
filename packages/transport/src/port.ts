import type { UserName } from '@dsyncd/core';
import type { ByteLink, DoveadmLogLine, PeerQuestion } from '@dsyncd/protocol';

/** The other host of a channel, as `mail_replica` names it. Keeps connections open and reuses them. */
export interface Peer {
  /** The destination as configured: `tcps:mx2.example.com:12345`. */
  readonly name: string;
  /**
   * Reaches the peer, proves who we are and asks for a dsync of one user. The connection then
   * carries the plain dsync stream. Rejects when `signal` aborts; from then on it fails too, with `signal.reason`.
   * @throws {DsyncdError} that says what could not be reached or proved, with the outcome of the attempt:
   *   transient (down, timeout), operator (wrong secret, certificate, host key), nouser, noreplicate, busy.
   */
  startSync(user: UserName, signal: AbortSignal): Promise<SyncConnection>;
  /** Ends idle connections now and running ones at once. */
  close(): Promise<void>;
}

/** The link of one sync, which carries the dsync stream. */
export interface SyncConnection extends ByteLink {
  /** Bytes of this sync so far. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  /** How long we have waited for the peer since anything moved. */
  readonly quietMs: number;
  /** What the peer has logged so far; empty where it does not send that. */
  readonly peerLog: readonly DoveadmLogLine[];
  /**
   * Gives the connection back. `reusable`: the dsync stream has ended in order on both sides, and the peer
   * goes back to taking commands on the same connection; otherwise it is closed. Later calls do nothing.
   */
  release(reusable: boolean): void;
}

/** What answers a peer's sync command: runs our side of the dsync stream on `link`. */
export interface SyncAnswerer {
  /**
   * Called before the command is acknowledged.
   * @throws {DsyncdError} nouser, noreplicate or busy: sent to the peer as the answer to its command.
   */
  prepare(user: UserName): Promise<void>;
  /**
   * Runs the sync to its end. Answers whether the connection may carry the next command.
   * @throws {DsyncdError} logged once by the caller; the connection is then closed.
   */
  answer(user: UserName, link: ByteLink, signal: AbortSignal): Promise<{ readonly reusable: boolean }>;
  /** What a peer asks beside syncs: an object for JSON. Missing: such questions are refused. */
  answerQuestion?(question: PeerQuestion): Promise<object>;
}
