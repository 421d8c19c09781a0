import type { AlertsConfig, HttpConfig, RedisConfig } from '../config.ts';
import type { Settings } from '../settings/settings.ts';
import type { KeyProblem } from './check.ts';

export function buildAlerts(alerts: NonNullable<Settings['alerts']>, problems: KeyProblem[]): AlertsConfig {
  if (alerts.webhook_url_file === undefined && alerts.mail_to === undefined)
    problems.push({ path: ['alerts'], message: 'needs webhook_url_file or mail_to: where alerts go' });
  if (alerts.mail_to !== undefined && !alerts.sendmail_path.startsWith('/'))
    problems.push({ path: ['alerts', 'sendmail_path'], message: 'must be an absolute path' });
  return {
    ...given('webhookUrlFile', alerts.webhook_url_file),
    ...given('mailTo', alerts.mail_to),
    sendmailPath: alerts.sendmail_path,
    graceMs: alerts.grace,
    repeatMs: alerts.repeat,
  };
}

/** Names that nobody on another host can reach. */
const loopback = /^(127(\.\d{1,3}){3}|::1|localhost)$/i;

export function buildHttp(
  http: NonNullable<Settings['listeners']['http']>,
  ssl: Settings['ssl'],
  problems: KeyProblem[],
): HttpConfig {
  const note = (key: string, message: string): void => {
    problems.push({ path: ['listeners', 'http', key], message });
  };
  const leavesHost = http.path === undefined && !loopback.test(http.address);
  if (leavesHost && !http.ssl)
    note(
      'address',
      `is ${JSON.stringify(http.address)}, which other hosts can reach: needs ssl = true, or 127.0.0.1 behind a proxy`,
    );
  if (leavesHost && http.read_token_file === undefined)
    note('address', `is ${JSON.stringify(http.address)}, which other hosts can reach: needs read_token_file`);
  if (http.ssl && ssl.server_cert_file === undefined) note('ssl', 'needs server_cert_file in [ssl]');
  if (http.ssl && http.path !== undefined) note('ssl', 'is for a port; a unix socket has none');
  return {
    address: http.address,
    port: http.port,
    ...given('path', http.path),
    mode: Number.parseInt(http.mode, 8),
    ...given('user', http.user),
    ...given('group', http.group),
    ssl: http.ssl,
    tokenFiles: {
      ...given('read', http.read_token_file),
      ...given('operate', http.operate_token_file),
      ...given('notify', http.notify_token_file),
    },
    failoverMaxLagMs: http.failover_max_lag,
  };
}

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

/** `{ [key]: value }`, or nothing when the value is missing. */
export const given = <Key extends string, Value>(
  key: Key,
  value: Value | undefined,
): { readonly [K in Key]?: Value } =>
  value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]: Value });
