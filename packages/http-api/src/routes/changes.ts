import { type ChangeFeed, type ChangePage, usersPerPageMax } from '@dsyncd/changes';
import * as Type from 'typebox';
import { Problem } from '../problem.ts';
import { consumerSchema, consumerView } from '../views/consumers.ts';
import { type App, problems, type RouteContext, strict } from './context.ts';

const waitSecondsMax = 300;
/** Requests that wait for a change at once. */
export const waitersMax = 100;

const query = Type.Object(
  {
    since: Type.Optional(
      Type.String({
        maxLength: 64,
        description:
          '`next` of the answer before; `now`: only a cursor; missing: from the oldest change kept.',
      }),
    ),
    wait: Type.Integer({
      minimum: 0,
      maximum: waitSecondsMax,
      default: 0,
      description: 'Seconds to wait for a change when there is none.',
    }),
    limit: Type.Integer({ minimum: 1, maximum: usersPerPageMax, default: 1000 }),
  },
  strict,
);

const changesSchema = Type.Object(
  {
    users: Type.Array(Type.String(), { description: 'The oldest change first; each user once.' }),
    next: Type.String({ description: 'For the next request. Keep it when the users are dealt with.' }),
    more: Type.Boolean({ description: 'There are more already.' }),
  },
  { ...strict, title: 'Users who changed' },
);

/** Who changed, for programs that keep something in step with the mail. */
export function changeRoutes(app: App, { parts, closing }: RouteContext): void {
  let waiters = 0;

  app.get(
    '/v1/changes',
    {
      config: { role: 'read' },
      schema: {
        summary: 'Who changed, here or by a sync, at least once each',
        description:
          'Only the last change of each user is kept. A cursor after which changes may be missing (410) means to start over: take the cursor of `since=now`, go through all users, then go on from that cursor. Needs `change_feed = true`.',
        querystring: query,
        response: { 200: changesSchema, ...problems },
      },
    },
    async (request, reply) => {
      const { since, wait, limit } = request.query;
      const feed = feedOf(parts.feed);
      if (since === 'now') return { users: [], next: await feed.end(), more: false };
      if (wait === 0) return answerOf(await feed.page(since, limit));
      if (waiters >= waitersMax)
        throw new Problem(503, 'DSYNCD_HTTP_WAITERS', `${waiters} requests wait for changes already`, {
          hint: 'ask without wait, or let one program ask for all',
        });
      waiters++;
      const gone = new AbortController();
      const giveUp = (): void => gone.abort();
      reply.raw.once('close', giveUp);
      const cancel = parts.clock.after(wait * 1000, giveUp);
      try {
        return answerOf(await firstPage(feed, since, limit, AbortSignal.any([gone.signal, closing])));
      } finally {
        waiters--;
        cancel();
        reply.raw.off('close', giveUp);
      }
    },
  );

  app.get(
    '/v1/consumers',
    {
      config: { role: 'read' },
      schema: {
        summary: 'Programs that are given who changed',
        response: { 200: Type.Object({ consumers: Type.Array(consumerSchema) }, strict), ...problems },
      },
    },
    async () => ({ consumers: ((await parts.consumers?.()) ?? []).map(consumerView) }),
  );
}

const answerOf = ({ users, next, hasMore }: ChangePage) => ({ users: [...users], next, more: hasMore });

function feedOf(feed: ChangeFeed | undefined): ChangeFeed {
  if (feed !== undefined) return feed;
  throw new Problem(409, 'DSYNCD_CHANGES_OFF', 'no change feed is kept', {
    hint: 'set change_feed = true, and restart dsyncd',
  });
}

/** The page as soon as it has anyone; an empty one when `signal` aborts. */
async function firstPage(
  feed: ChangeFeed,
  since: string | undefined,
  limit: number,
  signal: AbortSignal,
): Promise<ChangePage> {
  for (;;) {
    // First the waiting, then the look: a change in between is not missed.
    const waiting = new AbortController();
    const noted = feed.nextNote(AbortSignal.any([signal, waiting.signal])).then(
      () => true,
      () => false,
    );
    const page = await feed.page(since, limit).catch((error: unknown) => {
      waiting.abort();
      throw error;
    });
    if (page.users.length > 0 || !(await noted)) {
      waiting.abort();
      return page;
    }
  }
}
