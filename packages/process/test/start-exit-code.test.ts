import { createServer } from 'node:net';
import { DsyncdError } from '@dsyncd/core';
import { expect, test } from 'vitest';
import { startExitCode } from '../src/run.ts';

test('a start that failed for what may pass ends with 75, one that needs a person with 78', async () => {
  const first = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => first.once('listening', listening));
  const address = first.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  const second = createServer().listen(address.port, '127.0.0.1');
  const inUse = await new Promise((failed) => second.once('error', failed));
  first.close();
  expect(startExitCode(inUse)).toBe(75);

  const full = Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
  expect(startExitCode(full)).toBe(75);
  expect(startExitCode(new DsyncdError('DSYNCD_STORE_DISK_FULL', 'full', { outcome: 'transient' }))).toBe(75);
  expect(startExitCode(new DsyncdError('DSYNCD_CONFIG', 'wrong', { outcome: 'operator' }))).toBe(78);
  const denied = Object.assign(new Error('permission denied'), { code: 'EACCES' });
  expect(startExitCode(denied)).toBe(78);
  expect(startExitCode(new Error('any other'))).toBe(78);
});
