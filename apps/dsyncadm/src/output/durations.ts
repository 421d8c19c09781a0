/** Whole seconds as doveadm prints them: `HH:MM:SS`, more hours than 99 as they are. */
export function formatHms(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (value: number): string => String(value).padStart(2, '0');
  return `${pad(Math.floor(whole / 3600))}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
}

/** How long ago an instant was, or `-` for never. Both in Unix seconds. */
export const formatAgo = (atSeconds: number, nowSeconds: number): string =>
  atSeconds === 0 ? '-' : formatHms(nowSeconds - atSeconds);

/** A span for a sentence: `0.3 s`, `42 s`, `12 min`, `3 h 20 min`, `5 days`. */
export function formatSpan(spanMs: number): string {
  const seconds = Math.max(0, spanMs) / 1000;
  if (seconds < 10) return `${seconds.toFixed(1)} s`;
  if (seconds < 100) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 100) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  if (hours < 48) return `${hours} h ${minutes % 60} min`;
  return `${Math.floor(hours / 24)} days`;
}

/** ISO 8601 in UTC with whole seconds, for lists and JSON. */
export const formatInstant = (atMs: number): string =>
  `${new Date(within(atMs)).toISOString().slice(0, 19)}Z`;

/** What no date can be is shown as the last one that can: an odd mail must not hide the others. */
const dateMsMax = 8.64e15;
const within = (atMs: number): number => Math.max(-dateMsMax, Math.min(dateMsMax, atMs));

/** The same from Unix seconds, null for 0 and undefined, which mean never. */
export const instantOrNull = (atMs: number | undefined): string | null => (atMs ? formatInstant(atMs) : null);
