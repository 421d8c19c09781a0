import { spawn } from 'node:child_process';
import { finished } from 'node:stream/promises';
import { loadConfig } from '@dsyncd/config';
import { DsyncdError, type Logger, parseUserName } from '@dsyncd/core';
import { readLine } from '@dsyncd/protocol';
import { createLogger } from '@dsyncd/telemetry';
import { exitStatusOf, stdioLink } from '@dsyncd/transport';
import { answererOf, notifierOf, openBuiltinStore } from './daemon.ts';

/**
 * Answers one sync on standard input and output, as SSH starts it.
 * @param userName - missing: the peer sends it as the first line (`remoteprefix:`)
 * @returns the exit status
 */
export async function serveStdio(configFile: string, userName: string | undefined): Promise<number> {
  const config = await loadConfig(configFile);
  // Standard error is what the peer shows when the sync fails: only what is wrong goes there. What a peer changed here
  // must be found on this host.
  const systemLog = openSystemLog('dsync-server');
  const logger = bothLogs(systemLog.logger, createLogger({ program: 'dsync-server', level: 'error' }));
  const store = openBuiltinStore(config, logger);
  const notifier = notifierOf(config, logger);
  const link = stdioLink();
  try {
    const user = parseUserName(userName ?? (await readLine(link, 1024)) ?? '');
    const answerer = answererOf(() => config, store, notifier, logger);
    await answerer.answer(user, link);
    return 0;
  } catch (error) {
    if (!(error instanceof DsyncdError)) throw error;
    const hint = error.hint === undefined ? '' : ` (${error.hint})`;
    process.stderr.write(`dsync-server: ${error.message}${hint}\n`);
    return exitStatusOf[error.outcome];
  } finally {
    await notifier.close();
    await store.close();
    await systemLog.close();
  }
}

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
