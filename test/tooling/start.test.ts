// How `npm run demo` and `npm test` come by their Node where the machine's own is older. npm is a stand-in here: it hands out
// what the test has packed, as the registry would, or fails.
import { execFile, execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';

const repository = join(import.meta.dirname, '../..');

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'dsyncd-start-'));
  mkdirSync(join(root, 'test/tooling'), { recursive: true });
  mkdirSync(join(root, 'registry/package/bin'), { recursive: true });
  writeFileSync(join(root, 'package-lock.json'), '{}');
  writeFileSync(
    join(root, 'print.mjs'),
    'console.log(process.env.FETCHED_NODE, process.argv.slice(2).join());',
  );
  cpSync(join(repository, 'test/tooling/start.mjs'), join(root, 'test/tooling/start.mjs'));
  writeProgram('registry/package/bin/node', `FETCHED_NODE=yes exec '${process.execPath}' "$@"`);
  writeFileSync(join(root, 'registry/package/LICENSE'), 'as they say');
  execFileSync('tar', ['-czf', 'node.tgz', 'package'], { cwd: join(root, 'registry') });
  expectHash(
    createHash('sha512')
      .update(readFileSync(join(root, 'registry/node.tgz')))
      .digest('base64'),
  );
  useNpm(registryNpm('mkdir -p node_modules/.bin; touch node_modules/.package-lock.json'));
});
afterEach(() => rmSync(root, { recursive: true }));

function writeProgram(path: string, script: string): void {
  writeFileSync(join(root, path), `#!/bin/sh\n${script}\n`);
  chmodSync(join(root, path), 0o755);
}

/** Every call is noted. */
function useNpm(script: string): void {
  mkdirSync(join(root, 'bin'), { recursive: true });
  writeProgram('bin/npm', `echo "$1" >> "$ROOT/calls"\n${script}`);
}

/** What npm does when the registry answers. */
const registryNpm = (ci: string): string => `
case "$1" in
  pack) cp "$ROOT/registry/node.tgz" "$4"; echo node.tgz;;
  ci) ${ci};;
esac`;

const calls = (): string[] => readFileSync(join(root, 'calls'), 'utf8').trim().split('\n');

/** The module that fetches, for a machine whose Node is too old whatever it is, and with this hash. */
function expectHash(hash: string): void {
  const text = readFileSync(join(repository, 'test/tooling/node24.mjs'), 'utf8')
    .replace(/majorMin = \d+/, 'majorMin = 999')
    .replace(/'sha512-[^']+'/g, `'sha512-${hash}'`);
  writeFileSync(join(root, 'test/tooling/node24.mjs'), text);
}

interface Ended {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

const start = (...args: string[]): Promise<Ended> =>
  new Promise((resolve) => {
    const env = { PATH: `${join(root, 'bin')}:${process.env.PATH}`, ROOT: root };
    const command = [join(root, 'test/tooling/start.mjs'), join(root, 'print.mjs'), ...args];
    execFile(process.execPath, command, { env }, (error, stdout, stderr) =>
      resolve({ status: error === null ? 0 : Number(error.code), stdout, stderr }),
    );
  });

/** What a try has left behind. */
const leftovers = (): string[] => readdirSync(join(root, '.node')).filter((name) => name !== 'lock');

describe('on a machine with an older Node', () => {
  test('a new one and the packages are fetched once, and take the arguments', async () => {
    expect(await start('a', 'b')).toMatchObject({ status: 0, stdout: 'yes a,b\n' });
    expect((await start('c')).stdout).toBe('yes c\n');
    expect(calls()).toEqual(['pack', 'ci']);
  });

  test('two starts at once fetch once, and both go on', async () => {
    const ended = await Promise.all([start('a'), start('b')]);
    expect(ended.map(({ stdout }) => stdout)).toEqual(['yes a\n', 'yes b\n']);
    expect(calls()).toEqual(['pack', 'ci']);
  });

  test('other bytes than the expected ones are not run', async () => {
    expectHash('b3RoZXI=');
    const { status, stderr } = await start('a');
    expect(status).toBe(1);
    expect(stderr).toContain('its bytes are not the expected ones');
    expect(leftovers()).toEqual([]);
    expect(existsSync(join(root, 'node_modules'))).toBe(false);
  });

  test('a download that fails says why and what to do, and the next start tries again', async () => {
    useNpm('echo "npm error code ENOTFOUND" >&2; exit 1');
    const { status, stderr } = await start('a');
    expect(status).toBe(1);
    expect(stderr).toMatch(/ENOTFOUND[\s\S]*To fix it: .*install Node 999 or newer/);
    expect(leftovers()).toEqual([]);
    useNpm(registryNpm('mkdir -p node_modules/.bin; touch node_modules/.package-lock.json'));
    expect((await start('b')).stdout).toBe('yes b\n');
  });

  test('packages that cannot be installed are a failure, too', async () => {
    useNpm(registryNpm('echo "npm error EACCES" >&2; exit 1'));
    const { status, stderr } = await start('a');
    expect(status).toBe(1);
    expect(stderr).toContain('EACCES');
  });
});
