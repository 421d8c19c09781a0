import Type from 'typebox';
import { duration, path } from './setting-kinds.ts';

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
