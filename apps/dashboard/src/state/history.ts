import { signal } from '@preact/signals';
import {
  parseSamples,
  type Sample,
  sampleEveryMs,
  sampleOf,
  samplesText,
  withSample,
} from '../model/series.ts';
import { serverNow } from './clock.ts';
import { connection, status, takeEndedSyncs } from './live.ts';

const key = 'dsyncd-samples';

/** What this tab has seen; it outlives a reload. */
export const samples = signal<readonly Sample[]>(parseSamples(sessionStorage.getItem(key)));

export function startHistory(): void {
  setInterval(() => {
    const isKnown = connection.value === 'live' || connection.value === 'polling';
    if (status.value === undefined || !isKnown) return;
    samples.value = withSample(samples.value, sampleOf(status.value.channels, takeEndedSyncs(), serverNow()));
  }, sampleEveryMs);
  addEventListener('pagehide', () => {
    try {
      sessionStorage.setItem(key, samplesText(samples.value));
    } catch {
      // No room: the charts begin anew then.
    }
  });
}
