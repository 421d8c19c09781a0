import { readFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import type { UserName } from '@dsyncd/core';
import { parseDestination } from '@dsyncd/core';
import { createPair, type Host, until } from '@dsyncd/testkit';
import { createPeer } from '@dsyncd/transport';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cleanUpAfterTests,
  deliver,
  logOf,
  onCleanup,
  scratchFolder,
  startHosts,
  untilInbox,
} from './support.ts';

cleanUpAfterTests();

let a: Host;
let b: Host;
let port: number;

beforeAll(async () => {
  ({ a, b } = await createPair({ folder: scratchFolder(), ssl: false }));
  port = Number(/^port = (\d+)$/m.exec(readFileSync(b.configFile, 'utf8'))?.[1]);
  await startHosts(a, b);
});

/** One write, as a mail process makes it. */
async function writeFifo(host: Host, bytes: Buffer | string): Promise<void> {
  const file = await open(join(host.baseDir, 'replication-notify-fifo'), 'w');
  try {
    await file.write(Buffer.from(bytes));
  } finally {
    await file.close();
  }
}

const refused = (host: Host) =>
  logOf(host, 'dsyncd').filter((line) => line.msg === 'notification line refused');

const badUserNames: readonly (readonly [what: string, name: string])[] = [
  ['that climbs', '../../etc/passwd'],
  ['of two dots', '..'],
  ['that is a path', '../b@example.com'],
  ['with a NUL', 'a\0b@example.com'],
  ['of 300 characters', 'x'.repeat(300)],
  ['with an empty part', 'a//b@example.com'],
];

describe('notification lines', () => {
  const cases: readonly (readonly [reason: string, line: Buffer])[] = [
    ['too long', Buffer.from(`${'x'.repeat(20_000)}\thigh\n`)],
    [
      'not UTF-8',
      Buffer.concat([Buffer.from('gr'), Buffer.from([0xfc]), Buffer.from('n@example.com\thigh\n')]),
    ],
    ['unknown priority', Buffer.from('someone@example.com\turgent\n')],
    ['control character', Buffer.from('some\x07one@example.com\thigh\n')],
    ['bad user name', Buffer.from('../someone@example.com\thigh\n')],
  ];

  test.each(cases)('%s: told once with what to do, and the next line counts', async (reason, line) => {
    const user = `after-${reason.replaceAll(' ', '-').toLowerCase()}@example.com`;
    await deliver(a, user, 'before');
    await untilInbox(b, user, 1);
    const done = logOf(a, 'dsyncd').length;
    for (let time = 0; time < 3; time++)
      await writeFifo(a, Buffer.concat([line, Buffer.from(`${user}\thigh\n`)]));
    await until('the good line is served', () =>
      logOf(a, 'dsyncd')
        .slice(done)
        .some((each) => each.msg === 'sync done' && each.user === user),
    );
    const told = refused(a).filter((each) => each.reason === reason);
    expect(told).toHaveLength(1);
    expect(told[0]?.line).toBeTruthy();
    expect(told[0]?.hint).toBeTruthy();
  });
});

describe.each(badUserNames)('a user name %s', (_what, name) => {
  test('is refused by the sockets of the replicator', async () => {
    const answers = await talk(join(a.baseDir, 'replicator-doveadm'), [
      'VERSION\treplicator-doveadm-client\t1\t0',
      `ADD\t${name.replaceAll('\0', '\u00010')}`,
    ]);
    expect(answers[1]).toMatch(/^-user name .* (has|is)/);
    const queued = await a.admin('replicator', 'status', '--json', '*');
    const names = (JSON.parse(queued.stdout) as { username: string }[]).map(({ username }) => username);
    expect(names).not.toContain(name);
  });

  test('is refused by LMTP for good', async () => {
    // A control character does not even get through the parser of addresses.
    const reply = await a.deliver(name, 'Subject: x\r\n\r\n').catch(String);
    expect(reply).toMatch(/5[05]\d /);
  });

  test('is refused by the dsync server, which says why and serves others', async () => {
    const peer = createPeer(parseDestination(`tcp:127.0.0.1:${port}`, { doveadmPort: port }), {
      secret: readFileSync(join(b.folder, 'secret'), 'utf8').trim(),
    });
    onCleanup(() => peer.close());
    const seen = logOf(b, 'dsync-server').length;
    await expect(peer.startSync(name as UserName, new AbortController().signal)).rejects.toMatchObject({
      outcome: 'operator',
      message: expect.stringMatching(/user name/),
    });
    await until('it is logged', () => logOf(b, 'dsync-server').length > seen);
    const told = logOf(b, 'dsync-server').slice(seen);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatchObject({ code: 'DSYNCD_USER_NAME', hint: expect.stringContaining('user names') });
    const good = await peer.startSync('welcome@example.com' as UserName, new AbortController().signal);
    good.release(false);
  });

  // No program can be given a NUL on its command line.
  if (name.includes('\0')) return;
  test('is refused by dsyncadm with what to do', async () => {
    for (const args of [
      ['replicator', 'replicate', '--', name],
      ['mailbox', 'list', `--user=${name}`],
    ]) {
      const { code, stderr } = await a.admin(...args);
      expect(code).toBeGreaterThan(0);
      expect(stderr).toMatch(/user name|user names/);
    }
  });
});

test('after all that, a user with a good name is served', async () => {
  await deliver(a, 'good@example.com', 'good');
  await untilInbox(b, 'good@example.com', 1);
});

/** Sends lines to a unix socket, closes, and answers the lines that came. */
async function talk(path: string, lines: readonly string[]): Promise<string[]> {
  const socket = connect(path);
  socket.end(lines.map((line) => `${line}\n`).join(''));
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  return text.split('\n');
}
