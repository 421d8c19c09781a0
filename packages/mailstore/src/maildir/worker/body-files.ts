/** Body files: into `tmp`, from there to their place, linked, removed. */

import {
  closeSync,
  copyFileSync,
  existsSync,
  fstatSync,
  fsync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { systemCode } from '@dsyncd/core';
import { isMissing } from '../disk-errors.ts';
import {
  type BodyName,
  bodyFileName,
  bodyFolder,
  longGuidFile,
  longGuidFolder,
  maildir,
  tmpFolder,
} from '../names-on-disk.ts';
import type { WireStage } from '../wire.ts';
import { writeDurably } from './notes.ts';
import { syncPath } from './open-index.ts';

const fsyncLater = promisify(fsync);

/** fsyncs under way at once: enough to share commits of the file system, and others still get their turn. */
const fsyncsAtOnce = 32;

/** A body on disk in `tmp`, ready to be moved to its place. */
export interface TmpBody {
  readonly path: string;
  readonly size: number;
  readonly virtualSize: number;
}

/** Brings all stages to disk; `names` gives a name in `tmp` to each. One that fails takes the others with it. */
export async function storeStages(
  home: string,
  stages: readonly WireStage[],
  newName: (position: number) => string,
): Promise<readonly TmpBody[]> {
  const bodies = stages.map((stage, position) => ({
    path: join(tmpFolder(home), stage.kind === 'file' ? stage.name : newName(position)),
    size: stage.size,
    virtualSize: stage.virtualSize,
  }));
  const toWrite = stages.flatMap((stage, position) =>
    stage.kind === 'bytes' ? [{ path: bodies[position]?.path ?? '', bytes: stage.bytes }] : [],
  );
  const written: string[] = [];
  try {
    // Not all at once: the files of the process are few.
    for (let start = 0; start < toWrite.length; start += fsyncsAtOnce)
      await writeFiles(toWrite.slice(start, start + fsyncsAtOnce), written);
  } catch (error) {
    for (const path of written) unlinkIfThere(path);
    throw error;
  }
  return bodies;
}

async function writeFiles(
  files: readonly { readonly path: string; readonly bytes: Uint8Array }[],
  written: string[],
): Promise<void> {
  const open: number[] = [];
  try {
    for (const { path, bytes } of files) {
      const fd = openSync(path, 'wx', 0o600);
      open.push(fd);
      written.push(path);
      writeWhole(fd, bytes);
    }
    await syncAll(open);
  } finally {
    for (const fd of open) closeSync(fd);
  }
}

function writeWhole(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length; ) done += writeSync(fd, bytes, done);
}

async function syncAll(fds: readonly number[]): Promise<void> {
  const [only] = fds;
  if (only !== undefined && fds.length === 1) {
    fsyncSync(only);
    return;
  }
  let next = 0;
  const lane = async (): Promise<void> => {
    for (let fd = fds[next++]; fd !== undefined; fd = fds[next++]) await fsyncLater(fd);
  };
  const lanes = await Promise.allSettled(Array.from({ length: fsyncsAtOnce }, lane));
  for (const end of lanes) if (end.status === 'rejected') throw end.reason;
}

/** Moves of one transaction: undone when it fails, made durable before it commits. */
export class BodyMoves {
  readonly #home: string;
  readonly #undo: (() => void)[] = [];
  readonly #folders = new Set<string>();
  readonly #discarded: string[] = [];

  constructor(home: string) {
    this.#home = home;
  }

  place(body: TmpBody, folder: string, name: BodyName): void {
    const target = this.#target(folder, name);
    renameSync(body.path, target);
    this.#undo.push(() => renameSync(target, body.path));
  }

  /** @throws ENOENT when the source is missing. */
  share(source: { readonly folder: string; readonly name: BodyName }, folder: string, name: BodyName): void {
    const from = join(bodyFolder(this.#home, source.folder), bodyFileName(source.name));
    const target = this.#target(folder, name);
    // What a crash left of an earlier try: no mail has this UID yet.
    unlinkIfThere(target);
    linkOrCopy(from, target);
    this.#undo.push(() => unlinkSync(target));
  }

  /** After this the names are on disk, and the transaction may commit. */
  sync(): void {
    for (const folder of this.#folders) syncPath(folder);
  }

  /** Removes a staged body once the transaction is through. */
  discard(body: TmpBody): void {
    this.#discarded.push(body.path);
  }

  finish(): void {
    removeBodies(this.#discarded);
  }

  /** Takes back all that can be: a body that cannot go back must not keep the others from it. Never throws. */
  undo(): void {
    for (const step of this.#undo.reverse()) attempt(step);
  }

  #target(folder: string, name: BodyName): string {
    keepLongGuid(this.#home, name.guid);
    const path = bodyFolder(this.#home, folder);
    this.#folders.add(path);
    return join(path, bodyFileName(name));
  }
}

function linkOrCopy(from: string, target: string): void {
  try {
    linkSync(from, target);
  } catch (error) {
    // The file system counts only so many links, or knows none.
    if (!['EMLINK', 'EPERM', 'ENOTSUP', 'EXDEV'].includes(systemCode(error))) throw error;
    copyFileSync(from, target);
    syncPath(target);
  }
}

function keepLongGuid(home: string, guid: string): void {
  const name = longGuidFile(guid);
  if (name === undefined) return;
  const folder = longGuidFolder(home);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (existsSync(join(folder, name))) return;
  writeDurably(join(folder, name), guid);
  syncPath(folder);
}

export const bodyPath = (home: string, folder: string, name: BodyName): string =>
  join(bodyFolder(home, folder), bodyFileName(name));

/** Opens a body for reading, or undefined when it is missing or cut short. */
export function openBody(path: string, size: number): number | undefined {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw error;
  }
  if (fstatSync(fd).size === size) return fd;
  closeSync(fd);
  return undefined;
}

export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!isMissing(error)) throw error;
  }
}

/** Files removed in one go; other users wait meanwhile. */
const unlinksAtOnce = 64;

/**
 * Removes bodies that no mail has any more: a few at once, the rest between other calls. It never
 * fails, for what it follows is committed; what stays behind is swept later.
 */
export function removeBodies(paths: readonly string[]): void {
  for (const path of paths.slice(0, unlinksAtOnce)) attempt(() => unlinkIfThere(path));
  const rest = paths.slice(unlinksAtOnce);
  if (rest.length > 0) setImmediate(() => removeBodies(rest));
}

/** For what follows a commit: a failure must not make the call look undone. */
export function attempt(work: () => void): void {
  try {
    work();
  } catch {
    // The next sweep or open does it again.
  }
}

/** Removes the folder of a deleted mailbox; of the Maildir itself only the bodies. */
export function removeFolder(home: string, folder: string): void {
  if (folder !== '') {
    rmSync(join(maildir(home), folder), { recursive: true, force: true });
    return;
  }
  const path = bodyFolder(home, folder);
  for (const name of readdirSync(path)) unlinkIfThere(join(path, name));
}
