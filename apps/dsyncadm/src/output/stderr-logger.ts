import type { Logger } from '@dsyncd/core';
import type { Terminal } from './terminal.ts';

/** What the parts below would log: warnings and errors go to stderr, the rest is of no use to who waits for an answer. */
export function stderrLogger(terminal: Terminal): Logger {
  const note: Logger['warn'] = ({ error, err }, message) => {
    const cause = error ?? err;
    terminal.note(`dsyncadm: ${message}${cause instanceof Error ? `: ${cause.message}` : ''}`);
  };
  const logger: Logger = { debug: () => {}, info: () => {}, warn: note, error: note, child: () => logger };
  return logger;
}
