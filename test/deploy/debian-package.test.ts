import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, renameSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Spec, Validation } from '@cyclonedx/cyclonedx-library';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'dsyncd-package-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (command: string, ...args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout.trim();
};

const isDebian = spawnSync('dpkg-deb', ['--version']).status === 0;
let first: string;

describe.skipIf(!isDebian)('the Debian package', () => {
  beforeAll(() => {
    const build = (...args: readonly string[]): string =>
      run(process.execPath, 'deploy/package/build.mjs', 'deb', '--no-build', folder, ...args);
    first = join(folder, 'first.deb');
    renameSync(build(), first);
    renameSync(build('--version', '99.1'), join(folder, 'second.deb'));
  });

  it('holds what is needed to run, and neither sources nor tests', () => {
    const files = run('dpkg-deb', '--contents', first)
      .split('\n')
      .map((line) => line.replace(/^.* \.\//, ''));
    for (const wanted of [
      'usr/lib/dsyncd/build/better_sqlite3.node',
      'usr/lib/dsyncd/build/index.worker.js',
      'usr/share/doc/dsyncd/THIRD-PARTY',
      'usr/lib/dsyncd/bin/node',
      'usr/share/doc/dsyncd/copyright.node',
      'usr/lib/dsyncd/build/dsyncd.js',
      'usr/lib/dsyncd/build/dashboard/index.html',
      'lib/systemd/system/dsyncd.service',
      'lib/systemd/system/dsyncd.socket',
      'lib/systemd/system/dsyncd-notify.socket',
      'usr/bin/dsyncd-fifo-keeper',
      'usr/share/man/man8/dsyncadm.8',
      'usr/share/man/man5/dsyncd.toml.5',
      'usr/share/bash-completion/completions/dsyncadm',
      'usr/bin/dsync-lmtp',
      'usr/lib/dsyncd/deploy/dsyncd.toml',
      'usr/lib/dsyncd/deploy/dovecot-2.4/99-dsyncd.conf',
    ])
      expect(files).toContain(wanted);
    const ours = files.filter((file) => /^usr\/lib\/dsyncd\/build\//.test(file));
    expect(ours.filter((file) => /\.(ts|map)$|\/(src|test)\/|testkit/.test(file))).toEqual([]);
    expect(files.filter((file) => /\/(typescript|vitest|playwright-core|fast-check)\//.test(file))).toEqual(
      [],
    );
  });

  it('has each program in one file, with no folder of npm packages', () => {
    const files = run('dpkg-deb', '--contents', first)
      .split('\n')
      .map((line) => line.replace(/^.* \.\//, ''))
      .filter(
        (file) => /^usr\/lib\/dsyncd\/.*[^/]$/.test(file) && !/\/(assets|dashboard|deploy)\//.test(file),
      );
    expect(files.map((file) => file.slice('usr/lib/dsyncd/'.length)).sort()).toEqual([
      'bin/node',
      'build/better_sqlite3.node',
      'build/dsync-lmtp.js',
      'build/dsync-server.js',
      'build/dsyncadm.js',
      'build/dsyncd.js',
      'build/feed-file.worker.js',
      'build/index.worker.js',
      'build/libraries/certificates.cjs',
      'build/libraries/redis.cjs',
      'build/libraries/ssh.cjs',
      'build/libraries/web.cjs',
      'build/queue-file.worker.js',
      'package.json',
    ]);
  });

  it('is the same, byte by byte, when it is built again, whatever the umask', () => {
    const again = run(
      'sh',
      '-c',
      `umask 077; ${process.execPath} deploy/package/build.mjs deb --no-build ${folder}`,
    );
    run('cmp', first, again);
    rmSync(again);
  });

  it('comes with checksums and a list of what is in it', async () => {
    run('sh', '-c', `cd ${folder} && sha256sum --check --ignore-missing SHA256SUMS`);
    const list = readFileSync(
      join(folder, `dsyncd-99.1-${run('dpkg', '--print-architecture')}.cdx.json`),
      'utf8',
    );
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
    expect(await validator.validate(list)).toBeNull();
    const { components } = JSON.parse(list) as {
      readonly components: readonly { readonly name: string; readonly hashes?: unknown }[];
    };
    const names = components.map(({ name }) => name);
    for (const name of [
      'node',
      'sqlite',
      'better-sqlite3',
      'fastify',
      'bullmq',
      'ssh2',
      'preact',
      '@bull-board/ui',
    ])
      expect(names).toContain(name);
    for (const name of ['typescript', 'vitest', 'esbuild']) expect(names).not.toContain(name);
    for (const { name, hashes } of components)
      if (name !== 'node' && name !== 'sqlite') expect(hashes, name).toBeDefined();
    const licences = run(
      'sh',
      '-c',
      `dpkg-deb --fsys-tarfile ${first} | tar -xO ./usr/share/doc/dsyncd/THIRD-PARTY`,
    );
    for (const { name } of components)
      if (name !== 'node' && name !== 'sqlite') expect(licences).toMatch(new RegExp(`^${name} \\d`, 'm'));
  });

  it('has the version of package.json, and its units start what it brings', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    expect(run('dpkg-deb', '-f', first, 'Version')).toBe(version);
    const unit = run(
      'sh',
      '-c',
      `dpkg-deb --fsys-tarfile ${first} | tar -xO ./lib/systemd/system/dsyncd.service`,
    );
    expect(unit).toContain('ExecStart=/usr/bin/dsyncd ');
    expect(unit).not.toContain('/usr/local');
  });

  it('brings its own Node, and needs nothing that a Debian has not', () => {
    expect(statSync(first).size).toBeLessThan(60_000_000);
    const needed = run('dpkg-deb', '-f', first, 'Depends')
      .split(', ')
      .map((each) => each.split(' ')[0]);
    expect(needed).toEqual(['adduser', 'libc6', 'libgcc-s1', 'libstdc++6']);
  });
});
