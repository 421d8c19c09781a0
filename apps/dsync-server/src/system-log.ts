import { spawn } from 'node:child_process';
import { finished } from 'node:stream/promises';
import type { Logger } from '@dsyncd/core';
import { createLogger } from '@dsyncd/telemetry';

/** Of a program that SSH has started: standard error is the peer's, this is ours. */
export interface SystemLog {
  readonly logger: Logger;
  /** Settles when all lines are on their way. */
  close(): Promise<void>;
}

/** Writes to the syslog of this host by `logger` (util-linux), which is started with the first line. Without one, lines are dropped. */
export function openSystemLog(program: string): SystemLog {
  let input: NodeJS.WritableStream | undefined;
  const start = (): NodeJS.WritableStream => {
    const args = ['--tag', program, '--priority', 'mail.info', `--id=${process.pid}`];
    const child = spawn('logger', args, { stdio: ['pipe', 'ignore', 'ignore'] });
    // No syslog, no logger: that must not end the sync.
    child.on('error', () => {});
    child.stdin.on('error', () => {});
    return child.stdin;
  };
  const write = (line: string): void => {
    input ??= start();
    input.write(line);
  };
  return {
    logger: createLogger({ program, level: 'info', destination: { write } }),
    async close() {
      if (input === undefined) return;
      input.end();
      // Rejects where nobody took the lines, at once where that was known before.
      await finished(input, { readable: false }).catch(() => {});
    },
  };
}

/** Lines of both: `theirs` gets its own share, whatever its level lets pass. */
export const bothLogs = (ours: Logger, theirs: Logger): Logger => ({
  debug: (fields, message) => each(ours, theirs, (log) => log.debug(fields, message)),
  info: (fields, message) => each(ours, theirs, (log) => log.info(fields, message)),
  warn: (fields, message) => each(ours, theirs, (log) => log.warn(fields, message)),
  error: (fields, message) => each(ours, theirs, (log) => log.error(fields, message)),
  child: (fields) => bothLogs(ours.child(fields), theirs.child(fields)),
});

function each(ours: Logger, theirs: Logger, write: (log: Logger) => void): void {
  write(ours);
  write(theirs);
}
