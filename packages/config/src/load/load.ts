import { DsyncdError, InvariantError, messageOf, systemErrorHint } from '@dsyncd/core';
import { parse, TomlError } from 'smol-toml';
import type { Config } from '../config.ts';
import { type Settings, settings } from '../settings/settings.ts';
import { buildConfig } from './build.ts';
import { type KeyProblem, readTable } from './check.ts';
import { type CredentialFolder, credentialFolder, withCredentials } from './credentials.ts';
import { keyLines, lineOf, pathText } from './key-lines.ts';
import { mergeTables, type ParsedFile } from './merge.ts';
import { includedFiles, readConfigFile, type SourceFile } from './source-files.ts';

/** Where the configuration is when nothing else says so. */
export const defaultConfigFile = '/etc/dsyncd/dsyncd.toml';

/** `-c FILE`, else `DSYNCD_CONFIG`, else {@link defaultConfigFile}. */
export const configFileName = (
  option?: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): string => option ?? (env.DSYNCD_CONFIG || defaultConfigFile);

const configBytesMax = 1024 * 1024;

export interface ConfigProblem {
  /** Missing: the file that was named. */
  readonly file?: string;
  /** From 1; missing when the whole file is meant. */
  readonly line: number | undefined;
  readonly message: string;
}

/** The configuration cannot be used. The message lists every problem, one a line, as `FILE:LINE: ...`. */
export class ConfigError extends DsyncdError {
  readonly problems: readonly ConfigProblem[];

  constructor(file: string, problems: readonly ConfigProblem[]) {
    const places = problems.map(
      (problem) => `${placeOf(problem.file ?? file, problem.line)}: ${problem.message}`,
    );
    super('DSYNCD_CONFIG', places.join('\n'), {
      outcome: 'operator',
      hint: 'correct the file; nothing was changed and nothing started',
    });
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

const placeOf = (file: string, line: number | undefined): string =>
  line === undefined ? file : `${file}:${line}`;

/**
 * Reads a configuration with the files of `conf.d` beside it (see {@link includedFiles}).
 * @throws {ConfigError} (`DSYNCD_CONFIG`) with all problems of the files at once.
 */
export async function loadConfig(file: string): Promise<Config> {
  try {
    const included = await includedFiles(file);
    const sources = await Promise.all([file, ...included].map(readConfigFile));
    return parseSources(sources, credentialFolder(process.env));
  } catch (error) {
    if (error instanceof DsyncdError) throw error;
    throw new DsyncdError('DSYNCD_CONFIG', `cannot read the configuration ${file}: ${messageOf(error)}`, {
      outcome: 'operator',
      hint: systemErrorHint(error) ?? 'name the file with -c FILE or DSYNCD_CONFIG',
      cause: error,
    });
  }
}

/** @throws {ConfigError} (`DSYNCD_CONFIG`) with all problems of the text at once; `file` is for the messages. */
export const parseConfig = (text: string, file: string): Config =>
  parseSources([{ file, text }], credentialFolder(process.env));

/** One configuration from several files; the first is the one that was named. */
export function parseSources(sources: readonly SourceFile[], folderOf: CredentialFolder): Config {
  const parsed = sources.map(parseSource);
  const [main] = parsed;
  if (main === undefined) throw new InvariantError('a configuration has at least one file');
  const { table, twice } = mergeTables(parsed);
  if (twice.length > 0) throw new ConfigError(main.file, twice.map(asProblem));
  const problems: KeyProblem[] = [];
  const values = readTable(settings, withCredentials(table, folderOf, problems), [], problems);
  // A file that does not fit the schema cannot be checked as a whole.
  const files = { file: main.file, includedFiles: parsed.slice(1).map(({ file }) => file) };
  const config = problems.length === 0 ? buildConfig(values as Settings, files, problems) : undefined;
  if (config === undefined || problems.length > 0) throw new ConfigError(main.file, placed(problems, parsed));
  return config;
}

function parseSource({ file, text }: SourceFile): ParsedFile {
  if (text.length > configBytesMax)
    throw new ConfigError(file, [{ line: undefined, message: `is longer than ${configBytesMax} bytes` }]);
  try {
    const table = parse(text, { maxDepth: 16, unsafeKeyBehaviour: 'throw' });
    return { file, table, lines: onDemand(() => keyLines(text)) };
  } catch (error) {
    const line = error instanceof TomlError ? error.line : undefined;
    throw new ConfigError(file, [{ line, message: messageOf(error).replace(/\n+$/, '') }]);
  }
}

function onDemand<T>(make: () => T): () => T {
  let made: T | undefined;
  return () => {
    made ??= make();
    return made;
  };
}

const asProblem = ({
  path,
  first,
  second,
}: ReturnType<typeof mergeTables>['twice'][number]): ConfigProblem => ({
  file: second.file,
  line: lineOf(second.lines(), path),
  message: `${path.join('.')} is given twice: it is in ${placeOf(first.file, lineOf(first.lines(), path))} already`,
});

/** Problems in the order of the files and lines. */
function placed(problems: readonly KeyProblem[], files: readonly ParsedFile[]): ConfigProblem[] {
  return problems
    .map(({ path, message }) => {
      const index = fileOf(path, files);
      const source = files[index];
      return {
        index,
        ...(source === undefined ? {} : { file: source.file }),
        line: source === undefined ? undefined : lineOf(source.lines(), path),
        message: `${path.join('.')} ${message}`,
      };
    })
    .sort((one, other) => one.index - other.index || (one.line ?? 0) - (other.line ?? 0))
    .map(({ index: _, ...problem }) => problem);
}

/** Index of the file with the key, else with the nearest table around it, else the main one. */
function fileOf(path: readonly string[], files: readonly ParsedFile[]): number {
  for (let depth = path.length; depth > 0; depth--) {
    const key = pathText(path.slice(0, depth));
    const index = files.findIndex(({ lines }) => lines().has(key));
    if (index >= 0) return index;
  }
  return 0;
}
