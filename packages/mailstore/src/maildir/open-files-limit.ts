import { readFileSync } from 'node:fs';

/** What is assumed where the system does not say. */
const assumed = 1_024;

/**
 * Files that this process may have open at once. Everything that keeps files open takes a share of it: a process that
 * has used it up can neither take a connection nor save a mail.
 */
export function openFilesMax(): number {
  try {
    // Node has raised the soft limit to the hard one by the time that anything of ours runs.
    const [, soft] =
      /^Max open files\s+(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    const limit = Number(soft);
    return Number.isSafeInteger(limit) && limit > 0 ? limit : assumed;
  } catch {
    return assumed;
  }
}

/** Open indexes of all workers together get so much of it. */
const indexesShare = 1 / 3;
/** The index and its journal. */
const filesAnIndex = 2;

export const openIndexesMax = 1_024;
const openIndexesMin = 4;

/** Open indexes of one of so many workers. */
export function openIndexesOf(workers: number, filesMax = openFilesMax()): number {
  const share = Math.floor((filesMax * indexesShare) / filesAnIndex / workers);
  return Math.min(openIndexesMax, Math.max(openIndexesMin, share));
}

/** Files of bodies that come in may be held open for so much of it; others are opened for each piece. */
const bodiesShare = 1 / 6;

export const openBodiesOf = (filesMax = openFilesMax()): number =>
  Math.max(1, Math.floor(filesMax * bodiesShare));
