import { readFileSync } from 'node:fs';
import { request } from 'node:http';
import { connect } from 'node:net';
import { parseUserName } from '@dsyncd/core';
import { until } from '@dsyncd/testkit';
import { describe, expect, it } from 'vitest';
import { notifyUsersMax, syncUsersMax } from '../src/routes/notify.ts';
import { type Answer, ApiBench, ann, bob, broken, tokens } from './api-bench.ts';

const token = tokens.notify;
const notify = (bench: ApiBench, body: unknown): Promise<Answer> => bench.post('/v1/notify', body, { token });

async function queued(bench: ApiBench): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for await (const { user, priority } of bench.queue.userStatus('default', '*')) found[user] = priority;
  return found;
}

describe('POST /v1/notify', () => {
  it('takes one user or many, each once, for every channel', async () => {
    const bench = await ApiBench.start();
    expect(await notify(bench, { user: ann })).toMatchObject({ status: 202, body: { accepted: 1 } });
    const many = { users: [bob, 'carl', bob], priority: 'high' };
    expect(await notify(bench, many)).toMatchObject({ status: 202, body: { accepted: 2 } });
    expect(await queued(bench)).toEqual({ [ann]: 'low', [bob]: 'high', carl: 'high' });
    expect(await bench.queue.channelStatus('offsite')).toMatchObject({ queuedLow: 1, queuedHigh: 2 });
  });

  it('takes nothing of a batch with one name that is none', async () => {
    const bench = await ApiBench.start();
    const { status, body } = await notify(bench, { users: [ann, '../etc', bob] });
    expect([status, body.code]).toEqual([400, 'DSYNCD_USER_NAME']);
    expect(body.detail).toContain('../etc');
    expect(await queued(bench)).toEqual({});
  });

  it.each([
    [{}, /either user or users/],
    [{ user: ann, users: [bob] }, /either user or users/],
    [{ user: ann, event: 'x', fields: { user: bob } }, /either user or users/],
    [{ user: '' }, /user/],
    [{ user: 7 }, /user/],
    [{ users: [] }, /users/],
    [{ users: 'ann' }, /users/],
    [{ user: ann, priority: 'urgent' }, /"low", "high", "sync"/],
    [{ user: ann, priority: 'sync', timeout: 0 }, /timeout/],
    [{ user: ann, priority: 'sync', timeout: 301 }, /timeout/],
    [{ user: ann, mail_replica: 'tcps:evil.example.com' }, /unknown fields: "mail_replica"/],
    [{ event: 'push_notification_finished', fields: { service: 'imap' } }, /user/],
    [{ users: Array.from({ length: notifyUsersMax + 1 }, (_, index) => `u${index}`) }, /users/],
    [
      { users: Array.from({ length: syncUsersMax + 1 }, (_, index) => `u${index}`), priority: 'sync' },
      /at most 100/,
    ],
  ])('refuses %j', async (body, detail) => {
    const bench = await ApiBench.start();
    const answer = await notify(bench, body);
    expect(answer.status, answer.text).toBe(400);
    expect(answer.body.detail).toMatch(detail);
    expect(answer.body.hint).toBeDefined();
    expect(await queued(bench)).toEqual({});
  });

  it('takes what the event exporter of Dovecot 2.4 posts', async () => {
    const bench = await ApiBench.start();
    const events = [
      [{ user: 'delivered', service: 'lmtp', mailbox: 'INBOX' }, 'high'],
      [{ user: 'appended', service: 'imap', cmd_name: 'APPEND' }, 'high'],
      [{ user: 'flagged', service: 'imap', cmd_name: 'STORE' }, 'low'],
      [{ user: 'annotated', cmd_name: 'SETMETADATA' }, 'low'],
    ] as const;
    for (const [fields] of events)
      expect((await notify(bench, { event: 'push_notification_finished', fields })).status).toBe(202);
    expect(await queued(bench)).toEqual(
      Object.fromEntries(events.map(([{ user }, priority]) => [user, priority])),
    );
  });
});

