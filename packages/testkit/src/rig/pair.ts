import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemRandom } from '@dsyncd/core';
import { createAuthority } from './certificates.ts';
import { Host } from './host.ts';
import { freePort } from './ports.ts';

export interface PairOptions {
  readonly folder: string;
  readonly ssl?: boolean;
  /** TOML lines for the top of both configurations. */
  readonly settings?: readonly string[];
}

/** Two hosts that replicate with each other over TLS (or plain TCP) on loopback; not started yet. */
export async function createPair(options: PairOptions): Promise<{ readonly a: Host; readonly b: Host }> {
  const { folder, ssl = true, settings = [] } = options;
  await mkdir(folder, { recursive: true });
  const ports = { a: await freePort(), b: await freePort() };
  const secret = systemRandom.hex(16);
  const certificate = ssl ? createAuthority(folder) : undefined;
  const files = certificate?.issue('127.0.0.1');
  const tables =
    certificate === undefined || files === undefined
      ? []
      : [
          '[ssl]',
          `client_ca_file = ${JSON.stringify(certificate.caFile)}`,
          `server_cert_file = ${JSON.stringify(files.certFile)}`,
          `server_key_file = ${JSON.stringify(files.keyFile)}`,
        ];
  const host = (name: 'a' | 'b', peer: 'a' | 'b'): Host =>
    new Host({
      hostname: `${name}.example.com`,
      folder: join(folder, name),
      settings,
      channels: { default: { replica: `${ssl ? 'tcps' : 'tcp'}:127.0.0.1:${ports[peer]}` } },
      doveadm: { port: ports[name], ssl },
      tables,
      secret,
    });
  const pair = { a: host('a', 'b'), b: host('b', 'a') };
  for (const each of [pair.a, pair.b]) {
    await mkdir(each.folder, { recursive: true });
    await each.configure();
  }
  return pair;
}
