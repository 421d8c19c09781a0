import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { Guide } from '../guides/support/guide.ts';

const root = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'dsyncd-confine-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const hasTools = ['/usr/bin/checkmodule', '/usr/bin/semodule_package', '/usr/sbin/apparmor_parser'].every(
  (file) => existsSync(file),
);
if (!hasTools && process.env.CI === 'true')
  throw new Error('missing Debian packages: checkpolicy, semodule-utils, apparmor');

const run = (command: string, args: readonly string[]) => {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  return { status, text: `${stdout}${stderr}` };
};

test.skipIf(!hasTools)('the SELinux module compiles by the commands of deploy/confine/README.md', () => {
  const { text } = new Guide('deploy/confine/README.md').block('SELinux', 'checkmodule');
  expect(run('bash', ['-e', '-c', text.replaceAll('/tmp/', `${folder}/`)])).toEqual({ status: 0, text: '' });
  expect(readFileSync(join(folder, 'dsyncd.pp')).includes('dovecot_spool_t')).toBe(true);
});

/** Whether AppArmor takes a profile with these rules; nothing is loaded into the kernel. */
function parse(rules: string): { readonly status: number | null } {
  const file = join(folder, 'profile');
  writeFileSync(
    file,
    `#include <tunables/global>\nprofile dovecot-test /usr/lib/dovecot/test {\n${rules}}\n`,
  );
  return run('apparmor_parser', ['--skip-kernel-load', '--skip-cache', '--quiet', file]);
}

test.skipIf(!hasTools)('AppArmor takes the rules for the profiles of Dovecot', () => {
  const rules = readFileSync(join(root, 'deploy/confine/dovecot-apparmor'), 'utf8');
  // Without AppArmor in the kernel it warns of what it cannot find out.
  expect(parse(rules).status).toBe(0);
  expect(parse(rules.replace('fifo w,', 'fifo w')).status).not.toBe(0);
});
