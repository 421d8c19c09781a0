import { hostname } from 'node:os';
import { join } from 'node:path';
import { type Destination, DsyncdError, parseDestination } from '@dsyncd/core';
import type {
  ChannelConfig,
  Config,
  DovecotConfig,
  ListenersConfig,
  LmtpAddress,
  RequiredReplica,
  SocketConfig,
  SshConfig,
  SslConfig,
} from '../config.ts';
import { mailHomeProblem } from '../mail-home.ts';
import type { ChannelSettings, Settings } from '../settings/settings.ts';
import { buildChanges } from './build-consumers.ts';
import { buildAlerts, buildHttp, buildRedis, given } from './build-optional-tables.ts';
import type { KeyProblem } from './check.ts';

/** Turns settings that fit the schema into the {@link Config}; notes what is wrong between settings. */
export function buildConfig(
  settings: Settings,
  files: Pick<Config, 'file' | 'includedFiles'>,
  problems: KeyProblem[],
): Config {
  const homeProblem = mailHomeProblem(settings.mail_home);
  if (homeProblem !== undefined && settings.mail_engine === 'builtin')
    problems.push({ path: ['mail_home'], message: homeProblem });
  return {
    ...files,
    hostname: settings.hostname ?? hostname(),
    baseDir: settings.base_dir,
    stateDir: settings.state_dir,
    notifySpoolDir: settings.notify_spool_dir ?? join(settings.state_dir, 'notify-spool'),
    logLevel: settings.log_level,
    mailEngine: settings.mail_engine,
    mailHome: settings.mail_home,
    usernameFormat: settings.mail_engine === 'builtin' ? settings.username_format : 'as-is',
    mailKeywordsMax: settings.mail_keywords_max,
    lmtpCreateUsers: settings.lmtp_create_users,
    messageSizeLimitBytes: settings.message_size_limit,
    recipientDelimiter: settings.recipient_delimiter,
    autocreateMailboxesMax: settings.lda_mailbox_autocreate ? settings.lda_mailbox_autocreate_max : 0,
    replicationMaxConns: settings.replication_max_conns,
    replicationFullSyncIntervalMs: settings.replication_full_sync_interval,
    replicationFailureResyncIntervalMs: settings.replication_failure_resync_interval,
    replicationSyncTimeoutMs: settings.replication_sync_timeout,
    dsyncTimeoutMs: settings.dsync_timeout,
    dsyncLockTimeoutMs: settings.dsync_lock_timeout,
    doveadmPort: settings.doveadm_port,
    ...given('doveadmPasswordFile', settings.doveadm_password_file),
    channels: Object.entries(settings.channels).flatMap(([name, channel]) =>
      buildChannel(name, channel, settings, problems),
    ),
    dovecot: buildDovecot(settings, problems),
    ssl: buildSsl(settings, problems),
    ssh: buildSsh(settings),
    ...given('redis', buildRedis(settings, problems)),
    listeners: buildListeners(settings, problems),
    ...buildChanges(settings, problems),
    ...given('alerts', settings.alerts === undefined ? undefined : buildAlerts(settings.alerts, problems)),
  };
}

function buildChannel(
  name: string,
  channel: ChannelSettings,
  settings: Settings,
  problems: KeyProblem[],
): ChannelConfig[] {
  const path = ['channels', name, 'mail_replica'];
  const doveadmPort = channel.doveadm_port ?? settings.doveadm_port;
  const replica = tryParse(channel.mail_replica, doveadmPort);
  if ('problem' in replica) {
    problems.push({ path, message: replica.problem });
    return [];
  }
  const passwordFile = channel.doveadm_password_file ?? settings.doveadm_password_file;
  // A Dovecot proves itself to the other one with its own doveadm_password.
  const needsSecret = settings.mail_engine === 'builtin' && replica.kind === 'tcp';
  if (needsSecret && passwordFile === undefined)
    problems.push({ path, message: 'needs doveadm_password_file: the secret that both hosts share' });
  const requiredReplica = buildRequiredReplica(name, channel, settings, problems);
  return [
    {
      name,
      ...given('deliveryRequiresReplica', requiredReplica),
      mailReplica: channel.mail_replica,
      chain: channel.chain,
      ...given('mailReplicaField', channel.mail_replica_field),
      doveadmPort,
      ...given('doveadmPasswordFile', passwordFile),
      dsyncTimeoutMs: channel.dsync_timeout ?? settings.dsync_timeout,
    },
  ];
}

function buildRequiredReplica(
  name: string,
  channel: ChannelSettings,
  settings: Settings,
  problems: KeyProblem[],
): RequiredReplica | undefined {
  if (!channel.delivery_requires_replica) return undefined;
  const path = ['channels', name, 'delivery_requires_replica'];
  if (settings.mail_engine !== 'builtin')
    problems.push({ path, message: 'needs mail_engine = "builtin": only dsync-lmtp can refuse a delivery' });
  if (settings.replication_sync_timeout === 0)
    problems.push({
      path,
      message: 'needs replication_sync_timeout: how long a delivery waits for the replica',
    });
  const domains = channel.delivery_requires_replica_domains?.map((domain) => domain.toLowerCase());
  return { ...given('domains', domains) };
}

