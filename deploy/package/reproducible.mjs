// What makes two builds of one commit equal: one time for all files, one order, one owner.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { lutimesSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './stage.mjs';

/**
 * Runs a command in the root of the repository.
 * @returns what it printed; throws with all of its output when it fails
 */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 << 20, ...options });
  if (result.status !== 0)
    throw new Error(
      `${command} ${args.join(' ')} failed\n${result.stdout}${result.stderr}${result.error ?? ''}`,
    );
  return result.stdout.trim();
}

/** Seconds since 1970 that all times in a package are set to: SOURCE_DATE_EPOCH, or the time of the commit. */
export function sourceDateEpoch() {
  if (process.env.SOURCE_DATE_EPOCH !== undefined) return Number(process.env.SOURCE_DATE_EPOCH);
  try {
    return Number(run('git', ['log', '-1', '--format=%ct']));
  } catch {
    throw new Error(
      'this folder is no clone of the repository: set SOURCE_DATE_EPOCH to the time of the release',
    );
  }
}

/** Sets modes and times of everything in a folder to what does not depend on the machine. */
export function settle(folder) {
  run('chmod', ['-R', 'u=rwX,go=rX', folder]);
  const time = sourceDateEpoch();
  for (const file of readdirSync(folder, { recursive: true })) lutimesSync(join(folder, file), time, time);
  lutimesSync(folder, time, time);
}

/** Writes SHA256SUMS, as `sha256sum --check` reads it, over all packages in the folder. */
export function writeChecksums(folder) {
  const names = readdirSync(folder).filter((name) => /\.(deb|rpm|tar\.xz|tar\.gz|tar|json)$/.test(name));
  const lines = names.sort().map(
    (name) =>
      `${createHash('sha256')
        .update(readFileSync(join(folder, name)))
        .digest('hex')}  ${name}\n`,
  );
  writeFileSync(join(folder, 'SHA256SUMS'), lines.join(''));
}
