import type { StatsFs } from 'node:fs';
import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type Config, mailHomesFolder } from '@dsyncd/config';
import { systemCode } from '@dsyncd/core';
import type { HostCheck } from '../check.ts';
import { type Finding, ok, problem, problemOf, warning } from '../finding.ts';

/** Below it dsyncd cannot work for long. */
const freeShareProblem = 0.02;
const freeShareWarning = 0.1;

export const stateFolder: HostCheck = {
  name: 'state-dir',
  async run({ config: { stateDir } }) {
    try {
      const folder = await stat(stateDir);
      if (!folder.isDirectory())
        return problem(`state_dir ${stateDir} is no folder`, 'move it away; dsyncd makes the folder');
      await access(stateDir, constants.W_OK | constants.X_OK);
      return await ownerProblem(stateDir, folder.uid);
    } catch (error) {
      const isMissing = systemCode(error) === 'ENOENT';
      return problemOf(
        error,
        isMissing
          ? 'make the folder for the user of dsyncd (the systemd unit does: StateDirectory=dsyncd)'
          : 'give it to the user of dsyncd, and run doctor as that user or as root',
      );
    }
  },
};

/** A program run as root once leaves files there that dsyncd cannot write. */
async function ownerProblem(stateDir: string, owner: number): Promise<Finding> {
  const queueFile = join(stateDir, 'queue.sqlite');
  const queue = await stat(queueFile).catch(() => undefined);
  if (queue !== undefined && queue.uid !== owner && queue.uid === 0)
    return problem(
      `${queueFile} belongs to root, but ${stateDir} to user ${owner}: dsyncd ran as root once`,
      `chown -R ${owner} ${stateDir}, and start dsyncd by its service only`,
    );
  return ok(`${stateDir} can be written`);
}

export const freeSpace: HostCheck = {
  name: 'disk',
  async run({ config }) {
    const findings = await Promise.all(foldersOf(config).map(spaceIn));
    const worst = findings.find(({ severity }) => severity === 'problem');
    return worst ?? findings.find(({ severity }) => severity === 'warning') ?? findings[0];
  },
};

const foldersOf = (config: Config): readonly string[] =>
  config.mailEngine === 'builtin' ? [config.stateDir, mailHomesFolder(config)] : [config.stateDir];

async function spaceIn(folder: string): Promise<Finding> {
  const { path, blocks, bavail, bsize, files, ffree } = await statfsAbove(folder);
  const gigabytes = ((bavail * bsize) / 1e9).toFixed(1);
  // Some file systems do not count files.
  const share = Math.min(blocks === 0 ? 1 : bavail / blocks, files === 0 ? 1 : ffree / files);
  const text = `${path} has ${gigabytes} GB and ${Math.round(share * 100)} % free`;
  const remedy = 'free space: a full disk stops syncs and deliveries (nothing is lost by it)';
  if (share < freeShareProblem) return problem(text, remedy);
  return share < freeShareWarning ? warning(text, remedy) : ok(text);
}

async function statfsAbove(folder: string): Promise<StatsFs & { readonly path: string }> {
  for (let path = folder; ; path = dirname(path)) {
    try {
      const found: StatsFs = await statfs(path);
      return { path, ...found };
    } catch (error) {
      if (path === dirname(path)) throw error;
    }
  }
}
