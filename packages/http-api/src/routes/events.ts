import { type EventHub, eventText } from '../event-hub.ts';
import { Problem } from '../problem.ts';
import type { App, RouteContext } from './context.ts';

/** Server-sent events: `sync`, `notifications`, `channel` and `dropped`. */
export function eventRoutes(app: App, { parts, hub, overview, activity }: RouteContext): void {
  app.get(
    '/v1/events',
    {
      config: { role: 'read' },
      schema: {
        summary: 'What happens, as it happens (server-sent events)',
        description:
          '`channel`: the state of a channel, of each at first and then when it changes. `sync`: one sync has ended. `notifications`: how many came in the last second, by source. `dropped`: how many events this client missed because it reads too slowly.',
        produces: ['text/event-stream'],
      },
    },
    async (request, reply) => {
      refuseWhenFull(hub);
      const channels = await overview.channels();
      // Meanwhile others may have come, and this one gone: one that is closed already would never leave the hub.
      refuseWhenFull(hub);
      reply.hijack();
      if (reply.raw.destroyed) return;
      request.raw.socket.setTimeout(0);
      request.raw.socket.setNoDelay(true);
      reply.raw.writeHead(200, {
        ...Object.fromEntries(Object.entries(reply.getHeaders()).filter(([, value]) => value !== undefined)),
        'content-type': 'text/event-stream',
        'cache-control': 'no-store',
        'x-accel-buffering': 'no',
      });
      // A client that goes away in the middle is no news.
      reply.raw.on('error', () => {});
      hub.add(
        reply.raw,
        `retry: 3000\n\n${channels.map((channel) => eventText('channel', channel)).join('')}`,
      );
      activity.wake();
      parts.logger.debug({ clients: hub.clients }, 'event client came');
    },
  );
}

function refuseWhenFull(hub: EventHub): void {
  if (!hub.isFull) return;
  throw new Problem(503, 'DSYNCD_HTTP_EVENT_CLIENTS', `${hub.clients} clients listen already`, {
    hint: 'close pages and programs that listen to /v1/events, or ask for /v1/status now and then',
  });
}
