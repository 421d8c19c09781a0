import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { readSecret } from '../src/index.ts';

let folder: string;
let file: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'secret-'));
  file = join(folder, 'secret');
});
afterEach(() => rm(folder, { recursive: true }));

describe('readSecret', () => {
  test.each([0o600, 0o640, 0o400])('accepts mode %o and drops the line end', async (mode) => {
    await writeFile(file, 'correct horse\n');
    await chmod(file, mode);
    expect(await readSecret(file)).toBe('correct horse');
  });

  test.each([0o644, 0o602, 0o601])('refuses mode %o, and says how to mend it', async (mode) => {
    await writeFile(file, 'correct horse\n');
    await chmod(file, mode);
    const error = await readSecret(file).catch((caught: unknown) => caught);
    expect(error).toMatchObject({
      code: 'DSYNCD_SECRET',
      hint: expect.stringContaining(`chmod 600 ${file}`),
    });
    expect(String(error)).not.toContain('correct');
  });

  test.each([
    ['empty', '\n', /is empty/],
    ['two lines', 'one\ntwo\n', /more than one line/],
    ['one byte past the limit', 'x'.repeat(1025), /more than 1024 bytes/],
  ])('refuses a file that is %s', async (_, text, message) => {
    await writeFile(file, text, { mode: 0o600 });
    await expect(readSecret(file)).rejects.toThrow(message);
  });

  test('accepts a secret of the longest length', async () => {
    await writeFile(file, 'x'.repeat(1024), { mode: 0o600 });
    expect(await readSecret(file)).toHaveLength(1024);
  });

  test('a missing file is an operator error', async () => {
    await expect(readSecret(file)).rejects.toMatchObject({ code: 'DSYNCD_SECRET', outcome: 'operator' });
  });
});
