// A Debian 13 folder with Dovecot 2.4 in it, made once and kept: the tests that need a real 2.4 start it from
// there. `node test/tooling/dovecot24.mjs` makes it (root, Debian, about a minute, 450 MB). Only Node's own modules here.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureDebianPackages } from './setup.mjs';

/** Raise it when what the folder holds changes. */
const edition = '1';
const packages = 'dovecot-core dovecot-imapd dovecot-lmtpd openssh-client'.split(' ');

/** Where the folder is; `DSYNCD_DOVECOT24` names another one. Keep in step with packages/testkit/src/rig/dovecot24.ts. */
export const dovecot24Folder = () =>
  process.env.DSYNCD_DOVECOT24 ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dsyncd', 'trixie-2.4');

const readyFile = (folder) => join(folder, 'dsyncd-edition');

export const hasDovecot24 = (folder = dovecot24Folder()) =>
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
mount -t proc proc "$0/proc"
mount --rbind /dev "$0/dev"
chroot "$0" apt-get update -q
chroot "$0" apt-get install -y -q --no-install-recommends ${packages.join(' ')}
chroot "$0" apt-get clean
rm -rf "$0"/var/lib/apt/lists/*
`;

/**
 * Makes the folder when it is not there. Quick when it is.
 * @returns why it could not be made; undefined when it is there.
 */
export function ensureDovecot24() {
  const folder = dovecot24Folder();
  if (hasDovecot24(folder)) return undefined;
  if (process.getuid?.() !== 0) return 'Dovecot 2.4 runs in a folder of its own, which only root can make';
  if (!existsSync('/usr/bin/apt-get')) return 'Dovecot 2.4 is installed with debootstrap, which needs Debian';
  const missing = ensureDebianPackages({ debootstrap: '/usr/sbin/debootstrap' });
  if (missing.length > 0) return `missing Debian packages: ${missing.join(', ')}`;
  process.stderr.write('Installing Dovecot 2.4 into a folder of its own (once, about a minute) ...\n');
  const building = `${folder}.${process.pid}`;
  try {
    mkdirSync(join(folder, '..'), { recursive: true });
    run('debootstrap', ['--variant=minbase', '--include=ca-certificates', 'trixie', building]);
    writeFileSync(join(building, 'usr/sbin/policy-rc.d'), '#!/bin/sh\nexit 101\n', { mode: 0o755 });
    writeFileSync(join(building, 'etc/resolv.conf'), readFileSync('/etc/resolv.conf'));
    run('unshare', ['--mount', 'sh', '-c', installScript, building]);
    writeFileSync(readyFile(building), `${edition}\n`);
    if (!hasDovecot24(folder)) {
      rmSync(folder, { recursive: true, force: true });
      renameSync(building, folder);
    }
    return undefined;
  } catch (error) {
    return `Dovecot 2.4 could not be installed: ${error.message}`;
  } finally {
    rmSync(building, { recursive: true, force: true });
  }
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problem = ensureDovecot24();
  process.stdout.write(`${problem ?? dovecot24Folder()}\n`);
  process.exitCode = problem === undefined ? 0 : 1;
}
