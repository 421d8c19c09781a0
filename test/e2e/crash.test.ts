import { createPair } from '@dsyncd/testkit';
import { expect, test } from 'vitest';
import { cleanUpAfterTests, deliver, logOf, scratchFolder, startHosts, untilInbox } from './support.ts';

cleanUpAfterTests();

test('a change whose notification dsyncd had not read when it was killed is found after its start', async () => {
  const { a, b } = await createPair({ folder: scratchFolder(), ssl: false });
  await startHosts(a, b);
  const user = 'crash@example.com';
  await deliver(a, user, 'before');
  await untilInbox(b, user, 1);
  const dsyncd = a.program('dsyncd');
  dsyncd.signal('SIGSTOP');
  await deliver(a, user, 'noted in the FIFO only');
  await dsyncd.end('SIGKILL');
  await a.startProgram('dsyncd');
  await untilInbox(b, user, 2);

  // Ended in order, it has nothing to look for.
  await dsyncd.end('SIGTERM');
  const seen = logOf(a, 'dsyncd').length;
  await a.startProgram('dsyncd');
  await deliver(a, user, 'after');
  await untilInbox(b, user, 3);
  expect(
    logOf(a, 'dsyncd')
      .slice(seen)
      .filter((line) => line.msg?.startsWith('did not end')),
  ).toEqual([]);
});
