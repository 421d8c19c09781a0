import { Socket } from 'node:net';
import type { Readable, Writable } from 'node:stream';
import { type Clock, DsyncdError, type FailureKind } from '@dsyncd/core';
import { StreamLink, type StreamLinkOptions } from './stream-link.ts';

/**
 * Exit statuses of a dsync server that was started as a process: by SSH or on this host. sysexits(3) where it
 * has one, as Dovecot does; the last two are ours.
 */
const outcomeOfStatus: Readonly<Record<number, { readonly outcome: FailureKind; readonly hint?: string }>> = {
  64: {
    outcome: 'operator',
    hint: 'the command does not fit the program of the other host: check both versions',
  },
  67: { outcome: 'nouser' },
  75: { outcome: 'transient' },
  77: { outcome: 'operator', hint: 'check what the login of mail_replica may do on the other host' },
  78: { outcome: 'operator', hint: 'fix the configuration of the other host' },
  80: { outcome: 'busy' },
  81: { outcome: 'noreplicate' },
  126: { outcome: 'operator', hint: 'the program may not be executed by that login' },
  127: { outcome: 'operator', hint: 'install the program there, or name its full path in the command' },
};

/** The exit status by which a dsync server on stdio says why it refused or failed. */
export const exitStatusOf: Readonly<Record<FailureKind, number>> = {
  nouser: 67,
  transient: 75,
  operator: 78,
  busy: 80,
  noreplicate: 81,
};

/** Standard error that is kept for the error message: its end. */
const stderrCharactersMax = 2000;
const statusWaitMs = 3000;

/** How a process that carries a dsync stream ended, and its last words on standard error. */
export class ProcessEnd {
  readonly #what: string;
  readonly #clock: Clock;
  readonly #ended: Promise<void>;
  #resolveEnded: () => void = () => {};
  #stderr = '';
  #status: number | undefined;
  #signalName: string | undefined;
  #failure: DsyncdError | undefined;

  /** `what` names the process in errors: `dsync-server on mx2.example.com`. */
  constructor(what: string, clock: Clock) {
    this.#what = what;
    this.#clock = clock;
    this.#ended = new Promise((resolve) => {
      this.#resolveEnded = resolve;
    });
  }

  get stderr(): string {
    return this.#stderr;
  }

  onStderr(chunk: Uint8Array): void {
    this.#stderr = (this.#stderr + Buffer.from(chunk).toString('utf8')).slice(-stderrCharactersMax);
  }

  /** It never ran, or is lost from sight. */
  onFailure(error: DsyncdError): void {
    this.#failure ??= error;
    this.#resolveEnded();
  }

  /** It is gone and standard error is complete. */
  onEnd(status: number | null | undefined, signalName: string | null | undefined): void {
    this.#status = status ?? undefined;
    this.#signalName = signalName ?? undefined;
    this.#resolveEnded();
  }

  /** Why the stream of the process ended; undefined when the process ended in order or is not known to have ended. */
  async error(): Promise<DsyncdError | undefined> {
    await this.#endedOrLate();
    if (this.#failure !== undefined) return this.#failure;
    if (this.#status === 0) return undefined;
    if (this.#status === undefined && this.#signalName === undefined) return undefined;
    const known = this.#status === undefined ? undefined : outcomeOfStatus[this.#status];
    const how =
      this.#status === undefined
        ? `was ended by signal ${this.#signalName}`
        : `ended with status ${this.#status}`;
    const words = oneLine(this.#stderr);
    return new DsyncdError(
      'DSYNCD_PROCESS_FAILED',
      `${this.#what} ${how}${words === '' ? '' : `: ${words}`}`,
      {
        outcome: known?.outcome ?? 'transient',
        hint: known?.hint,
      },
    );
  }

  #endedOrLate(): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(statusWaitMs, resolve);
      void this.#ended.then(() => {
        cancel();
        resolve();
      });
    });
  }
}

const oneLine = (text: string): string => text.trim().replaceAll(/[\u0000-\u001f\u007f]+/g, ' ');

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
