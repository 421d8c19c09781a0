/** The kinds of values that settings have. */

import Type from 'typebox';

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
