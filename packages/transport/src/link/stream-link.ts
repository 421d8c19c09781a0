import type { Readable, Writable } from 'node:stream';
import { type Clock, type Deferred, DsyncdError, deferred, InvariantError, systemClock } from '@dsyncd/core';
import { type ByteLink, type DoveadmLog, FrameReader, type LinkOver } from '@dsyncd/protocol';
import { ReceivedChunks, WriteBatch } from './buffers.ts';
import { abortError, describeStreamError } from './link-errors.ts';
import { type Stall, StallTimer } from './stall-timer.ts';

export interface StreamLinkOptions {
  readonly peerName: string;
  /** The peer is dropped when for so long nothing moves while we wait for it. */
  readonly stallTimeoutMs: number;
  readonly clock?: Clock;
  /**
   * Asked once, when the stream has ended or broken: why, if anything knows better (the exit status of the
   * process behind it). Undefined: what the stream itself said. Must settle soon, whatever happens.
   */
  readonly lastWords?: () => Promise<DsyncdError | undefined>;
}

const closedError = (peerName: string): DsyncdError =>
  new DsyncdError('DSYNCD_LINK_CLOSED', `the connection to ${peerName} was closed on this side`, {
    outcome: 'transient',
  });

const lineFeed = 0x0a;

/** Received but not yet read, at most; then the peer has to wait. */
const readAheadBytesMax = 256 * 1024;

/**
 * A {@link ByteLink} over node streams. Listeners are set once for the life of the stream, writes of one
 * turn of the event loop go out together, and at most {@link readAheadBytesMax} are held unread.
 */
export class StreamLink implements ByteLink {
  readonly peerName: string;
  readonly #readable: Readable;
  readonly #writable: Writable;
  readonly #batch: WriteBatch;
  readonly #options: StreamLinkOptions;
  readonly #clock: Clock;
  readonly #stall: StallTimer;
  readonly #received = new ReceivedChunks();
  #bytesRead = 0;
  #bytesWritten = 0;
  #reader: Deferred<Uint8Array | undefined> | undefined;
  #drain: Deferred<void> | undefined;
  #isFinishing = false;
  #ended = false;
  #failure: DsyncdError | undefined;
  #abortion: { readonly reason: unknown } | undefined;
  #unbind: (() => void) | undefined;
  #framed: { readonly frames: FrameReader; readonly log: DoveadmLog } | undefined;

