import { readFile } from 'node:fs/promises';
import { DsyncdError } from '@dsyncd/core';
import type { RedisConfig } from './config.ts';
import { readSecret } from './secret.ts';

/** Where the Redis is and how to get in, with the secrets themselves. */
export interface RedisAccess {
  readonly url: string;
  readonly username?: string;
  readonly password?: string;
  readonly sentinelPassword?: string;
  readonly tls: { readonly ca?: string; readonly cert?: string; readonly key?: string };
}

/** @throws {DsyncdError} `DSYNCD_SECRET` or `DSYNCD_QUEUE_REDIS_TLS` (operator) for a file that cannot be used. */
export async function readRedisAccess(redis: RedisConfig): Promise<RedisAccess> {
  const { url, username, passwordFile, sentinelPasswordFile, caFile, certFile, keyFile } = redis;
  const secret = async (file: string | undefined): Promise<string | undefined> =>
    file === undefined ? undefined : readSecret(file);
  const password = await secret(passwordFile);
  const sentinelPassword = await secret(sentinelPasswordFile);
  const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map(readPem));
  return {
    url,
    username,
    password,
    sentinelPassword,
    tls: {
      ca,
      cert,
      key,
    },
  };
}

async function readPem(file: string | undefined): Promise<string | undefined> {
  if (file === undefined) return undefined;
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new DsyncdError(
      'DSYNCD_QUEUE_REDIS_TLS',
      `cannot read ${file}: ${error instanceof Error ? error.message : error}`,
      { outcome: 'operator', hint: 'see ca_file, cert_file and key_file in [redis]', cause: error },
    );
  }
}
