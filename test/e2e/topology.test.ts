import { createFleet, until } from '@dsyncd/testkit';
import { expect, test } from 'vitest';
import {
  cleanUpAfterTests,
  deliver,
  logOf,
  onCleanup,
  scratchFolder,
  startHosts,
  statusOf,
  untilEqual,
  untilInbox,
} from './support.ts';

cleanUpAfterTests();

test('a peer that is down holds up neither the other channel nor itself when it comes back', async () => {
  const { a, b, c } = await createFleet({
    folder: scratchFolder(),
    ssl: false,
    settings: ['replication_failure_resync_interval = "1s"'],
    channels: {
      a: {
        near: { to: 'b', settings: ['chain = true'] },
        far: { to: 'c', settings: ['chain = true'] },
      },
      b: { near: { to: 'a' } },
      c: { far: { to: 'a' } },
    },
  });
  // Only the server: a dsyncd of c would come and fetch by itself.
  await startHosts(a, b);
  const users = ['one@example.com', 'two@example.com', 'three@example.com'];
  for (const user of users) await deliver(a, user, 'for both');
  for (const user of users) await untilInbox(b, user, 1);
  await until('the breaker of the channel is open', async () => {
    const far = (await statusOf(a)).channels.find(({ channel }) => channel === 'far');
    return far?.breaker.state === 'open';
  });
  const status = await statusOf(a);
  expect(status.healthy).toBe(false);
  expect(status.channels.find(({ channel }) => channel === 'near')?.breaker.state).toBe('closed');
  expect(status.behind.map(({ channel }) => channel)).toEqual(['far', 'far', 'far']);
  for (const user of status.behind) {
    expect(user.why).toMatch(/tcp:127\.0\.0\.1:\d+/);
    expect(user.remedy).toBeTruthy();
  }
  await deliver(a, 'one@example.com', 'meanwhile');
  await untilInbox(b, 'one@example.com', 2);

  onCleanup(() => c.stop());
  await c.startProgram('dsync-server');
  await untilInbox(c, 'one@example.com', 2);
  for (const user of users) await untilEqual([a, b, c], user);
  await until('all is well', async () => (await statusOf(a)).healthy);
}, 60_000);

test('a chain of three hosts converges and then falls silent', async () => {
  const { a, b, c } = await createFleet({
    folder: scratchFolder(),
    ssl: false,
    channels: {
      a: { default: { to: 'b' } },
      b: {
        left: { to: 'a', settings: ['chain = true'] },
        right: { to: 'c', settings: ['chain = true'] },
      },
      c: { default: { to: 'b' } },
    },
  });
  await startHosts(a, b, c);
  const user = 'chain@example.com';
  await deliver(a, user, 'from the left');
  await untilInbox(c, user, 1);
  await Promise.all([deliver(a, user, 'left again'), deliver(b, user, 'middle'), deliver(c, user, 'right')]);
  for (const host of [a, b, c]) await untilInbox(host, user, 4);
  await untilEqual([a, b, c], user);
  const hosts = [a, b, c];
  await until('nothing is queued', async () =>
    (await Promise.all(hosts.map(statusOf))).every(({ behind }) => behind.length === 0),
  );
  const syncs = (): number =>
    hosts.reduce((sum, host) => sum + logOf(host, 'dsyncd').filter(isSync).length, 0);
  // 4 deliveries, each of which two hops carry; an echo would go on as long as one looks.
  const before = syncs();
  expect(before).toBeLessThan(40);
  await deliver(a, user, 'the last');
  await untilInbox(c, user, 5);
  await until('nothing is queued', async () =>
    (await Promise.all(hosts.map(statusOf))).every(({ behind }) => behind.length === 0),
  );
  expect(syncs() - before).toBeLessThanOrEqual(8);
});

const isSync = (line: { readonly msg?: string }): boolean =>
  line.msg === 'sync done' || line.msg === 'sync failed';
