import type { UsernameFormat } from '@dsyncd/core';

/** The checked configuration. Durations end in `Ms`, sizes in `Bytes`; defaults are filled in. */
export interface Config {
  /** The file it came from, for messages. */
  readonly file: string;
  /** The files of `conf.d` beside it, in their order. */
  readonly includedFiles: readonly string[];
  readonly hostname: string;
  readonly baseDir: string;
  readonly stateDir: string;
  readonly notifySpoolDir: string;
  readonly logLevel: 'debug' | 'info' | 'warn' | 'error';
  readonly mailEngine: 'builtin' | 'dovecot' | 'cyrus';
  /** With variables; see `mailHomeOf`. */
  readonly mailHome: string;
  /** `as-is` where a Dovecot knows the users: what it calls them holds. */
  readonly usernameFormat: UsernameFormat;
  readonly mailKeywordsMax: number;
  readonly lmtpCreateUsers: boolean;
  readonly messageSizeLimitBytes: number;
  /** One character, or empty. */
  readonly recipientDelimiter: string;
  /** A delivery creates the mailbox that an address names while the user has fewer than so many; 0: never. */
  readonly autocreateMailboxesMax: number;
  readonly replicationMaxConns: number;
  readonly replicationFullSyncIntervalMs: number;
  readonly replicationFailureResyncIntervalMs: number;
  /** 0: deliveries do not wait. */
  readonly replicationSyncTimeoutMs: number;
  readonly dsyncTimeoutMs: number;
  readonly dsyncLockTimeoutMs: number;
  readonly doveadmPort: number;
  readonly doveadmPasswordFile?: string;
  readonly channels: readonly ChannelConfig[];
  readonly dovecot: DovecotConfig;
  readonly ssl: SslConfig;
  readonly ssh: SshConfig;
  /** Missing: the queue is a file in `stateDir`. */
  readonly redis?: RedisConfig;
  readonly listeners: ListenersConfig;
  /** Is kept who changed? Always with consumers. */
  readonly changeFeed: boolean;
  readonly consumers: readonly ConsumerConfig[];
  /** Missing: none are sent. */
  readonly alerts?: AlertsConfig;
}

/** Alerts of dsyncd itself; at least one of webhook and mail is there. */
export interface AlertsConfig {
  readonly webhookUrlFile?: string;
  readonly mailTo?: string;
  readonly sendmailPath: string;
  readonly graceMs: number;
  readonly repeatMs: number;
}

/** A program that gets the users who changed; either `command` or `url` is there. */
export interface ConsumerConfig {
  readonly name: string;
  /** Program and arguments. */
  readonly command?: readonly string[];
  readonly url?: string;
  readonly tokenFile?: string;
  readonly format: 'lines' | 'json';
  readonly usersMax: number;
  readonly delayMs: number;
  readonly timeoutMs: number;
}

/** One channel, what it does not override taken from the top level. */
export interface ChannelConfig {
  readonly name: string;
  /** As written. */
  readonly mailReplica: string;
  readonly chain: boolean;
  /** Field of userdb that names another replica for a user. */
  readonly mailReplicaField?: string;
  readonly doveadmPort: number;
  readonly doveadmPasswordFile?: string;
  readonly dsyncTimeoutMs: number;
  /** Whose deliveries wait for this replica, or are refused for now; missing: nobody's. */
  readonly deliveryRequiresReplica?: RequiredReplica;
}

export interface RequiredReplica {
  /** In lower case; missing: all. */
  readonly domains?: readonly string[];
}

/** The Dovecot on this host. */
export interface DovecotConfig {
  /** Absolute path of a socket, or `HOST:PORT`. */
  readonly doveadmSocketPath: string;
  readonly authSocketPath: string;
  /** Missing: where Dovecot itself looks. */
  readonly configFile?: string;
  readonly userInclude: readonly string[];
  readonly userExclude: readonly string[];
  /** 0: any. */
  readonly firstValidUid: number;
  /** With variables; see `mailHomeOf`. Missing: userdb is asked. */
  readonly mailIndexPath?: string;
  /** Prefixes; empty: all. */
  readonly syncNamespaces: readonly string[];
  /** Masks; missing: the virtual ones. */
  readonly excludeMailboxes?: readonly string[];
  /** 0: never. */
  readonly scanIntervalMs: number;
  readonly userRefreshIntervalMs: number;
  readonly userGraceTimeMs: number;
}

/** Where a socket of dsyncd is, and who may open it. */
export interface SocketConfig {
  readonly dir: string;
  /** Permission bits. */
  readonly mode: number;
  readonly user?: string;
  readonly group?: string;
}

export interface SslConfig {
  readonly clientCaFile?: string;
  readonly clientCertFile?: string;
  readonly clientKeyFile?: string;
  readonly serverCertFile?: string;
  readonly serverKeyFile?: string;
  readonly serverClientCaFile?: string;
}

export interface SshConfig {
  readonly keyFile?: string;
  readonly knownHostsFile?: string;
  readonly command: string;
  readonly agent?: string;
}

/** The Redis that holds the queue; `url` holds no secret. */
export interface RedisConfig {
  readonly url: string;
  readonly backend: string;
  readonly prefix: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly sentinelPasswordFile?: string;
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  readonly leaseMs: number;
}

export interface ListenersConfig {
  /** The FIFO and the sockets that mail processes notify by. */
  readonly notify: SocketConfig;
  /** `replicator-doveadm`. */
  readonly replicator: SocketConfig;
  readonly doveadm?: { readonly address: string; readonly port: number; readonly ssl: boolean };
  readonly lmtp?: LmtpAddress;
  readonly http?: HttpConfig;
}

/** The HTTP API: on `path` when there is one, else on address and port. */
export interface HttpConfig {
  readonly address: string;
  readonly port: number;
  readonly path?: string;
  /** Permission bits and owner of the unix socket. */
  readonly mode: number;
  readonly user?: string;
  readonly group?: string;
  readonly ssl: boolean;
  readonly tokenFiles: { readonly read?: string; readonly operate?: string; readonly notify?: string };
  readonly failoverMaxLagMs: number;
}

export type LmtpAddress = { readonly path: string } | { readonly address: string; readonly port: number };

/** How long a sync of a channel may take: what the channel says of itself, else what is said of all. */
export const syncTimeoutMs = (config: Pick<Config, 'channels' | 'dsyncTimeoutMs'>, channel: string): number =>
  config.channels.find(({ name }) => name === channel)?.dsyncTimeoutMs ?? config.dsyncTimeoutMs;
