/** What the importer reports about a setting that it could not take over as it is. */
export interface ImportNote {
  /**
   * `lost`: dsyncd has nothing like it; `changed`: taken over, but it means something else now;
   * `todo`: somebody must do something before dsyncd takes over.
   */
  readonly kind: 'lost' | 'changed' | 'todo';
  /** Where it stands in Dovecot: `plugin/mail_replica`. */
  readonly setting: string;
  readonly why: string;
  /** What to do, when there is something to do. */
  readonly hint?: string;
}

type Value = string | number | readonly string[];

/** A dsyncd.toml that is being put together. Tables appear in the order in which they are first set. */
export class Draft {
  readonly #tables = new Map<string, string[]>([['', []]]);
  readonly notes: ImportNote[] = [];

  /** @param table - dotted name of the table, `''` for the top level */
  set(table: string, key: string, value: Value): void {
    this.#linesOf(table).push(`${key} = ${literal(value)}`);
  }

  comment(table: string, text: string): void {
    this.#linesOf(table).push(`# ${text.replaceAll(/[\u0000-\u001f\u007f]+/g, ' ')}`);
  }

  lost(setting: string, why: string, hint?: string): void {
    this.#note('lost', setting, why, hint);
  }

  changed(setting: string, why: string, hint?: string): void {
    this.#note('changed', setting, why, hint);
  }

  todo(setting: string, why: string, hint?: string): void {
    this.#note('todo', setting, why, hint);
  }

  toml(): string {
    const parts: string[] = [];
    for (const [table, lines] of this.#tables)
      if (lines.length > 0) parts.push([...headOf(table, lines), ...lines].join('\n'));
    return `${parts.join('\n\n')}\n`;
  }

  #linesOf(table: string): string[] {
    const present = this.#tables.get(table);
    if (present !== undefined) return present;
    const lines: string[] = [];
    this.#tables.set(table, lines);
    return lines;
  }

  #note(kind: ImportNote['kind'], setting: string, why: string, hint: string | undefined): void {
    this.notes.push({ kind, setting, why, hint });
  }
}

/** JSON's strings are TOML's, but for DEL. */
const literal = (value: Value): string => JSON.stringify(value).replaceAll('\u007f', '\\u007F');

/** A table that holds comments only stays a comment: empty, it would lack what it must have. */
function headOf(table: string, lines: readonly string[]): readonly string[] {
  if (table === '') return [];
  return [lines.every((line) => line.startsWith('#')) ? `# [${table}]` : `[${table}]`];
}
