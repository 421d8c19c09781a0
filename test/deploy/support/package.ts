import { spawnSync } from 'node:child_process';
import { scratchFolder } from '../../e2e/support.ts';

const root = new URL('../../..', import.meta.url).pathname;

/** Makes the Debian package of the sources as they are; answers the folder that it is in, which goes after the tests of the file. */
export function buildPackage(): string {
  const folder = scratchFolder();
  const args = ['deploy/package/build.mjs', 'deb', '--no-build', folder];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${stdout}${stderr}`);
  return folder;
}
