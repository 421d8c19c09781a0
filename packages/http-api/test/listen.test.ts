import { once } from 'node:events';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { request as requestTls } from 'node:https';
import { createServer } from 'node:net';
import { connect as connectTls, type PeerCertificate } from 'node:tls';
import { createAuthority, freePort } from '@dsyncd/testkit';
import { describe, expect, it } from 'vitest';
import { ApiBench, ann, scratchFolder, tokens } from './api-bench.ts';

const filesOf = ({ certFile, keyFile }: { readonly certFile: string; readonly keyFile: string }) => ({
  cert: readFileSync(certFile, 'utf8'),
  key: readFileSync(keyFile, 'utf8'),
});

describe('with TLS', () => {
  it('serves the certificate, takes over a new one, and speaks nothing older than TLS 1.2', async () => {
    const authority = createAuthority(scratchFolder());
    const bench = await ApiBench.start({ tls: filesOf(authority.issue('localhost')) });
    expect(bench.api.url).toMatch(/^https:/);
    const ca = readFileSync(authority.caFile);
    const port = Number(new URL(bench.api.url).port);
    const status = await new Promise((resolve, reject) => {
      requestTls(
        {
          port,
          host: 'localhost',
          ca,
          path: '/v1/status',
          headers: { authorization: `Bearer ${tokens.read}` },
        },
        (response) => resolve([response.statusCode, response.headers['strict-transport-security']]),
      )
        .once('error', reject)
        .end();
    });
    expect(status).toEqual([200, 'max-age=31536000']);
    const next = authority.issue('mx1.example.com');
    bench.api.reload({ tokens, tls: filesOf(next) });
    expect((await certificateAt(port, ca)).subject.CN).toBe('mx1.example.com');
    expect(() => bench.api.reload({ tokens, tls: { cert: 'none', key: 'none' } })).toThrow(/cannot be used/);
    expect((await certificateAt(port, ca)).subject.CN, 'the present one stays').toBe('mx1.example.com');
    const old = connectTls({
      port,
      ca,
      maxVersion: 'TLSv1.1',
      minVersion: 'TLSv1.1',
      servername: 'localhost',
    });
    const [error] = (await once(old, 'error')) as [Error];
    expect(error.message).toMatch(/alert|protocol|version/i);
  });

  it('does not start with a certificate that is none', async () => {
    await expect(ApiBench.start({ tls: { cert: 'none', key: 'none' } })).rejects.toMatchObject({
      code: 'DSYNCD_HTTP_TLS',
      hint: expect.stringContaining('server_cert_file'),
    });
  });
});

async function certificateAt(port: number, ca: Buffer): Promise<PeerCertificate> {
  const socket = connectTls({ port, ca, servername: 'localhost', checkServerIdentity: () => undefined });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerCertificate();
  socket.destroy();
  return certificate;
}

describe('on a unix socket', () => {
  it('who may open it may do everything that has no token', async () => {
    const path = `${scratchFolder()}/http`;
    const bench = await ApiBench.start({ path, tokens: { operate: tokens.operate } });
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(bench.api.url).toBe(`unix:${path}`);
    expect((await bench.call('/v1/status', { token: '' })).status).toBe(200);
    expect((await bench.post('/v1/notify', { user: ann }, { token: '' })).status).toBe(202);
    expect((await bench.post('/v1/replicate', { user: ann }, { token: '' })).status).toBe(401);
    expect((await bench.post('/v1/replicate', { user: ann })).status).toBe(202);
  });

  it('has the mode that is wanted, replaces one that a crash left, and is gone in the end', async () => {
    const path = `${scratchFolder()}/http`;
    const crashed = createServer().listen(path);
    await once(crashed, 'listening');
    const bench = await ApiBench.start({ path: `${path}2`, access: { mode: 0o660 } });
    expect(statSync(`${path}2`).mode & 0o777).toBe(0o660);
    await expect(ApiBench.start({ path })).rejects.toMatchObject({ code: 'DSYNCD_SOCKET_IN_USE' });
    crashed.close();
    await bench.api.close();
    expect(() => statSync(`${path}2`)).toThrow(/ENOENT/);
    writeFileSync(path, 'no socket');
    await expect(ApiBench.start({ path })).rejects.toMatchObject({ code: 'DSYNCD_SOCKET' });
  });
});

it('says who is in the way when the port is taken', async () => {
  const port = await freePort();
  const other = createServer().listen(port, '127.0.0.1');
  await once(other, 'listening');
  await expect(ApiBench.start({ port })).rejects.toMatchObject({
    code: 'DSYNCD_HTTP_LISTEN',
    hint: expect.stringContaining('[listeners.http]'),
  });
  other.close();
});

describe('GET /docs', () => {
  it('describes every path with its role, what it takes, and what it answers', async () => {
    const bench = await ApiBench.start();
    expect((await bench.call('/docs/', { token: '' })).text).toContain('swagger');
    const { body } = await bench.call('/docs/json', { token: '' });
    expect(body).toMatchObject({ openapi: '3.1.0', info: { title: 'dsyncd', version: '1.2.3' } });
    const paths = body.paths as Record<string, Record<string, Record<string, unknown>>>;
    expect(
      Object.entries(paths)
        .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method} ${path}`))
        .sort(),
    ).toEqual([
      'delete /v1/users/{user}',
      'get /failover',
      'get /healthz',
      'get /metrics',
      'get /readyz',
      'get /v1/changes',
      'get /v1/channels',
      'get /v1/channels/{channel}',
      'get /v1/consumers',
      'get /v1/events',
      'get /v1/fleet',
      'get /v1/history',
      'get /v1/status',
      'get /v1/timeline',
      'get /v1/users',
      'get /v1/users/{user}',
      'get /v1/workers',
      'post /v1/channels/{channel}/pause',
      'post /v1/channels/{channel}/resume',
      'post /v1/notify',
      'post /v1/pause',
      'post /v1/replicate',
      'post /v1/resume',
      'post /v1/users',
      'post /v1/users/{user}/retry',
    ]);
    for (const [path, methods] of Object.entries(paths))
      for (const [method, operation] of Object.entries(methods)) {
        expect(operation.summary, `${method} ${path}`).toBeTruthy();
        const isOpen = ['/healthz', '/readyz', '/failover'].includes(path);
        expect(operation.security, `${method} ${path}`).toEqual(isOpen ? undefined : [{ token: [] }]);
        expect(JSON.stringify(operation.tags)).toMatch(
          isOpen ? /open to everyone/ : /role (read|operate|notify)/,
        );
      }
    expect(JSON.stringify(body)).not.toContain('mail_replica"');
  });
});
