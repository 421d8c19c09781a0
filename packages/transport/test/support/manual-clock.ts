import type { Clock } from '@dsyncd/core';

export interface ManualClock extends Clock {
  /** Lets time pass and runs what is then due, in order. */
  advance(spanMs: number): void;
}

export function manualClock(): ManualClock {
  let now = 1_000_000;
  const timers = new Set<{ readonly dueAt: number; readonly task: () => void }>();
  const after = (delayMs: number, task: () => void): (() => void) => {
    const timer = { dueAt: now + delayMs, task };
    timers.add(timer);
    return () => timers.delete(timer);
  };
  return {
    now: () => now,
    elapsed: () => now,
    after,
    sleep: (delayMs) => new Promise((resolve) => after(delayMs, resolve)),
    advance(spanMs) {
      const endAt = now + spanMs;
      for (;;) {
        const due = [...timers].filter(({ dueAt }) => dueAt <= endAt).sort((a, b) => a.dueAt - b.dueAt)[0];
        if (due === undefined) break;
        timers.delete(due);
        now = Math.max(now, due.dueAt);
        due.task();
      }
      now = endAt;
    },
  };
}