  /** `readable` and `writable` are the same object for a socket. */
  constructor(readable: Readable, writable: Writable, options: StreamLinkOptions) {
    this.peerName = options.peerName;
    this.#readable = readable;
    this.#writable = writable;
    this.#options = options;
    this.#clock = options.clock ?? systemClock;
    this.#stall = new StallTimer(
      this.#clock,
      options.stallTimeoutMs,
      () => this.#reader !== undefined || this.#drain !== undefined,
      (stall) => this.fail(this.#stallError(stall)),
    );
    this.#batch = new WriteBatch(writable, () => this.#awaitDrain());
    readable.on('data', (chunk: Uint8Array) => this.#onData(chunk));
    readable.on('end', () => void this.#finish(undefined));
    readable.on('close', () => void this.#finish(new Error('the connection was closed')));
    readable.on('error', (error) => void this.#finish(error));
    writable.on('drain', () => this.#onDrain());
    if (writable !== (readable as unknown)) writable.on('error', (error) => void this.#finish(error));
  }

  /** Bytes that came from the peer, read or not. */
  get bytesReceived(): number {
    return this.#bytesRead;
  }

  /** Bytes given to {@link write}. */
  get bytesSent(): number {
    return this.#bytesWritten;
  }

  /** How long someone here has waited for the peer since anything moved. */
  get quietMs(): number {
    return this.#stall.quietMs;
  }

  /** True when the link works and nothing is under way on it, so that it can be kept for later. */
  get isQuiet(): boolean {
    if (this.isOver || this.#abortion !== undefined) return false;
    return this.#received.isEmpty && this.#reader === undefined && this.#drain === undefined;
  }

  /** True from the moment that the peer has ended or the connection broke. */
  get isOver(): boolean {
    return this.#isFinishing || this.#failure !== undefined;
  }

  get over(): LinkOver | undefined {
    const reason = this.#failure ?? (this.#ended ? this.#lostError() : undefined);
    if (reason === undefined) return undefined;
    return { reason, unread: this.#received.all };
  }

  read(): Promise<Uint8Array | undefined> {
    if (this.#abortion !== undefined) return Promise.reject(this.#abortion.reason);
    const chunk = this.#takeReceived();
    if (chunk !== undefined) return Promise.resolve(chunk);
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    if (this.#ended) return Promise.resolve(undefined);
    if (this.#reader !== undefined)
      return Promise.reject(new InvariantError(`two reads at once of ${this.peerName}`));
    this.#reader = deferred();
    this.#stall.onWait();
    return this.#reader.promise;
  }

  unread(bytes: Uint8Array): void {
    this.#received.putBack(bytes);
  }

  /** @throws {DsyncdError} at once when the link is known to be broken. */
  write(bytes: Uint8Array | string): Promise<void> | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    const data = typeof bytes === 'string' ? Buffer.from(bytes, 'utf8') : bytes;
    this.#bytesWritten += data.length;
    const isDoubtful = this.#isFinishing && !this.#ended;
    if (isDoubtful) return this.#abortion === undefined ? this.#awaitDrain() : undefined; // until it is known why
    if (this.#writable.writableEnded || this.#writable.destroyed) throw this.#lostError();
    this.#batch.add(data);
    return this.#abortion === undefined ? this.#drain?.promise : undefined;
  }

  abort(reason: unknown): void {
    if (this.#abortion !== undefined) return;
    this.#abortion = { reason };
    this.#rejectReader(reason);
    this.#rejectDrain(reason);
  }

  /** Another patience for the next phase of a connection: waiting for a command, say. */
  setStallTimeout(stallTimeoutMs: number): void {
    this.#stall.setTimeout(stallTimeoutMs);
  }

  /** From now on the peer sends frames: its data is what is read, and `log` gets what it logs meanwhile. */
  takeFramed(log: DoveadmLog): void {
    this.#framed = { frames: new FrameReader(), log };
  }

  /** From now on, and until bound anew, the link fails with the signal's reason as soon as that aborts. */
  bind(signal: AbortSignal | undefined): void {
    this.#unbind?.();
    this.#unbind = undefined;
    if (signal === undefined) return;
    if (signal.aborted) {
      this.fail(abortError(this.peerName, signal));
      return;
    }
    const onAbort = (): void => this.fail(abortError(this.peerName, signal));
    signal.addEventListener('abort', onAbort, { once: true });
    this.#unbind = () => signal.removeEventListener('abort', onAbort);
  }

  /** Sends what was written, then ends our side; the link is over for us, the stream at the latest after `graceMs`. */
  close(graceMs = 2000): void {
    if (this.#failure !== undefined) return;
    this.#batch.flush();
    this.#writable.end();
    // What still comes is read and dropped: closing a socket over unread bytes would reset it, and the peer
    // could lose the end of what we sent.
    this.#detach(closedError(this.peerName));
    this.#received.clear();
    this.#readable.resume();
    this.#clock.after(graceMs, () => {
      this.#readable.destroy();
      this.#writable.destroy();
    });
  }

  /** Ends the link now: what is unread or unsent is dropped, and waiting reads and writes fail with `error`. */
  fail(error: DsyncdError): void {
    this.#received.clear();
    this.#settle(error);
  }

  #takeReceived(): Uint8Array | undefined {
    const chunk = this.#received.take();
    if (chunk !== undefined && this.#received.bytes < readAheadBytesMax && this.#readable.isPaused())
      this.#readable.resume();
    return chunk;
  }

  #onData(chunk: Uint8Array): void {
    this.#bytesRead += chunk.length;
    this.#stall.onMove(chunk.length, { isWhole: chunk.includes(lineFeed) });
    if (this.#framed === undefined) this.#take(chunk);
    else this.#takeFrames(chunk, this.#framed);
  }

  #takeFrames(
    chunk: Uint8Array,
    { frames, log }: { readonly frames: FrameReader; readonly log: DoveadmLog },
  ): void {
    try {
      for (const { channel, bytes } of frames.push(chunk))
        if (channel === 'data') this.#take(bytes);
        else log.push(bytes);
    } catch (error) {
      if (!(error instanceof DsyncdError)) throw error;
      this.fail(error);
    }
  }

  #take(chunk: Uint8Array): void {
    const reader = this.#reader;
    this.#reader = undefined;
    if (reader !== undefined) {
      reader.resolve(chunk);
      return;
    }
    if (this.#failure !== undefined) return;
    this.#received.add(chunk);
    if (this.#received.bytes >= readAheadBytesMax) this.#readable.pause();
  }

  #awaitDrain(): Promise<void> {
    if (this.#drain === undefined) {
      this.#drain = deferred();
      this.#stall.onWait();
    }
    return this.#drain.promise;
  }

  #onDrain(): void {
    const drain = this.#drain;
    this.#drain = undefined;
    this.#stall.onMove(this.#writable.writableHighWaterMark, { isWhole: true });
    drain?.resolve();
  }

  #stallError({ type, timeoutMs }: Stall): DsyncdError {
    const did = this.#reader === undefined ? 'has taken' : 'has sent';
    const what = type === 'quiet' ? 'nothing' : 'next to nothing';
    const seconds = timeoutMs / 1000;
    return new DsyncdError('DSYNCD_LINK_STALLED', `${this.peerName} ${did} ${what} for ${seconds} s`, {
      outcome: 'transient',
      hint: 'check the load and the log of the other host, and the network between',
    });
  }

  /** The stream ended (no error) or broke. Data that is here already can still be read. */
  async #finish(error: Error | undefined): Promise<void> {
    if (this.#isFinishing || this.#failure !== undefined) return;
    this.#isFinishing = true;
    const better = await this.#options.lastWords?.();
    if (this.#failure !== undefined) return;
    if (better !== undefined) this.#settle(better);
    else if (error !== undefined) this.#settle(describeStreamError(this.peerName, error));
    else this.#settleEnded();
  }

  #settleEnded(): void {
    this.#ended = true;
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.resolve(undefined);
    this.#rejectDrain(this.#lostError());
  }

  #lostError(): DsyncdError {
    return new DsyncdError('DSYNCD_LINK_LOST', `${this.peerName} ended the connection`, {
      outcome: 'transient',
      hint: 'the log of the peer says why',
    });
  }

  #settle(error: DsyncdError): void {
    this.#detach(error);
    this.#batch.drop();
    this.#readable.resume(); // an SSH channel is not gone before all that it brought is read
    this.#readable.destroy();
    this.#writable.destroy();
  }

  /** Nothing of this link works any more; the stream is left to the caller. */
  #detach(error: DsyncdError): void {
    const failure = this.#failure ?? error;
    this.#failure = failure;
    this.bind(undefined);
    this.#stall.stop();
    this.#rejectReader(failure);
    this.#rejectDrain(failure);
  }

  #rejectReader(error: unknown): void {
    const reader = this.#reader;
    this.#reader = undefined;
    reader?.reject(error);
  }

  #rejectDrain(error: unknown): void {
    const drain = this.#drain;
    this.#drain = undefined;
    drain?.reject(error);
  }
}
