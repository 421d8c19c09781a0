/**
 * Every setting: its type, range, default and meaning. The loader, the error messages and the
 * generated reference all read this one table.
 *
 * Values are described as the program sees them: durations in milliseconds, sizes in bytes. `unit`
 * says that the file spells them with a unit; defaults are spelt as in the file.
 */

import { limits, usernameFormats } from '@dsyncd/core';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import { consumerSettings } from './consumer-settings.ts';
import { alertSettings, dovecotSettings, httpListener, redisSettings } from './optional-tables.ts';
import {
  address,
  choice,
  type Described,
  duration,
  flag,
  owner,
  path,
  port,
  size,
  socketMode,
  weekMs,
} from './setting-kinds.ts';

const dsyncTimeout = (options: Described) => duration({ minimum: 100, maximum: weekMs, ...options });

const channelSettings = Type.Object(
  {
    mail_replica: Type.String({
      minLength: 1,
      maxLength: 1024,
      description:
        'Where the other copy is: `tcp:HOST[:PORT]`, `tcps:HOST[:PORT]` (TLS), `remote:LOGIN@HOST` or `remoteprefix:LOGIN@HOST` (SSH). An IPv6 address goes in brackets.',
    }),
    chain: flag({
      default: false,
      description:
        'Also replicate what a sync with another channel brought in. Needed on the middle host of a chain; off for a pair.',
    }),
    mail_replica_field: Type.Optional(
      Type.String({
        pattern: '^[A-Za-z0-9_]{1,64}$',
        description:
          'With `mail_engine = "dovecot"`: a field of userdb, such as `mail_replica`; a user who has it is replicated to where it says instead.',
      }),
    ),
    delivery_requires_replica: flag({
      default: false,
      description:
        'Two copies or wait: dsync-lmtp answers `451 4.4.1` for a mail that is not on this replica within `replication_sync_timeout`, so that the MTA keeps it and tries again. The copy here stays, and the next try finds it: a mail that comes again within 7 days with the same bytes for the same mailbox is not saved twice. With several channels, deliveries wait for those that require it only. Needs the built-in engine.',
    }),
    delivery_requires_replica_domains: Type.Optional(
      Type.Array(Type.String({ minLength: 1, maxLength: 255 }), {
        maxItems: 10_000,
        description:
          'With `delivery_requires_replica`: only for users of these domains (what follows the `@`); missing: for all users.',
      }),
    ),
    doveadm_port: Type.Optional(port({ description: 'Overrides the top-level setting for this channel.' })),
    doveadm_password_file: Type.Optional(
      path({ description: 'Overrides the top-level setting for this channel.' }),
    ),
    dsync_timeout: Type.Optional(
      dsyncTimeout({ description: 'Overrides the top-level setting for this channel.' }),
    ),
  },
  { description: 'One replica relation; `NAME` is `default` unless there are several.' },
);

const sslSettings = Type.Object(
  {
    client_ca_file: Type.Optional(
      path({
        description:
          'PEM file with the authorities that we trust to vouch for a replica. Without it: those of Node.',
      }),
    ),
    client_cert_file: Type.Optional(
      path({ description: 'PEM certificate that we show to a replica that asks for one.' }),
    ),
    client_key_file: Type.Optional(path({ description: 'PEM key of `client_cert_file`.' })),
    server_cert_file: Type.Optional(
      path({ description: 'PEM certificate (with its chain) of our dsync server.' }),
    ),
    server_key_file: Type.Optional(path({ description: 'PEM key of `server_cert_file`.' })),
    server_client_ca_file: Type.Optional(
      path({
        description: 'When set, our dsync server lets in only peers with a certificate of these authorities.',
      }),
    ),
  },
  { description: 'TLS. Always version 1.2 or later; the certificate of a replica is always checked.' },
);

