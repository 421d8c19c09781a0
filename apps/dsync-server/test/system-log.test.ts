import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, expect, test, vi } from 'vitest';
import { openSystemLog } from '../src/stdio.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

test('a host without the program that writes to syslog holds no sync up at its end', {
  timeout: 10_000,
}, async () => {
  vi.stubEnv('PATH', '/nonexistent');
  const log = openSystemLog('dsync-server');
  log.logger.info({}, 'sync changed mail here');
  // Until it is known that there is none.
  for (let turns = 0; turns < 100; turns++) await turn();
  await expect(log.close()).resolves.toBeUndefined();
});
