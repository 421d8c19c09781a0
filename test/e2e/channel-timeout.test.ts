import { join } from 'node:path';
import { Host, startScriptedPeer, until } from '@dsyncd/testkit';
import { expect, test } from 'vitest';
import { cleanUpAfterTests, deliver, logOf, onCleanup, scratchFolder, startHosts } from './support.ts';

cleanUpAfterTests();

test("a channel's own dsync_timeout goes before the common one", async () => {
  const secret = 'the secret of both hosts';
  const silent = await startScriptedPeer(secret, () => new Promise(() => {}));
  onCleanup(() => silent.stop());
  const replica = `tcp:127.0.0.1:${silent.port}`;
  const host = new Host({
    hostname: 'a.example.com',
    folder: join(scratchFolder(), 'a'),
    secret,
    settings: ['dsync_timeout = "10m"'],
    channels: { quick: { replica, settings: ['dsync_timeout = "200ms"'] } },
  });
  await host.configure();
  await startHosts(host);
  await deliver(host, 'ann', 'a mail');
  const failed = () => logOf(host, 'dsyncd').filter(({ msg }) => msg === 'sync failed');
  await until('a sync was cut off', () => failed().length > 0);
  expect(failed()[0]).toMatchObject({
    channel: 'quick',
    reason: expect.stringContaining('no result within 0.2 s'),
  });
});
