// Which npm packages the programs need at run time, and which of their files.
import { existsSync, readFileSync, realpathSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'));

/** As Node looks: in the node_modules of the folder and of all above it. */
function findModule(name, from, root) {
  for (let folder = from; ; folder = dirname(folder)) {
    const candidate = join(folder, 'node_modules', name);
    if (existsSync(join(candidate, 'package.json'))) return candidate;
    if (folder === root) return undefined;
  }
}

/**
 * Everything that the apps depend on.
 * @param root - folder of the repository
 * @param apps - folders of the apps, relative to it
 * @returns what each `package.json` says, by folder below node_modules, relative to the root
 */
export function productionModules(root, apps) {
  const found = dependenciesOf(root, apps);
  return new Map([...found].filter(([folder]) => isPublished(folder)));
}

/** Of what the apps depend on, the modules of these names and all that those depend on. */
export function modulesNamed(root, apps, names) {
  const folders = [...dependenciesOf(root, apps)].flatMap(([folder, { name }]) =>
    isPublished(folder) && names.includes(name) ? [folder] : [],
  );
  const found = dependenciesOf(root, folders);
  return new Map([...found].filter(([folder]) => isPublished(folder)));
}

const isPublished = (folder) => folder.split('/').includes('node_modules');

/** The folders, and all that they depend on. */
function dependenciesOf(root, folders) {
  const known = new Map();
  const missing = [];
  const visit = (folder) => {
    if (known.has(folder)) return;
    const description = readJson(join(root, folder, 'package.json'));
    known.set(folder, description);
    const { dependencies = {}, optionalDependencies = {} } = description;
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const found = findModule(name, join(root, folder), root);
      if (found !== undefined) visit(relative(root, realpathSync(found)));
      else if (!(name in optionalDependencies)) missing.push(`${name} (for ${folder})`);
    }
  };
  for (const folder of folders) visit(folder);
  if (missing.length > 0) throw new Error(`not installed: ${missing.join(', ')}; npm ci installs them`);
  return known;
}

const sourceFile =
  /\.(ts|mts|cts|map|c|cc|cpp|h|hpp|gyp|gypi|mk|o|d|a|md|markdown|tsbuildinfo|flow)$|^\.|^binding\.gyp$|^Makefile$/i;
const licenceFile = /^(licen[cs]e|copying|notice)/i;
const idleFolder =
  /^(test|tests|__tests__|deps|docs|doc|example|examples|bench|benchmark|benchmarks|node_modules|\.github)$/;

/** Is this file of a module needed to run it on Linux, on this processor? `path` is relative to the module. */
export function isNeeded(path, processor) {
  const parts = path.split('/');
  const name = basename(path);
  if (idleFolder.test(parts[0] ?? '')) return false;
  if (parts[0] === 'prebuilds') return name === `linux-${processor}.node`;
  // Of what was compiled, only the addon itself.
  if (/(^|\/)build\/(Release|Debug|deps)\//.test(path))
    return /(^|\/)build\/Release\/[^/]+\.node$/.test(path) && !name.startsWith('test_');
  return licenceFile.test(name) || !sourceFile.test(name);
}
