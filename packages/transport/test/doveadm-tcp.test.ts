import { once } from 'node:events';
import { connect, createServer, Socket } from 'node:net';
import { join } from 'node:path';
import { DsyncdError, parseDestination } from '@dsyncd/core';
import { readLine } from '@dsyncd/protocol';
import { describe, expect, it } from 'vitest';
import {
  createPeer,
  type Peer,
  type PeerSettings,
  StreamLink,
  type SyncConnection,
  startDoveadmServer,
} from '../src/index.ts';
import { recordingLogger } from './support/log.ts';
import { manualClock } from './support/manual-clock.ts';
import {
  failureOf,
  fresh,
  onCleanup,
  rawServer,
  ShoutingAnswerer,
  scratchFolder,
  shout,
  until,
  user,
} from './support/parties.ts';

const secret = 'correct horse battery staple';

async function startPair(
  server: Partial<Parameters<typeof startDoveadmServer>[0]> = {},
  peer: Partial<PeerSettings> = {},
) {
  const logger = recordingLogger();
  const answerer = new ShoutingAnswerer();
  const service = await startDoveadmServer({
    address: '127.0.0.1',
    port: 0,
    secret,
    answerer,
    logger,
    ...server,
  });
  onCleanup(() => service.stop(0));
  const destination = parseDestination(`tcp:127.0.0.1:${service.port}`, { doveadmPort: 1 });
  const client = createPeer(destination, { secret, secretSource: '/etc/dsyncd/secret', ...peer });
  onCleanup(() => client.close());
  return { logger, answerer, service, client };
}

describe('a sync over tcp', () => {
  it('reaches the answerer, and is repeated on the same connection', async () => {
    const { client, answerer, logger } = await startPair();
    for (let round = 0; round < 3; round++) {
      const sync = await client.startSync(user, fresh());
      expect(await shout(sync, 'hello')).toBe('HELLO');
      expect(await shout(sync, 'bye')).toBe('BYE');
      expect(sync.bytesReceived).toBe('\n+\nHELLO\nBYE\n'.length);
      sync.release(true);
    }
    expect(answerer.answered).toEqual([user, user, user]);
    expect(logger.lines).toEqual([]);
  });

  it('does not let a finished sync write into the next one', async () => {
    const { client } = await startPair();
    const first = await client.startSync(user, fresh());
    await shout(first, 'bye');
    first.release(true);
    expect(() => first.write('x\n')).toThrow('after its release');
    const second = await client.startSync(user, fresh());
    first.release(false);
    expect(await shout(second, 'still here')).toBe('STILL HERE');
    second.release(false);
  });

  it('tells a wrong secret to both operators, once and without the secret', async () => {
    const { client, logger } = await startPair({}, { secret: 'tr0ub4dor' });
    const failure = await failureOf(client.startSync(user, fresh()));
    expect(failure.outcome).toBe('operator');
    expect(failure.code).toBe('DSYNCD_SECRET');
    expect(failure.hint).toContain('/etc/dsyncd/secret');
    await until('the server has logged it', () => logger.lines.length > 0);
    expect(logger.lines.map(({ level, code }) => [level, code])).toEqual([['warn', 'DSYNCD_SECRET']]);
    const told = JSON.stringify([logger.lines, failure.message, failure.hint, failure.stack]);
    for (const text of [secret, 'tr0ub4dor', Buffer.from('\0doveadm\0tr0ub4dor').toString('base64')])
      expect(told).not.toContain(text);
  });

  it.each(['nouser', 'noreplicate', 'busy', 'transient', 'operator'] as const)(
    'carries the refusal %s to the other side',
    async (outcome) => {
      const { client, answerer } = await startPair();
      answerer.refusal = new DsyncdError('DSYNCD_SYSTEM', 'the disk\nis full', { outcome });
      const failure = await failureOf(client.startSync(user, fresh()));
      expect(failure.outcome).toBe(outcome);
      if (outcome !== 'nouser' && outcome !== 'noreplicate')
        expect(failure.message).toContain('the disk is full');
      answerer.refusal = undefined;
      const sync = await client.startSync(user, fresh());
      expect(await shout(sync, 'hi')).toBe('HI');
      sync.release(false);
    },
  );
});

