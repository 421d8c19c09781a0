import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { until } from '@dsyncd/testkit';
import { describe, expect, it } from 'vitest';
import { joinHost, wrongCodesMax } from '../src/index.ts';
import { listen, mx1, mx2 } from './rig.ts';

const code = (error: unknown): string =>
  error instanceof Error && 'code' in error ? String(error.code) : String(error);
const refusal = (promise: Promise<unknown>): Promise<string> => promise.then(() => 'let in', code);

describe('who knocks at the listener of a pairing', () => {
  it('is let in with the code, once', async () => {
    const { listener, code } = await listen();
    const target = { host: '127.0.0.1', port: listener.port, code };
    const joined = await joinHost({ ...target, facts: mx2 });
    expect(joined.peer).toEqual(mx1);
    const other = await listener.joined;
    expect(other.peer).toEqual(mx2);
    expect(await refusal(joinHost({ ...target, facts: mx2 }))).toBe('DSYNCD_CONNECT');
    await Promise.all([joined.stream.end(), other.stream.end()]);
  });

  it('is let in alone when two come at once', async () => {
    const { listener, code } = await listen();
    const target = { host: '127.0.0.1', port: listener.port, code };
    const results = await Promise.all([
      refusal(joinHost({ ...target, facts: mx2 })),
      refusal(joinHost({ ...target, facts: { ...mx2, hostname: 'mx3.example.com' } })),
    ]);
    expect(results.filter((result) => result === 'let in')).toHaveLength(1);
    listener.close();
  });

  it('is not let in with a wrong code, and the code is no longer good after a few', async () => {
    const { listener, code } = await listen();
    const wrong = { ...code, secret: randomBytes(9) };
    const target = { host: '127.0.0.1', port: listener.port, facts: mx2 };
    for (let tries = 0; tries < wrongCodesMax; tries++)
      expect(await refusal(joinHost({ ...target, code: wrong }))).toBe('DSYNCD_PAIR_REFUSED');
    expect(await refusal(listener.joined)).toBe('DSYNCD_PAIR_REFUSED');
    expect(await refusal(joinHost({ ...target, code }))).toBe('DSYNCD_CONNECT');
  });

  it('may still come in with the right code after all wrong ones but the last', async () => {
    const { listener, code } = await listen();
    const target = { host: '127.0.0.1', port: listener.port, facts: mx2 };
    for (let tries = 1; tries < wrongCodesMax; tries++)
      await refusal(joinHost({ ...target, code: { ...code, secret: randomBytes(9) } }));
    expect(await refusal(joinHost({ ...target, code }))).toBe('let in');
  });

  it('is sent nothing when it has another key than the code says', async () => {
    const { listener: between, refused } = await listen();
    const { code } = await listen();
    expect(await refusal(joinHost({ host: '127.0.0.1', port: between.port, code, facts: mx2 }))).toBe(
      'DSYNCD_PAIR_IDENTITY',
    );
    await until('the connection in between ends', () => refused.length > 0);
    // Had it got a message with a proof, it would have called the code wrong.
    expect(refused[0]).toMatch(/^(the connection to the other host broke|no TLS connection)$/);
    between.close();
  });

  it('comes too late when the code is no longer good', async () => {
    const { listener, code } = await listen(50);
    expect(await refusal(listener.joined)).toBe('DSYNCD_PAIR_EXPIRED');
    expect(await refusal(joinHost({ host: '127.0.0.1', port: listener.port, code, facts: mx2 }))).toBe(
      'DSYNCD_CONNECT',
    );
  });

  it('does not keep the right one out by staying silent or by sending garbage', async () => {
    const { listener, code, refused } = await listen();
    const silent = Array.from({ length: 40 }, (): Socket => connectTcp(listener.port, '127.0.0.1'));
    for (const socket of silent) socket.on('error', () => {});
    const garbage = connectTcp(listener.port, '127.0.0.1');
    garbage.on('error', () => {});
    garbage.write(randomBytes(10_000));
    await until('garbage is refused', () => refused.length > 0);
    expect(await refusal(joinHost({ host: '127.0.0.1', port: listener.port, code, facts: mx2 }))).toBe(
      'let in',
    );
    for (const socket of [...silent, garbage]) socket.destroy();
  });

  it('is cut off when it sends more than a message can have', async () => {
    const { listener, refused } = await listen();
    const flood = connectTls({ host: '127.0.0.1', port: listener.port, rejectUnauthorized: false });
    flood.on('error', () => {});
    await once(flood, 'secureConnect');
    const chunk = Buffer.alloc(65_536, 'x');
    const pump = (): void => {
      while (!flood.destroyed && flood.write(chunk));
    };
    flood.on('drain', pump);
    const closed = new Promise((resolve) => flood.once('close', resolve));
    pump();
    await closed;
    expect(refused).toEqual(['the other end sends more than a message can have']);
    expect(flood.bytesWritten).toBeLessThan(16_000_000);
    listener.close();
  });

  it.each([
    ['no JSON', 'hello\n'],
    ['JSON that is no object', '[1]\n'],
    ['another version', '{"type":"hello","v":2}\n'],
    ['another message', '{"type":"written","v":1}\n'],
    [
      'a name that would break a configuration',
      `${JSON.stringify({ type: 'hello', v: 1, proof: '0'.repeat(64), facts: { ...mx2, hostname: 'a"\nb' } })}\n`,
    ],
  ])('is refused when it sends %s', async (_what, line) => {
    const { listener, refused } = await listen();
    const socket = connectTls({ host: '127.0.0.1', port: listener.port, rejectUnauthorized: false });
    socket.on('error', () => {});
    await once(socket, 'secureConnect');
    socket.resume().write(line);
    await until('it is refused', () => refused.length > 0);
    expect(refused[0]).toMatch(/the other (end|host) (does not speak|speaks another|sent|has a host name)/);
    listener.close();
    socket.destroy();
  });
});
