import { createPair, type Host, until } from '@dsyncd/testkit';
import { beforeAll, describe, expect, test } from 'vitest';
import {
  cleanUpAfterTests,
  countInbox,
  deliver,
  logOf,
  mailOf,
  scratchFolder,
  startHosts,
  statusOf,
  untilInbox,
} from './support.ts';

cleanUpAfterTests();

const timeoutMs = 5000;

describe('with replication_sync_timeout', () => {
  let a: Host;
  let b: Host;
  beforeAll(async () => {
    ({ a, b } = await createPair({
      folder: scratchFolder(),
      settings: [`replication_sync_timeout = "${timeoutMs}ms"`],
    }));
    await startHosts(a, b);
  });

  test('a mail is on the other host before LMTP answers 250', async () => {
    for (let number = 1; number <= 10; number++) {
      await deliver(a, 'sync@example.com', `mail ${number}`);
      expect(await countInbox(b, 'sync@example.com')).toBe(number);
    }
    const saved = logOf(a, 'dsync-lmtp').filter((line) => line.msg === 'mail saved');
    expect(saved.map((line) => line.replication)).toEqual(Array(10).fill('synced'));
  });

  test('while the peer is down mail is taken within the timeout, and follows', async () => {
    await b.program('dsync-server').end('SIGTERM');
    const startedAt = Date.now();
    expect(await a.deliver('late@example.com', mailOf('late'))).toMatch(/^250 /);
    expect(Date.now() - startedAt).toBeLessThan(timeoutMs + 2000);
    const saved = logOf(a, 'dsync-lmtp').findLast((line) => line.msg === 'mail saved');
    expect(saved).toMatchObject({ user: 'late@example.com', replication: 'queued' });
    await until('status shows the user', async () =>
      (await statusOf(a)).behind.some((user) => user.username === 'late@example.com'),
    );
    const waiting = await a.admin('replicator', 'status', '--json', 'late@example.com');
    const [entry] = JSON.parse(waiting.stdout) as { priority: string; failed: boolean }[];
    expect(entry?.failed).toBe(true);
    // The sync that was asked for still waits; the notification that followed merged into it.
    expect(['sync', 'high']).toContain(entry?.priority);
    await b.startProgram('dsync-server');
    await untilInbox(b, 'late@example.com', 1);
  });
});
