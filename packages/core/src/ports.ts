/** Ports: what the pure parts need of the world. Production adapters stand at the end; tests bring their own. */

/** Time. Instants are milliseconds since the Unix epoch and end in `At`; spans end in `Ms`. */
export interface Clock {
  now(): number;
  /** Milliseconds since some instant. Unlike {@link now}, it never jumps when somebody sets the clock: for waits. */
  elapsed(): number;
  /** Settles after `delayMs`; rejects with `signal.reason` when that aborts first. */
  sleep(delayMs: number, signal?: AbortSignal): Promise<void>;
  /** Runs `task` once after `delayMs`; the answer cancels it. Does not keep the process alive. */
  after(delayMs: number, task: () => void): () => void;
}

/** Randomness, so that a simulation can be replayed by seed. */
export interface Random {
  /** 0 (inclusive) to 1 (exclusive). */
  fraction(): number;
  /** `count` random bytes as lower-case hexadecimal digits, e.g. 16 for a GUID. */
  hex(count: number): string;
}

export interface LogFields {
  readonly user?: string;
  readonly channel?: string;
  readonly [field: string]: unknown;
}

/** A structured log. Messages are constant texts; what varies goes into fields. Never subjects, bodies or secrets. */
export interface Logger {
  debug(fields: LogFields, message: string): void;
  info(fields: LogFields, message: string): void;
  warn(fields: LogFields, message: string): void;
  error(fields: LogFields, message: string): void;
  child(fields: LogFields): Logger;
}

export const silentLogger: Logger = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  error: () => {},
  child: () => silentLogger,
};

export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  sleep: (delayMs, signal) =>
    new Promise((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      const onAbort = (): void => {
        clearTimeout(timer);
        reject(signal?.reason);
      };
      const timer = setTimeout(() => {
        signal?.removeEventListener('abort', onAbort);
        resolve();
      }, delayMs);
      signal?.addEventListener('abort', onAbort, { once: true });
    }),
  after: (delayMs, task) => {
    const timer = setTimeout(task, delayMs);
    timer.unref();
    return () => clearTimeout(timer);
  },
};

export const systemRandom: Random = {
  fraction: () => Math.random(),
  hex: (count) => Buffer.from(crypto.getRandomValues(new Uint8Array(count))).toString('hex'),
};
