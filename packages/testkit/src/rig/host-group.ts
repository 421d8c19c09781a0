import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { systemRandom } from '@dsyncd/core';
import { type CertificateAuthority, createAuthority } from './certificates.ts';
import { Host, type HostOptions } from './host.ts';
import { freePort } from './program.ts';

export interface FleetOptions<Name extends string> {
  readonly folder: string;
  /** Channels of each host by name; the value says whom they lead to. */
  readonly channels: Readonly<
    Record<
      Name,
      Readonly<Record<string, { readonly to: NoInfer<Name>; readonly settings?: readonly string[] }>>
    >
  >;
  readonly ssl?: boolean;
  /** Answers the port at which peers reach the one given: that of a relay between the hosts, say. */
  readonly through?: (port: number) => Promise<number>;
  /** Each host serves API and dashboard on loopback. */
  readonly hasHttp?: boolean;
  /** TOML lines for the top of every configuration. */
  readonly settings?: readonly string[];
  /** TOML lines for `[redis]` of every host: their queues are there. */
  readonly redis?: readonly string[];
  /** TOML lines for `[ssl]` of every host. */
  readonly sslSettings?: (authority: CertificateAuthority) => readonly string[];
}

/** Hosts that replicate with each other over TLS (or plain TCP) on loopback; configured, not started yet. */
export async function createFleet<Name extends string>(
  options: FleetOptions<Name>,
): Promise<Readonly<Record<Name, Host>>> {
  const { folder, ssl = true, settings = [], through = async (port) => port } = options;
  const names = Object.keys(options.channels) as Name[];
  await mkdir(folder, { recursive: true });
  const ports = new Map<Name, number>();
  const reachedAt = new Map<Name, number>();
  for (const name of names) {
    const port = await freePort();
    ports.set(name, port);
    reachedAt.set(name, await through(port));
  }
  const scheme = ssl ? 'tcps' : 'tcp';
  const tables = ssl ? sslTables(folder, options.sslSettings) : [];
  const secret = systemRandom.hex(16);
  const hosts = await Promise.all(
    names.map(async (name) => {
      const channels: Record<string, HostOptions['channels'][string]> = {};
      for (const [channel, link] of Object.entries(options.channels[name]))
        channels[channel] = {
          replica: `${scheme}:127.0.0.1:${reachedAt.get(link.to) ?? 0}`,
          settings: link.settings,
        };
      const host = new Host({
        hostname: `${name}.example.com`,
        folder: join(folder, name),
        settings,
        channels,
        redis: options.redis,
        doveadm: { port: ports.get(name) ?? 0, ssl },
        ...(options.hasHttp === true
          ? { http: { port: await freePort(), token: systemRandom.hex(16) } }
          : {}),
        tables,
        secret,
      });
      await host.configure();
      return [name, host] as const;
    }),
  );
  return Object.fromEntries(hosts) as Record<Name, Host>;
}

function sslTables(folder: string, more: FleetOptions<string>['sslSettings']): readonly string[] {
  const authority = createAuthority(folder);
  const { certFile, keyFile } = authority.issue('127.0.0.1');
  return [
    '[ssl]',
    `client_ca_file = ${JSON.stringify(authority.caFile)}`,
    `server_cert_file = ${JSON.stringify(certFile)}`,
    `server_key_file = ${JSON.stringify(keyFile)}`,
    ...(more?.(authority) ?? []),
  ];
}

export type PairOptions = Omit<FleetOptions<'a' | 'b'>, 'channels'>;

/** Two hosts that replicate with each other over TLS (or plain TCP) on loopback; not started yet. */
export const createPair = async (options: PairOptions): Promise<{ readonly a: Host; readonly b: Host }> =>
  createFleet({ ...options, channels: { a: { default: { to: 'b' } }, b: { default: { to: 'a' } } } });
