import { createFleet, type FleetOptions } from './fleet.ts';
import type { Host } from './host.ts';

export type PairOptions = Omit<FleetOptions<'a' | 'b'>, 'channels'>;

/** Two hosts that replicate with each other over TLS (or plain TCP) on loopback; not started yet. */
export const createPair = async (options: PairOptions): Promise<{ readonly a: Host; readonly b: Host }> =>
  createFleet({ ...options, channels: { a: { default: { to: 'b' } }, b: { default: { to: 'a' } } } });