describe('kept connections', () => {
  const countConnections = async (relayTo: number) => {
    const sockets: Socket[] = [];
    const { port } = await rawServer((near) => {
      sockets.push(near);
      const far = connect(relayTo, '127.0.0.1');
      far.on('error', () => near.destroy());
      near.pipe(far).pipe(near);
      near.on('close', () => far.destroy());
    });
    return { port, sockets };
  };

  async function startCounted(settings: Partial<PeerSettings> = {}) {
    const pair = await startPair();
    const { port, sockets } = await countConnections(pair.service.port);
    const peer = createPeer(parseDestination(`tcp:127.0.0.1:${port}`, { doveadmPort: 1 }), {
      secret,
      ...settings,
    });
    onCleanup(() => peer.close());
    return { ...pair, peer, sockets };
  }

  async function syncOnce(peer: Peer, reusable = true): Promise<void> {
    const sync = await peer.startSync(user, fresh());
    await shout(sync, 'bye');
    sync.release(reusable);
  }

  it('carry one sync after the other with one write of ours each', async () => {
    const { peer, sockets } = await startCounted();
    await syncOnce(peer);
    let chunks = 0;
    sockets[0]?.on('data', () => chunks++);
    const sync = await peer.startSync(user, fresh());
    expect(chunks).toBe(1);
    sync.release(false);
    expect(sockets).toHaveLength(1);
  });

  it('are given up when the sync did not end in order', async () => {
    const { peer, sockets } = await startCounted();
    await syncOnce(peer, false);
    await syncOnce(peer);
    expect(sockets).toHaveLength(2);
  });

  it('are given up when bytes are left over', async () => {
    const { peer, sockets } = await startCounted();
    const sync = await peer.startSync(user, fresh());
    await sync.write('a\nb\n');
    const first = await readLine(sync, 100);
    expect(first).toBe('A');
    sync.unread(Buffer.from('rest'));
    sync.release(true);
    await syncOnce(peer);
    expect(sockets).toHaveLength(2);
  });

  it('that the peer has closed meanwhile are not used', async () => {
    const { peer, sockets } = await startCounted();
    await syncOnce(peer);
    sockets[0]?.end();
    await once(sockets[0] ?? new Socket(), 'close');
    await syncOnce(peer);
    expect(sockets).toHaveLength(2);
  });

  it('that die under the command are replaced once', async () => {
    const { peer, sockets, answerer } = await startCounted();
    await syncOnce(peer);
    const kept = sockets[0];
    kept?.unpipe();
    kept?.on('data', () => kept.resetAndDestroy());
    kept?.resume();
    await syncOnce(peer);
    expect(sockets).toHaveLength(2);
    expect(answerer.answered).toEqual([user, user]);
  });

  it('that die after the answer began are not tried again', async () => {
    const { peer, sockets } = await startCounted();
    await syncOnce(peer);
    const kept = sockets[0];
    kept?.unpipe();
    kept?.on('data', () => kept.write('\n', () => kept.destroy()));
    kept?.resume();
    expect((await failureOf(peer.startSync(user, fresh()))).outcome).toBe('transient');
    expect(sockets).toHaveLength(1);
  });

  it('are no more than the limit', async () => {
    const { peer, sockets } = await startCounted({ idleConnectionsMax: 2 });
    const syncs = await Promise.all([1, 2, 3].map(() => peer.startSync(user, fresh())));
    for (const sync of syncs) await shout(sync, 'bye');
    for (const sync of syncs) sync.release(true);
    await until('one is closed', () => sockets.filter((socket) => socket.destroyed).length === 1);
    const again = await Promise.all([1, 2].map(() => peer.startSync(user, fresh())));
    expect(sockets).toHaveLength(3);
    for (const sync of again) sync.release(false);
  });

  it('are closed when they were idle for too long', async () => {
    const clock = manualClock();
    const { peer, sockets } = await startCounted({ clock, idleTimeoutMs: 60_000 });
    await syncOnce(peer);
    clock.advance(59_999);
    expect(sockets[0]?.destroyed).toBe(false);
    clock.advance(1);
    await until('it is closed', () => sockets[0]?.destroyed === true);
  });

  it('end with the peer, as do running syncs', async () => {
    const { peer, sockets } = await startCounted();
    await syncOnce(peer);
    const running = await Promise.all([1, 2].map(() => peer.startSync(user, fresh())));
    running[0]?.release(true);
    const reading = failureOf(running[1]?.read() ?? Promise.resolve());
    await peer.close();
    expect((await reading).code).toBe('DSYNCD_PEER_CLOSED');
    await until('all are closed', () => sockets.every((socket) => socket.destroyed));
    expect((await failureOf(peer.startSync(user, fresh()))).code).toBe('DSYNCD_PEER_CLOSED');
  });
});

