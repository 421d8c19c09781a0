import { readFile } from 'node:fs/promises';
import {
  type Config,
  indexFolderOf,
  planPeer,
  readSecret,
  storeSettings,
  syncTimeoutMs,
  type TwinHomes,
  UserHomes,
  virtualMailboxMasks,
} from '@dsyncd/config';
import {
  type Clock,
  DsyncdError,
  type Logger,
  parseDestination,
  systemClock,
  systemRandom,
  type UserName,
} from '@dsyncd/core';
import { runDoveconf } from '@dsyncd/doctor';
import {
  AuthClient,
  BuiltinEngine,
  type DoveadmServerAddress,
  DovecotEngine,
  DovecotUsers,
  IndexTimes,
  type SyncEngine,
  type Unusable,
} from '@dsyncd/engine';
import { mailChangedAt, mailIndexBytes, openMaildirStore } from '@dsyncd/mailstore';
import { Peers, type PlannedPeer } from '@dsyncd/transport';

/** Where the mail is: the engine that syncs it, and its users. */
export interface MailSide {
  readonly engine: SyncEngine;
  /** Everyone who is to be replicated. */
  users(): AsyncIterable<UserName>;
  /**
   * Was the user's mail changed on this host at that time (Unix milliseconds) or later? Asks neither Dovecot nor the peer.
   * Undefined: not known.
   */
  changedSince(user: UserName, sinceMs: number, signal: AbortSignal): Promise<boolean | undefined>;
  /** About how much mail the user has, by a measure of its own. Rejects when nobody can be asked just now. */
  mailSize(user: UserName, signal: AbortSignal): Promise<number>;
  /** May mail be changed without a notification to us? Then somebody looks from time to time; milliseconds, 0: no. */
  scanIntervalMs(): number;
  /** Users of the last list whose names dsyncd refuses; missing: names are not checked. */
  readonly unusable?: () => Unusable;
  /** Users of the last list who have homes that differ by case only; missing: there are none of that kind. */
  readonly twins?: () => TwinHomes;
  /** Missing: a user who is not listed is left alone. */
  readonly exists?: (user: UserName, signal: AbortSignal) => Promise<boolean>;
  /** Takes over what changed. @throws {DsyncdError} for what cannot be used; nothing is changed then. */
  configure(next: Config): Promise<void>;
  close(): Promise<void>;
}

/** @param config - the configuration in force */
export async function openMailSide(config: () => Config, logger: Logger): Promise<MailSide> {
  const { mailEngine, file } = config();
  switch (mailEngine) {
    case 'builtin':
      return openBuiltin(config, logger);
    case 'dovecot':
      return openDovecot(config, systemClock, logger);
    case 'cyrus':
      throw new DsyncdError('DSYNCD_CONFIG', `${file}: mail_engine "${mailEngine}" is not there yet`, {
        outcome: 'operator',
        hint: 'use mail_engine = "builtin" or "dovecot"',
      });
  }
}

async function openBuiltin(config: () => Config, logger: Logger): Promise<MailSide> {
  const peers = new Peers(logger);
  await peers.configure(await plannedPeers(config()));
  const homes = new UserHomes(config());
  const store = openMaildirStore({
    ...storeSettings(config(), homes),
    clock: systemClock,
    random: systemRandom,
    logger,
  });
  return {
    engine: new BuiltinEngine({
      store,
      hostname: config().hostname,
      lockTimeoutMs: () => config().dsyncLockTimeoutMs,
      peerOf: (channel) => peers.get(channel),
    }),
    users: () => homes.list(),
    twins: () => homes.twins,
    changedSince: async (user, sinceMs) => ((await mailChangedAt(homes.of(user))) ?? 0) >= sinceMs,
    mailSize: (user) => mailIndexBytes(homes.of(user)),
    // The programs that write there notify every change, later if dsyncd is down.
    scanIntervalMs: () => 0,
    configure: async (next) => peers.configure(await plannedPeers(next)),
    async close() {
      await peers.close();
      await store.close();
    },
  };
}

