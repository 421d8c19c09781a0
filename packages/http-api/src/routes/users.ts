import { parseUserName, type UserFilter } from '@dsyncd/core';
import * as Type from 'typebox';
import { Problem } from '../problem.ts';
import { userDetailSchema, userListSchema } from '../views/answers.ts';
import { type UserView, userView } from '../views/views.ts';
import {
  type App,
  channelParameter,
  channelsOf,
  problems,
  type RouteContext,
  strict,
  userText,
} from './context.ts';

export const usersPerPageMax = 1_000;
/** Looks of the queue (up to 200,000 users each) that one request takes. */
const looksMax = 5;

const listQuery = Type.Object(
  {
    search: Type.Optional(
      userText('Part of the user name, or a mask with `*` (any text) and `?` (one character).'),
    ),
    filter: Type.Optional(
      Type.Union(
        [Type.Literal('behind'), Type.Literal('failed'), Type.Literal('quarantined'), Type.Literal('paused')],
        { description: '`behind`: a change waits, or the last sync failed.' },
      ),
    ),
    channel: channelParameter,
    limit: Type.Integer({ minimum: 1, maximum: usersPerPageMax, default: 100 }),
    cursor: Type.Optional(Type.String({ maxLength: 512, description: '`next` of the page before.' })),
  },
  strict,
);

export function userRoutes(app: App, { parts, history }: RouteContext): void {
  const { queue, clock } = parts;

  app.get(
    '/v1/users',
    {
      config: { role: 'read' },
      schema: {
        summary: 'Users, a page at a time',
        querystring: listQuery,
        response: { 200: userListSchema, ...problems },
      },
    },
    async ({ query }) => {
      const channels = await channelsOf(parts, query.channel);
      const start = decodeCursor(query.cursor, channels);
      const users: UserView[] = [];
      let { channel, cursor } = start;
      for (let look = 0; look < looksMax && channel !== undefined; look++) {
        const page = await queue.userPage(channel, {
          mask: maskOf(query.search),
          limit: query.limit - users.length,
          ...only(query.filter),
          cursor,
        });
        for (const user of page.users) users.push(userView(channel, user, clock.now()));
        cursor = page.next;
        if (cursor === undefined) channel = channels[channels.indexOf(channel) + 1];
        if (users.length >= query.limit) break;
      }
      return { users, next: channel === undefined ? undefined : encodeCursor({ channel, cursor }) };
    },
  );

  app.get(
    '/v1/users/:user',
    {
      config: { role: 'read' },
      schema: {
        summary: 'One user, with the last syncs',
        params: Type.Object({ user: userText('The whole name.') }),
        response: {
          200: userDetailSchema,
          ...problems,
        },
      },
    },
    async ({ params }) => {
      const asked = parseUserName(params.user);
      let user = asked;
      const channels: UserView[] = [];
      for (const { name } of parts.channels())
        for await (const status of queue.userStatus(name, asked)) {
          // A name may hold what a mask means otherwise.
          if (status.user !== asked && status.user !== asked.toLowerCase()) continue;
          user = status.user;
          channels.push(userView(name, status, clock.now()));
        }
      if (channels.length === 0) throw unknownUser(asked);
      return { user, channels, history: [...history.of(user)] };
    },
  );
}

const only = (filter: UserFilter | undefined): { readonly only?: UserFilter } =>
  filter === undefined ? {} : { only: filter };

const maskOf = (search: string | undefined): string => {
  if (search === undefined) return '*';
  return /[*?]/.test(search) ? search : `*${search}*`;
};

export const unknownUser = (user: string): Problem =>
  new Problem(404, 'DSYNCD_HTTP_USER', `user ${JSON.stringify(user)} is not known`, {
    hint: 'POST /v1/users makes a user known',
  });

/** Where a list of users over several channels goes on; no channel: at its end. */
export interface ListPlace {
  readonly channel: string | undefined;
  /** The queue's own cursor in that channel; undefined: its start. */
  readonly cursor: string | undefined;
}

export const encodeCursor = ({ channel, cursor }: ListPlace): string =>
  Buffer.from(JSON.stringify([channel, cursor ?? null])).toString('base64url');

/** @throws {Problem} 400 for what {@link encodeCursor} has not made, or for other channels. */
export function decodeCursor(text: string | undefined, channels: readonly string[]): ListPlace {
  if (text === undefined) return { channel: channels[0], cursor: undefined };
  const [channel, cursor, ...rest] = parseList(text);
  if (typeof channel !== 'string' || !channels.includes(channel) || rest.length > 0) throw noCursor();
  if (cursor !== null && typeof cursor !== 'string') throw noCursor();
  return { channel, cursor: cursor ?? undefined };
}

function parseList(text: string): unknown[] {
  try {
    const list: unknown = JSON.parse(Buffer.from(text, 'base64url').toString());
    return Array.isArray(list) ? list : [];
  } catch {
    return [];
  }
}

const noCursor = (): Problem =>
  new Problem(400, 'DSYNCD_QUEUE_CURSOR', 'invalid cursor', {
    hint: 'take `next` of the page before, with the same channel, or start without a cursor',
  });
