import { loadConfig } from '@dsyncd/config';
import { DsyncdError, parseUserName } from '@dsyncd/core';
import { readLine } from '@dsyncd/protocol';
import { createLogger } from '@dsyncd/telemetry';
import { exitStatusOf, stdioLink } from '@dsyncd/transport';
import { answererOf, notifierOf, openBuiltinStore } from './daemon.ts';
import { bothLogs, openSystemLog } from './system-log.ts';

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
