import { hasWildcard, parseUserName, type UserName } from '@dsyncd/core';
import { requireRoom } from '@dsyncd/queue';
import type { FastifyRequest } from 'fastify';
import * as Type from 'typebox';
import { Problem } from '../problem.ts';
import { channelSchema, requestPriority } from '../views/views.ts';
import {
  type App,
  channelParameter,
  channelsOf,
  problems,
  type RouteContext,
  strict,
  userText,
} from './context.ts';
import { unknownUser } from './users.ts';

const whoSchema = {
  user: Type.Optional(userText('One user; give either this or a mask.')),
  mask: Type.Optional(userText('A mask with `*` (any text) and `?` (one character).')),
  channel: channelParameter,
};

const countSchema = Type.Object({ users: Type.Integer({ minimum: 0 }) }, strict);
const userParams = Type.Object({ user: userText('The whole name.') });
const channelQuery = Type.Object({ channel: channelParameter }, strict);
const usersAtOnce = 1_000;

/** What a person does. Where mail goes is said by the configuration only, never here. */
export function operateRoutes(app: App, { parts, overview, history, hub }: RouteContext): void {
  const { queue, logger } = parts;
  const log = (request: FastifyRequest, operation: string, fields: Readonly<Record<string, unknown>>): void =>
    logger.info({ operation, from: request.ip, ...fields }, 'operation by HTTP');

  app.post(
    '/v1/replicate',
    {
      config: { role: 'operate' },
      schema: {
        summary: 'Sync a user, or known users by mask; ends quarantine and waiting',
        body: Type.Object(
          {
            ...whoSchema,
            priority: requestPriority({ default: 'low' }),
            full: Type.Boolean({ default: false }),
          },
          strict,
        ),
        response: { 202: countSchema, ...problems },
      },
    },
    async (request, reply) => {
      const { channel, priority, full } = request.body;
      const who = userOrMask(request.body.user, request.body.mask);
      let users = 0;
      for (const name of await channelsOf(parts, channel)) {
        if ('mask' in who) users = Math.max(users, await queue.replicate(name, who.mask, { priority, full }));
        else {
          const { user } = who;
          requireRoom([user], await queue.request(name, [{ user, priority, full, byOperator: true }]));
          users = 1;
        }
      }
      log(request, 'replicate', { ...who, channel, priority, full, users });
      return reply.code(202).send({ users });
    },
  );

  app.post(
    '/v1/users',
    {
      config: { role: 'operate' },
      schema: {
        summary: 'Make users known: one, or those of the mail store by mask',
        body: Type.Object(whoSchema, strict),
        response: { 200: countSchema, ...problems },
      },
    },
    async (request) => {
      const { user, mask, channel } = request.body;
      const who = userOrMask(user, mask);
      const names = await channelsOf(parts, channel);
      let users = 0;
      let batch: UserName[] = [];
      const add = async (): Promise<void> => {
        for (const name of names) requireRoom(batch, await queue.add(name, batch));
        users += batch.length;
        batch = [];
      };
      if ('user' in who) batch.push(who.user);
      else
        for await (const found of parts.users(who.mask)) {
          batch.push(found);
          if (batch.length >= usersAtOnce) await add();
        }
      await add();
      log(request, 'add', { ...who, channel, users });
      return { users };
    },
  );

  app.delete(
    '/v1/users/:user',
    {
      config: { role: 'operate' },
      schema: {
        summary: 'Forget a user',
        description: 'The mail stays. A later notification makes the user known again.',
        params: userParams,
        querystring: channelQuery,
        response: { 204: Type.Null(), ...problems },
      },
    },
    async (request, reply) => {
      const user = parseUserName(request.params.user);
      let wasKnown = false;
      for (const name of await channelsOf(parts, request.query.channel))
        wasKnown = (await queue.remove(name, user)) || wasKnown;
      if (!wasKnown) throw unknownUser(user);
      history.forget(user);
      log(request, 'forget', { user, channel: request.query.channel });
      return reply.code(204).send(null);
    },
  );

  app.post(
    '/v1/users/:user/retry',
    {
      config: { role: 'operate' },
      schema: {
        summary: 'Try a user again now: ends quarantine and waiting',
        params: userParams,
        querystring: channelQuery,
        response: { 202: countSchema, ...problems },
      },
    },
    async (request, reply) => {
      const user = parseUserName(request.params.user);
      const known: string[] = [];
      for (const name of await channelsOf(parts, request.query.channel))
        for await (const status of queue.userStatus(name, user)) if (status.user === user) known.push(name);
      if (known.length === 0) throw unknownUser(user);
      for (const name of known)
        requireRoom([user], await queue.request(name, [{ user, priority: 'high', byOperator: true }]));
      log(request, 'retry', { user, channel: request.query.channel });
      return reply.code(202).send({ users: 1 });
    },
  );

  for (const verb of ['pause', 'resume'] as const)
    app.post(
      `/v1/${verb}`,
      {
        config: { role: 'operate' },
        schema: {
          summary:
            verb === 'pause'
              ? 'Start no more syncs of a known user, or of those of a mask, over restarts too'
              : 'Go on with a user, or with those of a mask',
          description: verb === 'pause' ? 'Requests for their syncs wait until they are resumed.' : '',
          body: Type.Object(whoSchema, strict),
          response: { 200: countSchema, ...problems },
        },
      },
      async (request) => {
        const { user, mask, channel } = request.body;
        const who = userOrMask(user, mask);
        const wanted = 'mask' in who ? who.mask : withoutWildcard(who.user);
        let users = 0;
        for (const name of await channelsOf(parts, channel))
          users = Math.max(users, await queue[`${verb}Users`](name, wanted));
        if ('user' in who && users === 0) throw unknownUser(who.user);
        log(request, verb, { ...who, channel, users });
        return { users };
      },
    );

  for (const verb of ['pause', 'resume'] as const)
    app.post(
      `/v1/channels/:channel/${verb}`,
      {
        config: { role: 'operate' },
        schema: {
          summary: verb === 'pause' ? 'Start no more syncs, over restarts too' : 'Go on',
          params: Type.Object({ channel: Type.String() }),
          response: { 200: channelSchema, ...problems },
        },
      },
      async (request) => {
        const { channel } = request.params;
        await queue[verb](channel);
        log(request, verb, { channel });
        const view = await overview.channel(channel);
        hub.publish('channel', () => view);
        return view;
      },
    );
}

/** A name that a mask would read as more than that one user. */
function withoutWildcard(user: UserName): UserName {
  if (!hasWildcard(user)) return user;
  throw new Problem(400, 'DSYNCD_HTTP_REQUEST', `user name ${JSON.stringify(user)} has a "*" or "?"`, {
    hint: 'send it as mask, if everybody whom it matches may be meant',
  });
}

function userOrMask(
  user: string | undefined,
  mask: string | undefined,
): { readonly user: UserName } | { readonly mask: string } {
  if (user !== undefined && mask === undefined) return { user: parseUserName(user) };
  if (mask !== undefined && user === undefined) return { mask };
  throw new Problem(400, 'DSYNCD_HTTP_REQUEST', 'the body needs either user or mask', { hint: 'see /docs' });
}
