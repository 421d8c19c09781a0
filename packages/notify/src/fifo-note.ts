import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** How the notification FIFO was found by the dsyncd that runs, for who looks from outside. */
export interface FifoNote {
  /** Unix milliseconds. */
  readonly startedAt: number;
  /** False: a mail process of Dovecot 2.3 that wrote before `startedAt`, and still lives, tells no change any more. */
  readonly wasHeld: boolean;
}

const fileOf = (stateDir: string): string => join(stateDir, 'notify-fifo');

export const writeFifoNote = (stateDir: string, note: FifoNote): Promise<void> =>
  writeFile(fileOf(stateDir), `${JSON.stringify(note)}\n`, { mode: 0o640 });

/** Undefined: dsyncd never ran here, or the note cannot be read. */
export async function readFifoNote(stateDir: string): Promise<FifoNote | undefined> {
  try {
    const { startedAt, wasHeld } = JSON.parse(await readFile(fileOf(stateDir), 'utf8')) as Partial<FifoNote>;
    if (typeof startedAt !== 'number' || typeof wasHeld !== 'boolean') return undefined;
    return { startedAt, wasHeld };
  } catch {
    return undefined;
  }
}
