// npm run package:deb [-- FOLDER]: makes dsyncd_VERSION_ARCHITECTURE.deb, with the Node in it that it runs on; default folder: dist.
import { spawnSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { unbundled } from '../../test/tooling/bundle.mjs';
import { fetchNode } from '../../test/tooling/node24.mjs';
import { ensureBuilt } from '../../test/tooling/setup.mjs';
import { isNeeded, modulesNamed, productionModules } from './production-modules.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const here = join(root, 'deploy/debian');
const library = 'usr/lib/dsyncd';
const programs = ['dsyncd', 'dsync-server', 'dsync-lmtp', 'dsyncadm'];
/** Debian's name of an architecture to Node's. */
const processors = { amd64: 'x64', arm64: 'arm64' };
const apps = ['apps/replicator', 'apps/dsync-server', 'apps/lmtp', 'apps/dsyncadm'];

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} failed\n${stdout}${stderr}${error ?? ''}`);
  return stdout.trim();
}

function put(stage, path, text, mode = 0o644) {
  const file = join(stage, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
  chmodSync(file, mode);
}

/** Copies what a package runs: the bundled programs, and the modules that are not in the bundle as published. */
function copyLibrary(stage, node) {
  const target = join(stage, library);
  cpSync(node, join(target, 'bin/node'));
  if (!existsSync(join(root, 'build/dashboard'))) throw new Error('nothing is built: npm run build');
  cpSync(join(root, 'build'), join(target, 'build'), { recursive: true });
  cpSync(join(root, 'package.json'), join(target, 'package.json'));
  for (const folder of modulesNamed(root, apps, unbundled).keys()) {
    const from = join(root, folder);
    cpSync(from, join(target, folder), {
      recursive: true,
      filter: (file) =>
        file === from || lstatSync(file).isDirectory()
          ? !file.slice(from.length).includes('/node_modules')
          : isNeeded(relative(from, file), processor),
    });
  }
  removeEmptyFolders(target);
}

function removeEmptyFolders(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true }))
    if (entry.isDirectory()) removeEmptyFolders(join(folder, entry.name));
  if (readdirSync(folder).length === 0) rmSync(folder, { recursive: true });
}

function copyrightOf(modules) {
  const lines = [...modules.values()].map(({ name, version, license }) => {
    const text = typeof license === 'string' ? license : JSON.stringify(license ?? 'see its files');
    return `${name} ${version}: ${text}`;
  });
  return `${readFileSync(join(root, 'LICENSE'), 'utf8')}\nIncluded npm packages:\n\n${lines.sort().join('\n')}\n`;
}

async function stagePackage(stage, version) {
  const node = await fetchNode(processor);
  copyLibrary(stage, node);
  put(stage, 'usr/share/doc/dsyncd/copyright.node', readFileSync(join(node, '../../LICENSE'), 'utf8'));
  for (const program of programs)
    put(
      stage,
      `usr/bin/${program}`,
      `#!/bin/sh
# Batches of mails are written with many fsyncs at once, which run in this many threads.
export UV_THREADPOOL_SIZE=\${UV_THREADPOOL_SIZE:-16}
# Large buffers go back to the system when they are freed.
export MALLOC_MMAP_THRESHOLD_=\${MALLOC_MMAP_THRESHOLD_:-262144}
exec /${library}/bin/node /${library}/build/${program}.js "$@"
`,
      0o755,
    );
  for (const name of readdirSync(join(root, 'deploy/systemd'))) {
    if (!/\.(service|socket)$/.test(name)) continue;
    const unit = readFileSync(join(root, 'deploy/systemd', name), 'utf8');
    const text = unit
      .replaceAll('/usr/local/bin/', '/usr/bin/')
      .replaceAll('file:/opt/dsyncd/', 'file:/usr/share/doc/dsyncd/');
    put(stage, `lib/systemd/system/${name}`, text);
  }
  put(stage, 'usr/bin/dsyncd-fifo-keeper', readFileSync(join(root, 'deploy/fifo-keeper.sh'), 'utf8'), 0o755);
  put(stage, 'etc/dsyncd/dsyncd.toml', readFileSync(join(root, 'deploy/dsyncd.toml'), 'utf8'));
  for (const name of [
    'README.md',
    'deploy/reference.md',
    'deploy/errors.md',
    'deploy/operate.md',
    'deploy/failover.md',
  ])
    put(stage, `usr/share/doc/dsyncd/${name}`, readFileSync(join(root, name), 'utf8'));
  put(stage, 'usr/share/doc/dsyncd/copyright', copyrightOf(productionModules(root, apps)));
  stageControl(stage, version);
}

function stageControl(stage, version) {
  const control = readFileSync(join(here, 'control'), 'utf8')
    .replace('@VERSION@', version)
    .replace('@ARCHITECTURE@', architecture)
    .replace('@SIZE@', run('du', ['-sk', stage]).split('\t')[0] ?? '0');
  put(stage, 'DEBIAN/control', control);
  put(stage, 'DEBIAN/conffiles', '/etc/dsyncd/dsyncd.toml\n');
  for (const script of ['postinst', 'prerm', 'postrm'])
    put(stage, `DEBIAN/${script}`, readFileSync(join(here, script), 'utf8'), 0o755);
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** What is in dist folders already is taken as it is. */
    'no-build': { type: 'boolean' },
    /** Instead of that of package.json: for a build between releases. */
    version: { type: 'string' },
    /** Debian's name, amd64 or arm64; that of this machine when missing. */
    architecture: { type: 'string' },
  },
});
if (!values['no-build']) await ensureBuilt();
const version = values.version ?? JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version;
if (!/^[0-9][0-9A-Za-z.+~-]*$/.test(version)) throw new Error(`no version of a Debian package: ${version}`);
const architecture = values.architecture ?? run('dpkg', ['--print-architecture']);
const processor = processors[architecture];
if (processor === undefined)
  throw new Error(`there is no Node to fetch for the architecture ${architecture}`);
const target = resolve(positionals[0] ?? join(root, 'dist'));
mkdirSync(target, { recursive: true });
process.umask(0o022);
const stage = mkdtempSync(join(tmpdir(), 'dsyncd-deb-'));
try {
  await stagePackage(stage, version);
  // Whatever umask the checkout was made with.
  run('chmod', ['-R', 'u=rwX,go=rX', stage]);
  const file = join(target, `dsyncd_${version}_${architecture}.deb`);
  run('dpkg-deb', ['--root-owner-group', '-Zzstd', '-z9', '--build', stage, file]);
  process.stdout.write(`${file}\n`);
} finally {
  rmSync(stage, { recursive: true, force: true });
}
