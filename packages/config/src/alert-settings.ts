import Type from 'typebox';
import { duration, path, weekMs } from './setting-kinds.ts';

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
      description: 'What mends itself within this time is not told.',
    }),
    repeat: duration({
      minimum: 1000,
      maximum: 30 * 86_400_000,
      default: '4h',
      description: 'How often what goes on is told again.',
    }),
  },
  {
    description:
      'Alerts of dsyncd itself, for hosts without a monitoring system. Without this table there are none. The file `alerts-silent-until` in `state_dir` with an instant in it, such as `2026-01-31T18:00:00Z`, silences them until then.',
  },
);
