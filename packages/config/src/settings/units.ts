/** Durations and sizes as they are written in the configuration file: `"500ms"`, `"24h"`, `"50M"`. */

const durationUnits: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};
const sizeUnits: Readonly<Record<string, number>> = { '': 1, k: 2 ** 10, m: 2 ** 20, g: 2 ** 30, t: 2 ** 40 };

/** Milliseconds, or undefined when `value` is no duration. A number without unit can only be 0. */
export function parseDuration(value: unknown): number | undefined {
  if (value === 0 || value === '0') return 0;
  if (typeof value !== 'string') return undefined;
  const match = /^(\d{1,12})\s?(ms|s|m|h|d)$/.exec(value);
  return multiply(match?.[1], durationUnits[match?.[2] ?? '?']);
}

/** Bytes, or undefined when `value` is no size. `k`, `M`, `G`, `T` count in steps of 1024. */
export function parseSize(value: unknown): number | undefined {
  if (typeof value === 'number') return Number.isSafeInteger(value) && value >= 0 ? value : undefined;
  if (typeof value !== 'string') return undefined;
  const match = /^(\d{1,15})\s?([kmgt]?)(?:i?b)?$/i.exec(value);
  return multiply(match?.[1], sizeUnits[(match?.[2] ?? '?').toLowerCase()]);
}

function multiply(digits: string | undefined, unit: number | undefined): number | undefined {
  if (digits === undefined || unit === undefined) return undefined;
  const product = Number(digits) * unit;
  return Number.isSafeInteger(product) ? product : undefined;
}

/** The shortest spelling that {@link parseDuration} reads back: `86400000` is `1d`. */
export const formatDuration = (milliseconds: number): string =>
  milliseconds === 0 ? '0' : withLargestUnit(milliseconds, durationUnits);

/** The shortest spelling that {@link parseSize} reads back: `52428800` is `50M`. */
export const formatSize = (bytes: number): string =>
  bytes === 0 ? '0' : withLargestUnit(bytes, sizeUnits).replace('m', 'M').replace('g', 'G').replace('t', 'T');

function withLargestUnit(amount: number, units: Readonly<Record<string, number>>): string {
  let best = String(amount);
  for (const [name, size] of Object.entries(units)) if (amount % size === 0) best = `${amount / size}${name}`;
  return best;
}