const sshSettings = Type.Object(
  {
    key_file: Type.Optional(path({ description: 'Private key to log in with.' })),
    known_hosts_file: Type.Optional(
      path({
        description:
          'Host keys that we accept, in the format of OpenSSH. Hosts that are not in it are refused.',
      }),
    ),
    command: Type.String({
      minLength: 1,
      maxLength: 4096,
      default: 'dsync-server',
      description: 'Program that is started on the other host.',
    }),
    agent: Type.Optional(path({ description: 'Socket of an SSH agent to log in with.' })),
  },
  { description: 'For `remote:` and `remoteprefix:` replicas.' },
);

const socketOwner = (what: string) => ({
  mode: socketMode(what === 'notify' ? '0660' : '0600'),
  user: owner('Owner, by name or number. Changing it needs root.'),
  group: owner('Group, by name or number.'),
  dir: Type.Optional(
    path({
      description:
        'Folder of it instead of `base_dir`: the `base_dir` of a Dovecot 2.3, whose programs look for it there.',
    }),
  ),
});

const notifyListener = Type.Object(socketOwner('notify'), {
  description:
    '`replication-notify-fifo`, `replication-notify` and `replicator`: where mail processes report changes.',
});

const replicatorListener = Type.Object(socketOwner('replicator'), {
  description: '`replicator-doveadm`: what `doveadm replicator` and `dsyncadm replicator` talk to.',
});

const doveadmListener = Type.Object(
  {
    address: address('::', 'the dsync server'),
    port: port({ default: 12345, description: 'TCP port.' }),
    ssl: flag({
      default: true,
      description: 'TLS with `server_cert_file`. Without it mail crosses the network in the clear.',
    }),
  },
  {
    description: 'The dsync server. Without this table `dsync-server` serves standard input and output only.',
  },
);

const lmtpListener = Type.Object(
  {
    path: Type.Optional(path({ description: 'Unix socket. Give either this or a port.' })),
    address: address('127.0.0.1', 'dsync-lmtp'),
    port: Type.Optional(port({ description: 'TCP port. Give either this or a path.' })),
  },
  { description: 'LMTP delivery into the built-in store.' },
);

export const listenerSettings = Type.Object({
  notify: notifyListener,
  replicator: replicatorListener,
  doveadm: Type.Optional(doveadmListener),
  lmtp: Type.Optional(lmtpListener),
  http: Type.Optional(httpListener),
});

