/** One line of the table. `isBetterHigh`: more is better. */
export function row(what, value, unit, { target, isBetterHigh = false, reference = '' } = {}) {
  const digits = value >= 100 ? 0 : value >= 10 ? 1 : 2;
  const text = `${value.toLocaleString('en-US', { maximumFractionDigits: digits })} ${unit}`;
  if (target === undefined) return { what, value, unit, text, target: '', verdict: '', reference };
  const isMet = isBetterHigh ? value >= target : value <= target;
  const sign = isBetterHigh ? '>=' : '<=';
  return {
    what,
    value,
    unit,
    text,
    target: `${sign} ${target.toLocaleString('en-US')} ${unit}`,
    verdict: isMet ? 'met' : 'MISSED',
    reference,
  };
}
