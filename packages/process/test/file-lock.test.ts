import { mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { tryLockFile } from '@dsyncd/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dsyncd-lock-'));
  file = join(folder, 'a.lock');
});
afterEach(() => rmSync(folder, { recursive: true }));

describe('the lock of a file', () => {
  it('has one holder, also within a thread, until it is released', () => {
    const lock = tryLockFile(file);
    expect(lock).toBeDefined();
    expect(tryLockFile(file)).toBeUndefined();
    // The failed try has closed the file: that must not end the lock.
    expect(tryLockFile(file)).toBeUndefined();
    lock?.release();
    const next = tryLockFile(file);
    expect(next).toBeDefined();
    next?.release();
  });

  it('is that of the file which has the name now', () => {
    const old = tryLockFile(file);
    renameSync(file, `${file}.old`);
    const present = tryLockFile(file);
    expect(present).toBeDefined();
    present?.release();
    old?.release();
  });

  it('leaves a small file that only its owner may read', () => {
    tryLockFile(file)?.release();
    expect(statSync(file).size).toBe(512);
    expect(statSync(file).mode & 0o777).toBe(0o600);
  });
});
