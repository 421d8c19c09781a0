import * as Type from 'typebox';
import {
  address,
  duration,
  flag,
  masks,
  owner,
  path,
  port,
  prefixes,
  socketMode,
  weekMs,
} from './setting-kinds.ts';

export const alertSettings = Type.Object(
  {
    webhook_url_file: Type.Optional(
      path({
        description:
          'File with the URL that gets alerts as JSON by POST. A file, as such URLs hold a secret; it must not be readable by everyone.',
      }),
    ),
    mail_to: Type.Optional(
      Type.String({
        maxLength: 254,
        pattern: '^[A-Za-z0-9_][^\\s<>,;\\x00-\\x1f\\x7f]*$',
        description: 'Address that gets alerts by mail.',
      }),
    ),
    sendmail_path: path({
      default: '/usr/sbin/sendmail',
      description: 'Program that takes the mail on standard input. Started without a shell.',
    }),
    grace: duration({
      minimum: 0,
      maximum: weekMs,
      default: '5m',
      description: 'Problems that clear within this time raise no alert.',
    }),
    repeat: duration({
      minimum: 1000,
      maximum: 30 * 86_400_000,
      default: '4h',
      description: 'How often a problem that persists is reported again.',
    }),
  },
  {
    description:
      'Alerts of dsyncd itself, for hosts without a monitoring system. Without this table there are none. The file `alerts-silent-until` in `state_dir` with an instant in it, such as `2026-01-31T18:00:00Z`, silences them until then.',
  },
);

const day = 86_400_000;

const tokenFile = (description: string) => Type.Optional(path({ description }));

export const httpListener = Type.Object(
  {
    address: address('127.0.0.1', 'the HTTP API'),
    port: port({ default: 8080, description: 'TCP port.' }),
    path: Type.Optional(path({ description: 'Unix socket instead of address and port.' })),
    mode: socketMode('0600'),
    user: owner('Owner of the unix socket, by name or number. Changing it needs root.'),
    group: owner('Group of the unix socket, by name or number.'),
    ssl: flag({
      default: false,
      description:
        'TLS with `server_cert_file`. Needed, with `read_token_file`, for an address that other hosts can reach.',
    }),
    read_token_file: tokenFile(
      'File with the token (16 characters or more) that clients must send to read status, users, events and metrics: `Authorization: Bearer TOKEN`. Without it everyone on this host may read them.',
    ),
    operate_token_file: tokenFile(
      'File with the token of those who may also replicate, retry, pause, add and forget. Without it nobody may, except on a unix socket.',
    ),
    notify_token_file: tokenFile(
      'File with the token of those who may notify of changes. Without it nobody may, except on a unix socket.',
    ),
    failover_max_lag: duration({
      minimum: 0,
      maximum: 30 * day,
      default: '60s',
      description:
        '`/failover` says that this host can be done without while no change of any user waits longer than this.',
    }),
  },
  { description: 'HTTP API, metrics and dashboard of dsyncd. Without this table there is none.' },
);

const name = (options: { readonly description: string; readonly default?: string }) =>
  Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$', ...options });

export const redisSettings = Type.Object(
  {
    url: Type.String({
      minLength: 1,
      maxLength: 1024,
      pattern: '^(unix:/|rediss?(\\+sentinel)?://)\\S+$',
      description:
        'Where it is: `redis://HOST[:PORT][/DB]`, `redis+sentinel://HOST[:PORT],HOST[:PORT]/NAME[/DB]` (NAME is what the sentinels call it), the same with `rediss` for TLS, or `unix:/PATH`. Without user and password.',
    }),
    backend: name({
      description:
        'Name of the mail host that this queue is for. Every dsyncd that serves that host has the same, no other one.',
    }),
    prefix: name({ default: 'dsyncd', description: 'What all keys begin with.' }),
    username: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 255,
        description: 'User of the Redis, if not its default one.',
      }),
    ),
    password_file: Type.Optional(
      path({ description: 'File with the password. Must not be readable by everyone.' }),
    ),
    sentinel_password_file: Type.Optional(
      path({ description: 'File with the password of the sentinels. Must not be readable by everyone.' }),
    ),
    ca_file: Type.Optional(
      path({
        description:
          'For TLS: PEM file with the authorities that we trust to vouch for the Redis. Without it: those of Node.',
      }),
    ),
    cert_file: Type.Optional(path({ description: 'For TLS: PEM certificate that we show to the Redis.' })),
    key_file: Type.Optional(path({ description: 'PEM key of `cert_file`.' })),
    lease: duration({
      minimum: 1000,
      maximum: 600_000,
      default: '10s',
      description:
        'A dsyncd of which the Redis has heard nothing for so long is taken for dead; its syncs go to the others.',
    }),
  },
  { description: 'The Redis of the queue; for `queue = "redis"`.' },
);

export const dovecotSettings = Type.Object(
  {
    doveadm_socket_path: path({
      default: '/run/dovecot/doveadm-server',
      description:
        'Doveadm service of the Dovecot on this host: the socket in its `base_dir`, or `HOST:PORT` of its listener. A listener that asks for a secret gets that of `doveadm_password_file`.',
    }),
    auth_socket_path: path({
      default: '/run/dovecot/auth-userdb',
      description: 'Socket of its auth service, which lists the users and says what userdb knows of each.',
    }),
    config_file: Type.Optional(
      path({
        description:
          'Its configuration, which `doveconf -n` is asked for. Default: where that Dovecot has it. Needed where several run on one host.',
      }),
    ),
    user_include: masks({
      default: ['*'],
      description: 'Users to replicate, as masks with `*` and `?`.',
    }),
    user_exclude: masks({
      default: [],
      description: 'Users not to replicate, as masks. So are those with `noreplicate` in userdb.',
    }),
    first_valid_uid: Type.Integer({
      minimum: 0,
      maximum: 4_294_967_294,
      default: 0,
      description:
        'Users with a lower UID in userdb are not replicated: those of the system, when userdb is `passwd`.',
    }),
    mail_index_path: Type.Optional(
      path({
        description:
          'Where Dovecot keeps the index files of a user (`mail_index_path`, or `INDEX=` in `mail_location`), with the variables of `mail_home`. dsyncd checks the times of these files to see who changed. Default: where userdb says, else what looks like it in the home that userdb names.',
      }),
    ),
    sync_namespaces: prefixes({
      default: [],
      description: 'Prefixes of the namespaces to replicate, such as `["", "Archive/"]`; empty: all of them.',
    }),
    exclude_mailboxes: Type.Optional(
      masks({
        description:
          'Mailboxes not to replicate, with the prefix of their namespace, as masks with `*` and `?`, or by special use as in `\\Trash`. Default: those of namespaces with virtual mailboxes, as `doveconf -n` shows them when dsyncd starts.',
      }),
    ),
    scan_interval: duration({
      minimum: 0,
      maximum: weekMs,
      default: '1h',
      description:
        'How often to look, by the times of the index files, for users whose mail changed without a notification; they are synced. 0: never.',
    }),
    user_refresh_interval: duration({
      minimum: 1000,
      maximum: weekMs,
      default: '10m',
      description: 'How often the list of users is read again.',
    }),
    user_grace_time: duration({
      minimum: 0,
      maximum: 365 * 86_400_000,
      default: '1d',
      description: 'A user whom userdb has not listed for so long, and does not know, is forgotten.',
    }),
  },
  { description: 'The Dovecot on this host; for `mail_engine = "dovecot"`.' },
);
