/** Values that come and go; of a span of time the highest one is kept. */
export const gauges = [
  'users',
  'behind',
  'sync',
  'high',
  'low',
  'failed',
  'held',
  'running',
  'lagSeconds',
] as const;
/** What happened in the span; two spans are added. */
export const sums = ['synced', 'failures', 'conflicts', 'verified', 'repaired', 'mails', 'bytes'] as const;

export type Gauges = Record<(typeof gauges)[number], number>;
export type Sums = Record<(typeof sums)[number], number>;

/** What one channel did in one span of time. */
export interface Span {
  /** Undefined: the queue could not be read. */
  gauges: Gauges | undefined;
  readonly sums: Sums;
  /** How many syncs had a delay of that step; see {@link delayStep}. */
  readonly delays: Map<number, number>;
}

export const emptySpan = (): Span => ({
  gauges: undefined,
  sums: { synced: 0, failures: 0, conflicts: 0, verified: 0, repaired: 0, mails: 0, bytes: 0 },
  delays: new Map(),
});

/** Adds `other` to `span`. */
export function addSpan(span: Span, other: Span): void {
  const { gauges: most } = span;
  if (most === undefined) span.gauges = other.gauges === undefined ? undefined : { ...other.gauges };
  else if (other.gauges !== undefined)
    for (const name of gauges) most[name] = Math.max(most[name], other.gauges[name]);
  for (const name of sums) span.sums[name] += other.sums[name];
  for (const [step, count] of other.delays) span.delays.set(step, (span.delays.get(step) ?? 0) + count);
}

/** Of two channels at the same time: users of the larger one, the longest lag, all else together. */
export function addChannel(span: Span, other: Span): void {
  const { gauges: one } = span;
  const { gauges: two } = other;
  addSpan(span, { ...other, gauges: undefined });
  if (one === undefined || two === undefined) {
    span.gauges = one ?? (two && { ...two });
    return;
  }
  for (const name of gauges)
    one[name] =
      name === 'users' || name === 'lagSeconds' ? Math.max(one[name], two[name]) : one[name] + two[name];
}

/** Two steps double a delay, so a quantile is exact to a fifth; from 10 ms to eleven days. */
const stepsPerDoubling = 2;
const shortestSeconds = 0.01;
export const delayStepMax = 53;

export const delayStep = (seconds: number): number =>
  Math.min(
    delayStepMax,
    Math.max(
      0,
      Math.round(stepsPerDoubling * Math.log2(Math.max(seconds, shortestSeconds) / shortestSeconds)),
    ),
  );

const secondsOf = (step: number): number => shortestSeconds * 2 ** (step / stepsPerDoubling);

/** The delay that this share of the syncs did not exceed, in seconds; undefined without any. @param share - 0 to 1 */
export function quantile(delays: ReadonlyMap<number, number>, share: number): number | undefined {
  let left = share * [...delays.values()].reduce((sum, count) => sum + count, 0);
  if (left === 0) return undefined;
  for (const [step, count] of [...delays].sort(([one], [two]) => one - two)) {
    left -= count;
    // What adding fractions leaves over is no further sync.
    if (left <= 1e-9) return secondsOf(step);
  }
  return undefined;
}
