// The archive for any Linux with glibc: dsyncd-VERSION-ARCHITECTURE.tar.xz, with a script that installs it.
import { join } from 'node:path';
import { run, settle } from '../reproducible.mjs';
import { put, sourceText, stageCommands, stageDocuments, stageLibrary, stageUnits } from '../stage.mjs';

/** @returns the file that it made */
export function buildTar({ scratch, target, version, architecture, processor, node }) {
  const name = `dsyncd-${version}-${architecture}`;
  const stage = join(scratch, name);
  stageLibrary(join(stage, 'lib'), { version, processor, node });
  // install.sh puts the folder in that is installed to.
  stageCommands(join(stage, 'bin'), '@PREFIX@/lib/dsyncd');
  stageUnits(join(stage, 'units'), { commands: '@PREFIX@/bin', documentation: '@PREFIX@/share/doc/dsyncd' });
  stageDocuments(join(stage, 'doc'), { node });
  put(stage, 'dsyncd.toml', sourceText('deploy/dsyncd.toml'));
  for (const script of ['install.sh', 'uninstall.sh'])
    put(stage, script, sourceText(`deploy/package/tar/${script}`), 0o755);
  settle(stage);
  const file = join(target, `${name}.tar.xz`);
  const order = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--format=gnu'];
  // One thread: the division of work between several would be in the file.
  run('tar', ['-C', scratch, ...order, '-I', 'xz -6 -T1', '-cf', file, name]);
  return file;
}
