import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { dovecotProblem, redisServerProgram } from '@dsyncd/testkit';
import { expect, test } from 'vitest';

const run = promisify(execFile);
const bench = fileURLToPath(new URL('run.mjs', import.meta.url));

interface Report {
  readonly machine: { readonly cores: number };
  readonly results: readonly { readonly what: string; readonly value: number; readonly verdict: string }[];
}

/** What each case measures first. */
const expected = [
  /^notification lines from one unix socket/,
  /^memory with .* known users/,
  /^POST \/v1\/notify/,
  /^status page/,
  /^incremental syncs with nothing to do, TLS/,
  /^delivery until it is on the other disk, p50/,
  /^first sync of/,
  /^incremental sync of one flag/,
  ...(existsSync('/usr/bin/chromium') ? [/^dashboard: first paint/] : []),
  ...(dovecotProblem('2.3') === undefined
    ? [/incremental syncs with nothing to do: Dovecot 2.3 with dsyncd/]
    : []),
  ...(existsSync(redisServerProgram) ? [/^completed jobs on Redis/] : []),
];

test('every case of the bench measures something, in a tiny size', { timeout: 300_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'dsyncd-bench-test-'));
  try {
    const json = join(folder, 'bench.json');
    const { stdout } = await run(process.execPath, [bench, '--small', '--json', json]);
    const { machine, results } = JSON.parse(await readFile(json, 'utf8')) as Report;
    expect(machine.cores).toBeGreaterThan(0);
    for (const { what, value } of results) {
      expect(value, what).toBeGreaterThanOrEqual(0);
      expect(stdout).toContain(what);
    }
    for (const what of expected) expect(results.filter((row) => what.test(row.what))).not.toEqual([]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});
