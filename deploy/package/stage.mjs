// What every package carries: the programs with their Node, documents, units and a configuration to start from.

import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { compiledSqlite, sqliteFile } from '../../test/tooling/bundle-assets.mjs';
import { thirdPartyLicences } from './licences.mjs';

export const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const programs = ['dsyncd', 'dsync-server', 'dsync-lmtp', 'dsyncadm'];
const documents = [
  'README.md',
  'CHANGELOG.md',
  'deploy/reference.md',
  'deploy/errors.md',
  'deploy/operate.md',
  'deploy/failover.md',
];

export function put(folder, path, text, mode = 0o644) {
  const file = join(folder, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
}

export const sourceText = (path) => readFileSync(join(root, path), 'utf8');

/**
 * Puts the programs, their libraries and their Node into `folder`.
 * @param version - what the programs say that they are
 * @param processor - Node's name of the processor that the package is for
 * @param node - the Node for it
 */
export function stageLibrary(folder, { version, processor, node }) {
  if (!existsSync(join(root, 'build/dashboard'))) throw new Error('nothing is built: npm run build');
  cpSync(node, join(folder, 'bin/node'));
  cpSync(join(root, 'build'), join(folder, 'build'), { recursive: true });
  rmSync(join(folder, 'build/modules.json'));
  cpSync(compiledSqlite(root, processor), join(folder, 'build', sqliteFile));
  // What `dsyncadm pair` fills in, and the sample that it may take the place of.
  for (const name of ['dsyncd.toml', 'dovecot-2.3', 'dovecot-2.4'])
    cpSync(join(root, 'deploy', name), join(folder, 'deploy', name), { recursive: true });
  const { name, type } = JSON.parse(sourceText('package.json'));
  put(folder, 'package.json', `${JSON.stringify({ name, version, type })}\n`);
}

/** Puts the commands into `folder`; they run what {@link stageLibrary} put at the path `library`. */
export function stageCommands(folder, library) {
  for (const program of programs)
    put(
      folder,
      program,
      `#!/bin/sh
# Batches of mails are written with many fsyncs at once, which run in this many threads.
export UV_THREADPOOL_SIZE=\${UV_THREADPOOL_SIZE:-16}
# Large buffers go back to the system when they are freed.
export MALLOC_MMAP_THRESHOLD_=\${MALLOC_MMAP_THRESHOLD_:-262144}
# The threads share two heaps.
export MALLOC_ARENA_MAX=\${MALLOC_ARENA_MAX:-2}
exec ${library}/bin/node ${library}/build/${program}.js "$@"
`,
      0o755,
    );
  put(folder, 'dsyncd-fifo-keeper', sourceText('deploy/fifo-keeper.sh'), 0o755);
}

/** Puts systemd's units into `folder`, for commands in the folder `commands` and documents in `documentation`. */
export function stageUnits(folder, { commands, documentation }) {
  for (const name of readdirSync(join(root, 'deploy/systemd')))
    if (/\.(service|socket)$/.test(name)) {
      const unit = sourceText(`deploy/systemd/${name}`)
        .replaceAll('/usr/local/bin/', `${commands}/`)
        .replaceAll('file:/opt/dsyncd/', `file:${documentation}/`);
      put(folder, name, unit);
    }
}

/** Puts documents into `folder`, what Dovecot needs among them, and the licences of all that a package has in it. */
export function stageDocuments(folder, { node }) {
  for (const name of documents) put(folder, name, sourceText(name));
  for (const name of ['dovecot-2.3', 'dovecot-2.4'])
    cpSync(join(root, 'deploy', name), join(folder, 'deploy', name), { recursive: true });
  put(folder, 'copyright', sourceText('LICENSE'));
  put(folder, 'THIRD-PARTY', thirdPartyLicences());
  put(folder, 'copyright.node', readFileSync(join(node, '../../LICENSE'), 'utf8'));
}

/**
 * Puts manual pages and the scripts that complete command lines into `folder`, which stands for `/usr/share`.
 * @param zsh - where its completions are there; Debian has a place of its own for packages
 */
export function stageManual(folder, { zsh = 'zsh/site-functions' } = {}) {
  for (const name of readdirSync(join(root, 'deploy/man')))
    put(folder, `man/man${name.at(-1)}/${name}`, sourceText(`deploy/man/${name}`));
  const places = {
    bash: 'bash-completion/completions/dsyncadm',
    zsh: `${zsh}/_dsyncadm`,
    fish: 'fish/vendor_completions.d/dsyncadm.fish',
  };
  for (const [shell, path] of Object.entries(places)) {
    const program = join(root, 'build/dsyncadm.js');
    put(folder, path, execFileSync(process.execPath, [program, 'completion', shell], { encoding: 'utf8' }));
  }
}

/**
 * The whole root folder of a package for a system's package manager, which differ in little.
 * @param units - folder of the units
 * @param manual - options of {@link stageManual}
 */
export function stageRoot(stage, { version, processor, node }, { units, manual }) {
  stageLibrary(join(stage, 'usr/lib/dsyncd'), { version, processor, node });
  stageCommands(join(stage, 'usr/bin'), '/usr/lib/dsyncd');
  stageUnits(join(stage, units), { commands: '/usr/bin', documentation: '/usr/share/doc/dsyncd' });
  stageDocuments(join(stage, 'usr/share/doc/dsyncd'), { node });
  stageManual(join(stage, 'usr/share'), manual);
  put(stage, 'etc/dsyncd/dsyncd.toml', sourceText('deploy/dsyncd.toml'));
}
