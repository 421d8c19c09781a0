import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { type Clock, DsyncdError, InvariantError, systemClock } from '@dsyncd/core';
import { readLine } from '@dsyncd/protocol';
import { describe, expect, it } from 'vitest';
import { StreamLink } from '../src/index.ts';
import { manualClock } from './support/manual-clock.ts';
import { failureOf, onCleanup, rawServer, until } from './support/parties.ts';

/** A link and the bare socket at its other end. */
async function linkAndSocket(
  stallTimeoutMs = 10_000,
  clock: Clock = systemClock,
): Promise<{ link: StreamLink; far: Socket; near: Socket }> {
  let onFar = (_socket: Socket): void => {};
  const arrived = new Promise<Socket>((resolve) => {
    onFar = resolve;
  });
  const { port } = await rawServer((socket) => onFar(socket));
  const near = connect(port, '127.0.0.1');
  onCleanup(() => near.destroy());
  await once(near, 'connect');
  return {
    link: new StreamLink(near, near, { peerName: 'the far end', stallTimeoutMs, clock }),
    far: await arrived,
    near,
  };
}

async function readText(link: StreamLink, length: number): Promise<string> {
  let text = '';
  while (text.length < length) {
    const chunk = await link.read();
    if (chunk === undefined) break;
    text += Buffer.from(chunk).toString();
  }
  return text;
}

describe('reading', () => {
  it('gives what came, what was put back first, and the end again and again', async () => {
    const { link, far } = await linkAndSocket();
    far.end('hello');
    expect(await readText(link, 5)).toBe('hello');
    link.unread(Buffer.from('lo'));
    link.unread(Buffer.from('hel'));
    expect(await readText(link, 5)).toBe('hello');
    expect(await link.read()).toBeUndefined();
    expect(await link.read()).toBeUndefined();
    expect(link.bytesReceived).toBe(5);
  });

  it('gives what came before a reset, then the failure', async () => {
    const { link, far, near } = await linkAndSocket();
    far.write('-last words\n');
    await until('it is here', () => link.bytesReceived === 12);
    far.resetAndDestroy();
    await until('the reset is here', () => near.destroyed);
    expect(await readLine(link, 100)).toBe('-last words');
    const failure = await failureOf(link.read());
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_LINK_LOST', 'transient']);
    expect(failure.message).toContain('the far end');
  });

  it('makes a fast peer wait while no one reads, and loses nothing', async () => {
    const { link, far } = await linkAndSocket();
    const total = 32 * 1024 * 1024;
    const block = Buffer.alloc(1024 * 1024, 'x');
    for (let sent = 0; sent < total; sent += block.length) far.write(block);
    await until('the link has stopped reading', () => link.bytesReceived >= 256 * 1024);
    let before = -1;
    await until('nothing more comes', () => {
      const isStill = before === link.bytesReceived;
      before = link.bytesReceived;
      return isStill;
    });
    expect(link.bytesReceived).toBeLessThan(2 * 256 * 1024);
    expect(far.writableLength).toBeGreaterThan(total / 2);
    let received = 0;
    while (received < total) received += (await link.read())?.length ?? Number.NaN;
    expect(received).toBe(total);
  });

  it('adds no listener for a read', async () => {
    const { link, far, near } = await linkAndSocket();
    const count = (): number => near.eventNames().reduce((sum, name) => sum + near.listenerCount(name), 0);
    const before = count();
    for (let round = 0; round < 20; round++) {
      const pending = link.read();
      far.write('x');
      await pending;
    }
    expect(count()).toBe(before);
  });

  it('is for one reader at a time', async () => {
    const { link } = await linkAndSocket();
    const first = link.read();
    first.catch(() => {});
    await expect(link.read()).rejects.toBeInstanceOf(InvariantError);
    link.fail(new DsyncdError('DSYNCD_SYSTEM', 'over', { outcome: 'transient' }));
    await expect(first).rejects.toThrow('over');
  });
});

describe('writing', () => {
  it('waits for a peer that does not read, and goes on when it does', async () => {
    const { link, far } = await linkAndSocket();
    far.pause();
    const block = Buffer.alloc(1024 * 1024, 'x');
    let written = 0;
    let wait: Promise<void> | undefined;
    while (wait === undefined && written < 64) {
      wait = link.write(block);
      written++;
    }
    expect(wait).toBeDefined();
    let isDrained = false;
    void wait?.then(() => {
      isDrained = true;
    });
    let received = 0;
    far.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    expect(isDrained).toBe(false);
    far.resume();
    await wait;
    await until('all has come', () => received === written * block.length);
    expect(link.bytesSent).toBe(received);
  });

  it('sends the writes of one turn together, in order, large ones too', async () => {
    const { link, far, near } = await linkAndSocket();
    const expected: string[] = [];
    let calls = 0;
    const write: (chunk: Uint8Array) => boolean = near.write.bind(near);
    near.write = (chunk: Uint8Array) => {
      calls++;
      return write(chunk);
    };
    for (let count = 0; count < 100; count++) {
      const text = count === 50 ? 'L'.repeat(100_000) : `${count};`;
      expected.push(text);
      await link.write(text);
    }
    let seen = '';
    far.on('data', (chunk: Buffer) => {
      seen += chunk.toString();
    });
    await until('all has come', () => seen.length === expected.join('').length);
    expect(seen).toBe(expected.join(''));
    expect(calls).toBeLessThan(5);
  });

  it('fails after the peer has gone', async () => {
    const { link, far } = await linkAndSocket();
    far.end();
    expect(await link.read()).toBeUndefined();
    expect(() => link.write('x')).toThrow('ended the connection');
  });

  it('sends all of it before it closes', async () => {
    const { link, far } = await linkAndSocket();
    let received = 0;
    far.on('data', (chunk: Buffer) => {
      received += chunk.length;
    });
    const length = 5_000_000;
    void link.write(Buffer.alloc(length))?.catch(() => {});
    void link.write('end');
    link.close();
    await once(far, 'end');
    expect(received).toBe(length + 3);
    expect(() => link.write('x')).toThrow('closed on this side');
  });
});

