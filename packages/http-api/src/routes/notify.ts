import { setMaxListeners } from 'node:events';
import { parseUserName, type RequestPriority, type UserName } from '@dsyncd/core';
import { changeBatch } from '@dsyncd/notify';
import type { FastifyReply } from 'fastify';
import type { Static } from 'typebox';
import * as Type from 'typebox';
import type { HttpApiParts } from '../parts.ts';
import { Problem } from '../problem.ts';
import { requestPriority } from '../views/views.ts';
import { type App, problems, type RouteContext, strict, userText } from './context.ts';

export const notifyUsersMax = 1_000;
export const notifyBodyBytesMax = 512 * 1024;
/** Each waits with a connection of its own. */
export const syncUsersMax = 100;
/** Users that clients of the API wait for, all together. */
export const syncWaitersMax = 2_000;
const timeoutSecondsMax = 300;

const bodySchema = Type.Object(
  {
    user: Type.Optional(userText('One user; give either this or `users`.')),
    users: Type.Optional(Type.Array(userText('A user.'), { minItems: 1, maxItems: notifyUsersMax })),
    priority: Type.Optional(
      requestPriority({
        description: '`low` unless given. `sync`: the answer waits until the users are synced.',
      }),
    ),
    event: Type.Optional(
      Type.String({
        maxLength: 64,
        description: 'With `fields`: what the event exporter of Dovecot 2.4 posts.',
      }),
    ),
    fields: Type.Optional(
      Type.Object(
        {
          user: userText('The user; instead of `user`.'),
          service: Type.Optional(Type.String({ maxLength: 64 })),
          cmd_name: Type.Optional(Type.String({ maxLength: 64 })),
        },
        { additionalProperties: true, description: 'Priority `high` for new mail, else `low`.' },
      ),
    ),
    timeout: Type.Optional(
      Type.Number({
        exclusiveMinimum: 0,
        maximum: timeoutSecondsMax,
        description: 'With `sync`: seconds to wait at most; 10 unless given.',
      }),
    ),
  },
  strict,
);

const acceptedSchema = Type.Object({ accepted: Type.Integer() }, strict);
const outcomeSchema = Type.Object(
  {
    synced: Type.Boolean({ description: 'All of them are.' }),
    users: Type.Array(
      Type.Object(
        {
          user: Type.String(),
          outcome: Type.Union([Type.Literal('synced'), Type.Literal('failed'), Type.Literal('timeout')]),
        },
        strict,
      ),
    ),
  },
  { ...strict, title: 'Outcome of a sync request' },
);
type Outcome = Static<typeof outcomeSchema>;
type Body = Static<typeof bodySchema>;

/** "These users changed": what is answered with 2xx or 504 survives a crash. */
export function notifyRoutes(app: App, { parts, notified, closing }: RouteContext): void {
  const waiting = { users: 0 };
  app.post(
    '/v1/notify',
    {
      config: { role: 'notify' },
      bodyLimit: notifyBodyBytesMax,
      schema: {
        summary: 'Notify of changed users',
        description:
          '202: durable; with `sync`, a sync failed and will be tried again. 200: synced. 504: not synced in time; it still will be.',
        body: bodySchema,
        response: {
          200: outcomeSchema,
          202: Type.Union([acceptedSchema, outcomeSchema]),
          504: outcomeSchema,
          ...problems,
        },
      },
    },
    async (request, reply) => {
      const { timeout = 10 } = request.body;
      const names = userNames(request.body);
      const priority = priorityOf(request.body);
      if (priority !== 'sync') {
        await parts.sink.request(changeBatch(names.map((user) => ({ user, priority }))));
        notified.count += names.length;
        return reply.code(202).send({ accepted: names.length });
      }
      if (names.length > syncUsersMax)
        throw new Problem(
          400,
          'DSYNCD_HTTP_REQUEST',
          `at most ${syncUsersMax} users can be waited for at once`,
          {
            hint: 'send several requests, or take priority "high"',
          },
        );
      if (waiting.users + names.length > syncWaitersMax)
        throw new Problem(503, 'DSYNCD_HTTP_WAITERS', `${waiting.users} users are waited for already`);
      waiting.users += names.length;
      try {
        const outcome = await waitForAll(parts, names, {
          timeoutMs: timeout * 1000,
          gone: [onceGone(reply), closing],
        });
        notified.count += names.length;
        return await reply.code(statusOf(outcome)).send(outcome);
      } finally {
        waiting.users -= names.length;
      }
    },
  );
}

/** Each user once, checked before anything is done. */
function userNames({ user, users, fields }: Body): UserName[] {
  const given = [user === undefined ? undefined : [user], users, fields && [fields.user]];
  const [names, ...others] = given.filter((each) => each !== undefined);
  if (names === undefined || others.length > 0)
    throw new Problem(400, 'DSYNCD_HTTP_REQUEST', 'the body needs either user or users', {
      hint: 'see /docs',
    });
  return [...new Set(names.map((name) => parseUserName(name)))];
}

/** What brings mail, in events of Dovecot. */
const newMailServices: readonly unknown[] = ['lmtp', 'lda'];
const newMailCommands: readonly unknown[] = ['APPEND', 'COPY', 'MOVE', 'UID COPY', 'UID MOVE'];

function priorityOf({ priority, fields }: Body): RequestPriority {
  if (priority !== undefined || fields === undefined) return priority ?? 'low';
  const isNewMail = newMailServices.includes(fields.service) || newMailCommands.includes(fields.cmd_name);
  return isNewMail ? 'high' : 'low';
}

interface Patience {
  readonly timeoutMs: number;
  /** Ends the waiting too. */
  readonly gone: readonly AbortSignal[];
}

async function waitForAll(
  { sink, clock }: HttpApiParts,
  names: readonly UserName[],
  { timeoutMs, gone }: Patience,
): Promise<Outcome> {
  const timeout = new AbortController();
  const cancelTimer = clock.after(timeoutMs, () => timeout.abort(new Error('timed out')));
  const over = AbortSignal.any([timeout.signal, ...gone]);
  // Each user takes a listener a channel.
  setMaxListeners(0, over);
  try {
    const users = await Promise.all(
      names.map(async (user) => ({ user, outcome: await outcomeOf(sink.waitForSync(user, over), over) })),
    );
    return { synced: users.every(({ outcome }) => outcome === 'synced'), users };
  } finally {
    cancelTimer();
  }
}

function onceGone(reply: FastifyReply): AbortSignal {
  const gone = new AbortController();
  reply.raw.once('close', () => gone.abort(new Error('the client has gone')));
  return gone.signal;
}

async function outcomeOf(
  sync: Promise<boolean>,
  signal: AbortSignal,
): Promise<Outcome['users'][number]['outcome']> {
  try {
    return (await sync) ? 'synced' : 'failed';
  } catch (error) {
    if (signal.aborted) return 'timeout';
    throw error;
  }
}

function statusOf({ synced, users }: Outcome): 200 | 202 | 504 {
  if (synced) return 200;
  return users.some(({ outcome }) => outcome === 'timeout') ? 504 : 202;
}
