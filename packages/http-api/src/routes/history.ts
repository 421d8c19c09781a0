import * as Type from 'typebox';
import { historySchema, historySecondsMax, historyView } from '../views/history-view.ts';
import { timelineSchema, timelineView } from '../views/timeline-view.ts';
import { type App, channelParameter, problems, type RouteContext, strict } from './context.ts';

/** What the charts show. */
export function historyRoutes(app: App, { parts, charts, timeline }: RouteContext): void {
  app.get(
    '/v1/history',
    {
      config: { role: 'read' },
      schema: {
        summary: 'Queues, syncs and delays over time, over restarts',
        description:
          'Spans of 10 seconds for the last hour, of a minute for the last day, of 15 minutes for the last 30 days: the finest that reaches so far back.',
        querystring: Type.Object(
          {
            seconds: Type.Integer({
              minimum: 10,
              maximum: historySecondsMax,
              default: 3600,
              description: 'How far back.',
            }),
            channel: channelParameter,
          },
          strict,
        ),
        response: { 200: historySchema, ...problems },
      },
    },
    async ({ query: { seconds, channel } }) =>
      historyView(charts, { seconds, channel, now: parts.clock.now() }),
  );

  app.get(
    '/v1/timeline',
    {
      config: { role: 'read' },
      schema: {
        summary: 'What happened on this host, over restarts',
        description: 'Starts of dsyncd, and the beginning and the end of what was not as it should be.',
        response: { 200: timelineSchema, ...problems },
      },
    },
    async () => timelineView(timeline),
  );
}
