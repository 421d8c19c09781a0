import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Config, type HttpConfig, readSecret } from '@dsyncd/config';
import { DsyncdError, type Logger, systemClock, type UserName } from '@dsyncd/core';
import type { HttpApiParts, HttpPlace, TlsFiles } from '@dsyncd/http-api';
import { type NotifyListener, type NotifySink, readRefusedDeliveries } from '@dsyncd/notify';
import { programVersion } from '@dsyncd/process';
import type { ReplicationQueue } from '@dsyncd/queue';
import type { Channel, EndedSync, HostProblem } from '@dsyncd/replicator';

export interface HttpSideParts
  extends Pick<HttpApiParts, 'fleet' | 'board' | 'progressOf' | 'feed' | 'consumers' | 'firstSyncsLeftMs'> {
  readonly config: () => Config;
  readonly queue: ReplicationQueue;
  readonly sink: NotifySink;
  readonly channels: () => readonly Channel[];
  readonly users: (mask: string) => AsyncIterable<UserName>;
  /** By name: `fifo`, `socket`, ... */
  readonly listeners: Readonly<Record<string, NotifyListener>>;
  readonly problems: () => readonly HostProblem[];
  readonly isReady: () => boolean;
  readonly logger: Logger;
}

/** The HTTP API as the configuration wants it. */
export interface HttpSide {
  syncEnded(sync: EndedSync): void;
  /** Reads tokens and certificates again. @throws {DsyncdError} for what cannot be used; nothing is changed then. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/** @throws {DsyncdError} when it cannot listen, or a token or a certificate cannot be used. */
export async function openHttp(parts: HttpSideParts): Promise<HttpSide | undefined> {
  const { config, listeners, logger } = parts;
  const http = config().listeners.http;
  if (http === undefined) return undefined;
  // Loaded only where it is wanted: its packages take many megabytes.
  const { startHttpApi } = await import('@dsyncd/http-api');
  const api = await startHttpApi({
    ...parts,
    ...placeOf(http),
    ...(await secretsOf(config(), http)),
    ...dashboard(),
    historyFolder: join(config().stateDir, 'history'),
    connsMax: () => config().replicationMaxConns,
    failoverMaxLagMs: () => config().listeners.http?.failoverMaxLagMs ?? http.failoverMaxLagMs,
    sources: () =>
      Object.entries(listeners).map(([source, { taken, badLines }]) => ({
        source,
        taken,
        refused: badLines,
      })),
    async deliveries() {
      const { channels, stateDir } = config();
      if (channels.every(({ deliveryRequiresReplica }) => deliveryRequiresReplica === undefined))
        return undefined;
      return readRefusedDeliveries(stateDir);
    },
    hostname: () => config().hostname,
    version: programVersion(),
    clock: systemClock,
  });
  logger.info({ url: api.url }, 'HTTP API listens');
  return {
    syncEnded: (sync) => api.syncEnded(sync),
    async reload() {
      const next = config().listeners.http;
      if (
        next === undefined ||
        JSON.stringify(placeOf(next)) !== JSON.stringify(placeOf(http)) ||
        next.ssl !== http.ssl
      )
        logger.warn({ url: api.url }, 'HTTP API stays where it listens until dsyncd is restarted');
      else api.reload(await secretsOf(config(), next));
    },
    close: () => api.close(),
  };
}

function placeOf({ path, mode, user, group, address, port }: HttpConfig): HttpPlace {
  if (path === undefined) return { address, port };
  const owner = { user, group };
  return { path, access: { mode, ...owner } };
}

async function secretsOf(
  { ssl }: Config,
  { tokenFiles, ssl: hasTls }: HttpConfig,
): Promise<{ readonly tokens: Readonly<Record<string, string>>; readonly tls?: TlsFiles }> {
  const entries = Object.entries(tokenFiles).map(
    async ([role, file]) => [role, await readSecret(file)] as const,
  );
  const tokens = Object.fromEntries(await Promise.all(entries));
  if (!hasTls || ssl.serverCertFile === undefined || ssl.serverKeyFile === undefined) return { tokens };
  return { tokens, tls: { cert: await readPem(ssl.serverCertFile), key: await readPem(ssl.serverKeyFile) } };
}

async function readPem(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    throw new DsyncdError(
      'DSYNCD_HTTP_TLS',
      `cannot read ${file}: ${error instanceof Error ? error.message : error}`,
      {
        outcome: 'operator',
        hint: 'see server_cert_file and server_key_file in [ssl], and the user that dsyncd runs as',
        cause: error,
      },
    );
  }
}

/** Beside the bundled program, or in its own app; without it there is the API alone. */
function dashboard(): { readonly dashboardFolder?: string } {
  const folder = ['./dashboard/', '../../dashboard/dist/']
    .map((place) => fileURLToPath(new URL(place, import.meta.url)))
    .find((place) => existsSync(`${place}index.html`));
  return folder === undefined ? {} : { dashboardFolder: folder };
}
