import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  type Config,
  type DoveconfBlock,
  type DoveconfTree,
  doveconfLimits,
  parseDoveconf,
  settingOf,
} from '@dsyncd/config';
import { NotCheckable } from './finding.ts';

const timeoutMs = 15_000;

/** What the Dovecot on this host is configured like. */
export interface Doveconf {
  readonly tree: DoveconfTree;
  /** `2.3.19.1`; empty when it is not shown. */
  readonly version: string;
  readonly is24: boolean;
}

/** Understands what `doveconf -n` has printed. */
export function doveconfOf(printed: string): Doveconf {
  const tree = parseDoveconf(printed);
  const version = tree.version ?? '';
  return { tree, version, is24: tree.settings.has('dovecot_config_version') || /^2\.[4-9]/.test(version) };
}

/**
 * Runs `doveconf -n` for the Dovecot that the configuration speaks of.
 * @throws {NotCheckable} when it fails, or shows another Dovecot.
 */
export async function runDoveconf({ dovecot }: Pick<Config, 'dovecot'>): Promise<Doveconf> {
  const found = doveconfOf(await doveconf(dovecot.configFile));
  // One with our base_dir need not say so: it may be the built-in one.
  const baseDir = settingOf(found.tree, 'base_dir') ?? defaultBaseDir(dovecot.authSocketPath);
  if (isWithin(baseDir, dovecot.authSocketPath)) return found;
  throw new NotCheckable(
    `doveconf -n shows the Dovecot of ${baseDir}, not that of ${dovecot.authSocketPath}: set dovecot.config_file`,
  );
}

/** Debian's and upstream's. */
const defaultBaseDirs = ['/run/dovecot', '/var/run/dovecot'];
const defaultBaseDir = (path: string): string =>
  defaultBaseDirs.find((folder) => isWithin(folder, path)) ?? '/run/dovecot';

const isWithin = (folder: string, path: string): boolean => path.startsWith(`${folder.replace(/\/$/, '')}/`);

async function doveconf(configFile: string | undefined): Promise<string> {
  try {
    const { stdout } = await promisify(execFile)(
      'doveconf',
      ['-n', ...(configFile === undefined ? [] : ['-c', configFile])],
      { timeout: timeoutMs, maxBuffer: doveconfLimits.textBytesMax },
    );
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
