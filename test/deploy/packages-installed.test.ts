import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { dovecot24Folder } from '@dsyncd/testkit';
import { afterAll, describe, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const script = join(root, 'test/deploy/install/throw-away-hosts.sh');
const folder = mkdtempSync(join(tmpdir(), 'dsyncd-packages-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const isWhole = process.env.DSYNCD_PACKAGE_MATRIX === '1';
const canMount =
  process.getuid?.() === 0 &&
  spawnSync('unshare', [
    '--mount',
    '--net',
    'sh',
    '-c',
    `ip link set lo up && mount -t tmpfs t ${folder} && cd ${folder} && mkdir u w m &&
    mount -t overlay o -o lowerdir=/,upperdir=u,workdir=w m`,
  ]).status === 0;

/** A Debian that `debootstrap --variant=minbase --include=adduser,libstdc++6,perl-base` made. */
const debian = (suite: string): string => {
  const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache');
  return join(cache, 'dsyncd', `debian-${suite}`);
};

/**
 * Debian systems to try each kind on, by their root folders: this one, and the Debian 13 that tests with Dovecot 2.4 have;
 * with DSYNCD_PACKAGE_MATRIX=1 all kinds, and bare Debians 12, 13 and 14 where they are. With DSYNCD_OLDER_PACKAGE=FILE the upgrade from
 * that release's .deb, and the way back, on this system with its own Node.
 */
const systems = {
  deb: ['/', dovecot24Folder(), ...(isWhole ? ['bookworm', 'trixie', 'forky'].map(debian) : [])],
  rpm: isWhole && existsSync('/usr/bin/rpmbuild') ? ['/'] : [],
  tar: isWhole ? ['/', debian('trixie')] : [],
} as const;

function run(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${args.join(' ')}: ${stdout}${stderr}`);
  return stdout.trim();
}

const { version: ours } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
const newer = '99.1';

/** A minimal Debian has no xz, so the archive is packed with gzip there. */
const optionsOf = (kind: string): readonly string[] => (kind === 'tar' ? ['--compression', 'gzip'] : []);

/** Puts this version as first.KIND and a newer one as second.KIND into a folder, once. */
function build(kind: string): string {
  const packages = join(folder, kind);
  if (existsSync(packages)) return packages;
  mkdirSync(packages);
  for (const [name, version] of [
    ['first', ours],
    ['second', newer],
  ] as const)
    renameSync(
      run('deploy/package/build.mjs', kind, '--no-build', packages, '--version', version, ...optionsOf(kind)),
      join(packages, `${name}.${kind}`),
    );
  writeFileSync(join(packages, 'versions'), `${ours} ${newer}\n`);
  return packages;
}

/** Puts an older release as first.deb and this version as second.deb into a folder. */
function buildAfter(older: string): string {
  const packages = join(folder, 'after-older');
  mkdirSync(packages);
  copyFileSync(older, join(packages, 'first.deb'));
  const ask = (field: string): string =>
    spawnSync('dpkg-deb', ['-f', older, field], { encoding: 'utf8' }).stdout.trim();
  renameSync(run('deploy/package/build.mjs', 'deb', '--no-build', packages), join(packages, 'second.deb'));
  writeFileSync(join(packages, 'versions'), `${ask('Version')} ${ours}\n`);
  if (/\bnodejs\b/.test(ask('Depends'))) writeFileSync(join(packages, 'needs-node'), '');
  return packages;
}

const older = process.env.DSYNCD_OLDER_PACKAGE;
const tried = [
  ...Object.entries(systems).flatMap(([kind, places]) =>
    places
      .filter((place) => existsSync(join(place, 'etc/debian_version')))
      .map((place) => [kind, place, undefined] as const),
  ),
  ...(older === undefined ? [] : [['deb', '/', older] as const]),
];

describe('a package', () => {
  it.each(tried)(
    '%s, on two hosts with the Debian of %s (before: %s), replicates, is upgraded and downgraded with changes waiting, and goes without mail or state',
    { timeout: 240_000, skip: !canMount },
    (kind, system, before) => {
      const packages = before === undefined ? build(kind) : buildAfter(before);
      const place = mkdtempSync(join(folder, 'hosts-'));
      const { status, stdout, stderr } = spawnSync(
        'unshare',
        ['--mount', '--pid', '--net', '--fork', '--kill-child', 'sh', script, place, packages, system, kind],
        { encoding: 'utf8', timeout: 200_000 },
      );
      const steps = stdout.split('\n').flatMap((line) => /^STEP (.*)/.exec(line)?.[1] ?? []);
      expect(steps, `${stdout}${stderr}`).toEqual([
        'user is there',
        'folders are there',
        'programs belong to root',
        'programs start',
        'threads are set',
        'services run as their user',
        'mail is taken',
        'mail is there',
        'mail is on the other host',
        'configuration survives the upgrade',
        'upgraded',
        'new version knows the queue',
        'what waited arrives after the upgrade, from the new version at the old one',
        'downgraded',
        'old version, back again, knows the queue',
        'what waited arrives after the downgrade',
        'both hosts have every mail as often',
        'removed',
        'removal leaves mail, queue and configuration',
        ...(kind === 'deb' ? ['purge takes the configuration'] : []),
        'mail, queue, secret and user stay',
      ]);
      expect(status).toBe(0);
    },
  );
});
