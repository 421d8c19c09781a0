import * as Type from 'typebox';
import { choice, duration, path, programAndArguments } from './setting-kinds.ts';

export const consumerSettings = Type.Object(
  {
    command: Type.Optional(
      programAndArguments({
        description:
          'Program and arguments, such as `["/usr/local/bin/index-mail", "--changed"]`, started without a shell; the users come on standard input. Exit status 0: it has taken them. Give either this or `url`.',
      }),
    ),
    url: Type.Optional(
      Type.String({
        maxLength: 1024,
        pattern: '^(https://[^\\s@]+|http://(localhost|127\\.0\\.0\\.1|\\[::1\\])(:[0-9]+)?(/[^\\s@]*)?)$',
        description:
          'The users are sent there by POST; an answer of 200 to 299: it has taken them. Plain `http://` is for this host only.',
      }),
    ),
    token_file: Type.Optional(
      path({
        description:
          'For `url`: file with the token that is sent as `Authorization: Bearer TOKEN`. Must not be readable by everyone.',
      }),
    ),
    format: choice(['lines', 'json'], {
      default: 'lines',
      description: '`lines`: one user each; `json`: `{"users": ["ann@example.com", ...]}`.',
    }),
    users_max: Type.Integer({
      minimum: 1,
      maximum: 10_000,
      default: 1000,
      description: 'Users that one run gets, at most.',
    }),
    delay: duration({
      minimum: 0,
      maximum: 3_600_000,
      default: '1s',
      description: 'How long changes are gathered before a run.',
    }),
    timeout: duration({
      minimum: 100,
      maximum: 86_400_000,
      default: '10m',
      description: 'A run that takes longer is ended, and has failed.',
    }),
  },
  {
    description:
      'A program that is to know whose mail changed, here or by a sync: a search index, a backup, an archive. It gets all users first, then those who changed, at least once each, one run at a time. After a failure the same users come again, with longer and longer waits, up to five minutes. With `mail_engine = "dovecot"` a user whom a sync of the other host changed comes with the next sync that this host leads, at the latest after `replication_full_sync_interval`: Dovecot notifies nobody of what a sync brought in. Not with `queue = "redis"` yet.',
  },
);
