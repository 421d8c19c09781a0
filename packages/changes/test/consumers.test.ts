import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseUserName, silentLogger, systemClock, type UserName } from '@dsyncd/core';
import { until } from '@dsyncd/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type ConsumerPlan, type ConsumerStatus, Consumers, MemoryFeed } from '../src/index.ts';

const names = (...texts: readonly string[]): UserName[] => texts.map(parseUserName);
const limits = { usersMax: 100, timeoutMs: 10_000, delayMs: 0, format: 'lines' } as const;

let folder: string;
let feed: MemoryFeed;
let consumers: Consumers;
/** All users of the store. */
let everyone: readonly UserName[];

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dsyncd-consumers-'));
  feed = new MemoryFeed();
  everyone = [];
  const users = async function* (): AsyncGenerator<UserName> {
    yield* everyone;
  };
  consumers = new Consumers({ feed, users, clock: systemClock, logger: silentLogger });
});

afterEach(async () => {
  await consumers.stop();
  rmSync(folder, { recursive: true });
});

const statusOf = async (name = 'index'): Promise<ConsumerStatus | undefined> =>
  (await consumers.status()).find((status) => status.name === name);

/** A consumer that runs this shell script. */
function scripted(script: string, name = 'index'): ConsumerPlan {
  const file = join(folder, `${name}.sh`);
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return { ...limits, name, command: [file] };
}

const fileIn = (name: string): string => join(folder, name);
const textOf = (name: string): string => (existsSync(fileIn(name)) ? readFileSync(fileIn(name), 'utf8') : '');
const hasEverything = async (): Promise<boolean> => (await statusOf())?.usersBehind === 0;

describe('a command', () => {
  test('that takes too long is ended with all that it has started, has failed, and is run again', async () => {
    const once = fileIn('slow');
    writeFileSync(once, '');
    const plan = scripted(
      `cat >>"${fileIn('taken')}"\n[ -e "${once}" ] || exit 0\nrm "${once}"\nsleep 600 &\necho $! >"${fileIn('child')}"\nwait`,
    );
    await feed.note(names('ann'));
    everyone = names('ann');
    await consumers.configure([{ ...plan, timeoutMs: 500 }]);
    await until('it runs', async () => (await statusOf())?.state === 'running' && textOf('child') !== '');
    expect(await statusOf()).toMatchObject({ startsOver: true, runningSince: expect.any(Number) });
    await until('it has failed', async () => (await statusOf())?.state === 'failing');
    const status = await statusOf();
    expect(status).toMatchObject({ failuresInRow: 1, runs: 0, runningSince: undefined });
    expect(status?.failure).toMatchObject({
      code: 'DSYNCD_CONSUMER_COMMAND',
      reason: expect.stringContaining('took longer than 0.5 s'),
      hint: expect.stringContaining('[consumers.index]'),
    });
    expect(status?.nextTryAt).toBeGreaterThan(Date.now() - 1_000);
    const child = Number(textOf('child'));
    await until('what it had started has ended', () => !isAlive(child));
    await until('it has everything', hasEverything);
    expect(await statusOf()).toMatchObject({ state: 'waiting', failuresInRow: 0, failures: 1, runs: 1 });
    expect(textOf('taken')).toBe('ann\nann\n');
  });

  test('that fails is given the same users again, and the backlog grows with its age meanwhile', async () => {
    const refuse = fileIn('refuse');
    await consumers.configure([
      scripted(`[ -e "${refuse}" ] && { echo "index is closed" >&2; exit 3; }\ncat >>"${fileIn('taken')}"`),
    ]);
    await until('it has everything', hasEverything);
    writeFileSync(refuse, '');
    const before = Date.now();
    await feed.note(names('ann', 'bob'));
    await until('it has failed', async () => (await statusOf())?.state === 'failing');
    await feed.note(names('cyd', 'ann'));
    const status = await statusOf();
    expect(status).toMatchObject({ usersBehind: 3, startsOver: false });
    expect(status?.behindSince).toBeGreaterThanOrEqual(before);
    expect(status?.failure?.reason).toContain('exited with 3: index is closed');
    rmSync(refuse);
    await until('it has everything', hasEverything);
    expect(textOf('taken').split('\n').toSorted()).toEqual(['', 'ann', 'bob', 'cyd']);
    expect(await statusOf()).toMatchObject({ behindSince: undefined, failure: undefined });
  });

  test('that is not there has failed, and says so', async () => {
    everyone = names('ann');
    await consumers.configure([{ ...limits, name: 'index', command: ['/no/such/program'] }]);
    await until('it has failed', async () => (await statusOf())?.state === 'failing');
    expect((await statusOf())?.failure?.reason).toContain('/no/such/program cannot be started');
  });
});

