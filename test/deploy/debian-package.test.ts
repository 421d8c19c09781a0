import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const script = join(root, 'test/deploy/install-package.sh');
const folder = mkdtempSync(join(tmpdir(), 'dsyncd-package-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (command: string, ...args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout.trim();
};

const isDebian = spawnSync('dpkg-deb', ['--version']).status === 0;
const canMount =
  process.getuid?.() === 0 &&
  spawnSync('unshare', [
    '--mount',
    'sh',
    '-c',
    `mount -t tmpfs t ${folder} && cd ${folder} && mkdir u w m &&
    mount -t overlay o -o lowerdir=/,upperdir=u,workdir=w m`,
  ]).status === 0;

/** For what this system has by other means than a Debian package. */
function stub(name: string, version: string): void {
  if (spawnSync('dpkg', ['-s', name]).status === 0) return;
  const stage = join(folder, name);
  mkdirSync(join(stage, 'DEBIAN'), { recursive: true, mode: 0o755 });
  const fields = [
    `Package: ${name}`,
    `Version: ${version}`,
    'Architecture: all',
    'Maintainer: test <t@localhost>',
  ];
  writeFileSync(
    join(stage, 'DEBIAN/control'),
    `${fields.join('\n')}\nDescription: stands for what is there\n`,
  );
  run('dpkg-deb', '--build', stage, join(folder, `stub-${name}.deb`));
}

let first: string;

describe.skipIf(!isDebian)('the Debian package', () => {
  beforeAll(() => {
    const build = (...args: readonly string[]): string =>
      run(process.execPath, 'deploy/debian/build.mjs', '--no-build', folder, ...args);
    first = join(folder, 'first.deb');
    renameSync(build(), first);
    renameSync(build('--version', '99.1'), join(folder, 'second.deb'));
  });

  it('holds what is needed to run, and neither sources nor tests', () => {
    const files = run('dpkg-deb', '--contents', first)
      .split('\n')
      .map((line) => line.replace(/^.* \.\//, ''));
    for (const wanted of [
      'usr/lib/dsyncd/node_modules/better-sqlite3/build/Release/better_sqlite3.node',
      'usr/lib/dsyncd/build/dsyncd.js',
      'usr/lib/dsyncd/build/dashboard/index.html',
      'lib/systemd/system/dsyncd.service',
      'lib/systemd/system/dsyncd.socket',
      'lib/systemd/system/dsyncd-notify.socket',
      'usr/bin/dsyncd-fifo-keeper',
      'usr/bin/dsync-lmtp',
    ])
      expect(files).toContain(wanted);
    const ours = files.filter((file) => /^usr\/lib\/dsyncd\/build\//.test(file));
    expect(ours.filter((file) => /\.(ts|map)$|\/(src|test)\/|testkit/.test(file))).toEqual([]);
    expect(files.filter((file) => /\/(typescript|vitest|playwright-core|fast-check)\//.test(file))).toEqual(
      [],
    );
  });

  it('has the version of package.json, and its units start what it brings', () => {
    expect(run('dpkg-deb', '-f', first, 'Version')).toBe(
      run('npm', 'pkg', 'get', 'version').replaceAll('"', ''),
    );
    const unit = run(
      'sh',
      '-c',
      `dpkg-deb --fsys-tarfile ${first} | tar -xO ./lib/systemd/system/dsyncd.service`,
    );
    expect(unit).toContain('ExecStart=/usr/bin/dsyncd ');
    expect(unit).not.toContain('/usr/local');
  });

  it.skipIf(!canMount)(
    'installs, runs, is upgraded and goes, and no mail or state with it',
    { timeout: 60_000 },
    () => {
      const [, version = '20'] = process.version.split('v');
      stub('nodejs', version);
      stub('systemd', '252');
      const place = join(folder, 'root');
      mkdirSync(place);
      const args = ['--mount', '--pid', '--fork', '--kill-child', 'sh', script, place, folder];
      const { status, stdout, stderr } = spawnSync('unshare', args, { encoding: 'utf8', timeout: 55_000 });
      const steps = stdout.split('\n').flatMap((line) => /^STEP (.*)/.exec(line)?.[1] ?? []);
      expect(steps, `${stdout}${stderr}`).toEqual([
        'user is there',
        'folders are there',
        'programs belong to root',
        'programs start',
        'threads are set',
        'mail is taken',
        'mail is there',
        'configuration survives the upgrade',
        'upgraded',
        'new version knows the queue',
        'removed',
        'removal leaves mail, queue and configuration',
        'purge takes the configuration',
        'purge leaves mail, queue, secret and user',
      ]);
      expect(status).toBe(0);
    },
  );
});
