import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createPair, type Host, until } from '@dsyncd/testkit';
import { expect, test } from 'vitest';
import {
  cleanUpAfterTests,
  deliver,
  logOf,
  scratchFolder,
  startHosts,
  statusOf,
  untilInbox,
} from './support.ts';

cleanUpAfterTests();

interface Changes {
  readonly users: readonly string[];
  readonly next: string;
  readonly more: boolean;
}

async function ask(host: Host, query: string): Promise<{ readonly status: number; readonly body: unknown }> {
  const response = await fetch(`${host.http.url}${query}`);
  return { status: response.status, body: await response.json() };
}

const changesOf = async (host: Host, query: string): Promise<Changes> =>
  (await ask(host, `/v1/changes?${query}`)).body as Changes;

/** Reads on, waiting for changes, until that user comes; others may come, too. Answers the cursor after it. */
async function readUntil(host: Host, since: string, user: string): Promise<string> {
  for (let cursor = since; ; ) {
    const page = await changesOf(host, `since=${cursor}&wait=60`);
    cursor = page.next;
    if (page.users.includes(user)) return cursor;
  }
}

test('consumers get who changed on both hosts, over failures, kill -9 and new starts', async () => {
  const folder = scratchFolder();
  const { a, b } = await createPair({ folder, ssl: false, hasHttp: true });
  // Takes nobody while `refuse` is there; else appends what it got.
  const [refuse, taken, tries] = ['refuse', 'taken', 'tries'].map((name) => join(folder, name));
  const script = join(folder, 'consumer.sh');
  writeFileSync(taken ?? '', '');
  writeFileSync(tries ?? '', '');
  writeFileSync(refuse ?? '', '');
  writeFileSync(
    script,
    `#!/bin/sh\necho try >>"${tries}"\n[ -e "${refuse}" ] && { echo "index is closed" >&2; exit 3; }\ncat >>"${taken}"\n`,
    { mode: 0o755 },
  );
  await b.configure({
    tables: ['[consumers.index]', `command = [${JSON.stringify(script)}]`, 'delay = "0"'],
  });
  await startHosts(a, b);
  const takenUsers = (): string[] =>
    readFileSync(taken ?? '', 'utf8')
      .split('\n')
      .filter((line) => line !== '');
  const triesMade = (): number => readFileSync(tries ?? '', 'utf8').length / 'try\n'.length;

  // What a sync brought in.
  await deliver(a, 'ann@example.com', 'one');
  await untilInbox(b, 'ann@example.com', 1);
  await until('two tries have failed', () => triesMade() >= 2, { timeoutMs: 20_000 });
  const { body } = await ask(b, '/v1/consumers');
  expect(body).toMatchObject({
    consumers: [{ name: 'index', failures: expect.any(Number), code: 'DSYNCD_CONSUMER_COMMAND' }],
  });
  const failing = { name: 'index', state: 'failing', code: 'DSYNCD_CONSUMER_COMMAND' };
  expect((await ask(b, '/v1/status')).body).toMatchObject({ consumers: [failing] });
  expect(await statusOf(b)).toMatchObject({
    consumers: [{ ...failing, remedy: expect.stringContaining('[consumers.index]') }],
  });
  const metrics = await (await fetch(`${b.http.url}/metrics`)).text();
  expect(metrics).toMatch(/^dsyncd_consumer_failures_in_row\{consumer="index"\} [1-9]/m);
  expect(takenUsers()).toEqual([]);
  await b.program('dsyncd').end('SIGKILL');
  rmSync(refuse ?? '');
  await b.startProgram('dsyncd');
  await until('the consumer has ann', () => takenUsers().includes('ann@example.com'), { timeoutMs: 20_000 });

  // Notified to a dsyncd that is killed before the consumer has it.
  writeFileSync(refuse ?? '', '');
  const before = triesMade();
  await deliver(b, 'bob@example.com', 'two');
  await until('bob was refused', () => triesMade() > before, { timeoutMs: 20_000 });
  expect(takenUsers()).not.toContain('bob@example.com');
  await b.program('dsyncd').end('SIGKILL');
  rmSync(refuse ?? '');
  await b.startProgram('dsyncd');
  await until('the consumer has bob', () => takenUsers().includes('bob@example.com'), { timeoutMs: 20_000 });
  expect(existsSync(join(b.folder, 'state', 'changes.sqlite'))).toBe(true);
  expect(logOf(b, 'dsyncd').some(({ msg }) => msg?.startsWith('consumer failed'))).toBe(true);

  // The same by the API; a has no feed.
  expect(await ask(a, '/v1/changes')).toMatchObject({ status: 409, body: { code: 'DSYNCD_CHANGES_OFF' } });
  const now = await changesOf(b, 'since=now');
  expect(now).toMatchObject({ users: [], more: false });
  const waiting = readUntil(b, now.next, 'cyd@example.com');
  await deliver(a, 'cyd@example.com', 'three');
  const after = await waiting;
  expect(after).not.toBe(now.next);
  expect(await ask(b, '/v1/changes?since=0123456789abcdef-1')).toMatchObject({
    status: 410,
    body: { code: 'DSYNCD_CHANGES_CURSOR' },
  });
  // Asked again with the same cursor, it is the same again.
  expect((await changesOf(b, `since=${now.next}`)).users).toContain('cyd@example.com');
});

test('what a sync brought in is in the feed even when the dsync server is killed right after it', async () => {
  const { a, b } = await createPair({ folder: scratchFolder(), ssl: false, hasHttp: true });
  await b.configure({ settings: ['change_feed = true'] });
  await startHosts(a, b);
  const { next } = await changesOf(b, 'since=now');
  const server = b.program('dsync-server');
  await deliver(a, 'ann@example.com', 'one');
  await until(
    'the import is over',
    () => server.log.some(({ msg, user }) => msg === 'sync changed mail here' && user === 'ann@example.com'),
    { everyMs: 2 },
  );
  await server.end('SIGKILL');
  await readUntil(b, next, 'ann@example.com');
});
