import { createHash } from 'node:crypto';
import { chmod, open, readFile, rename } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DsyncdError, systemCode } from '@dsyncd/core';

/** One thing that was made, noted before it is made. */
export type JournalEntry =
  | { readonly kind: 'folder'; readonly path: string }
  | {
      readonly kind: 'file';
      readonly path: string;
      /** Of what we write, in hexadecimal: what is something else since then stays. */
      readonly sha256: string;
      /** Where the sample that was there went. */
      readonly before?: string;
    }
  | { readonly kind: 'link'; readonly path: string; readonly target: string }
  | { readonly kind: 'unit'; readonly name: string }
  | { readonly kind: 'program'; readonly name: string; readonly config: string }
  /** That program has read what we wrote, and must read its configuration again when that is gone. */
  | { readonly kind: 'dovecot' | 'sshd' };

/** Everything that `dsyncadm pair` made on this host. No secrets. */
export interface Journal {
  readonly version: 1;
  /** `open`: the pairing was not finished; what is there may be any part of the entries. */
  readonly state: 'open' | 'kept';
  /** Unix milliseconds. */
  readonly at: number;
  readonly peer: string;
  readonly entries: readonly JournalEntry[];
}

/** Undefined when there is none. */
export async function readJournal(file: string): Promise<Journal | undefined> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
  const journal = parseJournal(text);
  if (journal !== undefined) return journal;
  throw new DsyncdError('DSYNCD_PAIR_JOURNAL', `${file} is not a journal of this version`, {
    outcome: 'operator',
    hint: 'use the dsyncadm that paired this host, or remove by hand what it made, then this file',
  });
}

/** Replaces the journal as a whole; it is on disk when this settles. */
export async function writeJournal(file: string, journal: Journal): Promise<void> {
  const temporary = temporaryOf(file);
  await writeDurably(temporary, `${JSON.stringify(journal, undefined, 2)}\n`, 0o600, 'w');
  await rename(temporary, file);
  await syncFolder(dirname(file));
}

/** Writes a file and waits until the disk has it. `flag` `wx`: fails when it is there. */
export async function writeDurably(
  path: string,
  text: string,
  mode: number,
  flag: 'w' | 'wx',
): Promise<void> {
  // Nobody else may open it before it has its mode.
  await using handle = await open(path, flag, 0o600);
  await handle.writeFile(text);
  await chmod(path, mode);
  await handle.sync();
}

export async function syncFolder(folder: string): Promise<void> {
  await using handle = await open(folder, 'r');
  await handle.sync();
}

/** The name under which a file is written before it gets its own. */
export const temporaryOf = (path: string): string => join(dirname(path), `.${basename(path)}.dsyncd-pair`);

export const sha256Of = (text: string | Uint8Array): string =>
  createHash('sha256').update(text).digest('hex');

function parseJournal(text: string): Journal | undefined {
  try {
    const value = JSON.parse(text) as Partial<Journal>;
    const isJournal =
      value.version === 1 &&
      (value.state === 'open' || value.state === 'kept') &&
      Array.isArray(value.entries);
    return isJournal ? (value as Journal) : undefined;
  } catch {
    // Damaged: the caller reports it.
    return undefined;
  }
}
