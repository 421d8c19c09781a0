// node test/tooling/start.mjs ARGUMENTS: Node 24 with these arguments, after the npm packages were installed. What is missing
// of the two is fetched first. This file runs on Node 18 too; only Node's own modules may be imported here.
import { execFile, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, statSync, symlinkSync } from 'node:fs';
import { constants } from 'node:os';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { fetchedNode, fetchNode, isNewEnough, root } from './node24.mjs';

const prepareOnly = '--prepare-only';
const modules = join(root, 'node_modules');

function hasModules() {
  const marker = join(modules, '.package-lock.json');
  return existsSync(marker) && statSync(marker).mtimeMs >= statSync(join(root, 'package-lock.json')).mtimeMs;
}

const hasNode = () => isNewEnough() || existsSync(fetchedNode() ?? '');

/** npx and npm run look here first, so they find the new Node. */
const link = join(modules, '.bin/node');
/** One that was started by the link needs it again: npm ci has removed it. */
const hasLink = () => existsSync(link) || (isNewEnough() && process.execPath !== fetchedNode());

async function prepare() {
  const missing = [hasNode() ? [] : ['Node 24'], hasModules() ? [] : ['npm packages']].flat();
  if (missing.length > 0) process.stderr.write(`Installing ${missing.join(' and ')} ...\n`);
  const node = isNewEnough() ? process.execPath : await fetchNode();
  if (!hasModules()) {
    // No package needs its scripts: compiled code is in the packages. npm runs on the new Node, too: on an older one it leaves
    // out what is optional and asks for a newer one, such as the compiled part of the bundler.
    const options = ['--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'];
    await promisify(execFile)('npm', ['ci', ...options], { cwd: root, env: environment(node) });
  }
  if (hasLink()) return;
  rmSync(link, { force: true });
  symlinkSync(relative(dirname(link), fetchedNode()), link);
}

/** A second start at the same time waits for the first, which would find its packages removed. */
function prepareAlone() {
  if (hasNode() && hasModules() && hasLink()) return;
  mkdirSync(join(root, '.node'), { recursive: true });
  const self = [process.execPath, fileURLToPath(import.meta.url), prepareOnly];
  const locked = spawnSync('flock', [join(root, '.node/lock'), ...self], { stdio: 'inherit' });
  const { status } =
    locked.error === undefined ? locked : spawnSync(self[0], self.slice(1), { stdio: 'inherit' });
  if (status !== 0) process.exit(1);
}

const environment = (node) => ({ ...process.env, PATH: `${dirname(node)}${delimiter}${process.env.PATH}` });

function run(node) {
  const child = spawn(node, process.argv.slice(2), { stdio: 'inherit', env: environment(node) });
  // Ctrl-C reaches both; other signals only this one.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
    process.on(signal, () => signal === 'SIGINT' || child.kill(signal));
  child.once('exit', (code, signal) => process.exit(code ?? 128 + constants.signals[signal]));
}

try {
  if (process.argv[2] === prepareOnly) await prepare();
  else {
    prepareAlone();
    run(isNewEnough() ? process.execPath : fetchedNode());
  }
} catch (error) {
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 1;
}
