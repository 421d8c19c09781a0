// What the other scripts need on the machine: a build, Debian packages. Every step is idempotent and quick when there is nothing
// to do. Node and the npm packages are there already: see start.mjs.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './node24.mjs';

export { root };

const isRoot = process.getuid?.() === 0;

/** Runs a command; its output is shown only when it fails, or always with `show`. */
function run(command, args, { show = false, env = {}, cwd = root } = {}) {
  const result = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, ...env },
    stdio: show ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
  });
  if (result.status === 0) return;
  const output = show ? '' : `\n${result.stdout ?? ''}${result.stderr ?? ''}`;
  throw new Error(`${command} ${args.join(' ')} failed${output}`);
}

const log = (text) => process.stderr.write(`${text}\n`);

export async function ensureBuilt() {
  log('Building ...');
  const dashboard = join(root, 'apps/dashboard');
  if (!isDashboardBuilt(dashboard))
    run(process.execPath, [join(root, 'node_modules/vite/bin/vite.js'), 'build'], { cwd: dashboard });
  // Imported only now: it needs the packages.
  const { ensureBundled } = await import('./bundle.mjs');
  await ensureBundled(root);
}

/** Is what the browser gets newer than all that it is made from? A folder is newer when a file went. */
function isDashboardBuilt(folder) {
  const built = join(folder, 'dist/index.html');
  if (!existsSync(built)) return false;
  const sources = ['src', 'public'].flatMap((part) => [
    part,
    ...readdirSync(join(folder, part), { recursive: true }).map((file) => join(part, file)),
  ]);
  const files = [...sources, 'index.html', 'vite.config.ts', 'package.json', '../../package-lock.json'];
  const { mtimeMs } = statSync(built);
  return files.every((file) => statSync(join(folder, file)).mtimeMs <= mtimeMs);
}

/**
 * Installs the Debian packages whose file is missing.
 * @param packages - package name to a file that it brings
 * @returns names of the packages that are missing and could not be installed (not root, no Debian, no network)
 */
export function ensureDebianPackages(packages) {
  const missing = Object.entries(packages)
    .filter(([, file]) => !existsSync(file))
    .map(([name]) => name);
  if (missing.length === 0 || !isRoot || !existsSync('/usr/bin/apt-get')) return missing;
  log(`Installing Debian packages: ${missing.join(' ')} ...`);
  const env = { DEBIAN_FRONTEND: 'noninteractive' };
  const install = () => run('apt-get', ['install', '-y', '--no-install-recommends', ...missing], { env });
  try {
    try {
      install();
    } catch {
      // A machine that never listed its packages, or whose list is out of date.
      run('apt-get', ['update'], { env });
      install();
    }
    return [];
  } catch (error) {
    log(String(error.message).slice(-2000));
    return missing;
  }
}

/** What the integration tests need beside Node. */
export const testPackages = {
  'openssh-server': '/usr/sbin/sshd',
  'openssh-client': '/usr/bin/ssh-keygen',
  openssl: '/usr/bin/openssl',
  'dovecot-core': '/usr/sbin/dovecot',
  'dovecot-imapd': '/usr/lib/dovecot/imap',
  'dovecot-lmtpd': '/usr/lib/dovecot/lmtp',
  'redis-server': '/usr/bin/redis-server',
  'redis-tools': '/usr/bin/redis-cli',
  chromium: '/usr/bin/chromium',
  prometheus: '/usr/bin/promtool',
  fish: '/usr/bin/fish',
  zsh: '/usr/bin/zsh',
  rpm: '/usr/bin/rpmbuild',
  rpm2cpio: '/usr/bin/rpm2cpio',
  cpio: '/usr/bin/cpio',
  iproute2: '/usr/sbin/ip',
  mandoc: '/usr/bin/mandoc',
  checkpolicy: '/usr/bin/checkmodule',
  'semodule-utils': '/usr/bin/semodule_package',
  apparmor: '/usr/sbin/apparmor_parser',
  bsdutils: '/usr/bin/script',
  'qemu-user-static': '/usr/bin/qemu-aarch64-static',
  'libc6-arm64-cross': '/usr/aarch64-linux-gnu/lib/libc.so.6',
  'libstdc++6-arm64-cross': '/usr/aarch64-linux-gnu/lib/libstdc++.so.6',
};

export const packageVersion = () => JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
