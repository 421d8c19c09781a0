import { once } from 'node:events';
import { connect, Socket } from 'node:net';
import { type DsyncdError, parseDestination } from '@dsyncd/core';
import { type ByteLink, encodePlainLogin, readLine } from '@dsyncd/protocol';
import { describe, expect, it } from 'vitest';
import { PendingLogins } from '../src/doveadm/pending-logins.ts';
import {
  createPeer,
  type DoveadmServer,
  type DoveadmServerSettings,
  StreamLink,
  type SyncAnswerer,
  startDoveadmServer,
} from '../src/index.ts';
import { type LogLine, recordingLogger } from './support/log.ts';
import { failureOf, fresh, onCleanup, ShoutingAnswerer, shout, until, user } from './support/parties.ts';

const secret = 'server secret';
const version = 'VERSION\tdoveadm-server\t1\t2\n';

async function serve(settings: Partial<DoveadmServerSettings> = {}) {
  const logger = recordingLogger();
  const answerer = new ShoutingAnswerer();
  const server = await startDoveadmServer({
    address: '127.0.0.1',
    port: 0,
    secret,
    answerer,
    logger,
    ...settings,
  });
  onCleanup(() => server.stop(0));
  return { server, logger, answerer };
}

/** A client that says what the test wants. */
async function dial(server: DoveadmServer): Promise<{ link: StreamLink; socket: Socket }> {
  const socket = connect(server.port, '127.0.0.1');
  onCleanup(() => socket.destroy());
  await once(socket, 'connect');
  return { socket, link: new StreamLink(socket, socket, { peerName: 'server', stallTimeoutMs: 10_000 }) };
}

async function logIn(server: DoveadmServer): Promise<{ link: StreamLink; socket: Socket }> {
  const client = await dial(server);
  await client.link.write(version + encodePlainLogin(secret));
  expect(await readLine(client.link, 100)).toBe('-');
  expect(await readLine(client.link, 100)).toBe('+');
  return client;
}

/** Undefined when the connection ended, in whatever way. */
const nextLine = (link: ByteLink): Promise<string | undefined> =>
  readLine(link, 10_000).catch(() => undefined);
const codes = (lines: readonly LogLine[]): unknown[] =>
  lines.filter(({ level }) => level !== 'debug').map(({ code }) => code);

describe('the login', () => {
  it.each([
    ['another major version', 'VERSION\tdoveadm-server\t2\t0\n', 'version 2'],
    ['another protocol', 'GET / HTTP/1.1\r\n', 'instead of its version'],
  ])('with %s is told why it ends', async (_, words, reason) => {
    const { server, logger } = await serve();
    const { link } = await dial(server);
    await link.write(words);
    expect(await nextLine(link)).toMatch(new RegExp(`^-OPERATOR .*${reason}`));
    expect(await nextLine(link)).toBeUndefined();
    expect(codes(logger.lines)).toEqual(['DSYNCD_DOVEADM_CLIENT']);
  });

  it('must be by PLAIN as doveadm', async () => {
    const { server, logger } = await serve();
    const { link } = await dial(server);
    await link.write(`${version}PLAIN\t${Buffer.from('\0root\0secret').toString('base64')}\n`);
    expect([await nextLine(link), await nextLine(link), await nextLine(link)]).toEqual(['-', '-', undefined]);
    expect(codes(logger.lines)).toEqual(['DSYNCD_DOVEADM_CLIENT']);
  });

  it('never succeeds when there is no secret', async () => {
    const { server } = await serve({ secret: '' });
    const { link } = await dial(server);
    await link.write(version + encodePlainLogin(''));
    expect([await nextLine(link), await nextLine(link)]).toEqual(['-', '-']);
  });

  it('has a line length', async () => {
    const { server, logger } = await serve();
    const { link } = await dial(server);
    await link.write('V'.repeat(8193));
    expect(await nextLine(link)).toBeUndefined();
    expect(codes(logger.lines)).toEqual(['DSYNCD_LINE_TOO_LONG']);
    const other = await dial(server);
    await other.link.write(`${'V'.repeat(8192)}\n`);
    expect(await nextLine(other.link)).toContain('instead of its version');
  });

  it('has a time', async () => {
    const { server, logger } = await serve({ loginTimeoutMs: 500 });
    const { link } = await dial(server);
    await link.write(version);
    expect(await nextLine(link)).toBe('-');
    expect(await nextLine(link)).toBeUndefined();
    expect(codes(logger.lines)).toEqual(['DSYNCD_LOGIN_TIMEOUT']);
  });

  it('takes a new secret after a reload', async () => {
    const { server } = await serve();
    await server.reload({ secret: 'new' });
    const { link } = await dial(server);
    await link.write(version + encodePlainLogin('new'));
    expect([await nextLine(link), await nextLine(link)]).toEqual(['-', '+']);
  });

  it('that ends without a word is not worth a warning', async () => {
    const { server, logger } = await serve();
    const { socket } = await dial(server);
    socket.end();
    await until('it is noticed', () => logger.lines.length > 0);
    expect(logger.lines.map(({ level }) => level)).toEqual(['debug']);
  });
});

