const minute = 60;
const hour = 60 * minute;
const day = 24 * hour;

/** `0.4 s`, `12 s`, `3 min`, `2 h 5 min`, `3 days`: as exact as a person needs it. Negative ones count as 0. */
export function durationText(seconds: number): string {
  if (!Number.isFinite(seconds) || seconds <= 0) return '0 s';
  if (seconds < 1) return `${(Math.ceil(seconds * 10) / 10).toFixed(1)} s`;
  if (seconds < minute) return `${Math.floor(seconds)} s`;
  if (seconds < hour) return `${Math.floor(seconds / minute)} min`;
  if (seconds < 2 * day) {
    const minutes = Math.floor((seconds % hour) / minute);
    return `${Math.floor(seconds / hour)} h${minutes === 0 ? '' : ` ${minutes} min`}`;
  }
  return `${Math.floor(seconds / day)} days`;
}

/** Seconds from an instant to `now` (Unix ms); negative when it is to come, undefined when it is none. */
export function secondsSince(instant: string | undefined, now: number): number | undefined {
  const at = instant === undefined ? Number.NaN : Date.parse(instant);
  return Number.isNaN(at) ? undefined : (now - at) / 1000;
}

/** `5 min ago`, `in 12 s`, `now`; empty for no instant. */
export function relativeText(instant: string | undefined, now: number): string {
  const seconds = secondsSince(instant, now);
  if (seconds === undefined) return '';
  if (Math.abs(seconds) < 1) return 'now';
  return seconds > 0 ? `${durationText(seconds)} ago` : `in ${durationText(-seconds)}`;
}

/** What to add to this computer's clock (ms) to have the server's, by its `Date` header, exact to a second. */
export function clockSkew(dateHeader: string | null, localNow: number): number {
  const server = dateHeader === null ? Number.NaN : Date.parse(dateHeader);
  if (Number.isNaN(server)) return 0;
  const skew = server + 500 - localNow;
  return Math.abs(skew) < 2_000 ? 0 : skew;
}

/** `1.5 MB`; decimal units. */
export function bytesText(bytes: number): string {
  const units = ['B', 'kB', 'MB', 'GB', 'TB'];
  let value = bytes;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${unit === 0 || value >= 100 ? Math.round(value) : value.toFixed(1)} ${units[unit] ?? ''}`;
}

/** `1 user`, `2 users`. */
export const counted = (count: number, one: string, many = `${one}s`): string =>
  `${count} ${count === 1 ? one : many}`;
