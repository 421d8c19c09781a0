import type { TSchema } from 'typebox';
import { formatDuration, formatSize } from './units.ts';

/** What the loader and the reference read of a schema in settings.ts. */
export interface SchemaNode {
  readonly type?: string;
  readonly unit?: 'duration' | 'size';
  readonly enum?: readonly string[];
  readonly minimum?: number;
  readonly maximum?: number;
  readonly maxLength?: number;
  readonly default?: string | number | boolean | readonly string[];
  readonly description?: string;
  readonly properties?: Readonly<Record<string, TSchema>>;
  readonly patternProperties?: Readonly<Record<string, TSchema>>;
}

export const nodeOf = (schema: TSchema): SchemaNode => schema;

/** The one schema of a table with free names, and the pattern of its names. */
export function recordOf(node: SchemaNode): { readonly name: RegExp; readonly value: TSchema } | undefined {
  const [entry] = Object.entries(node.patternProperties ?? {});
  return entry === undefined ? undefined : { name: new RegExp(entry[0]), value: entry[1] };
}

/** The allowed values in words: `a duration from 1s to 7d, like "10m"`. */
export function expectation(node: SchemaNode): string {
  const { minimum, maximum } = node;
  if (node.enum !== undefined) return `one of ${node.enum.map((value) => `"${value}"`).join(', ')}`;
  if (node.type === 'boolean') return 'true or false';
  if (node.type === 'object') return 'a table';
  if (node.type === 'array') return 'a list of texts, such as ["*@example.com"]';
  if (node.unit === 'duration')
    return `a duration from ${formatDuration(minimum ?? 0)} to ${formatDuration(maximum ?? 0)}, such as "500ms", "2s", "5m", "24h" or "1d"`;
  if (node.unit === 'size')
    return `a size from ${formatSize(minimum ?? 0)} to ${formatSize(maximum ?? 0)}, such as "4k" or "50M"`;
  if (node.type === 'integer') return `a whole number from ${minimum ?? 0} to ${maximum ?? 0}`;
  return `a text of ${node.maxLength === 1 ? 'one character' : 'at least one character'}`;
}
