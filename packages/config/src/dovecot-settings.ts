import Type from 'typebox';
import { duration, masks, path, prefixes, weekMs } from './setting-kinds.ts';

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
          'Where Dovecot keeps the index files of a user (`mail_index_path`, or `INDEX=` in `mail_location`), with the variables of `mail_home`. dsyncd looks at the times of these files to see who changed. Default: where userdb says, else what looks like it in the home that userdb tells.',
      }),
    ),
    sync_namespaces: prefixes({
      default: [],
      description: 'Prefixes of the namespaces to replicate, such as `["", "Archive/"]`; empty: all of them.',
    }),
    exclude_mailboxes: Type.Optional(
      masks({
        description:
          'Mailboxes not to replicate, with the prefix of their namespace, as masks with `*` and `?`, or by special use as in `\\Trash`. Default: those of namespaces with virtual mailboxes, as `doveconf -n` tells when dsyncd starts.',
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
