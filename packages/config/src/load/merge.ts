import { isTable } from './check.ts';

/** A file of a configuration, parsed. */
export interface ParsedFile {
  readonly file: string;
  readonly table: Readonly<Record<string, unknown>>;
  /** See {@link keyLines}: asked for only to say where a problem is. */
  readonly lines: () => ReadonlyMap<string, number>;
}

/** A setting that two files have. */
export interface GivenTwice {
  readonly path: readonly string[];
  readonly first: ParsedFile;
  readonly second: ParsedFile;
}

/**
 * One table from those of several files. Tables of one name become one; a setting that two files have is in `twice`, so
 * that no file overrides another unnoticed.
 */
export function mergeTables(files: readonly ParsedFile[]): {
  readonly table: Readonly<Record<string, unknown>>;
  readonly twice: readonly GivenTwice[];
} {
  const table = Object.create(null) as Record<string, unknown>;
  const twice: GivenTwice[] = [];
  for (const file of files) addTable(table, file.table, []);
  return { table, twice };

  function addTable(into: Record<string, unknown>, from: ParsedFile['table'], path: readonly string[]): void {
    for (const [key, value] of Object.entries(from)) {
      const place = [...path, key];
      const present = into[key];
      if (isTable(value) && (present === undefined || isTable(present)))
        addTable(tableAt(into, key), value, place);
      else if (present === undefined) into[key] = value;
      else noteTwice(place);
    }
  }

  function noteTwice(path: readonly string[]): void {
    const [first, second] = files.filter(({ table: given }) => has(given, path));
    if (first !== undefined && second !== undefined) twice.push({ path, first, second });
  }
}

/** The table `key` of `into`, made if need be. */
function tableAt(into: Record<string, unknown>, key: string): Record<string, unknown> {
  const table = (into[key] ?? Object.create(null)) as Record<string, unknown>;
  into[key] = table;
  return table;
}

function has(table: unknown, [key, ...rest]: readonly string[]): boolean {
  if (key === undefined) return true;
  return isTable(table) && Object.hasOwn(table, key) && has(table[key], rest);
}
