import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { tokenCharsMin } from '../src/index.ts';
import { ApiBench, ann, tokens } from './api-bench.ts';

const looks = [
  '/v1/status',
  '/v1/channels',
  '/v1/users',
  '/v1/workers',
  '/v1/fleet',
  '/v1/events',
  '/metrics',
];
const operations: readonly (readonly [method: string, path: string, body?: unknown])[] = [
  ['POST', '/v1/replicate', { mask: '*' }],
  ['POST', '/v1/users', { user: ann }],
  ['DELETE', `/v1/users/${ann}`],
  ['POST', `/v1/users/${ann}/retry`],
  ['POST', '/v1/channels/default/pause'],
  ['POST', '/v1/channels/default/resume'],
  ['POST', '/v1/pause', { mask: '*' }],
  ['POST', '/v1/resume', { mask: '*' }],
];

const codeOf = async (bench: ApiBench, [method, path, body]: (typeof operations)[number], token: string) => {
  const answer = await bench.call(path, { method, token, body });
  return { status: answer.status, code: answer.body.code };
};

describe('on a port', () => {
  it('looking takes the token of read, or that of operate', async () => {
    const bench = await ApiBench.start();
    for (const path of looks) {
      const none = await bench.call(path, { token: '' });
      expect([path, none.status, none.body.code]).toEqual([path, 401, 'DSYNCD_HTTP_TOKEN']);
      expect(none.headers['www-authenticate']).toBe('Bearer realm="dsyncd"');
      const other = await bench.call(path, { token: tokens.notify });
      expect([path, other.status, other.body.code]).toEqual([path, 403, 'DSYNCD_HTTP_ROLE']);
      expect(other.body.hint).toMatch(/has the role "notify"/);
    }
    for (const token of [tokens.read, tokens.operate])
      expect((await bench.call('/v1/status', { token })).status).toBe(200);
  });

  it('operating takes the token of operate', async () => {
    const bench = await ApiBench.start();
    await bench.queue.add('default', [ann]);
    const before = await bench.queue.channelStatus('default');
    for (const operation of operations) {
      const none = await codeOf(bench, operation, '');
      expect([operation, none]).toEqual([operation, { status: 401, code: 'DSYNCD_HTTP_TOKEN' }]);
      for (const token of [tokens.read, tokens.notify]) {
        const other = await codeOf(bench, operation, token);
        expect([operation, other]).toEqual([operation, { status: 403, code: 'DSYNCD_HTTP_ROLE' }]);
      }
    }
    expect(await bench.queue.channelStatus('default'), 'nothing was done').toEqual(before);
  });

  it('operating is refused to pages of other sites, whatever a browser adds to what they send', async () => {
    const bench = await ApiBench.start();
    for (const [method, path, body] of operations) {
      for (const site of ['cross-site', 'same-site']) {
        const { status, body: problem } = await bench.call(path, {
          method,
          body,
          headers: { 'sec-fetch-site': site },
        });
        expect([path, status, problem.code]).toEqual([path, 403, 'DSYNCD_HTTP_CROSS_SITE']);
      }
    }
    const own = { method: 'POST', headers: { 'sec-fetch-site': 'same-origin' } };
    expect((await bench.call('/v1/channels/default/pause', own)).status).toBe(200);
  });

  it('notifying takes the token of notify, or that of operate', async () => {
    const bench = await ApiBench.start();
    const notify = async (token: string): Promise<number> =>
      (await bench.post('/v1/notify', { user: ann }, { token })).status;
    expect(await notify('')).toBe(401);
    expect(await notify(tokens.read)).toBe(403);
    expect(await notify(tokens.notify)).toBe(202);
    expect(await notify(tokens.operate)).toBe(202);
  });

  it('refuses a wrong token, whatever it is', async () => {
    const bench = await ApiBench.start();
    const wrong = [
      `Bearer ${tokens.read.slice(0, -1)}`,
      `Bearer ${tokens.read}x`,
      `Bearer ${'x'.repeat(4000)}`,
      'Bearer',
      'Bearer ',
      `Digest ${tokens.read}`,
      tokens.read,
      `Basic ${Buffer.from(tokens.read).toString('base64')}`,
      `Basic ${Buffer.from(`${tokens.read}:`).toString('base64')}`,
    ];
    for (const authorization of wrong) {
      const { status, text } = await bench.call('/v1/status', { token: '', headers: { authorization } });
      expect([authorization, status]).toEqual([authorization, 401]);
      expect(text, 'no secret is told back').not.toContain('read-token');
    }
    expect(bench.log.some(({ fields }) => JSON.stringify(fields).includes('token'))).toBe(false);
  });

  it('takes the token as password of Basic too', async () => {
    const bench = await ApiBench.start();
    const basic = (pair: string): Record<string, string> => ({
      authorization: `Basic ${Buffer.from(pair).toString('base64')}`,
    });
    expect((await bench.call('/v1/status', { token: '', headers: basic(`any:${tokens.read}`) })).status).toBe(
      200,
    );
    expect((await bench.call('/v1/status', { token: '', headers: basic(`:${tokens.read}`) })).status).toBe(
      200,
    );
    expect((await bench.call('/v1/status', { token: '', headers: basic('any:thing') })).status).toBe(401);
  });

  it('without a token for read, this host may look, but no page that came by a name', async () => {
    const bench = await ApiBench.start({ tokens: { operate: tokens.operate } });
    expect((await bench.call('/v1/status', { token: '' })).status).toBe(200);
    for (const host of ['localhost:8080', '[::1]:8080', '127.0.0.1'])
      expect((await bench.call('/v1/status', { token: '', headers: { host } })).status, host).toBe(200);
    for (const host of ['evil.example.com', 'evil.example.com:8080', '127.0.0.1.evil.example.com']) {
      const { status, body } = await bench.call('/v1/status', { token: '', headers: { host } });
      expect([host, status, body.code]).toEqual([host, 403, 'DSYNCD_HTTP_HOST']);
    }
    for (const [method, path, body] of operations)
      expect((await bench.call(path, { method, body, token: '' })).status, path).toBe(401);
    expect((await bench.post('/v1/notify', { user: ann }, { token: '' })).body).toMatchObject({
      code: 'DSYNCD_HTTP_ROLE',
      hint: expect.stringContaining('notify_token_file'),
    });
  });

  it('takes over new tokens, and refuses the old ones from then on', async () => {
    const bench = await ApiBench.start();
    const status = async (token: string): Promise<number> =>
      (await bench.call('/v1/status', { token })).status;
    expect(await status(tokens.read)).toBe(200);
    const next = 'another-token-0123456789';
    bench.api.reload({ tokens: { ...tokens, read: next } });
    expect([await status(tokens.read), await status(next)]).toEqual([401, 200]);
    expect(() => bench.api.reload({ tokens: { read: 'x'.repeat(tokenCharsMin - 1) } })).toThrow(
      /fewer than 16/,
    );
    expect(await status(next), 'the present ones stay').toBe(200);
  });

  it('does not start with a token that can be guessed', async () => {
    await expect(ApiBench.start({ tokens: { notify: 'secret' } })).rejects.toMatchObject({
      code: 'DSYNCD_HTTP_TOKEN',
      hint: expect.stringContaining('openssl rand'),
    });
  });

  // Compares digests of equal length whatever comes; this finds a comparison that ends at the first difference.
  it('takes as long for a token that is nearly right as for one that is not', async () => {
    const secret = 'k'.repeat(8000);
    const bench = await ApiBench.start({ tokens: { read: secret } });
    const near = `${secret.slice(0, -1)}x`;
    const far = `x${secret.slice(1)}`;
    const times: Record<string, number[]> = { near: [], far: [] };
    for (let round = 0; round < 300; round++)
      for (const [name, token] of round % 2 === 0
        ? Object.entries({ near, far })
        : Object.entries({ far, near })) {
        const startedAt = performance.now();
        expect((await bench.call('/v1/workers', { token })).status).toBe(401);
        times[name]?.push(performance.now() - startedAt);
      }
    const median = (name: string): number => times[name]?.sort((a, b) => a - b)[150] ?? 0;
    expect(median('near') / median('far')).toBeGreaterThan(0.7);
    expect(median('near') / median('far')).toBeLessThan(1.4);
  });
});

it('health and readiness for a failover are open to everybody, and tell no name', async () => {
  const bench = await ApiBench.start();
  await bench.queue.add('default', [ann]);
  for (const path of ['/healthz', '/readyz', '/failover']) {
    const { status, text } = await bench.call(path, { token: '' });
    expect([200, 503]).toContain(status);
    expect(text).not.toContain('ann@');
  }
});

it('answers a request with a method or a path that is none, without a word about tokens', async () => {
  const bench = await ApiBench.start();
  expect((await bench.call('/v1/nothing', { token: '' })).body.code).toBe('DSYNCD_HTTP_PATH');
  expect((await bench.call('/v1/status', { method: 'PUT', token: '' })).status).toBe(404);
  const { port } = new URL(bench.api.url);
  const status = await new Promise((resolve, reject) => {
    request({ port, method: 'TRACE', path: '/v1/status' }, (response) => resolve(response.statusCode))
      .once('error', reject)
      .end();
  });
  expect(status).toBe(404);
});
