import { setMaxListeners } from 'node:events';
import type { Server as TlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { DsyncdError, outcomeRules } from '@dsyncd/core';
import { listenUnix } from '@dsyncd/process';
import type { EndedSync } from '@dsyncd/replicator';
import { Metrics, type SyncSample } from '@dsyncd/telemetry';
import { Access } from './access.ts';
import { Activity } from './activity.ts';
import { buildApp } from './app.ts';
import { EventHub } from './event-hub.ts';
import { conditionsOf } from './history/conditions.ts';
import { type CountedSync, History } from './history/history.ts';
import { Timeline } from './history/timeline.ts';
import type { HttpApi, HttpApiOptions, HttpPlace } from './parts.ts';
import { type App, OpenRequests, type RouteContext } from './routes/context.ts';
import { consumerReading } from './views/consumers.ts';
import { Overview } from './views/readiness.ts';
import { endedSyncView, SyncHistory } from './views/sync-history.ts';
import { verificationOf } from './views/verification.ts';

/** Requests have so long to be answered when the API is closed. */
const closeGraceMs = 2_000;

/**
 * Starts the HTTP API.
 * @throws {DsyncdError} `DSYNCD_HTTP_LISTEN` or `DSYNCD_SOCKET` when it cannot listen there,
 *   `DSYNCD_HTTP_TOKEN` for a token that is too short, `DSYNCD_HTTP_TLS` for a certificate that is none.
 */
export async function startHttpApi(options: HttpApiOptions): Promise<HttpApi> {
  const { clock, logger, queue } = options;
  const access = new Access(options.tokens, 'path' in options);
  const overview = new Overview(options);
  const history = new SyncHistory();
  const { historyFolder: folder, version } = options;
  const timeline = new Timeline({ folder, version, clock, logger });
  const look = async (): Promise<void> => {
    try {
      const [channels, consumers] = await Promise.all([overview.channels(), options.consumers?.() ?? []]);
      await timeline.look(conditionsOf({ channels, consumers, problems: options.problems() }));
    } catch (error) {
      logger.debug({ error }, 'timeline without this look: the queue does not answer');
    }
  };
  const charts = new History({
    onLoaded: () => timeline.start(),
    onSample: look,
    folder,
    read: () => overview.gauges(),
    clock,
    logger,
  });
  const hub = new EventHub(clock);
  const notified = { count: 0 };
  const sources = () => [...options.sources(), { source: 'http', taken: notified.count, refused: 0 }];
  const activity = new Activity({ hub, overview, sources, clock, logger });
  const connections = new Set<unknown>();
  const metrics = new Metrics({
    version: options.version,
    read: async () => ({
      deliveries: await options.deliveries?.(),
      channels: await overview.readings(),
      connsMax: options.connsMax(),
      sources: sources(),
      consumers: ((await options.consumers?.()) ?? []).map((consumer) =>
        consumerReading(consumer, clock.now()),
      ),
      http: { connections: connections.size, eventClients: hub.clients, eventsDropped: hub.dropped },
    }),
  });
  const metricsPage = async () => ({ text: await metrics.text(), contentType: metrics.contentType });
  const requests = new OpenRequests();
  const closing = new AbortController();
  setMaxListeners(0, closing.signal);
  const context: RouteContext = {
    parts: options,
    overview,
    history,
    charts,
    timeline,
    hub,
    activity,
    notified,
    requests,
    closing: closing.signal,
    metricsPage,
  };
  const { tls, dashboardFolder, requestTimeoutMs } = options;
  const app = await withTlsErrors(() =>
    buildApp({ context, access, tls, dashboardFolder, requestTimeoutMs }),
  );
  app.server.on('connection', (socket) => {
    connections.add(socket);
    socket.once('close', () => connections.delete(socket));
  });
  const { url, stop } = await listen(app, options, tls !== undefined);
  charts.start();
  return {
    url,
    syncEnded(sync) {
      metrics.syncEnded(sampleOf(sync));
      charts.syncEnded(countedSync(sync));
      const view = endedSyncView(sync);
      history.add(view);
      hub.publish('sync', () => view);
    },
    reload(settings) {
      access.replace(settings.tokens);
      if (settings.tls !== undefined && tls !== undefined) replaceTls(app, settings.tls);
    },
    async close() {
      activity.close();
      await charts.stop();
      await timeline.stop();
      hub.close();
      closing.abort(new Error('dsyncd is being stopped'));
      await requests.none(clock, closeGraceMs);
      await app.close();
      await stop();
      logger.debug({ url, users: queue.running().length }, 'HTTP API closed');
    },
  };
}

interface Listening {
  readonly url: string;
  readonly stop: () => Promise<void>;
}

async function listen(app: App, place: HttpPlace, hasTls: boolean): Promise<Listening> {
  if ('path' in place) {
    // Connections of a socket that listenUnix has made safe to make; the server itself never listens, so it has to
    // be told to watch the time that requests take.
    const server = await listenUnix(place.path, place.access ?? { mode: 0o600 }, (socket) =>
      app.server.emit('connection', socket),
    );
    app.server.emit('listening');
    return { url: `unix:${place.path}`, stop: () => server.close() };
  }
  try {
    await app.listen({ host: place.address, port: place.port });
  } catch (error) {
    throw new DsyncdError(
      'DSYNCD_HTTP_LISTEN',
      `the HTTP API cannot listen on ${place.address} port ${place.port}: ${error instanceof Error ? error.message : error}`,
      {
        outcome: 'operator',
        hint: 'another program may have that port: change address or port in [listeners.http]',
        cause: error,
      },
    );
  }
  const { address, port, family } = app.server.address() as AddressInfo;
  const host = family === 'IPv6' ? `[${address}]` : address;
  return { url: `${hasTls ? 'https' : 'http'}://${host}:${port}`, stop: async () => {} };
}

function replaceTls(app: App, tls: { readonly cert: string; readonly key: string }): void {
  try {
    (app.server as unknown as TlsServer).setSecureContext({ ...tls, minVersion: 'TLSv1.2' });
  } catch (error) {
    throw tlsError(error);
  }
}

async function withTlsErrors<Result>(task: () => Promise<Result>): Promise<Result> {
  try {
    return await task();
  } catch (error) {
    if (error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_OSSL'))
      throw tlsError(error);
    throw error;
  }
}

const tlsError = (cause: unknown): DsyncdError =>
  new DsyncdError('DSYNCD_HTTP_TLS', `certificate or key cannot be used: ${String(cause)}`, {
    outcome: 'operator',
    hint: 'server_cert_file and server_key_file in [ssl] must be PEM files that belong together',
    cause,
  });

function countedSync(sync: EndedSync): CountedSync {
  const { claim, result, endedAt } = sync;
  const { outcome, conflicts, counts } = result;
  const isSuccess = outcome === 'ok' || outcome === 'changed';
  const isDelayKnown = outcome === 'ok' && claim.requestedAt !== undefined;
  const proved = verificationOf(sync)?.result;
  return {
    channel: claim.channel,
    isFailure: isSuccess ? false : outcomeRules[outcome].isFailure ? true : undefined,
    delaySeconds: isDelayKnown ? (endedAt - (claim.requestedAt ?? endedAt)) / 1000 : undefined,
    conflicts: conflicts.length,
    verification: proved === 'equal' || proved === 'repaired' ? proved : undefined,
    mails: counts.mailsReceived + counts.mailsSent,
    bytes: counts.bytesReceived + counts.bytesSent,
  };
}

function sampleOf(sync: EndedSync): SyncSample {
  const { claim, result, startedAt, endedAt } = sync;
  const verification = verificationOf(sync);
  const { next } = outcomeRules[result.outcome];
  return {
    channel: claim.channel,
    type: claim.type,
    priority: claim.priority,
    outcome: result.outcome,
    isRetried: next === 'soon' || next === 'backoff',
    durationMs: endedAt - startedAt,
    conflicts: result.conflicts.length,
    counts: result.counts,
    lagMs: claim.requestedAt === undefined ? undefined : endedAt - claim.requestedAt,
    failureCode: result.failure?.code,
    verification,
  };
}
