/** `delivery_requires_replica`: an MTA that tries again until the mail is on both hosts. */
import { createFleet, type Host, until } from '@dsyncd/testkit';
import { beforeAll, expect, test } from 'vitest';
import {
  cleanUpAfterTests,
  countInbox,
  logOf,
  mailOf,
  scratchFolder,
  startHosts,
  statusOf,
  untilInbox,
} from './support.ts';

cleanUpAfterTests();

const ann = 'ann@example.com';
const bob = 'bob@elsewhere.net';

let a: Host;
let b: Host;
beforeAll(async () => {
  const settings = [
    'delivery_requires_replica = true',
    'delivery_requires_replica_domains = ["Example.com"]',
  ];
  ({ a, b } = await createFleet({
    folder: scratchFolder(),
    settings: ['replication_sync_timeout = "3s"', 'replication_failure_resync_interval = "1s"'],
    channels: { a: { default: { to: 'b', settings } }, b: { default: { to: 'a', settings } } },
    hasHttp: true,
  }));
  await startHosts(a, b);
});

async function metric(name: string): Promise<number> {
  const { url, token } = a.http;
  const page = await fetch(`${url}/metrics`, { headers: { authorization: `Bearer ${token}` } });
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(await page.text())?.[1]);
}

/** What an MTA does: the same bytes again until they are taken. */
async function deliverUntilTaken(host: Host, user: string, mail: string): Promise<number> {
  let tries = 0;
  await until('the mail is taken', async () => {
    tries++;
    return (await host.deliver(user, mail)).startsWith('250');
  });
  return tries;
}

test('with both hosts up a mail is on both before 250', async () => {
  // Slow machines may need a second try: that is what an MTA is for.
  await deliverUntilTaken(a, ann, mailOf('one'));
  expect([await countInbox(a, ann), await countInbox(b, ann)]).toEqual([1, 1]);
});

test('with the replica down: 451, and one copy on both hosts after a restart and retries', async () => {
  await b.program('dsync-server').end('SIGTERM');
  expect(await a.deliver(ann, mailOf('two'))).toMatch(/^451 4\.4\.1 <ann@example\.com>/);
  expect(await a.deliver(ann, mailOf('two'))).toMatch(/^451 4\.4\.1/);
  // Domains that do not require it are delivered as ever.
  expect(await a.deliver(bob, mailOf('bob'))).toMatch(/^250 /);
  await a.program('dsync-lmtp').end('SIGKILL');
  await a.startProgram('dsync-lmtp');
  expect(await a.deliver(ann, mailOf('two'))).toMatch(/^451 4\.4\.1/);
  expect(await countInbox(a, ann)).toBe(2);
  // Another mail with the same Message-ID, or none, is another mail.
  expect(await a.deliver(ann, mailOf('three'))).toMatch(/^451 4\.4\.1/);
  expect(await countInbox(a, ann)).toBe(3);

  await b.startProgram('dsync-server');
  expect(await deliverUntilTaken(a, ann, mailOf('two'))).toBeGreaterThan(0);
  expect(await deliverUntilTaken(a, ann, mailOf('three'))).toBeGreaterThan(0);
  await untilInbox(b, ann, 3);
  expect(await countInbox(a, ann)).toBe(3);
  expect(logOf(a, 'dsync-lmtp').filter(({ msg }) => msg === 'mail was saved by an earlier try')).not.toEqual(
    [],
  );
});

test('an MTA that goes on at the other host does not double the mail', async () => {
  await deliverUntilTaken(a, ann, mailOf('four'));
  // As if the answer had been lost on its way.
  await deliverUntilTaken(b, ann, mailOf('four'));
  expect([await countInbox(a, ann), await countInbox(b, ann)]).toEqual([4, 4]);
});

test('status names the refusals while they last', async () => {
  await b.program('dsync-server').end('SIGTERM');
  expect(await a.deliver(ann, mailOf('five'))).toMatch(/^451 /);
  const problemsOf = async (): Promise<string> => JSON.stringify(await statusOf(a));
  await until(
    'status shows it',
    async () => (await problemsOf()).includes('refuses deliveries (451 4.4.1)'),
    {
      timeoutMs: 60_000,
    },
  );
  expect(await metric('dsyncd_deliveries_refusing')).toBe(1);
  expect(await metric('dsyncd_deliveries_refused_total')).toBeGreaterThanOrEqual(5);
  await b.startProgram('dsync-server');
  await deliverUntilTaken(a, ann, mailOf('five'));
  await until('status is clear', async () => !(await problemsOf()).includes('refuses deliveries'), {
    timeoutMs: 60_000,
  });
});
