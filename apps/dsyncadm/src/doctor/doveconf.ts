import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type DoveconfBlock, type DoveconfTree, doveconfLimits, parseDoveconf } from '@dsyncd/config';
import { readTextFile } from '../input/text-file.ts';
import { NotCheckable } from './finding.ts';

const timeoutMs = 15_000;

/** What the Dovecot on this host is configured like. */
export interface Doveconf {
  readonly tree: DoveconfTree;
  /** `2.3.19.1`; empty when it is not told. */
  readonly version: string;
  readonly is24: boolean;
}

/**
 * Asks `doveconf -n`, or reads what it has printed.
 * @param file - output of `doveconf -n`; missing: it is run
 * @throws {NotCheckable} when it cannot be had.
 */
export async function loadDoveconf(
  file: string | undefined,
  stdin: NodeJS.ReadableStream,
): Promise<Doveconf> {
  const tree = parseDoveconf(
    file === undefined ? await runDoveconf() : await readTextFile(file, stdin, doveconfLimits.textBytesMax),
  );
  const version = tree.version ?? '';
  return { tree, version, is24: tree.settings.has('dovecot_config_version') || /^2\.[4-9]/.test(version) };
}

async function runDoveconf(): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)('doveconf', ['-n'], {
      timeout: timeoutMs,
      maxBuffer: doveconfLimits.textBytesMax,
    });
    return stdout;
  } catch (error) {
    const text = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw new NotCheckable(
      `doveconf -n failed here (${text.split('\n', 1)[0]}); run doctor as root, or give its output by --doveconf`,
    );
  }
}

/** `yes` settings of a block such as `mail_plugins { notify = yes }`, or the words of a plain setting. */
export function wordsOf(block: DoveconfBlock | undefined, key: string): readonly string[] | undefined {
  if (block === undefined) return undefined;
  const nested = block.blocks.find(({ kind }) => kind === key);
  if (nested !== undefined)
    return [...nested.settings.values()].filter(({ value }) => value === 'yes').map((each) => each.key);
  const text = block.settings.get(key)?.value;
  return text === undefined ? undefined : text.split(/\s+/).filter(Boolean);
}
