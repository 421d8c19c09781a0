import { execFileSync } from 'node:child_process';
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { isOpenAt, takeInheritedFiles } from '../src/inherited-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'inherited-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('what systemd hands over', () => {
  const env = (more: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv => ({
    LISTEN_PID: '7',
    LISTEN_FDS: '3',
    LISTEN_FDNAMES: 'one:two:one',
    ...more,
  });

  test('is known by name, the first of each, and no child hears of it', () => {
    const given = env({ OTHER: 'stays' });
    expect([...takeInheritedFiles(given, 7)]).toEqual([
      ['one', 3],
      ['two', 4],
    ]);
    expect(given).toEqual({ OTHER: 'stays' });
  });

  test.each([
    ['another process', { LISTEN_PID: '8' }],
    ['no number', { LISTEN_FDS: 'x' }],
    ['none', { LISTEN_FDS: '0' }],
    ['too many', { LISTEN_FDS: '65' }],
    ['no names', { LISTEN_FDNAMES: undefined }],
  ])('for %s is nothing', (_, more) => {
    expect(takeInheritedFiles(env(more), 7).size).toBe(0);
  });

  test('names beyond the number of files are not believed', () => {
    expect([...takeInheritedFiles(env({ LISTEN_FDS: '1' }), 7)]).toEqual([['one', 3]]);
  });
});

test('a FIFO is the one at its path, and no other', () => {
  const [path, other] = [join(folder, 'fifo'), join(folder, 'other')];
  execFileSync('mkfifo', [path, other]);
  const descriptor = openSync(path, constants.O_RDWR | constants.O_NONBLOCK);
  expect(isOpenAt(descriptor, path)).toBe(true);
  expect(isOpenAt(descriptor, other)).toBe(false);
  expect(isOpenAt(descriptor, join(folder, 'missing'))).toBe(false);
  closeSync(descriptor);
});
