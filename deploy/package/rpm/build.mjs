// The package for Fedora, RHEL 9 and their kin: dsyncd-VERSION-1.PROCESSOR.rpm, made by Debian's rpm tools as well.
import { cpSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { run, settle, sourceDateEpoch } from '../reproducible.mjs';
import { put, sourceText, stageRoot } from '../stage.mjs';

/** Debian's name of an architecture to rpm's. */
const machines = { amd64: 'x86_64', arm64: 'aarch64' };

/** @returns the file that it made */
export function buildRpm({ scratch, target, version, architecture, processor, node }) {
  const stage = join(scratch, 'root');
  const machine = machines[architecture];
  stageRoot(stage, { version, processor, node }, { units: 'usr/lib/systemd/system' });
  settle(stage);
  put(scratch, 'dsyncd.spec', sourceText('deploy/package/rpm/dsyncd.spec').replace('@VERSION@', version));
  const defines = {
    _topdir: join(scratch, 'rpm'),
    stage,
    // What would differ between two builds, or change files that are as they should be.
    _buildhost: 'reproducible',
    use_source_date_epoch_as_buildtime: '1',
    clamp_mtime_to_source_date_epoch: '1',
    _build_id_links: 'none',
    _binary_payload: 'w9.zstdio',
    __os_install_post: '%{nil}',
    debug_package: '%{nil}',
  };
  run(
    'rpmbuild',
    [
      '-bb',
      `--target=${machine}-linux`,
      ...Object.entries(defines).flatMap(([name, value]) => ['--define', `${name} ${value}`]),
      join(scratch, 'dsyncd.spec'),
    ],
    { env: { ...process.env, SOURCE_DATE_EPOCH: String(sourceDateEpoch()), HOME: scratch } },
  );
  const made = join(scratch, 'rpm/RPMS', machine);
  const name = readdirSync(made)[0];
  mkdirSync(target, { recursive: true });
  cpSync(join(made, name), join(target, name));
  return join(target, name);
}