describe('connections', () => {
  it('that have not logged in are limited: the oldest goes first, and those that have logged in do not count', async () => {
    const { server, logger } = await serve({ pendingLoginsMax: 4 });
    await logIn(server);
    const first = await dial(server);
    const second = await dial(server);
    await dial(server);
    expect(await nextLine(first.link)).toBeUndefined();
    const warnings = logger.lines.filter(({ level }) => level !== 'debug');
    expect(warnings.map(({ message, code }) => code ?? message)).toEqual(['too many connections: refused']);
    await second.link.write(version);
    expect(await nextLine(second.link)).toBe('-');
  });

  it('that only stay silent keep no peer out', async () => {
    const { server } = await serve();
    for (let count = 0; count < 25; count++) await dial(server);
    await logIn(server);
  });

  it('with wrong secrets are answered later each time, and a right one ends that', async () => {
    const pendingLogins = new PendingLogins(4);
    const delays = Array.from({ length: 8 }, () => pendingLogins.refuse('192.0.2.1').delayMs);
    expect(delays).toEqual([0, 100, 200, 400, 800, 1600, 2000, 2000]);
    expect(pendingLogins.refuse('192.0.2.2')).toEqual({ delayMs: 0, isNews: true });
    pendingLogins.admit('[192.0.2.1]:1', '192.0.2.1');
    expect(pendingLogins.refuse('192.0.2.1').delayMs).toBe(0);
  });

  it('of a peer that has logged in before go last', () => {
    const pendingLogins = new PendingLogins(2);
    const from = (remoteAddress: string): Socket =>
      Object.defineProperty(new Socket(), 'remoteAddress', { value: remoteAddress });
    pendingLogins.admit('[192.0.2.1]:1', '192.0.2.1');
    const [peer, other] = [from('192.0.2.1'), from('192.0.2.2')];
    pendingLogins.add('[192.0.2.1]:2', peer);
    pendingLogins.add('[192.0.2.2]:2', other);
    expect(pendingLogins.add('[192.0.2.3]:2', from('192.0.2.3'))).toBe(other);
    expect(pendingLogins.has('[192.0.2.1]:2')).toBe(true);
  });

  it('are limited, and have room again when one ends', async () => {
    const { server, logger } = await serve({ connectionsMax: 2 });
    const first = await logIn(server);
    await logIn(server);
    for (let count = 0; count < 3; count++) expect(await nextLine((await dial(server)).link)).toBeUndefined();
    expect(logger.lines.filter(({ level }) => level === 'warn')).toHaveLength(1);
    first.socket.destroy();
    await until('there is room', () => first.socket.destroyed);
    await until('a login succeeds', async () => {
      const { link } = await dial(server);
      await Promise.resolve(link.write(version)).catch(() => {});
      return (await nextLine(link)) === '-';
    });
  });

  it('without a command are closed after a while', async () => {
    const { server, logger } = await serve({ idleTimeoutMs: 50 });
    const { link } = await logIn(server);
    expect(await nextLine(link)).toBeUndefined();
    expect(codes(logger.lines)).toEqual([]);
  });
});

