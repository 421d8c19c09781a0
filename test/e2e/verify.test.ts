/** `dsyncadm verify` between two hosts of real processes. */
import { createPair, type Host, until } from '@dsyncd/testkit';
import { beforeAll, expect, test } from 'vitest';
import { cleanUpAfterTests, deliver, scratchFolder, startHosts, untilInbox } from './support.ts';

cleanUpAfterTests();

const user = 'ann@example.com';

let a: Host;
let b: Host;
beforeAll(async () => {
  ({ a, b } = await createPair({ folder: scratchFolder() }));
  await startHosts(a, b);
  await deliver(a, user, 'first');
  await deliver(b, user, 'second');
  await untilInbox(a, user, 2);
  await untilInbox(b, user, 2);
});

interface Report {
  readonly equal: boolean;
  readonly channels: readonly {
    readonly users: number;
    readonly mails: number;
    readonly different: readonly { readonly differences: readonly object[] }[];
  }[];
}

test('two hosts that replicate are equal, in one line', async () => {
  await until('equal', async () => (await a.admin('verify', '--wait', '1')).code === 0);
  const { stdout } = await a.admin('verify');
  expect(stdout).toBe(
    `default: 1 user, 1 mailbox, 2 mails compared with ${b.hostname}: 1 equal, 0 different, 0 not compared\n`,
  );
});

test('what was changed while nothing is replicated is named, and gone when it is again', async () => {
  await a.program('dsyncd').end('SIGTERM');
  await b.program('dsyncd').end('SIGTERM');
  await a.admin('mail', 'flags', '-u', user, 'add', '1:*', 'seen');
  await b.admin('mailbox', 'create', '-u', user, 'Only there');
  await deliver(b, 'bert@example.com', 'unknown here');
  const { code, stdout } = await a.admin('verify', '--wait', '0');
  expect(code).toBe(1);
  expect(stdout).toMatch(
    new RegExp(
      `${user}: differs\n  INBOX: UID \\d+ has \\\\Seen on ${a.hostname}, no flags on ${b.hostname}\n`,
    ),
  );
  expect(stdout).toContain(`Only there: ${a.hostname} does not have this mailbox (0 mails)`);
  expect(stdout).toContain(`bert@example.com: differs\n  ${a.hostname} does not have this user\n`);
  await Promise.all([a.startProgram('dsyncd'), b.startProgram('dsyncd')]);
  await until('equal again', async () => {
    const { stdout: text } = await a.admin('verify', '--wait', '0', '--json');
    return (JSON.parse(text) as Report).equal;
  });
});

test('a host that does not answer is an error, not a difference', async () => {
  await b.program('dsync-server').end('SIGTERM');
  const { code, stderr } = await a.admin('verify');
  expect(code).toBe(75);
  expect(stderr).toMatch(/start the dsync server|ECONNREFUSED|cannot be reached/);
});
