import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runProgram, until } from '@dsyncd/testkit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'dsyncd-arm64-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const emulator = '/usr/bin/qemu-aarch64-static';
/** The C and C++ libraries, which are all that a package takes from its system. */
const libraries = '/usr/aarch64-linux-gnu';
const canRun = existsSync(emulator) && existsSync(join(libraries, 'lib/libstdc++.so.6'));
const emulated = (...args: readonly string[]): string[] => [
  ...['-L', libraries, '-E', `LD_LIBRARY_PATH=${libraries}/lib`],
  ...args,
];

describe.skipIf(!canRun)('what packages for arm64 carry', { timeout: 180_000 }, () => {
  let library = '';
  beforeAll(() => {
    const built = spawnSync(
      process.execPath,
      ['deploy/package/build.mjs', 'folder', '--no-build', '--architecture', 'arm64', folder],
      { cwd: root, encoding: 'utf8' },
    );
    expect(built.stderr).toBe('');
    const name = readdirSync(folder).find((each) => /^dsyncd-.*-arm64$/.test(each)) ?? '';
    library = join(folder, name, 'lib');
  }, 120_000);

  it('is a Node for it, which runs dsyncadm', () => {
    const run = (...args: readonly string[]): string => {
      const node = join(library, 'bin/node');
      const { status, stdout, stderr } = spawnSync(emulator, emulated(node, ...args), { encoding: 'utf8' });
      expect(status, stderr).toBe(0);
      return stdout;
    };
    expect(run('-p', 'process.arch + process.version')).toMatch(/^arm64v24\./);
    expect(run(join(library, 'build/dsyncadm.js'), '--help')).toContain('Usage: dsyncadm');
  });

  it('has a dsyncd that answers, with its queue in the SQLite for it', async () => {
    for (const name of ['run', 'state']) mkdirSync(join(folder, name));
    writeFileSync(join(folder, 'secret'), 'secret-of-both-hosts\n', { mode: 0o600 });
    const configFile = join(folder, 'dsyncd.toml');
    writeFileSync(
      configFile,
      `hostname = "one.example.com"
base_dir = "${folder}/run"
state_dir = "${folder}/state"
mail_home = "${folder}/mail/%{user}"
doveadm_password_file = "${folder}/secret"
[channels.default]
mail_replica = "tcp:127.0.0.1:1"
`,
    );
    const program = join(library, 'build/dsyncd.js');
    const dsyncd = spawn(emulator, emulated(join(library, 'bin/node'), program, '-c', configFile), {
      stdio: 'ignore',
    });
    try {
      await until('dsyncd listens', () => existsSync(join(folder, 'run/replicator-doveadm')), {
        timeoutMs: 120_000,
      });
      const status = await runProgram('dsyncadm', ['-c', configFile, 'replicator', 'status']);
      expect(status.stdout).toMatch(/known users +0/);
      expect(existsSync(join(folder, 'state/queue.sqlite'))).toBe(true);
    } finally {
      dsyncd.kill('SIGTERM');
      await once(dsyncd, 'exit');
    }
  });
});
