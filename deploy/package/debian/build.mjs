// The Debian package: dsyncd_VERSION_ARCHITECTURE.deb.
import { join } from 'node:path';
import { run, settle } from '../reproducible.mjs';
import { put, sourceText, stageRoot } from '../stage.mjs';

/** @returns the file that it made */
export function buildDeb({ scratch, target, version, architecture, processor, node }) {
  const stage = join(scratch, 'root');
  stageRoot(
    stage,
    { version, processor, node },
    { units: 'lib/systemd/system', manual: { zsh: 'zsh/vendor-completions' } },
  );
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
