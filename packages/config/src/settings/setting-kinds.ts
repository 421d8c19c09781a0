import type { TSchema } from 'typebox';
import * as Type from 'typebox';
import { formatDuration, formatSize } from './units.ts';

/** The kinds of values that settings have. */

export const weekMs = 7 * 86_400_000;

export interface Described {
  readonly description: string;
  /** As written in the file. Missing: an optional setting has none, another one must be given. */
  readonly default?: string | number | boolean | readonly string[];
}

export const path = (options: Described) => Type.String({ minLength: 1, maxLength: 4096, ...options });
export const port = (options: Described) => Type.Integer({ minimum: 1, maximum: 65_535, ...options });
export const flag = (options: Described) => Type.Boolean({ ...options });
export const duration = (options: Described & { readonly minimum: number; readonly maximum: number }) =>
  Type.Integer({ unit: 'duration', ...options });
export const size = (options: Described & { readonly minimum: number; readonly maximum: number }) =>
  Type.Integer({ unit: 'size', ...options });
export const choice = <Value extends string>(values: readonly Value[], options: Described) =>
  Type.Unsafe<Value>({ type: 'string', enum: [...values], ...options });

/** Masks of user names. */
export const masks = (options: Described) =>
  Type.Unsafe<readonly string[]>({
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 255 },
    maxItems: 1000,
    ...options,
  });

/** As {@link masks}; one may be empty. */
export const prefixes = (options: Described) =>
  Type.Unsafe<readonly string[]>({
    type: 'array',
    items: { type: 'string', maxLength: 255 },
    maxItems: 100,
    ...options,
  });

/** A program and its arguments. */
export const programAndArguments = (options: Described) =>
  Type.Unsafe<readonly string[]>({
    type: 'array',
    items: { type: 'string', minLength: 1, maxLength: 4096 },
    minItems: 1,
    maxItems: 100,
    ...options,
  });

/** Owner of a socket, by name or number. */
export const owner = (description: string) =>
  Type.Optional(Type.String({ pattern: '^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$', description }));

export const socketMode = (value: string) =>
  Type.String({
    pattern: '^0?[0-7]{3}$',
    default: value,
    description: 'Who may open it, as an octal number in quotes.',
  });

export const address = (value: string, what: string) =>
  Type.String({
    minLength: 1,
    maxLength: 255,
    default: value,
    description: `Address that ${what} listens on.`,
  });

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
