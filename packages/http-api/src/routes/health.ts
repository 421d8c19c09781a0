import * as Type from 'typebox';
import { type App, channelParameter, problems, type RouteContext, strict } from './context.ts';

const readinessSchema = Type.Object(
  {
    ready: Type.Boolean(),
    usersBehind: Type.Integer({ description: 'Users whose oldest change waits longer than the limit.' }),
    usersNeverSynced: Type.Integer({ description: 'Users without a successful full sync yet.' }),
    oldestLagSeconds: Type.Number({ description: 'How long the oldest change of any user waits.' }),
    maxLagSeconds: Type.Number({ description: 'The limit.' }),
    reasons: Type.Array(Type.String(), { description: 'Why not, one sentence each; no user is named.' }),
  },
  { ...strict, title: 'Readiness for a failover' },
);
const aliveSchema = Type.Object({ status: Type.String() }, strict);

/** For load balancers and supervisors: counts only, so open to everyone who reaches the port. */
export function healthRoutes(app: App, { parts, overview, metricsPage }: RouteContext): void {
  app.get(
    '/healthz',
    { config: { role: 'none' }, schema: { summary: 'The process lives', response: { 200: aliveSchema } } },
    async () => ({ status: 'ok' }),
  );

  app.get(
    '/readyz',
    {
      config: { role: 'none' },
      schema: {
        summary: 'It takes and serves notifications',
        response: { 200: aliveSchema, 503: aliveSchema },
      },
    },
    async (_request, reply) => {
      const isReady = parts.isReady();
      return reply.code(isReady ? 200 : 503).send({ status: isReady ? 'ok' : 'starting or stopping' });
    },
  );

  app.get(
    '/failover',
    {
      config: { role: 'none' },
      schema: {
        summary: 'Is everything on the replica, so that this host can be done without?',
        description:
          '200 when every known user is replicated, but for changes younger than the limit, and nothing keeps the next ones from following, on the host itself neither; else 503.',
        querystring: Type.Object(
          {
            max_lag: Type.Optional(
              Type.Number({ minimum: 0, description: 'Seconds; instead of `failover_max_lag`.' }),
            ),
            channel: channelParameter,
          },
          strict,
        ),
        response: {
          200: readinessSchema,
          503: readinessSchema,
          '4xx': problems['4xx'],
          500: problems['5xx'],
        },
      },
    },
    async ({ query }, reply) => {
      const maxLagMs = query.max_lag === undefined ? parts.failoverMaxLagMs() : query.max_lag * 1000;
      const { isReady: ready, ...readiness } = await overview.readiness(maxLagMs, query.channel);
      const body = { ready, ...readiness, reasons: [...readiness.reasons], maxLagSeconds: maxLagMs / 1000 };
      return reply.code(ready ? 200 : 503).send(body);
    },
  );

  app.get(
    '/metrics',
    { config: { role: 'read' }, schema: { summary: 'For Prometheus', produces: ['text/plain'] } },
    async (_request, reply) => {
      const { text, contentType } = await metricsPage();
      return reply.type(contentType).send(text);
    },
  );
}
