/** Whole seconds as doveadm prints them: `HH:MM:SS`, more hours than 99 as they are. */
export function formatHms(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const pad = (value: number): string => String(value).padStart(2, '0');
  return `${pad(Math.floor(whole / 3600))}:${pad(Math.floor(whole / 60) % 60)}:${pad(whole % 60)}`;
}

/** How long ago an instant was, or `-` for never. Both in Unix seconds. */
export const formatAgo = (atSeconds: number, nowSeconds: number): string =>
  atSeconds === 0 ? '-' : formatHms(nowSeconds - atSeconds);

/** ISO 8601 in UTC with whole seconds, for lists and JSON. */
export const formatInstant = (atMs: number): string =>
  `${new Date(within(atMs)).toISOString().slice(0, 19)}Z`;

/** What no date can be is shown as the last one that can: an odd mail must not hide the others. */
const dateMsMax = 8.64e15;
const within = (atMs: number): number => Math.max(-dateMsMax, Math.min(dateMsMax, atMs));

/** The same from Unix seconds, null for 0 and undefined, which mean never. */
export const instantOrNull = (atMs: number | undefined): string | null => (atMs ? formatInstant(atMs) : null);
