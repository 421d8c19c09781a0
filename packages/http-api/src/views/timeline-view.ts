import type { Static } from 'typebox';
import * as Type from 'typebox';
import { eventsMax, type Timeline } from '../history/timeline.ts';
import { isoInstant } from './views.ts';

export const timelineSchema = Type.Object(
  {
    events: Type.Array(
      Type.Object(
        {
          at: Type.String({ format: 'date-time' }),
          kind: Type.String({
            description: '`started` and `stopped`: dsyncd. `begins` and `ends`: what the text says.',
          }),
          level: Type.String({ description: '`good`, `late` (check it) or `bad` (a person must act).' }),
          text: Type.String(),
        },
        { additionalProperties: false, title: 'Event of the timeline' },
      ),
      { description: `The latest first; ${eventsMax} at most.` },
    ),
  },
  { additionalProperties: false, title: 'Timeline' },
);
export type TimelineView = Static<typeof timelineSchema>;

export const timelineView = ({ events }: Timeline): TimelineView => ({
  events: events.map(({ at, kind, level, text }) => ({ at: isoInstant(at), kind, level, text })),
});
