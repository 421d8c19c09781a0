import { chmod, chown, link, lstat, mkdir, rename, unlink } from 'node:fs/promises';
import { dirname } from 'node:path';
import { DsyncdError, systemCode } from '@dsyncd/core';
import type { Material } from './exchange.ts';
import {
  type Journal,
  type JournalEntry,
  sha256Of,
  syncFolder,
  temporaryOf,
  writeDurably,
  writeJournal,
} from './journal.ts';
import type { Plan, PlannedFile, PlannedFolder } from './plan.ts';

/** Numbers of the mail's owner. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export interface ApplyOptions {
  readonly journalFile: string;
  /** Undefined: the program does not run as root, and all files are those of its own user. */
  readonly owner: Owner | undefined;
  readonly now: number;
}

/**
 * Finds what is in the way of a plan. Nothing that exists is overwritten.
 * @returns paths that exist, but for the folders and the sample that is put aside
 */
export async function findObstacles({ files }: Plan): Promise<readonly string[]> {
  const found = await Promise.all(
    files.map(async ({ path, replacesSample }) =>
      replacesSample !== true && (await exists(path)) ? [path] : [],
    ),
  );
  return found.flat();
}

/**
 * Makes the folders and files of a plan. What will be made is in the journal, on disk, before the first file is: whenever this ends,
 * by whatever, {@link undoJournal} can remove it.
 * @throws {DsyncdError} `DSYNCD_PAIR_TAKEN` when a file is there by now
 */
export async function applyPlan(plan: Plan, material: Material, options: ApplyOptions): Promise<Journal> {
  const { journalFile, owner } = options;
  const folders = await missingFolders(plan.folders, plan.files);
  const texts = plan.files.map((file) => ({ file, text: file.text(material) }));
  const journal: Journal = {
    version: 1,
    state: 'open',
    at: options.now,
    peer: plan.peer.hostname,
    entries: [
      ...folders.map(({ path }): JournalEntry => ({ kind: 'folder', path })),
      ...texts.map(
        ({ file: { path, replacesSample }, text }): JournalEntry => ({
          kind: 'file',
          path,
          sha256: sha256Of(text),
          ...(replacesSample === true ? { before: `${path}.before-pair` } : {}),
        }),
      ),
      ...(plan.own.engine === 'dovecot' ? [{ kind: 'dovecot' } as const] : []),
      ...(plan.isSsh ? [{ kind: 'sshd' } as const] : []),
    ],
  };
  const home = dirname(journalFile);
  for (const folder of folders.filter(({ path }) => home.startsWith(path))) await makeFolder(folder, owner);
  await writeJournal(journalFile, journal);
  for (const folder of folders) await makeFolder(folder, owner);
  for (const { file, text } of texts) await placeFile(file, text, owner);
  return journal;
}

/** Those that are not there, with the folders above them; outer ones first. */
async function missingFolders(
  folders: readonly PlannedFolder[],
  files: readonly PlannedFile[],
): Promise<readonly PlannedFolder[]> {
  const missing = new Map<string, PlannedFolder>();
  const add = async (folder: PlannedFolder): Promise<void> => {
    if (missing.has(folder.path) || (await exists(folder.path))) return;
    const above = dirname(folder.path);
    if (above !== folder.path) await add({ path: above, mode: 0o755, owner: 'root' });
    missing.set(folder.path, folder);
  };
  for (const folder of folders) await add(folder);
  for (const { path } of files) await add({ path: dirname(path), mode: 0o755, owner: 'root' });
  return [...missing.values()];
}

async function makeFolder(
  { path, mode, owner: whose }: PlannedFolder,
  owner: Owner | undefined,
): Promise<void> {
  try {
    await mkdir(path, { mode });
  } catch (error) {
    if (systemCode(error) === 'EEXIST') return;
    throw error;
  }
  await chmod(path, mode);
  if (owner !== undefined && whose === 'mail') await chown(path, owner.uid, owner.gid);
}

/** Written beside its place, complete, then linked to its name: never half there, never over another file. */
async function placeFile(file: PlannedFile, text: string, owner: Owner | undefined): Promise<void> {
  const { path, mode } = file;
  const temporary = temporaryOf(path);
  await writeDurably(temporary, text, mode, 'w');
  if (owner !== undefined)
    await chown(
      temporary,
      file.owner === 'mail' ? owner.uid : 0,
      file.owner === 'mail' || file.group === 'mail' ? owner.gid : 0,
    );
  if (file.replacesSample === true) await rename(path, `${path}.before-pair`);
  try {
    await link(temporary, path);
  } catch (error) {
    if (systemCode(error) === 'EEXIST') throw taken([path]);
    throw error;
  } finally {
    await unlink(temporary);
  }
  await syncFolder(dirname(path));
}

export const taken = (paths: readonly string[]): DsyncdError =>
  new DsyncdError('DSYNCD_PAIR_TAKEN', `these files are there already: ${paths.join(', ')}`, {
    outcome: 'operator',
    hint: 'nothing that exists is overwritten: move them away, or configure this pair by hand',
  });

async function exists(path: string): Promise<boolean> {
  try {
    await lstat(path);
    return true;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' || systemCode(error) === 'ENOTDIR') return false;
    throw error;
  }
}
