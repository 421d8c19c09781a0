import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'dsyncd-rpm-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (command: string, ...args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout.trim();
};
const build = (place: string): string =>
  run(process.execPath, 'deploy/package/build.mjs', 'rpm', '--no-build', place);
let file: string;

describe.skipIf(!existsSync('/usr/bin/rpmbuild'))('the RPM', { timeout: 120_000 }, () => {
  beforeAll(() => {
    file = build(folder);
  }, 120_000);

  it('says what it is and needs, and that its configuration stays', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    const machine = process.arch === 'arm64' ? 'aarch64' : 'x86_64';
    expect(run('rpm', '-qp', file)).toBe(`dsyncd-${version}-1.${machine}`);
    expect(run('rpm', '-qp', '--configfiles', file)).toBe('/etc/dsyncd/dsyncd.toml');
    const needed = run('rpm', '-qp', '--requires', file).split('\n');
    expect(needed.filter((each) => !/^(rpmlib|config|\/bin\/sh)/.test(each)).sort()).toEqual([
      'glibc >= 2.34',
      'libgcc',
      'libstdc++ >= 11',
      'shadow-utils',
    ]);
    expect(run('rpm', '-qp', '--queryformat', '[%{FILEUSERNAME}:%{FILEGROUPNAME}\n]', file)).toMatch(
      /^(root:root\n?)+$/,
    );
    expect(statSync(file).size).toBeLessThan(60_000_000);
  });

  it('has programs in it that start, once it is unpacked', () => {
    const place = join(folder, 'unpacked');
    mkdirSync(place);
    run('sh', '-c', `cd ${place} && rpm2cpio ${file} | cpio --quiet -id`);
    const library = join(place, 'usr/lib/dsyncd');
    for (const program of ['dsyncd', 'dsync-server', 'dsync-lmtp', 'dsyncadm'])
      expect(run(join(library, 'bin/node'), join(library, 'build', `${program}.js`), '--help')).toContain(
        program,
      );
    for (const unit of ['dsyncd.service', 'dsync-server.service', 'dsyncd.socket'])
      expect(existsSync(join(place, 'usr/lib/systemd/system', unit))).toBe(true);
    for (const page of ['man/man8/dsyncadm.8', 'man/man5/dsyncd.toml.5'])
      expect(existsSync(join(place, 'usr/share', page))).toBe(true);
  });

  it('is the same, byte by byte, when it is built again', () => {
    const again = join(folder, 'again');
    run('cmp', file, build(again));
  });
});
