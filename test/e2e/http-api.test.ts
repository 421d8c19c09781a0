import { writeFile } from 'node:fs/promises';
import { parseUserName } from '@dsyncd/core';
import { createPair, type Host, until } from '@dsyncd/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cleanUpAfterTests,
  countInbox,
  deliver,
  logOf,
  mailOf,
  scratchFolder,
  startHosts,
  untilInbox,
} from './support.ts';

cleanUpAfterTests();

interface Answer {
  readonly status: number;
  readonly body: Readonly<Record<string, unknown>>;
}

async function call(host: Host, path: string, body?: unknown, token = host.http.token): Promise<Answer> {
  const answer = await fetch(`${host.http.url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: {
      ...(token === '' ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const text = await answer.text();
  return { status: answer.status, body: (text === '' ? {} : JSON.parse(text)) as Answer['body'] };
}

const sync = (host: Host, user: string, timeout = 20): Promise<Answer> =>
  call(host, '/v1/notify', { user, priority: 'sync', timeout });

/** Saves a mail past LMTP, so that nothing has notified of it. */
async function saveQuietly(host: Host, user: string, subject: string): Promise<void> {
  await host.program('dsync-lmtp').end('SIGTERM');
  const store = host.openStore();
  const mail = await store.open(parseUserName(user), { create: true });
  const inbox = await mail.mailboxByPath(['INBOX']);
  const body = await mail.stageBody(
    (async function* () {
      yield Buffer.from(mailOf(subject));
    })(),
  );
  await inbox?.apply([{ type: 'save', body }]);
  await mail.close();
  await store.close();
  await host.startProgram('dsync-lmtp');
}

describe('the HTTP API of a real pair', () => {
  let a: Host;
  let b: Host;
  beforeAll(async () => {
    ({ a, b } = await createPair({ folder: scratchFolder(), hasHttp: true }));
    await startHosts(a, b);
  });

  test('POST /v1/notify with sync, as the Lua script of Dovecot 2.4 sends it, answers when the mail is over there', async () => {
    await saveQuietly(a, 'ann@example.com', 'told by HTTP');
    expect(await countInbox(b, 'ann@example.com')).toBe(0);
    const answer = await call(a, '/v1/notify', '{"user":"ann@example.com","priority":"sync"}');
    expect(answer).toMatchObject({ status: 200, body: { synced: true } });
    expect(await countInbox(b, 'ann@example.com')).toBe(1);
  });

  test('shows the user with its sync, and readiness for a failover', async () => {
    await deliver(a, 'bob@example.com', 'hello');
    await untilInbox(b, 'bob@example.com', 1);
    await until('the sync is in the history', async () => {
      const { body } = await call(a, '/v1/users/bob@example.com');
      return (body.history as unknown[] | undefined)?.length !== 0;
    });
    expect((await call(a, '/v1/users/bob@example.com')).body).toMatchObject({
      channels: [{ state: 'replicated', failed: false }],
      history: [{ outcome: 'ok', mailsSent: 1, peer: 'b.example.com' }],
    });
    expect(await call(a, '/failover', undefined, '')).toMatchObject({ status: 200, body: { ready: true } });
  });

  test('a paused user stays behind, over a restart too, until resumed', async () => {
    await deliver(a, 'carl@example.com', 'first');
    await untilInbox(b, 'carl@example.com', 1);
    expect((await call(a, '/v1/pause', { user: 'carl@example.com' })).body).toEqual({ users: 1 });
    await deliver(a, 'carl@example.com', 'second');
    await a.program('dsyncd').end('SIGKILL');
    await a.startProgram('dsyncd');
    expect(await sync(a, 'ann@example.com'), 'others go on').toMatchObject({ status: 200 });
    expect(await sync(a, 'carl@example.com')).toMatchObject({ status: 202, body: { synced: false } });
    expect(await countInbox(b, 'carl@example.com')).toBe(1);
    const readiness = await call(a, '/failover?max_lag=0', undefined, '');
    expect(readiness).toMatchObject({ status: 503, body: { ready: false, usersBehind: 1 } });
    expect((await call(a, '/v1/resume', { mask: 'carl@*' })).body).toEqual({ users: 1 });
    await untilInbox(b, 'carl@example.com', 2);
  });

  test('with the peer down, sync answers without waiting for the timeout, and /failover says how far behind', async () => {
    await b.program('dsync-server').end('SIGTERM');
    await deliver(a, 'dora@example.com', 'late');
    const failed = await sync(a, 'dora@example.com');
    expect(failed).toMatchObject({ status: 202, body: { users: [{ outcome: 'failed' }] } });
    const { status, body } = await call(a, '/failover?max_lag=0', undefined, '');
    expect([status, body.ready]).toEqual([503, false]);
    expect(Number(body.oldestLagSeconds)).toBeGreaterThan(0);
    await b.startProgram('dsync-server');
    await until(
      'all is there again',
      async () => (await call(a, '/failover', undefined, '')).status === 200,
      {
        timeoutMs: 30_000,
      },
    );
  });

  test('takes over a new token on reload, and says nothing of either in the log', async () => {
    const before = a.http.token;
    const next = 'f'.repeat(64);
    await writeFile(a.http.tokenFile, `${next}\n`);
    expect(await a.reload('dsyncd')).toContain('configuration reloaded');
    expect((await call(a, '/v1/pause', { mask: 'x' }, before)).status).toBe(401);
    expect((await call(a, '/v1/pause', { mask: 'x' }, next)).status).toBe(200);
    await writeFile(a.http.tokenFile, 'short\n');
    expect(await a.reload('dsyncd')).toContain('not reloaded');
    expect((await call(a, '/v1/pause', { mask: 'x' }, next)).status, 'the present one stays').toBe(200);
    await writeFile(a.http.tokenFile, `${before}\n`);
    await a.reload('dsyncd');
    const log = JSON.stringify(logOf(a, 'dsyncd'));
    expect([log.includes(before), log.includes(next)]).toEqual([false, false]);
  });
});
