import { readFile } from 'node:fs/promises';
import { DsyncdError, systemErrorHint } from '@dsyncd/core';
import { parse, TomlError } from 'smol-toml';
import type { Config } from '../config.ts';
import { type Settings, settings } from '../settings/settings.ts';
import { buildConfig } from './build.ts';
import { type KeyProblem, readTable } from './check.ts';

/** Where the configuration is when nothing else says so. */
export const defaultConfigFile = '/etc/dsyncd/dsyncd.toml';

/** `-c FILE`, else `DSYNCD_CONFIG`, else {@link defaultConfigFile}. */
export const configFileName = (
  option?: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string => option ?? (env.DSYNCD_CONFIG || defaultConfigFile);

const configBytesMax = 1024 * 1024;

export interface ConfigProblem {
  /** From 1; missing when the whole file is meant. */
  readonly line: number | undefined;
  readonly message: string;
}

/** The configuration cannot be used. The message lists every problem, one a line, as `FILE:LINE: ...`. */
export class ConfigError extends DsyncdError {
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    const places = problems.map(({ line, message }) =>
      line === undefined ? `${file}: ${message}` : `${file}:${line}: ${message}`,
    );
    super('DSYNCD_CONFIG', places.join('\n'), {
      outcome: 'operator',
      hint: 'correct the file; nothing was changed and nothing started',
    });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

/** @throws {ConfigError} (`DSYNCD_CONFIG`) with all problems of the file at once. */
export async function loadConfig(file: string): Promise<Config> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    throw new DsyncdError('DSYNCD_CONFIG', `cannot read the configuration ${file}: ${messageOf(error)}`, {
      outcome: 'operator',
      hint: systemErrorHint(error) ?? 'name the file with -c FILE or DSYNCD_CONFIG',
      cause: error,
    });
  }
  return parseConfig(text, file);
}

/** @throws {ConfigError} (`DSYNCD_CONFIG`) with all problems of the text at once; `file` is for the messages. */
export function parseConfig(text: string, file: string): Config {
  if (text.length > configBytesMax)
    throw new ConfigError(file, [{ line: undefined, message: `is longer than ${configBytesMax} bytes` }]);
  const table = parseToml(text, file);
  const problems: KeyProblem[] = [];
  const values = readTable(settings, table, [], problems);
  // A file that does not fit the schema cannot be checked as a whole.
  const config = problems.length === 0 ? buildConfig(values as Settings, file, problems) : undefined;
  if (config === undefined || problems.length > 0) throw new ConfigError(file, placed(problems, text));
  return config;
}

function parseToml(text: string, file: string): unknown {
  try {
    return parse(text, { maxDepth: 16, unsafeKeyBehaviour: 'throw' });
  } catch (error) {
    const line = error instanceof TomlError ? error.line : undefined;
    throw new ConfigError(file, [{ line, message: messageOf(error).replace(/\n+$/, '') }]);
  }
}

function placed(problems: readonly KeyProblem[], text: string): ConfigProblem[] {
  const lines = keyLines(text);
  return problems
    .map(({ path, message }) => ({ line: lineOf(lines, path), message: `${path.join('.')} ${message}` }))
    .sort((one, other) => (one.line ?? 0) - (other.line ?? 0));
}

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

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
