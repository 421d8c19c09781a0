import type { Writable } from 'node:stream';
import { type Logger, systemCode } from '@dsyncd/core';

/** Where a command prints to. Everything for programs goes to stdout, everything for people in between to stderr. */
export interface Terminal {
  readonly stdin: NodeJS.ReadableStream;
  readonly isTty: boolean;
  /** Width for tables: the terminal's, or 80 as doveadm takes for a pipe. */
  readonly widthColumns: number;
  /** Settles when the text is with the reader, so that a slow one holds the command back. */
  print(text: string | Uint8Array): Promise<void>;
  printJson(value: unknown): Promise<void>;
  /** One line on stderr. */
  note(text: string): void;
  /** A line on stderr that the next one overwrites; nothing when stderr is no terminal. `''` clears it. */
  progress(text: string): void;
}

const widthColumnsMin = 30;

export function processTerminal(process: NodeJS.Process): Terminal {
  const { stdin, stdout, stderr } = process;
  // write() below reports a reader that went away; without a listener it would end the process.
  stdout.on('error', () => {});
  const print = (text: string | Uint8Array): Promise<void> => write(stdout, text);
  return {
    stdin,
    isTty: stdout.isTTY,
    widthColumns: stdout.isTTY ? Math.max(stdout.columns, widthColumnsMin) : 80,
    print,
    printJson: (value) => print(`${JSON.stringify(value, undefined, 2)}\n`),
    note: (text) => void stderr.write(`${text}\n`),
    progress: (text) => {
      if (stderr.isTTY) stderr.write(`\r\u001b[K${text}`);
    },
  };
}

const write = (stream: Writable, text: string | Uint8Array): Promise<void> =>
  new Promise((resolve, reject) => {
    stream.write(text, (error) => (error ? reject(error) : resolve()));
  });

/** The reader of our output has gone. */
export const isClosedPipe = (error: unknown): boolean => systemCode(error) === 'EPIPE';

/** What the parts below would log: warnings and errors go to stderr, the rest is of no use to a user that waits for an answer. */
export function stderrLogger(terminal: Terminal): Logger {
  const note: Logger['warn'] = ({ error, err }, message) => {
    const cause = error ?? err;
    terminal.note(`dsyncadm: ${message}${cause instanceof Error ? `: ${cause.message}` : ''}`);
  };
  const logger: Logger = { debug: () => {}, info: () => {}, warn: note, error: note, child: () => logger };
  return logger;
}
