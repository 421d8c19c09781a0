import { formatSpan } from '@dsyncd/core';
import type { ChannelCheck } from '../check.ts';
import { type Finding, ok, problem, warning } from '../finding.ts';

const offMsProblem = 10_000;
const offMsWarning = 1_500;

export const clocks: ChannelCheck = {
  name: 'clocks',
  async run(scene, channel) {
    return judgeClock(await (await scene.far(channel)).clock());
  },
};

/** Dsync decides by time which rename or subscription was last. Pure. */
export function judgeClock({
  aheadMs,
  errorMs,
}: {
  readonly aheadMs: number;
  readonly errorMs: number;
}): Finding {
  // Only what is certain counts.
  const offMs = Math.max(0, Math.abs(aheadMs) - errorMs);
  const margin = `to within ${formatSpan(errorMs)}`;
  if (offMs <= offMsWarning) return ok(`both clocks agree ${margin}`);
  const text = `the other clock is ${formatSpan(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead' : 'behind'} (${margin})`;
  const remedy =
    'run a time service on both hosts (chrony, systemd-timesyncd) and look which of the two is wrong';
  return offMs > offMsProblem ? problem(text, remedy) : warning(text, remedy);
}
