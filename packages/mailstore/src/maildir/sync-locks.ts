import type { Clock, UserName } from '@dsyncd/core';
import { lockedError } from '../errors.ts';
import type { SyncLock } from '../port.ts';
import type { HomePlace } from './wire.ts';

const pollMinMs = 1;
const pollMaxMs = 50;

/** The lock that keeps other processes out, held by the thread that does the user's work. */
interface LockFile {
  /** @returns false while another process has it. */
  take(place: HomePlace): Promise<boolean>;
  release(place: HomePlace): Promise<void>;
}

/**
 * The sync locks of one store. Those that wait in this process stand in line, so that only the
 * first asks for the file, which other processes lock too.
 */
export class SyncLocks {
  readonly #clock: Clock;
  readonly #file: LockFile;
  /** Homes whose turn is taken, with those that wait for it. */
  readonly #lines = new Map<string, Set<() => void>>();

  constructor(clock: Clock, file: LockFile) {
    this.#clock = clock;
    this.#file = file;
  }

  async take(place: HomePlace, timeoutMs: number): Promise<SyncLock> {
    const timeLimit = new TimeLimit(this.#clock, timeoutMs);
    try {
      if (!(await this.#waitForTurn(place.home, timeLimit)))
        throw lockedError(place.user as UserName, timeoutMs);
      return await this.#takeFile(place, timeLimit, timeoutMs);
    } finally {
      timeLimit.cancel();
    }
  }

  async #takeFile(place: HomePlace, timeLimit: TimeLimit, timeoutMs: number): Promise<SyncLock> {
    try {
      if (await this.#poll(place, timeLimit)) return this.#held(place);
      throw lockedError(place.user as UserName, timeoutMs);
    } catch (error) {
      this.#passTurn(place.home);
      throw error;
    }
  }

  #held(place: HomePlace): SyncLock {
    let released: Promise<void> | undefined;
    const release = async (): Promise<void> => {
      try {
        await this.#file.release(place);
      } finally {
        this.#passTurn(place.home);
      }
    };
    return {
      release: () => {
        released ??= release();
        return released;
      },
    };
  }

  /** @returns false when the time is up. */
  async #poll(place: HomePlace, timeLimit: TimeLimit): Promise<boolean> {
    for (let waitMs = pollMinMs; ; waitMs = Math.min(waitMs * 2, pollMaxMs)) {
      if (await this.#file.take(place)) return true;
      if (timeLimit.isOver) return false;
      await this.#clock.sleep(waitMs);
    }
  }

  /** @returns false when the time is up. */
  #waitForTurn(home: string, timeLimit: TimeLimit): Promise<boolean> {
    const line = this.#lines.get(home);
    if (line === undefined) {
      this.#lines.set(home, new Set());
      return Promise.resolve(true);
    }
    if (timeLimit.isOver) return Promise.resolve(false);
    return new Promise((resolve) => {
      const onTurn = (): void => resolve(true);
      line.add(onTurn);
      timeLimit.onOver(() => {
        if (line.delete(onTurn)) resolve(false);
      });
    });
  }

  #passTurn(home: string): void {
    const line = this.#lines.get(home);
    const [next] = line ?? [];
    if (line === undefined || next === undefined) {
      this.#lines.delete(home);
      return;
    }
    line.delete(next);
    next();
  }
}

class TimeLimit {
  isOver: boolean;
  readonly cancel: () => void;
  #listener: (() => void) | undefined;

  constructor(clock: Clock, timeoutMs: number) {
    this.isOver = timeoutMs <= 0;
    this.cancel = clock.after(Math.max(timeoutMs, 0), () => {
      this.isOver = true;
      this.#listener?.();
    });
  }

  onOver(listener: () => void): void {
    this.#listener = listener;
  }
}