describe('a link that is given up', () => {
  it('fails at once with the reason of the signal', async () => {
    const { link, near } = await linkAndSocket();
    const abort = new AbortController();
    link.bind(abort.signal);
    const reading = failureOf(link.read());
    abort.abort(new DsyncdError('DSYNCD_LOGIN_TIMEOUT', 'the deadline has passed', { outcome: 'transient' }));
    expect((await reading).code).toBe('DSYNCD_LOGIN_TIMEOUT');
    expect((await failureOf(link.read())).code).toBe('DSYNCD_LOGIN_TIMEOUT');
    expect(near.destroyed).toBe(true);
  });

  it('fails with a transient error when the reason is another one', async () => {
    const { link } = await linkAndSocket();
    link.bind(AbortSignal.abort(new Error('no time')));
    const failure = await failureOf(link.read());
    expect([failure.outcome, failure.message]).toEqual([
      'transient',
      'the connection to the far end was given up: no time',
    ]);
  });

  it('no longer follows a signal that it was bound to before', async () => {
    const { link, far } = await linkAndSocket();
    const abort = new AbortController();
    link.bind(abort.signal);
    link.bind(undefined);
    abort.abort(new Error('late'));
    far.write('x');
    expect(await readText(link, 1)).toBe('x');
  });

  it('is dropped when nothing comes while we wait, and only then', async () => {
    const clock = manualClock();
    const { link, far } = await linkAndSocket(1000, clock);
    for (let round = 0; round < 3; round++) {
      const reading = readText(link, 2);
      clock.advance(999);
      far.write('x\n');
      expect(await reading).toBe('x\n');
    }
    clock.advance(5000); // no one waits: no stall
    const late = readText(link, 2);
    clock.advance(999);
    far.write('y\n');
    expect(await late).toBe('y\n');
    clock.advance(600); // the time before we began to wait does not count
    const failing = failureOf(link.read());
    clock.advance(999);
    await new Promise(setImmediate);
    expect(link.isOver).toBe(false);
    clock.advance(1);
    const failure = await failing;
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_LINK_STALLED', 'transient']);
    expect(failure.message).toBe('the far end has sent nothing for 1 s');
  });

  it('is dropped when bytes trickle and no line or kilobyte becomes whole', async () => {
    const clock = manualClock();
    const { link, far } = await linkAndSocket(1000, clock);
    for (const text of ['a', 'b', 'c']) {
      const reading = readText(link, 1);
      clock.advance(250);
      far.write(text);
      expect(await reading).toBe(text);
    }
    const failing = failureOf(link.read());
    clock.advance(250);
    const failure = await failing;
    expect([failure.code, failure.message]).toEqual([
      'DSYNCD_LINK_STALLED',
      'the far end has sent next to nothing for 1 s',
    ]);
  });

  it('is dropped when nothing but tiny lines comes in ten times its patience', async () => {
    const clock = manualClock();
    const { link, far } = await linkAndSocket(1000, clock);
    let lines = 0;
    for (; !link.isOver && lines < 100; lines++) {
      const reading = readText(link, 2).catch(() => '');
      clock.advance(500);
      if (!link.isOver) far.write('.\n');
      await reading;
    }
    expect(lines).toBe(20);
    expect((await failureOf(link.read())).message).toBe('the far end has sent next to nothing for 10 s');
  });

  it('knows of its end while nobody reads, also while something is unread', async () => {
    const { link, far } = await linkAndSocket();
    expect(link.over).toBeUndefined();
    far.end('last words');
    await until('the end is known', () => link.over !== undefined);
    expect(link.over).toMatchObject({
      reason: { code: 'DSYNCD_LINK_LOST' },
      unread: [Buffer.from('last words')],
    });
    expect(await readText(link, 10)).toBe('last words');
    expect(link.over?.unread).toEqual([]);
  });

  it('is dropped when the peer takes nothing', async () => {
    const { link, far } = await linkAndSocket(150);
    far.pause();
    const block = Buffer.alloc(1024 * 1024);
    const writing = (async () => {
      for (;;) await link.write(block);
    })();
    const failure = await failureOf(writing);
    expect(failure.message).toBe('the far end has taken nothing for 0.15 s');
  });
});
