import type { KeyProblem } from './check.ts';
import type { HttpConfig } from './config.ts';
import { given } from './given.ts';
import type { Settings } from './settings.ts';

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
