import { expect, it } from 'vitest';
import { shareWorkers } from '../src/index.ts';

it.each([
  { workers: 1, quiet: 1, channel: 1 },
  { workers: 2, quiet: 1, channel: 1 },
  { workers: 3, quiet: 1, channel: 2 },
  { workers: 10, quiet: 5, channel: 7 },
])(
  'shares $workers workers: $quiet for syncs that nobody asked for, $channel for one of several channels',
  ({ workers, quiet, channel }) => {
    expect(shareWorkers(workers, 2)).toEqual({ quietSyncsMax: quiet, channelSyncsMax: channel });
    expect(shareWorkers(workers, 1)).toEqual({ quietSyncsMax: quiet });
  },
);
