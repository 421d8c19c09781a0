import { signal } from '@preact/signals';

/** What to add to this computer's clock to have the server's. */
export const serverSkewMs = signal(0);

/** Unix ms of the server's clock, once a second. */
export const now = signal(Date.now());

export const serverNow = (): number => Date.now() + serverSkewMs.value;

export function startClock(): void {
  setInterval(() => {
    now.value = serverNow();
  }, 1_000);
}
