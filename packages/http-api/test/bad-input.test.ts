import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { parseUserName } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { bodyBytesMax } from '../src/app.ts';
import { notifyBodyBytesMax } from '../src/routes/notify.ts';
import { ApiBench, ann, scratchFolder, tokens } from './api-bench.ts';

describe('bodies', () => {
  it('that are too large are refused with what to do', async () => {
    const bench = await ApiBench.start();
    const large = await bench.post('/v1/replicate', { mask: 'x'.repeat(bodyBytesMax) });
    expect(large).toMatchObject({ status: 413, body: { hint: 'send fewer users at once' } });
    const users = Array.from({ length: 1000 }, (_, index) => `${index}${'x'.repeat(600)}`);
    expect(JSON.stringify({ users }).length).toBeGreaterThan(notifyBodyBytesMax);
    expect((await bench.post('/v1/notify', { users })).status).toBe(413);
    expect(await bench.queue.channelStatus('default')).toMatchObject({ users: 0 });
  });

  it.each([
    ['{"user": ', 400, 'application/json'],
    ['', 400, 'application/json'],
    ['null', 400, 'application/json'],
    ['[]', 400, 'application/json'],
    ['{"user":"ann","__proto__":{"priority":"sync"}}', 400, 'application/json'],
    ['{"user":"ann","constructor":{"prototype":{}}}', 400, 'application/json'],
    ['user=ann', 415, 'application/x-www-form-urlencoded'],
    ['user', 415, 'text/plain'],
    ['<user/>', 415, 'application/xml'],
  ])('%j are refused with %d', async (text, status, type) => {
    const bench = await ApiBench.start();
    const answer = await bench.post('/v1/notify', text, { headers: { 'content-type': type } });
    expect(answer.status, answer.text).toBe(status);
    expect(answer.body).toMatchObject({ code: 'DSYNCD_HTTP_REQUEST', detail: expect.any(String) });
    expect(await bench.queue.channelStatus('default')).toMatchObject({ users: 0 });
  });

  it('can never say where mail goes', async () => {
    const bench = await ApiBench.start();
    const replica = 'tcps:evil.example.com';
    for (const path of ['/v1/notify', '/v1/replicate', '/v1/users', '/v1/pause', '/v1/resume'])
      for (const field of ['mail_replica', 'replica', 'destination', 'host', 'peer', 'origin']) {
        const { status, body } = await bench.post(path, { user: ann, [field]: replica });
        expect([path, field, status]).toEqual([path, field, 400]);
        expect(body.detail).toContain(`unknown fields: "${field}"`);
      }
    for (const path of ['/v1/channels', '/v1/channels/default', '/v1/channels/evil'])
      for (const method of ['POST', 'PUT', 'PATCH', 'DELETE'])
        expect(
          (await bench.call(path, { method, ...(method === 'DELETE' ? {} : { body: { replica } }) })).status,
          `${method} ${path}`,
        ).toBe(404);
    expect((await bench.call('/v1/channels')).text).not.toContain('evil');
    expect(await bench.queue.channelStatus('default')).toMatchObject({ users: 0 });
  });
});

describe('user names', () => {
  const tricks = [
    '../../etc/passwd',
    '..',
    '.',
    '../b',
    'a//b',
    'a/../b',
    '/etc',
    'a\0b',
    'a\nb',
    '\ufffd',
    '',
  ];

  it('that would be paths are refused everywhere', async () => {
    const bench = await ApiBench.start();
    for (const user of tricks) {
      for (const path of ['/v1/notify', '/v1/replicate', '/v1/users', '/v1/pause']) {
        const { status, body } = await bench.post(path, { user });
        expect([path, user, status]).toEqual([path, user, 400]);
        expect(body.hint).toBeDefined();
      }
      if (user === '' || user === '.' || user === '..') continue;
      for (const method of ['GET', 'DELETE']) {
        const answer = await bench.call(`/v1/users/${encodeURIComponent(user)}`, { method });
        expect([user, answer.status, answer.body.code]).toEqual([user, 400, 'DSYNCD_USER_NAME']);
      }
    }
    expect(await bench.queue.channelStatus('default')).toMatchObject({ users: 0 });
  });

  it('in a path that climbs out meet no file, with the dashboard or without', async () => {
    const bench = await ApiBench.start({ dashboardFolder: scratchFolder() });
    for (const path of [
      '/../../../../etc/passwd',
      '/..%2f..%2f..%2fetc/passwd',
      '/%2e%2e/%2e%2e/etc/passwd',
    ]) {
      const answer = await rawGet(bench, path);
      expect(answer, path).toMatch(/^HTTP\/1\.1 40[034] /);
      expect(answer).not.toContain('root:');
    }
    expect(bench.log, 'nothing for the operator to look after').toEqual([]);
  });

  it('with HTML in them are data, never a page', async () => {
    const bench = await ApiBench.start();
    const name = parseUserName('<script>alert(1)<&"\'>');
    await bench.queue.add('default', [name]);
    const found = await bench.call(`/v1/users/${encodeURIComponent(name)}`);
    expect(found.body.user).toBe(name);
    const missing = await bench.call(`/v1/users/${encodeURIComponent('<img src=x onerror=alert(1)>')}`);
    const path = await bench.call('/<script>alert(1)<script>');
    for (const { headers, text } of [found, missing, path]) {
      expect(headers['content-type']).toMatch(/^application\/(problem\+)?json/);
      expect(headers['x-content-type-options']).toBe('nosniff');
      expect(headers['content-security-policy']).toContain("default-src 'self'");
      expect(() => JSON.parse(text) as unknown).not.toThrow();
    }
  });
});

/** Sends a path as it is: a client would tidy it. */
async function rawGet(bench: ApiBench, path: string): Promise<string> {
  const socket = connect(Number(new URL(bench.api.url).port), '127.0.0.1');
  socket.write(
    `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer ${tokens.operate}\r\nConnection: close\r\n\r\n`,
  );
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text;
}

describe('a client that takes its time', () => {
  it.each(['a port', 'a unix socket'])('is cut off before its request has arrived, on %s', async (place) => {
    const path = `${scratchFolder()}/http`;
    const where = place === 'a port' ? {} : { path };
    const bench = await ApiBench.start({ ...where, requestTimeoutMs: 300 });
    const socket: Socket =
      place === 'a port' ? connect(Number(new URL(bench.api.url).port), '127.0.0.1') : connect(path);
    socket.write('POST /v1/notify HTTP/1.1\r\nHost: x\r\nContent-Le');
    const [data] = (await once(socket, 'data')) as [Buffer];
    expect(String(data)).toMatch(/^HTTP\/1\.1 408 /);
    await once(socket, 'close');
    expect((await bench.call('/healthz')).status).toBe(200);
  });

  it('with headers without end is refused', async () => {
    const bench = await ApiBench.start();
    const headers = { 'x-large': 'x'.repeat(20_000) };
    expect((await bench.call('/healthz', { headers })).status).toBe(431);
  });
});
