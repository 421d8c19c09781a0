// The archive for any Linux with glibc: dsyncd-VERSION-ARCHITECTURE.tar.xz, with a script that installs it.
import { join } from 'node:path';
import { run, settle } from '../reproducible.mjs';
import {
  put,
  sourceText,
  stageCommands,
  stageDocuments,
  stageLibrary,
  stageManual,
  stageUnits,
} from '../stage.mjs';

/** One thread: the division of work between several would be in the file. */
const compressors = {
  xz: { ending: 'tar.xz', command: 'xz -6 -T1' },
  gzip: { ending: 'tar.gz', command: 'gzip -9n' },
};

/**
 * @param compression - xz, or gzip for systems without xz: a minimal Debian has none
 * @returns the file that it made
 */
export function buildTar(options) {
  const { scratch, target, compression = 'xz' } = options;
  const { ending, command } = compressors[compression];
  const name = stageArchive(scratch, options);
  const file = join(target, `${name}.${ending}`);
  const order = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  run('tar', ['-C', scratch, ...order, '-I', command, '-cf', file, name]);
  return file;
}

/** What would be in the archive, as a folder that `deploy/install.sh` installs from. @returns that folder */
export const buildFolder = (options) => join(options.target, stageArchive(options.target, options));

/** @returns name of the folder that it made in `place` */
function stageArchive(place, { version, architecture, processor, node }) {
  const name = `dsyncd-${version}-${architecture}`;
  const stage = join(place, name);
  stageLibrary(join(stage, 'lib'), { version, processor, node });
  // install.sh puts the folder in that is installed to.
  stageCommands(join(stage, 'bin'), '@PREFIX@/lib/dsyncd');
  stageUnits(join(stage, 'units'), { commands: '@PREFIX@/bin', documentation: '@PREFIX@/share/doc/dsyncd' });
  stageDocuments(join(stage, 'doc'), { node });
  stageManual(join(stage, 'share'));
  put(stage, 'dsyncd.toml', sourceText('deploy/dsyncd.toml'));
  for (const script of ['install.sh', 'uninstall.sh'])
    put(stage, script, sourceText(`deploy/package/tar/${script}`), 0o755);
  settle(stage);
  return name;
}
