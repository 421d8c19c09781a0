// Debian systems in folders of their own, made once by debootstrap and kept for the tests that need another release than the machine's.
// Only Node's own modules here.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ensureDebianPackages } from './setup.mjs';

/** Where such folders are. */
export const debianFolder = (name) =>
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dsyncd', name);

const readyFile = (folder) => join(folder, 'dsyncd-edition');

export const hasDebianFolder = ({ folder, edition }) =>
  existsSync(readyFile(folder)) && readFileSync(readyFile(folder), 'utf8').trim() === edition;

function run(command, args) {
  const result = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive', LC_ALL: 'C' },
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status === 0) return;
  const output = `${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`;
  throw new Error(`${command} ${args[0]} failed: ${output.slice(-2000)}`);
}

/** Mounts live in a mount namespace of their own and go with its last process. */
const installScript = `set -e
root=$0
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
chroot "$root" apt-get update -q
chroot "$root" apt-get install -y -q --no-install-recommends "$@"
chroot "$root" apt-get clean
rm -rf "$root"/var/lib/apt/lists/*
`;

/**
 * Makes the folder when it is not there. Quick when it is.
 * @param what - `what` is in it, for people; `edition`: raise it when what the folder holds changes; `release` of Debian; `packages`
 * @returns why it could not be made; undefined when it is there.
 */
export function ensureDebianFolder({ folder, edition, what, release, packages }) {
  if (hasDebianFolder({ folder, edition })) return undefined;
  if (process.getuid?.() !== 0) return `${what} is in a folder of its own, which only root can make`;
  if (!existsSync('/usr/bin/apt-get')) return `${what} is installed with debootstrap, which needs Debian`;
  const missing = ensureDebianPackages({ debootstrap: '/usr/sbin/debootstrap' });
  if (missing.length > 0) return `missing Debian packages: ${missing.join(', ')}`;
  process.stderr.write(`Installing ${what} into a folder of its own (once, about a minute) ...\n`);
  const building = `${folder}.${process.pid}`;
  try {
    mkdirSync(join(folder, '..'), { recursive: true });
    run('debootstrap', ['--variant=minbase', '--include=ca-certificates', release, building]);
    writeFileSync(join(building, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    writeFileSync(join(building, 'etc/resolv.conf'), readFileSync('/etc/resolv.conf'));
    // Nothing is lost with it: a folder that was not finished is made anew.
    writeFileSync(join(building, 'etc/dpkg/dpkg.cfg.d/unsafe-io'), 'force-unsafe-io\n');
    run('unshare', ['--mount', 'sh', '-c', installScript, building, ...packages]);
    writeFileSync(readyFile(building), `${edition}\n`);
    if (!hasDebianFolder({ folder, edition })) {
      rmSync(folder, { recursive: true, force: true });
      renameSync(building, folder);
    }
    return undefined;
  } catch (error) {
    return `${what} could not be installed: ${error.message}`;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}
