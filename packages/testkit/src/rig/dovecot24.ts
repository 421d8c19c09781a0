import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';

/** A Debian 13 folder with Dovecot 2.4 in it; test/tooling/dovecot24.mjs makes it. */
export const dovecot24Folder = (): string =>
  process.env.DSYNCD_DOVECOT24 ??
  join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'dsyncd', 'trixie-2.4');

export function dovecot24Problem(): string | undefined {
  if (process.getuid?.() !== 0) return 'Dovecot 2.4 runs in a chroot, which only root can enter';
  if (existsSync(join(dovecot24Folder(), 'dsyncd-edition'))) return undefined;
  return 'Dovecot 2.4 is not there: node test/tooling/dovecot24.mjs installs it';
}

/** Mounts what a chroot needs, in a mount namespace that goes with the last process in it, and enters the chroot. */
const enterScript = `set -e
root=$1 shared=$2
shift 2
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
mkdir -p "$root$shared"
mount --bind "$shared" "$root$shared"
exec chroot "$root" "$@"
`;

/** Starts a program of the folder; files below the system's temporary folder have the same names for it. */
export function startDovecot24(
  command: readonly string[],
  environment: Readonly<Record<string, string>>,
): ChildProcess {
  const args = ['--mount', 'sh', '-c', enterScript, 'enter', dovecot24Folder(), tmpdir(), ...command];
  return spawn('unshare', args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, ...environment },
  });
}

/** A command line that runs beside the process `pid` that {@link startDovecot24} started. */
export const inDovecot24 = (
  pid: number,
  command: readonly string[],
): { readonly command: string; readonly args: readonly string[] } => ({
  command: 'nsenter',
  args: ['--target', String(pid), '--mount', '--', 'chroot', dovecot24Folder(), ...command],
});