describe('a peer that is not as it should be', () => {
  const peerTo = (port: number, settings: Partial<PeerSettings> = {}) => {
    const peer = createPeer(parseDestination(`tcp:127.0.0.1:${port}`, { doveadmPort: 1 }), {
      secret,
      ...settings,
    });
    onCleanup(() => peer.close());
    return peer;
  };

  it('and listens nowhere is transient', async () => {
    const { port, server } = await rawServer(() => {});
    server.close();
    const failure = await failureOf(peerTo(port).startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_CONNECT', 'transient']);
    expect(failure.message).toBe(`cannot connect to tcp:127.0.0.1:${port}: nothing listens there`);
  });

  it.each([
    ['an SMTP server', '220 mx2.example.com ESMTP\r\n', 'DSYNCD_DOVEADM_GREETING'],
    ['a web server', 'HTTP/1.1 400 Bad Request\r\n\r\n', 'DSYNCD_DOVEADM_GREETING'],
    ['noise without end', '\u0000'.repeat(5000), 'DSYNCD_LINE_TOO_LONG'],
    ['a server that leaves', undefined, 'DSYNCD_LINK_LOST'],
  ])('is told: %s', async (_, greeting, code) => {
    let received = '';
    const { port } = await rawServer((socket) => {
      socket.on('data', (chunk) => {
        received += chunk.toString();
      });
      if (greeting === undefined) socket.end();
      else socket.write(greeting);
    });
    const failure = await failureOf(peerTo(port).startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual([code, 'transient']);
    expect(failure.hint).toBeDefined();
    expect(received).not.toContain('PLAIN');
  });

  it.each([
    ['greets and says no more', ['-\n'], 'cannot connect', { connectTimeoutMs: 200 }],
    ['says nothing at all', [], 'cannot connect', { connectTimeoutMs: 200 }],
    ['lets us in and says no more', ['-\n', '+\n'], 'has sent nothing', { stallTimeoutMs: 500 }],
  ])('and %s is dropped', async (_, answers, words, settings) => {
    const { port } = await rawServer((socket) => {
      const left = [...answers];
      socket.on('data', () => socket.write(left.shift() ?? ''));
    });
    const failure = await failureOf(peerTo(port, settings).startSync(user, fresh()));
    expect(failure.outcome).toBe('transient');
    expect(failure.message).toContain(words);
  });

  it('and stops in the middle of a sync fails that sync', async () => {
    const { client, service } = await startPair();
    const sync = await client.startSync(user, fresh());
    expect(await shout(sync, 'hello')).toBe('HELLO');
    await service.stop(0);
    const line = await readLine(sync, 100).catch((error: DsyncdError) => error.outcome);
    expect([undefined, 'transient']).toContain(line);
    sync.release(true);
    expect((await failureOf(client.startSync(user, fresh()))).outcome).toBe('transient');
  });

  it('is left at once when the sync is aborted, at any stage', async () => {
    const { port } = await rawServer(() => {});
    const abort = new AbortController();
    const starting = failureOf(peerTo(port).startSync(user, abort.signal));
    abort.abort(new DsyncdError('DSYNCD_LOGIN_TIMEOUT', 'too late', { outcome: 'transient' }));
    expect((await starting).code).toBe('DSYNCD_LOGIN_TIMEOUT');
    expect((await failureOf(peerTo(port).startSync(user, abort.signal))).code).toBe('DSYNCD_LOGIN_TIMEOUT');
  });
});

describe('a unix socket', () => {
  /** Starts a sync of the user with a server there that does this with the connection. */
  async function syncOverSocket(answer: (link: StreamLink) => Promise<void>): Promise<SyncConnection> {
    const path = join(scratchFolder(), 'doveadm');
    const server = createServer((socket) =>
      answer(new StreamLink(socket, socket, { peerName: 'client', stallTimeoutMs: 10_000 })),
    );
    server.listen(path);
    await once(server, 'listening');
    onCleanup(() => server.close());
    const peer = createPeer(parseDestination(`unix:${path}`, { doveadmPort: 1 }), {});
    onCleanup(() => peer.close());
    return peer.startSync(user, fresh());
  }

  it('that greets with + needs no secret', async () => {
    const sync = await syncOverSocket(async (link) => {
      expect(await readLine(link, 100)).toMatch(/^VERSION\tdoveadm-server\t1\t\d$/);
      await link.write('+\n');
      expect(await readLine(link, 100)).toBe(`\t${user}\tdsync-server\t-u${user}`);
      await link.write('\n+\nstream');
    });
    expect(Buffer.from((await sync.read()) ?? []).toString()).toBe('stream');
    expect(sync.peerLog).toEqual([]);
    sync.release(false);
  });

  it.each([
    { minor: 2, asked: '' },
    { minor: 3, asked: '\t\tOPTION\tlog-passthrough' },
  ])('that frames what it sends, minor version $minor, tells what it logs', async ({ minor, asked }) => {
    const frame = (channel: string, text: string): Buffer => {
      const head = Buffer.alloc(5);
      head.write(channel, 'latin1');
      head.writeUInt32BE(Buffer.byteLength(text), 1);
      return Buffer.concat([head, Buffer.from(text)]);
    };
    const said: (string | undefined)[] = [];
    const sync = await syncOverSocket(async (link) => {
      await readLine(link, 100);
      await link.write(`VERSION\tdoveadm-client\t1\t${minor}\n+\n`);
      if (asked !== '') said.push(await readLine(link, 100));
      await readLine(link, 100);
      const all = [
        frame('\0', '\n+'),
        frame('\0', '\nstr'),
        frame('L', '\u0004no room\n'),
        frame('\0', 'eam'),
      ];
      // In pieces that end where they like.
      for (const byte of Buffer.concat(all)) await link.write(Buffer.from([byte]));
    });
    let text = '';
    while (text.length < 6) text += Buffer.from((await sync.read()) ?? '!!!!!!').toString();
    expect(text).toBe('stream');
    expect(sync.peerLog).toEqual([{ severity: 'error', text: 'no room' }]);
    expect(said).toEqual(asked === '' ? [] : [asked]);
    sync.release(false);
  });

  it('that asks for a secret that we do not have needs a person', async () => {
    const { service } = await startPair();
    const peer = createPeer(parseDestination(`tcp:127.0.0.1:${service.port}`, { doveadmPort: 1 }), {});
    onCleanup(() => peer.close());
    const failure = await failureOf(peer.startSync(user, fresh()));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_SECRET', 'operator']);
    expect(failure.hint).toContain('doveadm_password_file');
  });
});
