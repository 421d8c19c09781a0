const timeUnitsMs: Readonly<Record<string, number>> = {
  msec: 1,
  milli: 1,
  sec: 1000,
  min: 60_000,
  hour: 3_600_000,
  day: 86_400_000,
  week: 7 * 86_400_000,
};

/** Milliseconds of a time as Dovecot writes it: `12 hours`, `1 days`, `30s`; a bare number is seconds. */
export function parseDovecotTime(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,9})\s*([a-z]*)$/i.exec(text.trim()) ?? [];
  if (digits === undefined) return undefined;
  const wanted = unit.toLowerCase();
  if (wanted === '') return Number(digits) * 1000;
  if (wanted === 'ms') return Number(digits);
  // Dovecot takes any beginning of a unit's name, and its plural.
  const name = Object.keys(timeUnitsMs).find(
    (known) => known.startsWith(wanted) || known === wanted.slice(0, -1),
  );
  const unitMs = timeUnitsMs[name ?? ''];
  return unitMs === undefined ? undefined : Number(digits) * unitMs;
}
