// The Debian package: dsyncd_VERSION_ARCHITECTURE.deb.
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

/** @returns the file that it made */
export function buildDeb({ scratch, target, version, architecture, processor, node }) {
  const stage = join(scratch, 'root');
  stageLibrary(join(stage, 'usr/lib/dsyncd'), { version, processor, node });
  stageCommands(join(stage, 'usr/bin'), '/usr/lib/dsyncd');
  stageUnits(join(stage, 'lib/systemd/system'), {
    commands: '/usr/bin',
    documentation: '/usr/share/doc/dsyncd',
  });
  stageDocuments(join(stage, 'usr/share/doc/dsyncd'), { node });
  stageManual(join(stage, 'usr/share'), { zsh: 'zsh/vendor-completions' });
  put(stage, 'etc/dsyncd/dsyncd.toml', sourceText('deploy/dsyncd.toml'));
  stageControl(stage, version, architecture);
  settle(stage);
  const file = join(target, `dsyncd_${version}_${architecture}.deb`);
  run('dpkg-deb', ['--root-owner-group', '-Zzstd', '-z9', '--build', stage, file]);
  return file;
}

function stageControl(stage, version, architecture) {
  const size = run('du', ['-sk', '--apparent-size', stage]).split('\t')[0] ?? '0';
  const control = sourceText('deploy/package/debian/control')
    .replace('@VERSION@', version)
    .replace('@ARCHITECTURE@', architecture)
    .replace('@SIZE@', size);
  put(stage, 'DEBIAN/control', control);
  put(stage, 'DEBIAN/conffiles', '/etc/dsyncd/dsyncd.toml\n');
  for (const script of ['postinst', 'prerm', 'postrm'])
    put(stage, `DEBIAN/${script}`, sourceText(`deploy/package/debian/${script}`), 0o755);
}
