/** A user is one, however the name is written, and wherever it comes from. */
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parseUserName } from '@dsyncd/core';
import { createPair, type Host, runProgram, until } from '@dsyncd/testkit';
import { beforeAll, expect, test } from 'vitest';
import {
  cleanUpAfterTests,
  deliver,
  mailOf,
  scratchFolder,
  startHosts,
  statusOf,
  untilInbox,
} from './support.ts';

cleanUpAfterTests();

let a: Host;
let b: Host;

const makeHome = async (host: Host, user: string): Promise<void> => {
  const store = host.openStore();
  await (await store.open(parseUserName(user), { create: true })).close();
  await store.close();
};

async function saveByHand(host: Host, user: string, subject: string): Promise<void> {
  const args = ['-c', host.configFile, 'mail', 'save', '-u', user];
  expect(await runProgram('dsyncadm', args, mailOf(subject))).toMatchObject({ code: 0 });
}

const recordsOf = async (host: Host, mask: string): Promise<string[]> =>
  (await host.admin('replicator', 'status', mask)).stdout
    .split('\n')
    .slice(1)
    .flatMap((line) => line.match(/^\S+/) ?? []);

beforeAll(async () => {
  ({ a, b } = await createPair({ folder: scratchFolder(), ssl: false, hasHttp: true }));
  // As versions before left them.
  await makeHome(a, 'Old@example.com');
  await startHosts(a, b);
});

test('by LMTP, by notification, on the command line', async () => {
  await deliver(a, 'Ann@Example.com', 'one');
  await saveByHand(a, 'aNN@example.com', 'two');
  await appendFile(join(a.baseDir, 'replication-notify-fifo'), 'ANN@example.com\thigh\n');
  await untilInbox(b, 'ann@example.com', 2);
  await saveByHand(b, 'ANN@example.com', 'three');
  await untilInbox(a, 'ann@example.com', 3);
  for (const host of [a, b]) {
    expect(await recordsOf(host, 'a*')).toEqual(['ann@example.com']);
    expect(await recordsOf(host, 'A*')).toEqual(['ann@example.com']);
    const { url, token } = host.http;
    const answer = await fetch(`${url}/v1/users/Ann@example.com`, {
      headers: { authorization: `Bearer ${token}` },
    });
    expect(await answer.json()).toMatchObject({
      user: 'ann@example.com',
      channels: [{ user: 'ann@example.com' }],
    });
    const exported = join(host.folder, 'exported');
    expect(await host.admin('store', 'export', '--dovecot', '-u', 'A*', exported)).toMatchObject({ code: 0 });
    expect(readdirSync(exported)).toEqual(['ann@example.com']);
    expect(readdirSync(join(host.folder, 'mail')).filter((name) => /^ann/i.test(name))).toEqual([
      'ann@example.com',
    ]);
  }
});

test('a home with upper case is the one of its user, and goes on', async () => {
  await deliver(a, 'old@example.com', 'one');
  await deliver(a, 'OLD@example.com', 'two');
  await untilInbox(b, 'old@example.com', 2);
  expect(existsSync(join(a.folder, 'mail/old@example.com'))).toBe(false);
  await deliver(b, 'Old@example.com', 'three');
  await untilInbox(a, 'Old@example.com', 3);
  expect(await recordsOf(a, 'o*')).toEqual(['old@example.com']);
});

test('homes that differ by case only are told by status and doctor', async () => {
  await deliver(a, 'twin@example.com', 'one');
  mkdirSync(join(a.folder, 'mail/Twin@example.com'));
  const told = /mail\/twin@example.com.*is used.*mail\/Twin@example.com/;
  a.programs.get('dsyncd')?.signal('SIGHUP');
  await until('status names it', async () => told.test(JSON.stringify(await statusOf(a))), {
    timeoutMs: 60_000,
  });
  const { stdout } = await a.admin('doctor');
  expect(stdout).toMatch(told);
  expect(stdout).toContain('username_format');
});
