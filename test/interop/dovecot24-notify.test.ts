import { once } from 'node:events';
import { chmod, chown, readdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Dovecot, DovecotHost, dovecotProblem, until } from '@dsyncd/testkit';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const problem = dovecotProblem('2.4');
const user = 'ann@example.com';
const mail = Buffer.from('Subject: hello\r\n\r\nhello\r\n');
const cleanups: (() => Promise<unknown>)[] = [];

interface Posted {
  readonly path: string | undefined;
  readonly authorization: string | undefined;
  readonly body: Readonly<Record<string, unknown>>;
}

let server: Server;
let posted: Posted[] = [];
/** HTTP status of the next answers; undefined: none comes. */
let status: number | undefined = 200;

beforeEach(async () => {
  [posted, status] = [[], 200];
  server = createServer(async (request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString('utf8')) as Posted['body'];
    posted.push({
      path: `${request.method} ${request.url}`,
      authorization: request.headers.authorization,
      body,
    });
    if (status !== undefined) response.writeHead(status).end();
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
  server.closeAllConnections();
  server.close();
});

const port = (): number => (server.address() as AddressInfo).port;

async function startHost(lua: (folder: string) => readonly string[] = () => []): Promise<DovecotHost> {
  const host = await DovecotHost.start({ name: 'a', version: '2.4', users: [user], notifySettings: lua });
  cleanups.push(() => host.stop());
  await writeFile(join(host.folder, 'token'), 'top-secret\n', { mode: 0o644 });
  // That INBOX comes to be is a change of its own.
  await host.dovecot.doveadm(['mailbox', 'create', '-u', user, 'INBOX']);
  await forget(host);
  return host;
}

async function forget({ folder }: DovecotHost): Promise<void> {
  for (const name of await readdir(join(folder, 'spool'))) await unlink(join(folder, 'spool', name));
}

/** What dsyncd would find. */
async function spooled({ folder }: DovecotHost): Promise<Record<string, string>> {
  const spool = join(folder, 'spool');
  const names = await readdir(spool);
  return Object.fromEntries(
    await Promise.all(names.map(async (name) => [name, await readFile(join(spool, name), 'utf8')] as const)),
  );
}

const syncSettings = (folder: string): readonly string[] => [
  `    url = http://127.0.0.1:${port()}/v1/notify`,
  `    token_file = ${folder}/token`,
  '    timeout = 2s',
];

describe.skipIf(problem !== undefined)('the Lua script for Dovecot 2.4', () => {
  test('notes changes in the spool folder: one file a user and priority', async () => {
    const host = await startHost();
    const { dovecot } = host;
    await dovecot.deliver(user, [mail, mail]);
    expect(await spooled(host)).toEqual({ 'ann@example%2Ecom.high': `${user}\thigh\n` });
    const changes = [
      ['flags', 'add', '-u', user, '\\Seen', 'mailbox', 'INBOX', 'uid', '1'],
      ['mailbox', 'create', '-u', user, 'Work'],
      ['mailbox', 'subscribe', '-u', user, 'Work'],
      ['mailbox', 'unsubscribe', '-u', user, 'Work'],
      ['mailbox', 'rename', '-u', user, 'Work', 'Play'],
      ['mailbox', 'delete', '-u', user, 'Play'],
      ['expunge', '-u', user, 'mailbox', 'INBOX', 'uid', '1'],
    ];
    for (const change of changes) {
      await forget(host);
      await dovecot.doveadm(change);
      expect([change[1], Object.values(await spooled(host))]).toEqual([change[1], [`${user}\tlow\n`]]);
    }
  });

  test('says nothing of what a dsync brought in', async () => {
    const host = await startHost();
    const other = await Dovecot.start({ version: '2.4', users: [user], hostname: 'b.test' });
    cleanups.push(() => other.stop());
    await other.deliver(user, [mail]);
    await other.doveadm(['sync', '-u', user, '-N', '-l', '10', host.dovecot.tcp]);
    expect(await host.rows(['fetch', '-u', user, 'uid', 'all'])).toHaveLength(1);
    expect(await spooled(host)).toEqual({});
  });

  test('does not get in the way of mail when the folder cannot be written', async () => {
    const host = await startHost();
    await chmod(join(host.folder, 'spool'), 0o500);
    await writeFile(join(host.folder, 'spool', 'x'), '');
    if (process.getuid?.() === 0) await chown(join(host.folder, 'spool'), 0, 0);
    await host.dovecot.deliver(user, [mail]);
    const told = `dsyncd: change of ${user} not noted`;
    // Dovecot's log process may be a moment behind its answer.
    await until('it is in the log', async () => host.dovecot.log().includes(told));
  });

  test('makes a delivery wait for dsyncd', async () => {
    const host = await startHost(syncSettings);
    await host.dovecot.deliver(user, [mail]);
    expect(posted).toEqual([
      { path: 'POST /v1/notify', authorization: 'Bearer top-secret', body: { user, priority: 'sync' } },
    ]);
    expect(await spooled(host)).toEqual({});
    expect(host.dovecot.log()).not.toContain('top-secret');
    await host.dovecot.doveadm(['flags', 'add', '-u', user, '\\Seen', 'all']);
    expect(posted).toHaveLength(1);
    expect(Object.values(await spooled(host))).toEqual([`${user}\tlow\n`]);
  });

  test.each([
    ['refuses', 503],
    ['does not answer', undefined],
  ])('notes the mail when dsyncd %s', async (_, answer) => {
    status = answer;
    const host = await startHost(syncSettings);
    const startedAt = Date.now();
    await host.dovecot.deliver(user, [mail]);
    expect(Date.now() - startedAt).toBeLessThan(4_000);
    expect(Object.values(await spooled(host))).toEqual([`${user}\thigh\n`]);
  });

  test('notes the mail when nothing listens', async () => {
    const host = await startHost(syncSettings);
    server.close();
    await host.dovecot.deliver(user, [mail]);
    expect(Object.values(await spooled(host))).toEqual([`${user}\thigh\n`]);
  });
});

test.skipIf(problem !== undefined)('the event exporter posts each change, and no import', async () => {
  const shipped = await readFile(
    new URL('../../deploy/dovecot-2.4/99-dsyncd-exporter.conf', import.meta.url),
    'utf8',
  );
  const settings = shipped.replace('CHANGE-ME@127.0.0.1:8080', `top-secret@127.0.0.1:${port()}`).split('\n');
  const dovecot = await Dovecot.start({ version: '2.4', users: [user], hostname: 'a.test', settings });
  cleanups.push(() => dovecot.stop());
  const other = await Dovecot.start({ version: '2.4', users: [user], hostname: 'b.test' });
  cleanups.push(() => other.stop());
  await other.deliver(user, [mail]);
  await other.doveadm(['sync', '-u', user, '-N', '-l', '10', dovecot.tcp]);
  await dovecot.doveadm(['flags', 'add', '-u', user, '\\Seen', 'all']);
  await dovecot.deliver(user, [mail]);
  await until('both changes are posted', () => posted.length >= 2);
  expect(posted.map(({ body }) => body)).toEqual([
    { event: 'push_notification_finished', fields: { user, service: 'doveadm' } },
    { event: 'push_notification_finished', fields: { user, service: 'lmtp' } },
  ]);
  const basic = `Basic ${Buffer.from('dsyncd:top-secret').toString('base64')}`;
  expect(posted.map(({ authorization }) => authorization)).toEqual([basic, basic]);
});
