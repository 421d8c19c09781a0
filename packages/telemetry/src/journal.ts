import { fstatSync } from 'node:fs';
import type { DestinationStream } from 'pino';

/** Severities of syslog, which journald reads from `<N>` at the start of a line. */
const priorities: Readonly<Record<string, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/**
 * Does this standard error go to journald? systemd says which stream is its own in `JOURNAL_STREAM` (`DEVICE:INODE`); a stream that was
 * redirected since is another one.
 */
export function isJournal(file: number, journalStream = process.env.JOURNAL_STREAM): boolean {
  if (journalStream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(file, { bigint: true });
    return journalStream === `${dev}:${ino}`;
  } catch {
    return false;
  }
}

/**
 * Lines as journald takes them: with their priority, and without what it notes by itself (time, program and process).
 * @param target - gets each line
 */
export const journalLines = (target: DestinationStream): DestinationStream => ({
  write: (line) => {
    const [, level = ''] = /^\{"level":"(\w+)"/.exec(line) ?? [];
    target.write(`<${priorities[level] ?? 6}>${line}`);
  },
});