/** In place of a default: the port must be written. */
const noPort = 0;

function tryParse(mailReplica: string, doveadmPort: number): Destination | { readonly problem: string } {
  try {
    return parseDestination(mailReplica, { doveadmPort });
  } catch (error) {
    if (error instanceof DsyncdError) return { problem: `cannot be used: ${error.message}; ${error.hint}` };
    throw error;
  }
}

function buildDovecot(
  { dovecot, mail_engine, doveadm_password_file }: Settings,
  problems: KeyProblem[],
): DovecotConfig {
  const { doveadm_socket_path: place } = dovecot;
  const path = ['dovecot', 'doveadm_socket_path'];
  if (!place.startsWith('/')) {
    const hostAndPort = tryParse(`tcp:${place}`, noPort);
    if ('problem' in hostAndPort || hostAndPort.kind !== 'tcp' || hostAndPort.port === noPort)
      problems.push({ path, message: `is ${JSON.stringify(place)}, expected an absolute path or HOST:PORT` });
    else if (mail_engine === 'dovecot' && doveadm_password_file === undefined)
      problems.push({
        path,
        message: 'is a port, which needs doveadm_password_file: the doveadm_password of Dovecot',
      });
  }
  const indexPath = dovecot.mail_index_path;
  const indexProblem = indexPath === undefined ? undefined : mailHomeProblem(indexPath);
  if (indexProblem !== undefined)
    problems.push({ path: ['dovecot', 'mail_index_path'], message: indexProblem });
  return {
    doveadmSocketPath: place,
    authSocketPath: dovecot.auth_socket_path,
    ...given('configFile', dovecot.config_file),
    userInclude: dovecot.user_include,
    userExclude: dovecot.user_exclude,
    firstValidUid: dovecot.first_valid_uid,
    ...given('mailIndexPath', indexPath),
    syncNamespaces: dovecot.sync_namespaces,
    ...given('excludeMailboxes', dovecot.exclude_mailboxes),
    scanIntervalMs: dovecot.scan_interval,
    userRefreshIntervalMs: dovecot.user_refresh_interval,
    userGraceTimeMs: dovecot.user_grace_time,
  };
}

const buildSocket = (
  socket: Settings['listeners']['notify'] | Settings['listeners']['replicator'],
  baseDir: string,
): SocketConfig => ({
  dir: socket.dir ?? baseDir,
  mode: Number.parseInt(socket.mode, 8),
  ...given('user', socket.user),
  ...given('group', socket.group),
});

function buildSsl({ ssl }: Settings, problems: KeyProblem[]): SslConfig {
  const pair = (
    cert: 'client_cert_file' | 'server_cert_file',
    key: 'client_key_file' | 'server_key_file',
  ): void => {
    if (ssl[cert] !== undefined && ssl[key] === undefined)
      problems.push({ path: ['ssl', cert], message: `needs ${key} beside it` });
    if (ssl[key] !== undefined && ssl[cert] === undefined)
      problems.push({ path: ['ssl', key], message: `needs ${cert} beside it` });
  };
  pair('client_cert_file', 'client_key_file');
  pair('server_cert_file', 'server_key_file');
  return {
    ...given('clientCaFile', ssl.client_ca_file),
    ...given('clientCertFile', ssl.client_cert_file),
    ...given('clientKeyFile', ssl.client_key_file),
    ...given('serverCertFile', ssl.server_cert_file),
    ...given('serverKeyFile', ssl.server_key_file),
    ...given('serverClientCaFile', ssl.server_client_ca_file),
  };
}

const buildSsh = ({ ssh }: Settings): SshConfig => ({
  ...given('keyFile', ssh.key_file),
  ...given('knownHostsFile', ssh.known_hosts_file),
  command: ssh.command,
  ...given('agent', ssh.agent),
});

function buildListeners(
  { listeners, ssl, base_dir, doveadm_password_file }: Settings,
  problems: KeyProblem[],
): ListenersConfig {
  const { doveadm, lmtp, http } = listeners;
  const path = ['listeners', 'doveadm'];
  if (doveadm?.ssl && ssl.server_cert_file === undefined)
    problems.push({ path, message: 'needs server_cert_file in [ssl], or ssl = false' });
  if (doveadm !== undefined && doveadm_password_file === undefined)
    problems.push({ path, message: 'needs doveadm_password_file: the secret that both hosts share' });
  return {
    notify: buildSocket(listeners.notify, base_dir),
    replicator: buildSocket(listeners.replicator, base_dir),
    ...given('doveadm', doveadm),
    ...given('lmtp', lmtp === undefined ? undefined : lmtpAddress(lmtp, problems)),
    ...given('http', http === undefined ? undefined : buildHttp(http, ssl, problems)),
  };
}

function lmtpAddress(
  lmtp: NonNullable<Settings['listeners']['lmtp']>,
  problems: KeyProblem[],
): LmtpAddress | undefined {
  if (lmtp.path !== undefined && lmtp.port === undefined) return { path: lmtp.path };
  if (lmtp.port !== undefined && lmtp.path === undefined) return { address: lmtp.address, port: lmtp.port };
  problems.push({ path: ['listeners', 'lmtp'], message: 'needs either a path or a port' });
  return undefined;
}
