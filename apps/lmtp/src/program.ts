import { type Config, loadConfig, requiresReplica, storeSettings } from '@dsyncd/config';
import { DsyncdError, systemClock, systemRandom } from '@dsyncd/core';
import { openMaildirStore } from '@dsyncd/mailstore';
import { createNotifier, type Notifier, RefusalNotes } from '@dsyncd/notify';
import type { Daemon } from '@dsyncd/process';
import { createLogger, exitOnCrash, logReady, type ProgramLogger } from '@dsyncd/telemetry';
import type { SessionParts } from './lmtp-session.ts';
import { serveLmtp } from './server.ts';

/** Builds dsync-lmtp from its configuration file and starts it. */
export async function startLmtp(configFile: string): Promise<Daemon> {
  let config = await loadConfig(configFile);
  const address = config.listeners.lmtp;
  if (address === undefined)
    throw new DsyncdError('DSYNCD_CONFIG', `${configFile}: there is no table [listeners.lmtp]`, {
      outcome: 'operator',
      hint: 'add one with a path or a port',
    });
  const logger = createLogger({ program: 'dsync-lmtp', level: config.logLevel });
  exitOnCrash(logger);
  const store = openMaildirStore({
    ...storeSettings(config),
    clock: systemClock,
    random: systemRandom,
    logger,
  });
  const refusals = await RefusalNotes.open(config.stateDir, { clock: systemClock, logger });
  let notifier = notifierFor(config, logger);
  const parts = (): SessionParts => ({
    store,
    notifier,
    logger,
    hostname: config.hostname,
    createUsers: config.lmtpCreateUsers,
    messageSizeLimitBytes: config.messageSizeLimitBytes,
    recipientDelimiter: config.recipientDelimiter,
    usernameFormat: config.usernameFormat,
    autocreateMailboxesMax: config.autocreateMailboxesMax,
    requiresReplica: (user) => config.channels.some((channel) => requiresReplica(channel, user)),
    refusals,
  });
  const server = await serveLmtp(address, parts, logger);
  logReady(logger, { listener: 'path' in address ? address.path : `${address.address}:${address.port}` });
  return {
    async reload() {
      try {
        const next = await loadConfig(configFile);
        warnOfUnchangeable(config, next, logger);
        config = next;
        logger.setLevel(config.logLevel);
        const before = notifier;
        notifier = notifierFor(config, logger);
        await before.close();
        logger.info({}, 'configuration reloaded');
      } catch (error) {
        logger.error({ error }, 'configuration not reloaded; the present one stays in force');
      }
    },
    async stop() {
      logger.info({}, 'stopping');
      await server.close();
      await notifier.close();
      await refusals.close();
      await store.close();
      logger.info({}, 'stopped');
    },
  };
}

const notifierFor = (config: Config, logger: ProgramLogger): Notifier =>
  createNotifier({
    baseDir: config.baseDir,
    syncTimeoutMs: config.replicationSyncTimeoutMs,
    spoolDir: config.notifySpoolDir,
    logger,
  });

/** Settings that stand for the life of the process. */
function warnOfUnchangeable(now: Config, next: Config, logger: ProgramLogger): void {
  const changed = [
    now.mailHome === next.mailHome ? undefined : 'mail_home',
    now.usernameFormat === next.usernameFormat ? undefined : 'username_format',
    JSON.stringify(now.listeners.lmtp) === JSON.stringify(next.listeners.lmtp) ? undefined : 'listeners.lmtp',
  ].filter((name) => name !== undefined);
  if (changed.length > 0) logger.warn({ settings: changed }, 'these settings need a restart');
}