export const settings = Type.Object({
  hostname: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 255,
      pattern: '^[^\\s/\\x00-\\x1f\\x7f]+$',
      description: 'Name of this host. Must differ between hosts; default: what the system calls itself.',
    }),
  ),
  base_dir: path({
    default: '/run/dsyncd',
    description: 'Folder of the sockets and of the notification FIFO.',
  }),
  state_dir: path({
    default: '/var/lib/dsyncd',
    description: 'Folder of the queue and of what must survive a restart.',
  }),
  notify_spool_dir: Type.Optional(
    path({
      description:
        'Folder where a notification waits that could not be delivered because dsyncd was down. Default: `notify-spool` in `state_dir`.',
    }),
  ),
  log_level: choice(['debug', 'info', 'warn', 'error'], {
    default: 'info',
    description: 'Least severity that is logged.',
  }),
  queue: choice(['sqlite', 'redis'], {
    default: 'sqlite',
    description:
      'Where the queue is: in a file in `state_dir`, or on a Redis, where several dsyncd share the work of one mail host.',
  }),
  change_feed: flag({
    default: false,
    description:
      'Keep who changed, in order, in `changes.sqlite` in `state_dir`, and answer `GET /v1/changes`. On by itself where there are `[consumers]`. Not with `queue = "redis"` yet.',
  }),
  mail_engine: choice(['builtin', 'dovecot', 'cyrus'], {
    default: 'builtin',
    description:
      'What performs a sync: the built-in store and dsync, `doveadm` of a Dovecot on this host, or `sync_client` of a Cyrus.',
  }),
  mail_home: path({
    default: '/srv/mail/%{user}',
    description:
      'Built-in store: one folder per user. `%{user}` (`%u`) is the whole name, `%{user|username}` (`%n`) the part before the `@`, `%{user|domain}` (`%d`) the part after it.',
  }),
  username_format: choice(usernameFormats, {
    default: 'lower',
    description:
      'Built-in store: how names of users are spelt, wherever they come from. `lower`: `Ann@example.com` is the user `ann@example.com`; `as-is`: two users. Must be the same on all hosts. With `mail_engine = "dovecot"`, users are called as that Dovecot calls them (`auth_username_format`).',
  }),
  mail_keywords_max: Type.Integer({
    minimum: 100,
    maximum: 1_000_000,
    default: limits.keywordsPerMailboxMax,
    description:
      'Built-in store: different keywords that the mails of one mailbox may have together. A mailbox of a peer that has more is left out of syncs, and named in status, until it has fewer or this is raised.',
  }),
  lmtp_create_users: flag({
    default: true,
    description:
      'Create the home of a user with the first mail. Off: mail for users without a home is refused.',
  }),
  message_size_limit: size({
    minimum: 1024,
    maximum: 1024 ** 3,
    default: '50M',
    description: 'Largest mail that dsync-lmtp accepts.',
  }),
  recipient_delimiter: Type.String({
    maxLength: 1,
    pattern: '^[^@/\\s]?$',
    default: '+',
    description:
      'Parts the user from the folder in an address (`user+folder@example.com`); empty: no such addresses. Mail for a folder that does not exist goes to INBOX.',
  }),
  lda_mailbox_autocreate: flag({
    default: false,
    description:
      'Create the folder that an address names (`user+folder@example.com`) when it does not exist. Anyone who can send mail can create folders then.',
  }),
  lda_mailbox_autocreate_max: Type.Integer({
    minimum: 1,
    maximum: 10_000,
    default: 100,
    description:
      'With `lda_mailbox_autocreate`: a user who has so many mailboxes gets no more of them by mail; it goes to INBOX.',
  }),
  replication_max_conns: Type.Integer({
    minimum: 1,
    maximum: 1000,
    default: 10,
    description: 'Syncs at the same time.',
  }),
  replication_full_sync_interval: duration({
    minimum: 1000,
    maximum: 365 * 86_400_000,
    default: '24h',
    description: 'How often every user is fully synced, even if nothing was notified.',
  }),
  replication_failure_resync_interval: duration({
    minimum: 1000,
    maximum: weekMs,
    default: '5m',
    description: 'Longest wait between two tries for a user whose sync failed.',
  }),
  replication_sync_timeout: duration({
    minimum: 0,
    maximum: 300_000,
    default: '0',
    description: 'How long a delivery waits for its mail to be on the replica; 0: it does not wait.',
  }),
  dsync_timeout: dsyncTimeout({
    default: '10m',
    description:
      'Time that one sync of one user may take before it is given up and tried again, then with twice the time, up to a day. With `mail_engine = "dovecot"`, Dovecot gives up when nothing moves between the hosts for nine tenths of this.',
  }),
  dsync_lock_timeout: duration({
    minimum: 0,
    maximum: 3_600_000,
    default: '30s',
    description: 'How long a sync waits for the lock of its user.',
  }),
  doveadm_port: port({ default: 12345, description: 'Port of a `tcp:` or `tcps:` replica that names none.' }),
  doveadm_password_file: Type.Optional(
    path({ description: 'File with the secret that both hosts share. Must not be readable by everyone.' }),
  ),
  channels: Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' }), channelSettings, {
    description: 'Channels by name.',
  }),
  dovecot: dovecotSettings,
  ssl: sslSettings,
  ssh: sshSettings,
  redis: Type.Optional(redisSettings),
  listeners: listenerSettings,
  consumers: Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' }), consumerSettings, {
    description: 'Consumers of the change feed by name.',
  }),
  alerts: Type.Optional(alertSettings),
});

export { channelSettings, sshSettings, sslSettings };

export type Settings = Static<typeof settings>;
export type ChannelSettings = Static<typeof channelSettings>;
