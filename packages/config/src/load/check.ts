import type { TSchema } from 'typebox';
import * as Type from 'typebox';
import * as Value from 'typebox/value';
import { expectation, nodeOf, recordOf, type SchemaNode } from '../settings/setting-kinds.ts';
import { parseDuration, parseSize } from '../settings/units.ts';

/** Something wrong with one key; `path` is the key with the tables around it. */
export interface KeyProblem {
  readonly path: readonly string[];
  readonly message: string;
}

/**
 * Checks a parsed TOML table against a schema: fills in defaults, turns durations and sizes into
 * numbers, and notes everything that is wrong in `problems`. The answer fits the schema when none
 * was added.
 */
export function readTable(
  schema: TSchema,
  table: unknown,
  path: readonly string[],
  problems: KeyProblem[],
): unknown {
  const node = nodeOf(schema);
  if (!isTable(table)) {
    problems.push({ path, message: `is ${describe(table)}, expected a table [${path.join('.')}]` });
    return {};
  }
  const record = recordOf(node);
  const result = Object.create(null) as Record<string, unknown>;
  if (record !== undefined) {
    for (const [name, value] of Object.entries(table)) {
      if (record.name.test(name)) result[name] = readTable(record.value, value, [...path, name], problems);
      else
        problems.push({
          path: [...path, name],
          message: `is a bad name: use up to 64 of A-Z, a-z, 0-9, ".", "_" and "-"`,
        });
    }
    return result;
  }
  const properties = node.properties ?? {};
  for (const key of Object.keys(table))
    if (!Object.hasOwn(properties, key))
      problems.push({ path: [...path, key], message: unknownKey(key, properties) });
  for (const [key, property] of Object.entries(properties)) {
    const value = readProperty(
      property,
      Object.hasOwn(table, key) ? table[key] : undefined,
      [...path, key],
      problems,
    );
    if (value !== undefined) result[key] = value;
  }
  return result;
}

function readProperty(
  schema: TSchema,
  value: unknown,
  path: readonly string[],
  problems: KeyProblem[],
): unknown {
  const node = nodeOf(schema);
  if (node.type === 'object') {
    if (value === undefined && Type.IsOptional(schema)) return undefined;
    return readTable(schema, value ?? {}, path, problems);
  }
  const given = value ?? node.default;
  if (given === undefined) {
    if (!Type.IsOptional(schema)) problems.push({ path, message: `is missing: ${node.description ?? ''}` });
    return undefined;
  }
  const converted = convert(node, given);
  if (converted !== undefined && Value.Check(schema, converted)) return converted;
  problems.push({ path, message: `is ${describe(given)}, expected ${expectation(node)}` });
  return undefined;
}

function convert(node: SchemaNode, value: unknown): unknown {
  if (node.unit === 'duration') return parseDuration(value);
  if (node.unit === 'size') return parseSize(value);
  return value;
}

function unknownKey(key: string, properties: Readonly<Record<string, TSchema>>): string {
  const names = Object.keys(properties);
  const guess = nearest(key, names);
  const guessed = guess === undefined ? undefined : properties[guess];
  if (guess === undefined || guessed === undefined) return `is no setting; allowed here: ${names.join(', ')}`;
  return `is no setting; did you mean "${guess}" (${expectation(nodeOf(guessed))})? Allowed here: ${names.join(', ')}`;
}

export const isTable = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date);

function describe(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.length > 60 ? `${value.slice(0, 60)}…` : value);
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  if (Array.isArray(value)) return 'a list';
  return isTable(value) ? 'a table' : 'a date';
}

/** The candidate that `word` is most likely a misspelling of, or undefined when none is near. */
export function nearest(word: string, candidates: readonly string[]): string | undefined {
  if (word.length > 100) return undefined;
  const plain = word.toLowerCase().replaceAll('-', '_');
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  for (const candidate of candidates) {
    const distance = editDistance(plain, candidate.toLowerCase());
    if (distance >= bestDistance) continue;
    best = candidate;
    bestDistance = distance;
  }
  return best;
}

/** How many single characters must be added, dropped or replaced to turn `from` into `to`. */
function editDistance(from: string, to: string): number {
  let above = Array.from({ length: to.length + 1 }, (_, index) => index);
  for (let row = 1; row <= from.length; row++) {
    const current = [row];
    for (let column = 1; column <= to.length; column++) {
      const replace = (above[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1);
      current.push(Math.min(replace, (above[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    above = current;
  }
  return above[to.length] ?? 0;
}
