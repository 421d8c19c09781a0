import type { KeyProblem } from './check.ts';
import type { RedisConfig } from './config.ts';
import { given } from './given.ts';
import type { Settings } from './settings.ts';

export function buildRedis(
  { queue, redis }: Pick<Settings, 'queue' | 'redis'>,
  problems: KeyProblem[],
): RedisConfig | undefined {
  if (queue !== 'redis') return undefined;
  if (redis === undefined) {
    problems.push({ path: ['queue'], message: 'is "redis", which needs the table [redis]' });
    return undefined;
  }
  const note = (key: string, message: string): void => {
    problems.push({ path: ['redis', key], message });
  };
  // Not repeated: what stands before the @ may be a password.
  if (redis.url.includes('@')) note('url', 'holds a user or password: use username and password_file');
  if (redis.cert_file !== undefined && redis.key_file === undefined)
    note('cert_file', 'needs key_file beside it');
  if (redis.key_file !== undefined && redis.cert_file === undefined)
    note('key_file', 'needs cert_file beside it');
  if (!redis.url.startsWith('rediss'))
    for (const key of ['ca_file', 'cert_file'] as const)
      if (redis[key] !== undefined) note(key, 'is for TLS: write rediss:// in url');
  if (!redis.url.includes('+sentinel:') && redis.sentinel_password_file !== undefined)
    note('sentinel_password_file', 'is for sentinels: write redis+sentinel:// in url');
  return {
    url: redis.url,
    backend: redis.backend,
    prefix: redis.prefix,
    ...given('username', redis.username),
    ...given('passwordFile', redis.password_file),
    ...given('sentinelPasswordFile', redis.sentinel_password_file),
    ...given('caFile', redis.ca_file),
    ...given('certFile', redis.cert_file),
    ...given('keyFile', redis.key_file),
    leaseMs: redis.lease,
  };
}
