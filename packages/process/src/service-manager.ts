import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface ServiceManagerOptions {
  /** Resolves, or rejects, as soon as the program has looked at itself; stays open while it hangs. */
  readonly answers?: () => Promise<unknown>;
  /** What cannot be told to the service manager is told here. */
  readonly complain: (text: string) => void;
  /** @defaultValue the environment of the process */
  readonly env?: NodeJS.ProcessEnv;
}

const run = promisify(execFile);

const tellTimeoutMs = 5_000;
/** Two pings may get lost before the program counts as hung. */
const pingsPerPeriod = 3;
const pingEveryMsMin = 50;

/**
 * Tells systemd how the program is, when it was started by a unit with `Type=notify`; otherwise does nothing.
 *
 * Node has no datagram sockets of that kind, so `systemd-notify` sends them: the unit needs
 * `NotifyAccess=all`. Nothing here ever ends the program.
 */
export class ServiceManager {
  readonly #options: ServiceManagerOptions;
  readonly #env: NodeJS.ProcessEnv;
  #timer: NodeJS.Timeout | undefined;
  #askedAt: number | undefined;
  #hasComplained = false;

  constructor(options: ServiceManagerOptions) {
    this.#options = options;
    this.#env = options.env ?? process.env;
  }

  /** The program serves: says so, and begins to ping when the unit has a watchdog. */
  async notifyReady(): Promise<void> {
    await this.#tell('READY=1');
    const periodMs = watchdogPeriodMs(this.#env);
    if (periodMs === undefined || this.#timer !== undefined) return;
    const everyMs = Math.max(pingEveryMsMin, periodMs / pingsPerPeriod);
    this.#timer = setInterval(() => void this.#ping(periodMs), everyMs);
    this.#timer.unref();
  }

  async notifyStopping(): Promise<void> {
    clearInterval(this.#timer);
    await this.#tell('STOPPING=1');
  }

  /** A ping means: the event loop turns and the program answers; an error is an answer too. */
  async #ping(periodMs: number): Promise<void> {
    if (this.#askedAt !== undefined) {
      if (performance.now() - this.#askedAt > periodMs / 2)
        this.#complain('hangs: the service manager will end it');
      return;
    }
    this.#askedAt = performance.now();
    try {
      await this.#options.answers?.();
    } catch {
      // Whoever is concerned logs it. Ended by the watchdog, the program would only fail the same way again.
    }
    await this.#tell('WATCHDOG=1');
    this.#askedAt = undefined;
  }

  async #tell(state: string): Promise<void> {
    if ((this.#env.NOTIFY_SOCKET ?? '') === '') return;
    try {
      await run('systemd-notify', [state], { env: this.#env, timeout: tellTimeoutMs });
    } catch (error) {
      this.#complain(
        `cannot tell systemd ${state}: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }

  #complain(text: string): void {
    if (this.#hasComplained) return;
    this.#hasComplained = true;
    this.#options.complain(text);
  }
}

/** Milliseconds within which the unit's watchdog wants a ping; undefined: it has none, or means another process. */
function watchdogPeriodMs({ WATCHDOG_USEC, WATCHDOG_PID }: NodeJS.ProcessEnv): number | undefined {
  if (WATCHDOG_PID !== undefined && WATCHDOG_PID !== String(process.pid)) return undefined;
  const periodMs = Number(WATCHDOG_USEC ?? '') / 1000;
  return Number.isFinite(periodMs) && periodMs > 0 ? periodMs : undefined;
}