describe('another configuration', () => {
  test('ends, starts and changes consumers, and the others run on; cursors stay', async () => {
    const ended = fileIn('ended');
    const first = scripted(`cat >>"${fileIn('first')}"`);
    const hanging = scripted(`trap 'echo >"${ended}"; exit 1' TERM\nsleep 600 & wait`, 'hanging');
    everyone = names('ann');
    await consumers.configure([first, hanging]);
    await until(
      'the first has everything',
      async () => textOf('first') === 'ann\n' && (await hasEverything()),
    );
    await until('the other runs', async () => (await statusOf('hanging'))?.state === 'running');

    const second = fileIn('second');
    const changed: ConsumerPlan = { ...scripted(`cat >>"${second}"`), format: 'json' };
    await consumers.configure([changed]);
    expect(existsSync(ended)).toBe(true);
    expect((await consumers.status()).map(({ name }) => name)).toEqual(['index']);
    await feed.note(names('bob'));
    // Not everybody again: it goes on from the cursor of the one before.
    await until('bob has come', () => textOf('second') !== '');
    expect(textOf('second')).toBe('{"users":["bob"]}\n');

    // The same configuration again disturbs nobody.
    const { runs } = (await statusOf()) ?? {};
    await consumers.configure([{ ...changed }]);
    expect((await statusOf())?.runs).toBe(runs);
    await consumers.configure([]);
    expect(await consumers.status()).toEqual([]);
  });
});

describe('a URL', () => {
  let server: Server;
  let answer: { readonly status: number; readonly location?: string } | undefined;
  let got: { readonly headers: IncomingMessage['headers']; readonly path: string; readonly body: string }[];

  beforeEach(async () => {
    [got, answer] = [[], { status: 204 }];
    server = createServer((request, response) => {
      let body = '';
      request.setEncoding('utf8').on('data', (part: string) => {
        body += part;
      });
      request.on('end', () => {
        got.push({ headers: request.headers, path: request.url ?? '', body });
        if (answer === undefined) return;
        const { status, location } = answer;
        response.writeHead(status, location === undefined ? {} : { location }).end('answer');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  });

  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });

  const url = (): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}/index`;
  const plan = (part: Partial<ConsumerPlan> = {}): ConsumerPlan => ({
    ...limits,
    name: 'index',
    url: url(),
    tokenFile: undefined,
    token: undefined,
    ...part,
  });

  test('gets the users in pages, with the token as it is now', async () => {
    let token = 'first token';
    everyone = names('ann', 'bob', 'cyd');
    await consumers.configure([
      plan({ tokenFile: '/run/token', token: async () => token, format: 'json', usersMax: 2 } as object),
    ]);
    await until('it has everything', hasEverything);
    expect(got.map(({ body }) => JSON.parse(body) as unknown)).toEqual([
      { users: ['ann', 'bob'] },
      { users: ['cyd'] },
    ]);
    expect(got[0]?.headers).toMatchObject({
      authorization: 'Bearer first token',
      'content-type': 'application/json',
    });
    token = 'second token';
    await feed.note(names('dan'));
    await until('dan has come', () => got.length === 3);
    expect(got[2]?.headers.authorization).toBe('Bearer second token');
  });

  test.each([
    ['an error', { status: 500 }, 'answered with status 500'],
    // The token and the names must not go to another host.
    ['a redirection', { status: 307, location: '/elsewhere' }, 'answered with status 307'],
  ])('that answers with %s has failed, and gets the same users again', async (_, bad, reason) => {
    answer = bad;
    everyone = names('ann');
    await consumers.configure([plan()]);
    await until('it has failed', async () => (await statusOf())?.state === 'failing');
    expect((await statusOf())?.failure).toMatchObject({
      code: 'DSYNCD_CONSUMER_URL',
      reason: expect.stringContaining(reason),
    });
    answer = { status: 200 };
    await until('it has everything', hasEverything);
    expect(got.map(({ path, body }) => `${path} ${body}`)).toEqual(['/index ann\n', '/index ann\n']);
    expect(got[0]?.headers['content-type']).toBe('text/plain; charset=utf-8');
  });

  test('that does not answer in time has failed; so has one that nobody listens at', async () => {
    answer = undefined;
    everyone = names('ann');
    const stalled = plan({ timeoutMs: 300 });
    await consumers.configure([stalled]);
    await until('it has failed', async () => (await statusOf())?.state === 'failing');
    expect((await statusOf())?.failure?.reason).toContain('no answer within 0.3 s (TimeoutError)');
    const dead = `${url()}/dead`;
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await consumers.configure([{ ...stalled, url: dead }]);
    await until('it has failed, too', async () => (await statusOf())?.state === 'failing');
    expect((await statusOf())?.failure?.reason).toContain('ECONNREFUSED');
  });

  test('is not waited for when dsyncd stops', async () => {
    answer = undefined;
    everyone = names('ann');
    await consumers.configure([plan()]);
    await until('it was asked', () => got.length === 1);
    await consumers.stop();
    expect((await statusOf())?.failures).toBe(0);
  });
});

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
