import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Clock } from '@dsyncd/core';
import type { FastifyBaseLogger, FastifyInstance, RawServerDefault } from 'fastify';
import * as Type from 'typebox';
import type { Role } from '../access.ts';
import type { Activity } from '../activity.ts';
import type { EventHub } from '../event-hub.ts';
import type { History } from '../history/history.ts';
import type { Timeline } from '../history/timeline.ts';
import type { HttpApiParts } from '../parts.ts';
import { problemSchema } from '../problem.ts';
import type { TypeBoxTypes } from '../validation.ts';
import type { Overview } from '../views/readiness.ts';
import type { SyncHistory } from '../views/sync-history.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Who may call it; `none`: everyone. */
    role?: Role | 'none';
  }
}

export type App = FastifyInstance<
  RawServerDefault,
  IncomingMessage,
  ServerResponse,
  FastifyBaseLogger,
  TypeBoxTypes
>;

/** What the routes share. */
export interface RouteContext {
  readonly parts: HttpApiParts;
  readonly overview: Overview;
  readonly history: SyncHistory;
  /** What the channels did in the last 30 days. */
  readonly charts: History;
  readonly timeline: Timeline;
  readonly hub: EventHub;
  readonly activity: Activity;
  /** Notifications that came by the API. */
  readonly notified: { count: number };
  /** Aborts when the API is being closed: waiting callers are to be answered. */
  readonly closing: AbortSignal;
  readonly requests: OpenRequests;
  readonly metricsPage: () => Promise<{ readonly text: string; readonly contentType: string }>;
}

/** Where the page of the BullMQ queues is. */
export const boardPath = '/queues';

export const strict = { additionalProperties: false } as const;

export const problems = { '4xx': problemSchema, '5xx': problemSchema } as const;

export const channelParameter = Type.Optional(
  Type.String({ minLength: 1, maxLength: 64, description: 'One channel; missing: all.' }),
);

/** Unchecked text: what is wrong with a name is said by `parseUserName`. */
export const userText = (description: string) => Type.String({ minLength: 1, maxLength: 1024, description });

/** The channels that a request is about. @throws {DsyncdError} `DSYNCD_QUEUE_CHANNEL` for one that is not there. */
export async function channelsOf(
  { queue, channels }: HttpApiParts,
  only: string | undefined,
): Promise<string[]> {
  if (only === undefined) return channels().map(({ name }) => name);
  await queue.channelStatus(only);
  return [only];
}

/** Counts requests that are being answered, so that a stop can wait for them. */
export class OpenRequests {
  #count = 0;
  #onNone: (() => void) | undefined;

  watch(app: App): void {
    app.addHook('onRequest', async (_request, reply) => {
      this.#count++;
      reply.raw.once('close', () => {
        this.#count--;
        if (this.#count === 0) this.#onNone?.();
      });
    });
  }

  /** Settles when none is left, or after `timeoutMs`. */
  async none(clock: Clock, timeoutMs: number): Promise<void> {
    if (this.#count === 0) return;
    await new Promise<void>((resolve) => {
      const cancelTimer = clock.after(timeoutMs, resolve);
      this.#onNone = () => {
        cancelTimer();
        resolve();
      };
    });
  }
}