describe('commands', () => {
  it('that are not served are refused, and the connection goes on', async () => {
    const { server, logger } = await serve();
    const { link } = await logIn(server);
    for (const command of [
      '\tu1\texpunge\t-uu1',
      '\tu1\tdsync-server\t-r/tmp/x',
      '\t../x\tdsync-server\t-u../x',
    ]) {
      await link.write(`${command}\n`);
      expect(await nextLine(link)).toBe('');
      expect(await nextLine(link)).toMatch(/^-(USAGE|OPERATOR)/);
    }
    await link.write(`\t${user}\tdsync-server\t-u${user}\n`);
    expect([await nextLine(link), await nextLine(link)]).toEqual(['', '+']);
    expect(await shout(link, 'hi')).toBe('HI');
    expect(logger.lines).toHaveLength(3);
  });

  it('by which a client learns that we are no Dovecot leave no line in the log', async () => {
    const { server, logger } = await serve();
    const { link } = await logIn(server);
    await link.write('\t\tprocess status\n');
    expect([await nextLine(link), await nextLine(link)]).toEqual(['', '-USAGE']);
    expect(logger.lines).toEqual([]);
  });

  it('whose sync fails are logged once with the user, and end the connection', async () => {
    const { server, logger } = await serve();
    const { link } = await logIn(server);
    await link.write(`\t${user}\tdsync-server\t-u${user}\ndie\n`);
    expect([await nextLine(link), await nextLine(link), await nextLine(link)]).toEqual(['', '+', undefined]);
    expect(logger.lines).toMatchObject([
      { level: 'warn', user, code: 'DSYNCD_SYSTEM', reason: 'the answerer died' },
    ]);
  });
});

describe('stopping', () => {
  /** Answers when told to. */
  class PatientAnswerer implements SyncAnswerer {
    async prepare(): Promise<void> {}

    async answer(_user: unknown, link: ByteLink): Promise<{ readonly reusable: boolean }> {
      const word = await readLine(link, 100);
      await link.write(`${word}\n`);
      return { reusable: true };
    }
  }

  async function startPatient() {
    const answerer = new PatientAnswerer();
    const { server, logger } = await serve({ answerer });
    const peer = createPeer(parseDestination(`tcp:127.0.0.1:${server.port}`, { doveadmPort: 1 }), { secret });
    onCleanup(() => peer.close());
    return { answerer, server, logger, peer };
  }

  it('lets running syncs end, and idle connections at once', async () => {
    const { server, peer, logger } = await startPatient();
    await logIn(server);
    const sync = await peer.startSync(user, fresh());
    const stopped = server.stop(60_000);
    expect((await failureOf(peer.startSync(user, fresh()))).code).toBe('DSYNCD_CONNECT');
    expect(await shout(sync, 'last word')).toBe('last word');
    sync.release(true);
    await stopped;
    expect(codes(logger.lines)).toEqual([]);
  });

  it('ends what does not end by itself in the time that it has', async () => {
    const { server, peer, logger } = await startPatient();
    const sync = await peer.startSync(user, fresh());
    await server.stop(20);
    const end = await sync.read().catch((error: DsyncdError) => error.outcome);
    expect([undefined, 'transient']).toContain(end);
    await until('it is logged', () => logger.lines.length > 0);
    expect(codes(logger.lines)).toEqual(['DSYNCD_SERVER_STOPPING']);
  });
});

describe('listening', () => {
  it('on a port that is taken needs a person', async () => {
    const { server } = await serve();
    const failure = await failureOf(serve({ port: server.port }));
    expect([failure.code, failure.outcome]).toEqual(['DSYNCD_LISTEN', 'operator']);
    expect(failure.message).toContain(`${server.port}`);
  });
});