describe('with priority sync', () => {
  it('answers 200 when the user is synced on every channel, and not before', async () => {
    const bench = await ApiBench.start();
    const answer = notify(bench, { user: ann, priority: 'sync', timeout: 20 });
    const first = await Promise.race([answer, bench.claim()]);
    if ('status' in first) throw new Error('answered before any sync');
    await bench.end(first);
    await bench.end(await bench.claim());
    expect(await answer).toMatchObject({
      status: 200,
      body: { synced: true, users: [{ user: ann, outcome: 'synced' }] },
    });
  });

  it('answers 202 when the sync failed: it is tried again', async () => {
    const bench = await ApiBench.start();
    const answer = notify(bench, { users: [ann, bob], priority: 'sync', timeout: 20 });
    for (let syncs = 0; syncs < 4; syncs++) {
      const claim = await bench.claim();
      await bench.end(claim, claim.user === bob ? broken : {});
    }
    expect(await answer).toMatchObject({
      status: 202,
      body: {
        synced: false,
        users: [
          { user: ann, outcome: 'synced' },
          { user: bob, outcome: 'failed' },
        ],
      },
    });
  });

  it('answers 504 at the timeout; what was asked for stays', async () => {
    const bench = await ApiBench.start();
    const startedAt = performance.now();
    const answer = await notify(bench, { user: ann, priority: 'sync', timeout: 0.2 });
    expect(performance.now() - startedAt).toBeGreaterThan(190);
    expect(answer).toMatchObject({ status: 504, body: { synced: false, users: [{ outcome: 'timeout' }] } });
    expect(await queued(bench)).toEqual({ [ann]: 'sync' });
  });

  it('answers at once while the channel is paused', async () => {
    const bench = await ApiBench.start();
    await bench.queue.pause('default');
    await bench.queue.pause('offsite');
    expect((await notify(bench, { user: ann, priority: 'sync' })).status).toBe(202);
  });

  it('frees its place when the client goes away, also before the sync', async () => {
    const bench = await ApiBench.start();
    // More than may wait at the same time, one after the other.
    for (let round = 0; round < 22; round++) {
      const users = Array.from({ length: syncUsersMax }, (_, index) => `gone${round}-${index}`);
      const gone = new AbortController();
      const { port } = new URL(bench.api.url);
      const sent = request({
        port,
        method: 'POST',
        path: '/v1/notify',
        headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
        signal: gone.signal,
      });
      const closed = new Promise((resolve) => sent.on('error', resolve));
      sent.end(JSON.stringify({ users, priority: 'sync', timeout: 300 }));
      await until(
        'they are waited for',
        async () => (await bench.queue.channelStatus('default')).users >= (round + 1) * syncUsersMax,
      );
      gone.abort();
      await closed;
    }
    expect((await notify(bench, { user: ann, priority: 'sync', timeout: 0.1 })).status).toBe(504);
  });

  it('is answered when the API is closed meanwhile', async () => {
    const bench = await ApiBench.start();
    const answer = notify(bench, { user: ann, priority: 'sync', timeout: 60 });
    await bench.claim();
    await bench.api.close();
    expect((await answer).status).toBe(504);
  });
});

it('takes the bytes that the Lua script for Dovecot 2.4 sends', async () => {
  const script = readFileSync(
    new URL('../../../deploy/dovecot-2.4/dsyncd-notify.lua', import.meta.url),
    'utf8',
  );
  // If the script changes what it sends, this test has to send that too.
  expect(script).toContain(`'{"user":' .. to_json(user) .. ',"priority":"sync"}'`);
  expect(script).toContain('"Authorization", "Bearer "');
  const user = parseUserName('o"brien\\é@example.com');
  const bench = await ApiBench.start();
  const body = `{"user":"o\\u0022brien\\u005cé@example.com","priority":"sync"}`;
  const { port } = new URL(bench.api.url);
  const socket = connect(Number(port), '127.0.0.1');
  socket.write(
    `POST /v1/notify HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nDate: Tue, 01 Sep 2026 10:00:00 +0000\r\n` +
      `Connection: Keep-Alive\r\nAuthorization: Bearer ${token}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  const answer = new Promise<string>((resolve) => socket.once('data', (data) => resolve(String(data))));
  for (let syncs = 0; syncs < 2; syncs++) {
    const claim = await bench.claim();
    expect(claim).toMatchObject({ user, priority: 'sync' });
    await bench.end(claim);
  }
  expect(await answer).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  socket.destroy();
});
