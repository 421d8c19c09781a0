import Type from 'typebox';
import { address, duration, flag, owner, path, port, socketMode } from './setting-kinds.ts';

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
      'File with the token (16 characters or more) that whoever looks at status, users, events and metrics must send: `Authorization: Bearer TOKEN`. Without it everyone on this host may look.',
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
