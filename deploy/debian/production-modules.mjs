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
 * @returns `workspaces`: folders of ours; `modules`: folders below node_modules; `links`: from name to workspace.
 *   All relative to the root.
 */
export function productionModules(root, apps) {
  const workspaces = new Set();
  const modules = new Map();
  const links = new Map();
  const missing = [];
  const visit = (folder) => {
    const { dependencies = {}, optionalDependencies = {} } = readJson(join(folder, 'package.json'));
    for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
      const found = findModule(name, folder, root);
      if (found === undefined) {
        if (!(name in optionalDependencies)) missing.push(`${name} (for ${relative(root, folder)})`);
        continue;
      }
      const real = relative(root, realpathSync(found));
      const isOurs = !real.split('/').includes('node_modules');
      if (isOurs) links.set(relative(root, found), real);
      const known = isOurs ? workspaces : modules;
      if (known.has(real)) continue;
      if (isOurs) workspaces.add(real);
      else modules.set(real, readJson(join(root, real, 'package.json')));
      visit(join(root, real));
    }
  };
  for (const app of apps) {
    workspaces.add(app);
    visit(join(root, app));
  }
  if (missing.length > 0) throw new Error(`not installed: ${missing.join(', ')}; npm ci installs them`);
  return { workspaces: [...workspaces].sort(), modules, links };
}

const sourceFile =
  /\.(ts|mts|cts|map|c|cc|cpp|h|hpp|gyp|gypi|mk|o|d|a|md|markdown|tsbuildinfo|flow)$|^\.|^binding\.gyp$|^Makefile$/i;
const licenceFile = /^(licen[cs]e|copying|notice)/i;
const idleFolder =
  /^(test|tests|__tests__|deps|docs|doc|example|examples|bench|benchmark|benchmarks|node_modules|\.github)$/;

/** Is this file of a module needed to run it? `path` is relative to the module. */
export function isNeeded(path) {
  const parts = path.split('/');
  const name = basename(path);
  if (idleFolder.test(parts[0] ?? '')) return false;
  // Of what was compiled, only the addon itself.
  if (/(^|\/)build\/(Release|Debug|deps)\//.test(path))
    return /(^|\/)build\/Release\/[^/]+\.node$/.test(path) && !name.startsWith('test_');
  return licenceFile.test(name) || !sourceFile.test(name);
}
