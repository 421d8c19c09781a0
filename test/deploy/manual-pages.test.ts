import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { expect, test } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const hasMandoc = existsSync('/usr/bin/mandoc');
if (!hasMandoc && process.env.CI === 'true') throw new Error('missing Debian package: mandoc');

/** What mandoc warns of. The pages have no date: they are the same whenever they are made. */
function warnings(page: string): readonly string[] {
  const args = ['-Tlint', '-W', 'warning', page];
  const { stdout, stderr } = spawnSync('mandoc', args, { cwd: root, encoding: 'utf8' });
  return `${stdout}${stderr}`
    .split('\n')
    .filter((line) => line !== '' && !line.endsWith('WARNING: missing date, using "": TH'));
}

test.skipIf(!hasMandoc).each(globSync('deploy/man/*.[58]', { cwd: root }))(
  '%s is understood by mandoc',
  (page) => {
    expect(warnings(page)).toEqual([]);
  },
);
