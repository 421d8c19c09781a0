import { join } from 'node:path';
import { Host, until } from '@dsyncd/testkit';
import { expect, test } from 'vitest';
import { cleanUpAfterTests, deliver, logOf, scratchFolder, startHosts, statusOf } from './support.ts';

cleanUpAfterTests();

test('a queue that cannot be stored any more ends dsyncd, and the next start goes on', async () => {
  const host = new Host({
    hostname: 'a.example.com',
    folder: join(scratchFolder(), 'a'),
    secret: 'the secret of both hosts',
    channels: { default: { replica: 'tcp:127.0.0.1:9' } },
  });
  await host.configure();
  const dsyncd = host.program('dsyncd');
  dsyncd.start({ NODE_OPTIONS: `--import ${new URL('support-mortal-thread.mjs', import.meta.url).href}` });
  await startHosts(host);
  await dsyncd.waitForLog((line) => line.includes('"msg":"ready"'));
  await deliver(host, 'ann', 'before');
  await until('the change is known', async () => (await statusOf(host)).behind.length === 1);
  expect(await dsyncd.end('SIGUSR2')).toBe(75);
  expect(logOf(host, 'dsyncd').find(({ msg }) => msg?.includes('to be started anew'))).toMatchObject({
    error: { code: 'DSYNCD_QUEUE_THREAD' },
  });
  await host.startProgram('dsyncd');
  expect((await statusOf(host)).behind).toMatchObject([{ username: 'ann' }]);
});
