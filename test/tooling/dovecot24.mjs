// A Debian 13 folder with Dovecot 2.4 in it, made once and kept: the tests that need a real 2.4 start it from
// there. `node test/tooling/dovecot24.mjs` makes it (root, Debian, about a minute, 450 MB). Only Node's own modules here.
import { pathToFileURL } from 'node:url';
import { debianFolder, ensureDebianFolder } from './debian-folder.mjs';

/** Where the folder is; `DSYNCD_DOVECOT24` names another one. Keep in step with packages/testkit/src/rig/dovecot24.ts. */
const dovecot24Folder = () => process.env.DSYNCD_DOVECOT24 ?? debianFolder('trixie-2.4');

/**
 * Makes the folder when it is not there. Quick when it is.
 * @returns why it could not be made; undefined when it is there.
 */
export const ensureDovecot24 = () =>
  ensureDebianFolder({
    folder: dovecot24Folder(),
    edition: '1',
    what: 'Dovecot 2.4',
    release: 'trixie',
    packages: ['dovecot-core', 'dovecot-imapd', 'dovecot-lmtpd', 'openssh-client'],
  });

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const problem = ensureDovecot24();
  process.stdout.write(`${problem ?? dovecot24Folder()}\n`);
  process.exitCode = problem === undefined ? 0 : 1;
}
