// Which npm packages are in the bundle, with what the lock file says of each.
import { join } from 'node:path';
import { root, sourceText } from './stage.mjs';

/**
 * @returns name, version, license, integrity (as npm writes it) and folder of each, by name and version. Those of the programs
 * are what the bundler took; those of the dashboard are all that its page needs.
 */
export function bundledModules() {
  const { packages } = JSON.parse(sourceText('package-lock.json'));
  const folders = new Set(JSON.parse(sourceText('build/modules.json')));
  const visit = (names, from) => {
    for (const name of names) {
      const folder = findFolder(packages, name, from);
      if (folder === undefined || folders.has(folder)) continue;
      folders.add(folder);
      visit(Object.keys(packages[folder].dependencies ?? {}), folder);
    }
  };
  const { devDependencies } = packages['apps/dashboard'];
  visit(Object.keys(devDependencies).filter(isInBrowser), 'apps/dashboard');
  // The same version may lie in two folders.
  const byName = new Map();
  for (const folder of folders) {
    const { version, license, integrity, link } = packages[folder];
    const name = folder.slice(folder.lastIndexOf('node_modules/') + 'node_modules/'.length);
    if (link !== true)
      byName.set(`${name}@${version}`, { name, version, license, integrity, folder: join(root, folder) });
  }
  return [...byName.values()].sort((one, other) =>
    compare(`${one.name}@${one.version}`, `${other.name}@${other.version}`),
  );
}

/** Of what the dashboard depends on, what the browser gets; the rest only builds it. */
const isInBrowser = (name) => !/^(vite|@preact\/preset-vite|@dsyncd\/.*)$/.test(name);

/** As Node looks: in node_modules of the folder and of all above it. */
function findFolder(packages, name, from) {
  for (let folder = from; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
    const candidate = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
    if (packages[candidate] !== undefined) return candidate;
    if (folder === '') return undefined;
  }
}

const compare = (one, other) => (one < other ? -1 : one > other ? 1 : 0);
