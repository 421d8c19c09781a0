import { usageError } from '../errors.ts';

/**
 * An instant of the command line as Unix seconds: ISO 8601 with a time zone, a date alone (UTC), or
 * Unix seconds.
 * @throws {DsyncdError} `DSYNCD_USAGE`
 */
export function parseInstant(text: string): number {
  const isIso = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d))?$/.test(text);
  const seconds = isIso
    ? Math.floor(Date.parse(text) / 1000)
    : /^\d{1,11}$/.test(text)
      ? Number(text)
      : Number.NaN;
  if (Number.isFinite(seconds) && seconds >= 0) return seconds;
  throw usageError(
    `${JSON.stringify(text.slice(0, 40))} is not an instant`,
    'write 2026-11-23T10:00:00Z, 2026-11-23T11:00:00+01:00, 2026-11-23 or Unix seconds',
  );
}
