import { createServer, type Server } from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import { fastify } from 'fastify';
import { type Access, securityHeaders } from './access.ts';
import type { TlsFiles } from './parts.ts';
import { Problem, sendProblem, toProblem } from './problem.ts';
import { changeRoutes } from './routes/changes.ts';
import type { App, RouteContext } from './routes/context.ts';
import { eventRoutes } from './routes/events.ts';
import { healthRoutes } from './routes/health.ts';
import { historyRoutes } from './routes/history.ts';
import { notifyRoutes } from './routes/notify.ts';
import { operateRoutes } from './routes/operate.ts';
import { overviewRoutes } from './routes/overview.ts';
import { queueRoutes } from './routes/queues.ts';
import { userRoutes } from './routes/users.ts';
import { describeApi, serveDashboard } from './routes/web.ts';
import { compileValidator, type TypeBoxTypes } from './validation.ts';

export const bodyBytesMax = 16 * 1024;
export const connectionsMax = 5_000;
const headerBytesMax = 16 * 1024;
/** Of a request, until it has arrived. */
export const requestTimeoutMs = 30_000;
/** Of a connection that says nothing in the middle of a request or an answer. */
const socketTimeoutMs = 330_000;
const keepAliveTimeoutMs = 75_000;
/** A name of 255 bytes with each of them escaped. */
const pathParameterCharsMax = 1024;

export interface AppOptions {
  readonly context: RouteContext;
  readonly access: Access;
  readonly tls: TlsFiles | undefined;
  readonly dashboardFolder: string | undefined;
  /** @defaultValue {@link requestTimeoutMs} */
  readonly requestTimeoutMs: number | undefined;
}

/** The API without a place to listen on. */
export async function buildApp(options: AppOptions): Promise<App> {
  const { context, access, tls, dashboardFolder } = options;
  const { logger } = context.parts;
  const timeoutMs = options.requestTimeoutMs ?? requestTimeoutMs;
  const app = fastify({
    // The types know plain servers only; one of TLS has the same events and methods.
    serverFactory: (handler) =>
      limited(
        tls === undefined ? plainServer(handler, timeoutMs) : tlsServer(tls, handler, timeoutMs),
        timeoutMs,
      ) as Server,
    bodyLimit: bodyBytesMax,
    routerOptions: { maxParamLength: pathParameterCharsMax },
    forceCloseConnections: true,
    return503OnClosing: true,
    logger: false,
  }).withTypeProvider<TypeBoxTypes>();
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(compileValidator);
  app.setErrorHandler((error, _request, reply) => sendProblem(reply, toProblem(error, logger)));
  app.setNotFoundHandler((request, reply) => sendProblem(reply, noSuchPath(request.method, request.url)));
  const headers = securityHeaders(tls !== undefined);
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(headers);
    const { role } = request.routeOptions.config;
    if (role === undefined) return;
    void reply.header('cache-control', 'no-store');
    if (role === 'none') return;
    const { authorization, host, 'sec-fetch-site': site } = request.headers;
    access.check(role, { authorization, host });
    if (role !== 'read' && isForeign(site)) throw fromElsewhere();
  });
  context.requests.watch(app);
  await describeApi(app, context.parts.version);
  overviewRoutes(app, context);
  userRoutes(app, context);
  operateRoutes(app, context);
  notifyRoutes(app, context);
  changeRoutes(app, context);
  historyRoutes(app, context);
  eventRoutes(app, context);
  healthRoutes(app, context);
  await queueRoutes(app, context, access);
  if (dashboardFolder !== undefined) await serveDashboard(app, dashboardFolder);
  await app.ready();
  return app;
}

type Handler = Parameters<typeof createServer>[1];

const serverOptions = (timeoutMs: number) => ({
  maxHeaderSize: headerBytesMax,
  connectionsCheckingInterval: Math.ceil(timeoutMs / 6),
});

const plainServer = (handler: Handler, timeoutMs: number): Server =>
  createServer(serverOptions(timeoutMs), handler);

const tlsServer = (tls: TlsFiles, handler: Handler, timeoutMs: number): TlsServer =>
  createTlsServer({ ...tls, minVersion: 'TLSv1.2', ...serverOptions(timeoutMs) }, handler);

function limited<AnyServer extends Server | TlsServer>(server: AnyServer, timeoutMs: number): AnyServer {
  server.maxConnections = connectionsMax;
  server.requestTimeout = timeoutMs;
  server.headersTimeout = timeoutMs;
  server.timeout = socketTimeoutMs;
  server.keepAliveTimeout = keepAliveTimeoutMs;
  return server;
}

/** A browser that has a password may send it on behalf of any page that it shows. */
const isForeign = (site: string | string[] | undefined): boolean =>
  site === 'cross-site' || site === 'same-site';

const fromElsewhere = (): Problem =>
  new Problem(403, 'DSYNCD_HTTP_CROSS_SITE', 'a page of another site may not do this', {
    hint: 'open the dashboard of this dsyncd itself',
  });

const noSuchPath = (method: string, url: string): Problem =>
  new Problem(404, 'DSYNCD_HTTP_PATH', `there is no ${method} ${url.slice(0, 200)}`, { hint: 'see /docs' });
