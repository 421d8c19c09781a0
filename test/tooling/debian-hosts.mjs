// Debian systems that can be booted: systemd, Dovecot and sshd, nothing of dsyncd. The tests of packages and pairing start copies of
// them. `node test/tooling/debian-hosts.mjs` makes those that are missing (root, Debian, a minute and 300 MB each).
import { pathToFileURL } from 'node:url';
import { debianFolder, ensureDebianFolder } from './debian-folder.mjs';

/** Releases of Debian, with Dovecot 2.3 and 2.4. Keep in step with test/deploy/support/booted-host.ts. */
const releases = ['bookworm', 'trixie'];

/** @returns why one could not be made; undefined when all are there. */
export function ensureDebianHosts() {
  for (const release of releases) {
    const problem = ensureDebianFolder({
      folder: debianFolder(`host-${release}`),
      edition: '1',
      what: `the Debian host ${release}`,
      release,
      packages: [
        ...['systemd-sysv', 'dbus', 'adduser', 'openssh-server', 'openssh-client'],
        ...['dovecot-core', 'dovecot-imapd', 'dovecot-lmtpd'],
      ],
    });
    if (problem !== undefined) return problem;
  }
  return undefined;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problem = ensureDebianHosts();
  if (problem !== undefined) process.stdout.write(`${problem}\n`);
  process.exitCode = problem === undefined ? 0 : 1;
}
