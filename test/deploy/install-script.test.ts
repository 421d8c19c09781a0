import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const root = new URL('../..', import.meta.url).pathname;
const folder = mkdtempSync(join(tmpdir(), 'dsyncd-install-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const run = (command: string, ...args: readonly string[]): string => {
  const { status, stdout, stderr } = spawnSync(command, args, {
    encoding: 'utf8',
    env: { ...process.env, DESTDIR: folder },
  });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')}: ${stdout}${stderr}`);
  return stdout.trim();
};
const filesBelow = (path: string): string[] =>
  (readdirSync(join(folder, path), { recursive: true }) as string[])
    .filter((file) => statSync(join(folder, path, file)).isFile())
    .sort();

it('deploy/install.sh installs what the archive has, twice as well as once, and uninstall.sh takes it away', {
  timeout: 180_000,
}, () => {
  const install = (): string => run('sh', join(root, 'deploy/install.sh'), '/usr/local');
  install();
  const first = filesBelow('.');
  for (const file of [
    'etc/dsyncd/dsyncd.toml',
    'etc/systemd/system/dsyncd.service',
    'usr/local/bin/dsyncd-fifo-keeper',
    'usr/local/share/man/man8/dsyncadm.8',
    'usr/local/share/bash-completion/completions/dsyncadm',
    'usr/local/share/zsh/site-functions/_dsyncadm',
    'usr/local/share/doc/dsyncd/README.md',
  ])
    expect(first).toContain(file);
  expect(readFileSync(join(folder, 'etc/systemd/system/dsyncd.service'), 'utf8')).toContain(
    'ExecStart=/usr/local/bin/dsyncd ',
  );
  expect(readFileSync(join(folder, 'usr/local/bin/dsyncd'), 'utf8')).toContain(
    'exec /usr/local/lib/dsyncd/bin/node /usr/local/lib/dsyncd/build/dsyncd.js',
  );
  const library = join(folder, 'usr/local/lib/dsyncd');
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
  expect(run(join(library, 'bin/node'), join(library, 'build/dsyncadm.js'), '--version')).toBe(version);

  install();
  expect(filesBelow('.')).toEqual(first);
  run(join(library, 'uninstall.sh'));
  expect(filesBelow('.')).toEqual(['etc/dsyncd/dsyncd.toml']);
  expect(existsSync(library)).toBe(false);
});
