import { readdir, readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { systemCode } from '@dsyncd/core';

/** One file of a configuration, as text. */
export interface SourceFile {
  readonly file: string;
  readonly text: string;
}

/** Name of the configuration that has a folder with more files beside it. */
const mainName = 'dsyncd.toml';
const folderName = 'conf.d';

/**
 * The files `conf.d/*.toml` beside a `dsyncd.toml`, by name in the order of their bytes; hidden ones are left out. A
 * configuration with another name has none: several instances may keep theirs in one folder.
 * @throws when the folder is there and cannot be read.
 */
export async function includedFiles(file: string): Promise<readonly string[]> {
  if (basename(file) !== mainName) return [];
  const folder = join(dirname(file), folderName);
  try {
    const names = (await readdir(folder)).filter((name) => name.endsWith('.toml') && !name.startsWith('.'));
    return names
      .sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)))
      .map((name) => join(folder, name));
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return [];
    throw error;
  }
}

export const readConfigFile = async (file: string): Promise<SourceFile> => ({
  file,
  text: await readFile(file, 'utf8'),
});
