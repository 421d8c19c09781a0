/**
 * Finds on which line each key of a TOML text stands. The TOML parser keeps no positions, and an
 * error without a line is half an error. It need only read what the parser has accepted.
 */

const bareOrQuoted = /"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+/g;
const keyPattern =
  /^\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*=/;

/** Joins the parts of a key; a separator that no key can hold unescaped. */
export const pathText = (path: readonly string[]): string => path.join('\u0000');

/** Line numbers (from 1) by {@link pathText} of the key or table. */
export function keyLines(text: string): ReadonlyMap<string, number> {
  const lines = new Map<string, number>();
  const note = (path: readonly string[], line: number): void => {
    for (let depth = 1; depth <= path.length; depth++) {
      const key = pathText(path.slice(0, depth));
      if (!lines.has(key)) lines.set(key, line);
    }
  };
  let table: readonly string[] = [];
  let openQuotes: string | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    if (openQuotes !== undefined) {
      if (line.includes(openQuotes)) openQuotes = undefined;
      continue;
    }
    const header = /^\s*\[\[?([^\]]+)\]/.exec(line);
    const key = keyPattern.exec(line);
    if (key?.[1] !== undefined) {
      note([...table, ...keyParts(key[1])], index + 1);
      openQuotes = multiLineQuotes(line.slice(key[0].length));
    } else if (header?.[1] !== undefined) {
      table = keyParts(header[1]);
      note(table, index + 1);
    }
  }
  return lines;
}

const keyParts = (key: string): string[] =>
  (key.match(bareOrQuoted) ?? []).map((part) => (/^["']/.test(part) ? part.slice(1, -1) : part));

/** The quotes of a multi-line string that this value opens and does not close. */
function multiLineQuotes(value: string): string | undefined {
  const quotes = /^\s*("""|''')/.exec(value)?.[1];
  if (quotes === undefined) return undefined;
  return value.indexOf(quotes, value.indexOf(quotes) + 3) < 0 ? quotes : undefined;
}

/** The line of the key, else of the nearest table around it, else undefined. */
export function lineOf(lines: ReadonlyMap<string, number>, path: readonly string[]): number | undefined {
  for (let depth = path.length; depth > 0; depth--) {
    const line = lines.get(pathText(path.slice(0, depth)));
    if (line !== undefined) return line;
  }
  return undefined;
}
