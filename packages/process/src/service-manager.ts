import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { messageOf } from '@dsyncd/core';

export interface ServiceManagerOptions {
  /** Settles, with or without an error, as soon as the program has checked itself; stays open while it hangs. */
  readonly answers?: () => Promise<unknown>;
  /** Gets what cannot be reported to the service manager. */
  readonly complain: (text: string) => void;
  /** @defaultValue the environment of the process */
  readonly env?: NodeJS.ProcessEnv;
}

const run = promisify(execFile);

const notifyTimeoutMs = 5_000;
/** Two pings may get lost before the program counts as hung. */
const pingsPerPeriod = 3;
const pingEveryMsMin = 50;

/**
 * Reports the program's state to systemd when a unit with `Type=notify` started it; otherwise does nothing.
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

  /** Reports that the program serves, and begins to ping when the unit has a watchdog. */
  async notifyReady(): Promise<void> {
    await this.#notify('READY=1');
    const periodMs = watchdogPeriodMs(this.#env);
    if (periodMs === undefined || this.#timer !== undefined) return;
    const everyMs = Math.max(pingEveryMsMin, periodMs / pingsPerPeriod);
    this.#timer = setInterval(() => void this.#ping(periodMs), everyMs);
    this.#timer.unref();
  }

  async notifyStopping(): Promise<void> {
    clearInterval(this.#timer);
    await this.#notify('STOPPING=1');
  }

  /** A ping means: the event loop turns and the program answers; an error is an answer too. */
  async #ping(periodMs: number): Promise<void> {
    if (this.#askedAt !== undefined) {
      if (performance.now() - this.#askedAt > periodMs / 2)
        this.#complain('hangs: the service manager will kill it');
      return;
    }
    this.#askedAt = performance.now();
    try {
      await this.#options.answers?.();
    } catch {
      // The failing part logs it. Ended by the watchdog, the program would only fail the same way again.
    }
    await this.#notify('WATCHDOG=1');
    this.#askedAt = undefined;
  }

  async #notify(state: string): Promise<void> {
    if ((this.#env.NOTIFY_SOCKET ?? '') === '') return;
    try {
      await run('systemd-notify', [state], { env: this.#env, timeout: notifyTimeoutMs });
    } catch (error) {
      this.#complain(`cannot notify systemd of ${state}: ${messageOf(error)}`);
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
