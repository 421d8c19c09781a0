import type { Clock, UserName } from '@dsyncd/core';
import { lockedError } from '../errors.ts';
import type { SyncLock } from '../port.ts';
import type { HomePlace } from './wire.ts';

const pollMinMs = 1;
const pollMaxMs = 50;

interface LockFile {
  tryLock(place: HomePlace): Promise<number | undefined>;
  unlock(place: HomePlace, descriptor: number): Promise<void>;
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
    const deadlineAt = this.#clock.now() + timeoutMs;
    const isTurn = await this.#waitForTurn(place.home, timeoutMs);
    if (!isTurn) throw lockedError(place.user as UserName, timeoutMs);
    try {
      const descriptor = await this.#poll(place, deadlineAt);
      if (descriptor === undefined) throw lockedError(place.user as UserName, timeoutMs);
      return this.#held(place, descriptor);
    } catch (error) {
      this.#passTurn(place.home);
      throw error;
    }
  }

  #held(place: HomePlace, descriptor: number): SyncLock {
    let released: Promise<void> | undefined;
    const release = async (): Promise<void> => {
      try {
        await this.#file.unlock(place, descriptor);
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

  async #poll(place: HomePlace, deadlineAt: number): Promise<number | undefined> {
    for (let waitMs = pollMinMs; ; waitMs = Math.min(waitMs * 2, pollMaxMs)) {
      const descriptor = await this.#file.tryLock(place);
      if (descriptor !== undefined) return descriptor;
      const leftMs = deadlineAt - this.#clock.now();
      if (leftMs <= 0) return undefined;
      await this.#clock.sleep(Math.min(waitMs, leftMs));
    }
  }

  /** @returns false when the time is up. */
  #waitForTurn(home: string, timeoutMs: number): Promise<boolean> {
    const line = this.#lines.get(home);
    if (line === undefined) {
      this.#lines.set(home, new Set());
      return Promise.resolve(true);
    }
    if (timeoutMs <= 0) return Promise.resolve(false);
    return new Promise((resolve) => {
      const onTurn = (): void => {
        cancelTimeout();
        resolve(true);
      };
      const cancelTimeout = this.#clock.after(timeoutMs, () => {
        line.delete(onTurn);
        resolve(false);
      });
      line.add(onTurn);
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