const authTimeoutMs = 15_000;

async function openDovecot(config: () => Config, clock: Clock, logger: Logger): Promise<MailSide> {
  const virtual = await virtualMailboxes(config(), logger);
  let server = await doveadmServer(config());
  const auth = new AuthClient({
    socketPath: () => config().dovecot.authSocketPath,
    clock,
    answerTimeoutMs: authTimeoutMs,
  });
  const users = new DovecotUsers({
    auth,
    rules: () => {
      const { userInclude, userExclude, firstValidUid } = config().dovecot;
      return { include: userInclude, exclude: userExclude, uidMin: firstValidUid };
    },
    clock,
  });
  const engine = new DovecotEngine({
    server: () => server,
    users,
    channel: (name) => {
      const channel = config().channels.find((each) => each.name === name);
      if (channel === undefined) return undefined;
      const { mailReplica: replica, doveadmPort, mailReplicaField: replicaField } = channel;
      return { replica, doveadmPort, replicaField };
    },
    commandsMax: () => config().replicationMaxConns,
    namespaces: () => config().dovecot.syncNamespaces,
    excludedMailboxes: () => config().dovecot.excludeMailboxes ?? virtual,
    lockTimeoutMs: () => config().dsyncLockTimeoutMs,
    // Dovecot is to give up first, and say why; what we cut off may hold its lock for a while longer.
    ioTimeoutMs: (channel) => syncTimeoutMs(config(), channel) * 0.9,
    clock,
  });
  const indexTimes = new IndexTimes({ auth, folderOf: (user) => indexFolderOf(config(), user) });
  return {
    engine,
    users: () => users.list(),
    unusable: () => users.unusable,
    changedSince: (user, sinceMs, signal) => indexTimes.changedSince(user, sinceMs, signal),
    mailSize: (user, signal) => indexTimes.indexBytes(user, signal),
    scanIntervalMs: () => config().dovecot.scanIntervalMs,
    exists: (user, signal) => users.exists(user, signal),
    async configure(next) {
      server = await doveadmServer(next);
    },
    async close() {
      auth.close();
    },
  };
}

async function doveadmServer({ dovecot, doveadmPasswordFile }: Config): Promise<DoveadmServerAddress> {
  const { doveadmSocketPath: place } = dovecot;
  const destination = parseDestination(place.startsWith('/') ? `unix:${place}` : `tcp:${place}`, {
    doveadmPort: 1,
  });
  if (destination.kind !== 'unix' && destination.kind !== 'tcp')
    throw new TypeError(`no doveadm server: ${place}`);
  if (doveadmPasswordFile === undefined) return { destination };
  return { destination, secret: await readSecret(doveadmPasswordFile) };
}

/** The way to the peer of each channel, with the files that it is made from. */
async function plannedPeers(config: Config): Promise<Map<string, PlannedPeer>> {
  const plans = await Promise.all(config.channels.map((channel) => planPeer(config, channel)));
  const files = await Promise.all(Object.values(config.ssl).map(contentOf));
  return new Map(plans.map((plan, index) => [config.channels[index]?.name ?? '', { ...plan, files }]));
}

/** A file that cannot be read is reported by what needs it. */
const contentOf = async (file: string): Promise<string> => readFile(file, 'utf8').catch(() => '');

/**
 * Masks of the mailboxes that Dovecot only makes up from others, as its configuration has them: no other host could take
 * them over. None where the configuration cannot be read.
 */
export async function virtualMailboxes(config: Config, logger: Logger): Promise<readonly string[]> {
  try {
    return virtualMailboxMasks((await runDoveconf(config)).tree);
  } catch (error) {
    logger.info(
      { error },
      'doveconf -n cannot be read: set exclude_mailboxes when there is a namespace with virtual mailboxes',
    );
    return [];
  }
}
