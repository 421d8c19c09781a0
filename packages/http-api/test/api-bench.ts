import { mkdtempSync, rmSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Clock,
  type LogFields,
  type Logger,
  noCounts,
  parseUserName,
  silentLogger,
  systemClock,
  systemRandom,
  type UserName,
} from '@dsyncd/core';
import type { SyncResult } from '@dsyncd/engine';
import { type Claim, openMemoryQueue, type ReplicationQueue } from '@dsyncd/queue';
import { Intake } from '@dsyncd/replicator';
import { onTestFinished } from 'vitest';
import { type HttpApi, type HttpApiOptions, startHttpApi } from '../src/index.ts';

export const tokens = {
  read: 'read-token-0123456789',
  operate: 'operate-token-0123456789',
  notify: 'notify-token-0123456789',
} as const;

export const channels = [
  { name: 'default', replica: 'tcps:mx2.example.com', chain: false },
  { name: 'offsite', replica: 'tcps:mx3.example.com', chain: false },
];

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly text: string;
  /** The body as JSON; for assertions only. */
  readonly body: Readonly<Record<string, unknown>>;
}

export interface Call {
  readonly method?: string;
  readonly token?: string;
  readonly body?: unknown;
  readonly headers?: Readonly<Record<string, string>>;
}

const done: SyncResult = {
  outcome: 'ok',
  full: true,
  state: 's',
  counts: noCounts,
  conflicts: [],
  notes: [],
};

/** A real queue with two channels and the API in front of it, on a unix socket or a port. */
export class ApiBench {
  readonly queue: ReplicationQueue;
  readonly api: HttpApi;
  readonly log: { readonly message: string; readonly fields: LogFields }[];
  #clock: Clock;

  private constructor(queue: ReplicationQueue, api: HttpApi, log: ApiBench['log'], clock: Clock) {
    this.queue = queue;
    this.api = api;
    this.log = log;
    this.#clock = clock;
  }

  static async start(changes: Partial<HttpApiOptions> & { readonly clock?: Clock } = {}): Promise<ApiBench> {
    const clock = changes.clock ?? systemClock;
    const settings = { fullSyncIntervalMs: 86_400_000, failureResyncIntervalMs: 300_000 };
    const queue =
      changes.queue ??
      openMemoryQueue({
        clock,
        random: systemRandom,
        settings: { channels: channels.map(({ name }) => name), ...settings },
      });
    const log: ApiBench['log'] = [];
    const api = await startHttpApi({
      queue,
      sink: new Intake({ queue, channels: () => channels, clock: systemClock, logger: silentLogger }),
      channels: () => channels,
      users: usersOfStore,
      connsMax: () => 3,
      failoverMaxLagMs: () => 60_000,
      sources: () => [{ source: 'fifo', taken: 7, refused: 1 }],
      problems: () => [],
      isReady: () => true,
      hostname: () => 'mx1.example.com',
      version: '1.2.3',
      clock,
      logger: loggerInto(log),
      address: '127.0.0.1',
      port: 0,
      tokens,
      ...changes,
    });
    onTestFinished(async () => {
      await api.close();
      await queue.close();
    });
    return new ApiBench(queue, api, log, clock);
  }

  /** Looks with the token that may do everything, unless told otherwise; `token: ''` sends none. */
  async call(
    path: string,
    { method = 'GET', token = tokens.operate, body, headers = {} }: Call = {},
  ): Promise<Answer> {
    const url = new URL(path, this.api.url.startsWith('unix:') ? 'http://localhost' : this.api.url);
    const socket = this.api.url.startsWith('unix:') ? { socketPath: this.api.url.slice(5) } : {};
    return new Promise((resolve, reject) => {
      const sent = request(url, {
        ...socket,
        method,
        agent: false,
        headers: {
          ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
      });
      sent.once('error', reject);
      sent.once('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk: string) => (text += chunk));
        response.once('error', reject);
        response.once('end', () =>
          resolve({ status: response.statusCode ?? 0, headers: response.headers, text, body: parsed(text) }),
        );
      });
      sent.end(body === undefined ? undefined : typeof body === 'string' ? body : JSON.stringify(body));
    });
  }

  post(path: string, body?: unknown, call: Call = {}): Promise<Answer> {
    return this.call(path, { method: 'POST', ...(body === undefined ? {} : { body }), ...call });
  }

  async claim(): Promise<Claim> {
    const claim = await this.queue.claim(AbortSignal.timeout(5000));
    if (claim === undefined) throw new Error('nothing is due');
    return claim;
  }

  /** Ends a claimed sync as a worker does. */
  async end(claim: Claim, changes: Partial<SyncResult> = {}): Promise<void> {
    const result = { ...done, ...changes };
    const startedAt = this.#clock.now();
    await this.queue.complete(claim, {
      outcome: result.outcome,
      full: result.full,
      ...(result.failure === undefined ? {} : { failure: result.failure }),
    });
    this.api.syncEnded({ claim, result, startedAt, endedAt: startedAt + 1500 });
  }

  /** Asks for a sync of the user on a channel and ends it. */
  async sync(user: string, changes: Partial<SyncResult> = {}, channel = 'default'): Promise<void> {
    await this.queue.request(channel, [{ user: parseUserName(user), priority: 'high', byOperator: true }]);
    await this.end(await this.claim(), changes);
  }
}

export const ann = parseUserName('ann@example.com');
export const bob = parseUserName('bob@example.com');

export const broken: Partial<SyncResult> = {
  outcome: 'operator',
  full: false,
  failure: { code: 'DSYNCD_CERT', reason: 'certificate expired', hint: 'renew it' },
};

async function* usersOfStore(mask: string): AsyncIterable<UserName> {
  if (mask === '*@example.com') yield* [ann, bob];
}

function loggerInto(log: { message: string; fields: LogFields }[]): Logger {
  const write = (fields: LogFields, message: string): void => {
    log.push({ message, fields });
  };
  const logger: Logger = { debug: () => {}, info: write, warn: write, error: write, child: () => logger };
  return logger;
}

const parsed = (text: string): Answer['body'] => {
  try {
    return JSON.parse(text) as Answer['body'];
  } catch {
    return {};
  }
};

/** A folder that is gone after the test. */
export function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'dsyncd-http-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}
