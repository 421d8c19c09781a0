import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { tryLockFile } from '@dsyncd/process';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

let folder: string;
let file: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'dsyncd-lock-'));
  file = join(folder, 'a.lock');
});
afterEach(() => rmSync(folder, { recursive: true }));

const holderFile = new URL('lock-holder.mjs', import.meta.url);

function expectTaken(): void {
  expect(tryLockFile(file)).toBeUndefined();
}
function expectFree(): void {
  const lock = tryLockFile(file);
  expect(lock).toBeDefined();
  lock?.release();
}

/** A thread that holds the lock. */
async function startThread(): Promise<Worker> {
  const thread = new Worker(holderFile, {
    execArgv: [],
    workerData: file,
    resourceLimits: { maxOldGenerationSizeMb: 32 },
  });
  expect(await once(thread, 'message')).toEqual(['locked']);
  return thread;
}

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

  it.each(['exit', 'throw', 'run out of memory'])(
    'is free after a thread that held it did: %s',
    async (how) => {
      const thread = await startThread();
      expectTaken();
      const ended = new Promise((resolve) => thread.once('exit', resolve));
      const errors: unknown[] = [];
      thread.on('error', (error) => errors.push(error));
      thread.postMessage(how);
      expect(await ended).toBe(1);
      expect(errors).toHaveLength(how === 'exit' ? 0 : 1);
      expectFree();
    },
  );

  it('is free after a thread that held it was ended, while other threads keep theirs', async () => {
    const thread = await startThread();
    file = join(folder, 'b.lock');
    const other = await startThread();
    await other.terminate();
    expectFree();
    file = join(folder, 'a.lock');
    expectTaken();
    await thread.terminate();
    expectFree();
  });

  it('is free after a process that held it was killed', async () => {
    const child = spawn(process.execPath, [fileURLToPath(holderFile), file], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    expect(String((await once(child.stdout, 'data'))[0])).toBe('locked\n');
    expectTaken();
    child.kill('SIGKILL');
    await once(child, 'exit');
    expectFree();
  });
});
