import { readFile, readlink, rename, rmdir, unlink } from 'node:fs/promises';
import { systemCode } from '@dsyncd/core';
import { type Journal, type JournalEntry, sha256Of, temporaryOf } from './journal.ts';

/** What became of one entry of the journal. */
export interface Undone {
  /** Path, unit or program. */
  readonly what: string;
  /** `removed`, `restored` (the sample that was there before), `missing` (was gone already), `kept` (see `why`). */
  readonly result: 'removed' | 'restored' | 'missing' | 'kept';
  readonly why?: string;
}

/** What is not a file: the edge of the machine. */
export interface Machine {
  /** Stops a unit of systemd and keeps it from starting with the host. */
  disableUnit(name: string): Promise<void>;
  /** Ends a program that runs with this configuration. False: none does. */
  endProgram(name: string, config: string): Promise<boolean>;
  /** Lets a Dovecot that runs read its configuration again. */
  reloadDovecot(): Promise<void>;
  /** The same for sshd. */
  reloadSshd(): Promise<void>;
}

/**
 * Removes what the journal says, last made first, and then the journal. What was changed since it was made stays, as do folders with
 * something in them. An undo that was cut can be done again.
 */
export async function undoJournal(
  { entries }: Journal,
  journalFile: string,
  machine: Machine,
): Promise<readonly Undone[]> {
  const results: Undone[] = [];
  const lastFirst = [...entries].reverse();
  // Programs first: they must not find their files gone.
  for (const entry of lastFirst.filter(isService)) results.push(await undoService(entry, machine));
  for (const entry of lastFirst) {
    if (entry.kind === 'link') results.push(await undoLink(entry));
    if (entry.kind === 'file') results.push(await undoFile(entry));
  }
  if (entries.some(({ kind }) => kind === 'dovecot')) await machine.reloadDovecot();
  if (entries.some(({ kind }) => kind === 'sshd')) await machine.reloadSshd();
  await unlinkIfThere(temporaryOf(journalFile));
  await unlinkIfThere(journalFile);
  for (const entry of lastFirst) if (entry.kind === 'folder') results.push(await undoFolder(entry.path));
  return results;
}

type Service = Extract<JournalEntry, { readonly kind: 'unit' | 'program' }>;
const isService = (entry: JournalEntry): entry is Service =>
  entry.kind === 'unit' || entry.kind === 'program';

async function undoService(entry: Service, machine: Machine): Promise<Undone> {
  if (entry.kind === 'unit') {
    await machine.disableUnit(entry.name);
    return { what: entry.name, result: 'removed' };
  }
  const ended = await machine.endProgram(entry.name, entry.config);
  return { what: entry.name, result: ended ? 'removed' : 'missing' };
}

async function undoFile(entry: Extract<JournalEntry, { readonly kind: 'file' }>): Promise<Undone> {
  const { path, before, sha256 } = entry;
  await unlinkIfThere(temporaryOf(path));
  const bytes = await readIfThere(path);
  if (bytes !== undefined && sha256Of(bytes) !== sha256) {
    // A pairing that was killed before its first step: the sample is still in its place.
    if (before !== undefined && (await readIfThere(before)) === undefined)
      return { what: path, result: 'missing' };
    return { what: path, result: 'kept', why: 'it was changed since' };
  }
  if (bytes !== undefined) await unlink(path);
  if (before !== undefined && (await readIfThere(before)) !== undefined) {
    await rename(before, path);
    return { what: path, result: 'restored' };
  }
  return { what: path, result: bytes === undefined ? 'missing' : 'removed' };
}

async function undoLink({ path, target }: Extract<JournalEntry, { readonly kind: 'link' }>): Promise<Undone> {
  // Something else than a link, or nothing, is not ours.
  const found = await readlink(path).catch(() => undefined);
  if (found !== target) return { what: path, result: 'missing' };
  await unlink(path);
  return { what: path, result: 'removed' };
}

async function undoFolder(path: string): Promise<Undone> {
  try {
    await rmdir(path);
    return { what: path, result: 'removed' };
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT') return { what: path, result: 'missing' };
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EBUSY')
      return { what: path, result: 'kept', why: 'something is in it' };
    throw error;
  }
}

async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return undefined;
    throw error;
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT' && systemCode(error) !== 'ENOTDIR') throw error;
  }
}
