import * as Type from 'typebox';
import { statusSchema, workersSchema } from '../views/answers.ts';
import { consumerView } from '../views/consumers.ts';
import { fleetSchema, fleetView, ownFleet, totalsOf } from '../views/fleet-view.ts';
import { channelSchema, isoInstant, workerView } from '../views/views.ts';
import { type App, problems, type RouteContext, strict } from './context.ts';

/** What is going on, without a look at each user. */
export function overviewRoutes(app: App, { parts, overview }: RouteContext): void {
  const startedAt = isoInstant(parts.clock.now());
  const fleet = parts.fleet ?? ownFleet(parts);

  app.get(
    '/v1/status',
    {
      config: { role: 'read' },
      schema: { summary: 'Everything at a glance', response: { 200: statusSchema, ...problems } },
    },
    async () => {
      const channels = await overview.channels();
      return {
        hostname: parts.hostname(),
        version: parts.version,
        startedAt,
        ready: parts.isReady(),
        problems: [...parts.problems()],
        ...totalsOf(channels),
        workers: { running: parts.queue.running().length, max: parts.connsMax() },
        channels,
        consumers: ((await parts.consumers?.()) ?? []).map(consumerView),
      };
    },
  );

  app.get(
    '/v1/channels',
    {
      config: { role: 'read' },
      schema: {
        summary: 'All channels',
        response: { 200: Type.Object({ channels: Type.Array(channelSchema) }, strict), ...problems },
      },
    },
    async () => ({ channels: await overview.channels() }),
  );

  app.get(
    '/v1/channels/:channel',
    {
      config: { role: 'read' },
      schema: {
        summary: 'One channel',
        params: Type.Object({ channel: Type.String() }),
        response: { 200: channelSchema, ...problems },
      },
    },
    ({ params }) => overview.channel(params.channel),
  );

  app.get(
    '/v1/fleet',
    {
      config: { role: 'read' },
      schema: {
        summary: 'All backends whose queues are on the same Redis, with their replicators',
        description: 'Without Redis: this host alone.',
        response: { 200: fleetSchema, ...problems },
      },
    },
    async () => fleetView(await fleet.backends(), parts.clock.now()),
  );

  app.get(
    '/v1/workers',
    {
      config: { role: 'read' },
      schema: {
        summary: 'Syncs that run now',
        response: {
          200: workersSchema,
          ...problems,
        },
      },
    },
    async () => {
      const now = parts.clock.now();
      return {
        max: parts.connsMax(),
        running: parts.queue
          .running()
          .map((sync) => workerView(sync, parts.progressOf?.(sync.channel, sync.user), now)),
      };
    },
  );
}
