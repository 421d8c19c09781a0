/** One column of a table; `expands` gives it half of the width that is left over, as doveadm does. */
export interface Column {
  readonly title: string;
  readonly expands?: boolean;
  readonly alignsRight?: boolean;
}

export interface TableOptions {
  /** Width of the terminal, or doveadm's 80 for a pipe. */
  readonly widthColumns: number;
  readonly hidesTitles?: boolean;
}

/**
 * Rows as doveadm's table formatter prints them: the widths follow the longest value, and half of
 * what is left of the line goes to the column that expands (the last one when none does).
 *
 * A table wider than the line keeps its columns in line and runs over; doveadm squeezes them out
 * of line there. Scripts that split at blanks see no difference.
 */
export function formatTable(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  options: TableOptions,
): string {
  if (rows.length === 0 && options.hidesTitles) return '';
  const widths = columnWidths(columns, rows, options);
  const lines = rows.map((row) => formatRow(row, columns, widths));
  if (!options.hidesTitles) {
    const titles = columns.map((column) => column.title);
    lines.unshift(formatRow(titles, columns, widths));
  }
  return lines.map((line) => `${line}\n`).join('');
}

function columnWidths(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
  { widthColumns }: TableOptions,
): number[] {
  // Hidden titles count too: that is where doveadm's overview gets its widths from.
  const widths = columns.map((column, index) =>
    rows.reduce((width, row) => Math.max(width, textWidth(row[index] ?? '')), textWidth(column.title)),
  );
  const spare = widthColumns - widths.reduce((sum, width) => sum + width + 1, -1);
  if (spare <= 0) return widths;
  const expanding = columns.findIndex((column) => column.expands);
  const index = expanding < 0 ? columns.length - 1 : expanding;
  return widths.map((width, position) => (position === index ? width + Math.floor(spare / 2) : width));
}

const formatRow = (row: readonly string[], columns: readonly Column[], widths: readonly number[]): string =>
  columns
    .map((column, index) => {
      const value = printable(row[index] ?? '');
      const padding = ' '.repeat(Math.max(0, (widths[index] ?? 0) - textWidth(value)));
      return column.alignsRight ? padding + value : value + padding;
    })
    .join(' ');

/** Mailbox and user names come from outside: control characters would steer the terminal. */
export const printable = (text: string): string => text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');

const textWidth = (text: string): number => [...text].length;

/** A table for people: no wider than its content, no blanks at the ends of lines. */
export const formatList = (columns: readonly Column[], rows: readonly (readonly string[])[]): string =>
  formatTable(columns, rows, { widthColumns: 0 }).replace(/ +$/gm, '');

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
