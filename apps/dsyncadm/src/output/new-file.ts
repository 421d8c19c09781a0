import { open } from 'node:fs/promises';
import { notPossible } from '../errors.ts';

export interface Output {
  readonly path: string;
  readonly text: string;
  /** Permission bits. */
  readonly mode: number;
}

/** @throws {DsyncdError} `DSYNCD_NOT_POSSIBLE` when there is something with that name. */
export async function writeNewFile({ path, text, mode }: Output): Promise<void> {
  try {
    await using file = await open(path, 'wx', mode);
    await file.writeFile(text);
    await file.sync();
  } catch (error) {
    if (!(error instanceof Error) || !('code' in error) || error.code !== 'EEXIST') throw error;
    throw notPossible(`${path} exists and is not overwritten`, 'move it away, or name another file');
  }
}
