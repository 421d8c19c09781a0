import { type Config, loadConfig, readSecret, storeSettings } from '@dsyncd/config';
import { DsyncdError, type Logger, parseUserName, systemClock, systemRandom } from '@dsyncd/core';
import { BuiltinAnswerer } from '@dsyncd/engine';
import { type MailStore, openMaildirStore } from '@dsyncd/mailstore';
import { createNotifier, type Notifier } from '@dsyncd/notify';
import { type Daemon, programVersion } from '@dsyncd/process';
import type { PeerAbout } from '@dsyncd/protocol';
import { createLogger, exitOnCrash, logReady } from '@dsyncd/telemetry';
import { type DoveadmServerSettings, type SyncAnswerer, startDoveadmServer } from '@dsyncd/transport';
import { answerQuery, StoreSide } from '@dsyncd/verify';

/** Running syncs have so long to end by themselves. */
const stopGraceMs = 8_000;

/** Builds the dsync server that listens, from its configuration file, and starts it. */
export async function startServer(configFile: string): Promise<Daemon> {
  let config = await loadConfig(configFile);
  const logger = createLogger({ program: 'dsync-server', level: config.logLevel });
  exitOnCrash(logger);
  const store = openBuiltinStore(config, logger);
  const notifier = notifierOf(config, logger);
  const server = await startDoveadmServer({
    ...(await listenerSettings(config)),
    answerer: withPeerQuestions(
      answererOf(() => config, store, notifier, logger),
      () => config,
      store,
    ),
    logger,
  });
  logReady(logger, { port: server.port });
  return {
    async reload() {
      try {
        const next = await loadConfig(configFile);
        await server.reload({ secret: (await listenerSettings(next)).secret });
        config = next;
        logger.setLevel(config.logLevel);
        logger.info({}, 'configuration reloaded');
      } catch (error) {
        logger.error({ error }, 'configuration not reloaded; the present one stays in force');
      }
    },
    async stop() {
      logger.info({}, 'stopping');
      await server.stop(stopGraceMs);
      await notifier.close();
      await store.close();
      logger.info({}, 'stopped');
    },
  };
}

export const openBuiltinStore = (config: Config, logger: Logger): MailStore =>
  openMaildirStore({ ...storeSettings(config), clock: systemClock, random: systemRandom, logger });

export const notifierOf = (config: Config, logger: Logger): Notifier =>
  createNotifier({ baseDir: config.baseDir, syncTimeoutMs: 0, spoolDir: config.notifySpoolDir, logger });

export const answererOf = (
  config: () => Config,
  store: MailStore,
  notifier: Notifier,
  logger: Logger,
): BuiltinAnswerer =>
  new BuiltinAnswerer({
    store,
    hostname: config().hostname,
    lockTimeoutMs: () => config().dsyncLockTimeoutMs,
    logger,
    onBegin: async (user) => (isImportOfInterest(config()) ? notifier.importBegins(user) : () => {}),
    onImported: (user, peerHostname) => {
      if (isImportOfInterest(config())) notifier.mailChanged(user, peerHostname);
    },
  });

/** Only the other replicas of a chain and the change feed need to know of it. */
const isImportOfInterest = ({ channels, changeFeed }: Config): boolean =>
  changeFeed || channels.some(({ chain }) => chain);

async function listenerSettings(
  config: Config,
): Promise<Pick<DoveadmServerSettings, 'address' | 'port' | 'tls' | 'secret'>> {
  const { file, ssl, doveadmPasswordFile } = config;
  const { doveadm } = config.listeners;
  if (doveadm === undefined)
    throw missing(
      file,
      'there is no table [listeners.doveadm]',
      'add it, or start dsync-server --stdio under SSH',
    );
  if (doveadmPasswordFile === undefined)
    throw missing(
      file,
      'doveadm_password_file is missing',
      'put a secret that both hosts share into a file and name it',
    );
  const secret = await readSecret(doveadmPasswordFile);
  const { address, port } = doveadm;
  if (!doveadm.ssl) return { address, port, secret };
  if (ssl.serverCertFile === undefined || ssl.serverKeyFile === undefined)
    throw missing(
      file,
      '[listeners.doveadm] has ssl but [ssl] names no server_cert_file and server_key_file',
      'name both',
    );
  return {
    address,
    port,
    secret,
    tls: {
      certFile: ssl.serverCertFile,
      keyFile: ssl.serverKeyFile,
      clientCaFile: ssl.serverClientCaFile,
    },
  };
}

const missing = (file: string, what: string, hint: string): DsyncdError =>
  new DsyncdError('DSYNCD_CONFIG', `${file}: ${what}`, { outcome: 'operator', hint });

/** Also answers questions of a peer that knows the secret (about this host, its users): `dsyncadm doctor` compares both ends. */
export const withPeerQuestions = (
  answerer: SyncAnswerer,
  config: () => Config,
  store: MailStore,
): SyncAnswerer => ({
  prepare: (user) => answerer.prepare(user),
  answer: (user, link, signal) => answerer.answer(user, link, signal),
  async answerQuestion(question) {
    if (question.kind === 'about') return aboutOf(config());
    if (question.kind === 'verify')
      return answerQuery(
        new StoreSide(config().hostname, store),
        parseUserName(question.user),
        question.query,
      );
    const userList: string[] = [];
    for await (const user of store.users()) userList.push(user);
    return { userList };
  },
});

const aboutOf = ({ hostname, channels }: Config): PeerAbout => ({
  hostname,
  version: programVersion(),
  now: Date.now(),
  channels: channels.map(({ name, mailReplica }) => ({ name, replica: mailReplica })),
});
