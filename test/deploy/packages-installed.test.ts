import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs';
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
 * with DSYNCD_PACKAGE_MATRIX=1 all kinds, and bare Debians 12, 13 and 14 where they are.
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

/** Builds the version of the repository as first.KIND and a newer one as second.KIND, once. */
function build(kind: string): void {
  if (existsSync(join(folder, `second.${kind}`))) return;
  for (const [name, ...version] of [['first'], ['second', '--version', '99.1']] as const)
    renameSync(
      run('deploy/package/build.mjs', kind, '--no-build', folder, ...version),
      join(folder, `${name}.${kind}`),
    );
}

const tried = Object.entries(systems).flatMap(([kind, places]) =>
  places
    .filter((place) => existsSync(join(place, 'etc/debian_version')))
    .map((place) => [kind, place] as const),
);

describe('a package', () => {
  it.each(tried)(
    '%s, on two hosts with the Debian of %s, replicates, is upgraded and downgraded with changes waiting, and goes without mail or state',
    { timeout: 240_000, skip: !canMount },
    (kind, system) => {
      build(kind);
      const place = mkdtempSync(join(folder, 'hosts-'));
      const { status, stdout, stderr } = spawnSync(
        'unshare',
        ['--mount', '--pid', '--net', '--fork', '--kill-child', 'sh', script, place, folder, system, kind],
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
