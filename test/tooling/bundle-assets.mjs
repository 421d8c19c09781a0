// What a bundled program takes from files beside it: the compiled SQLite, and the pages that libraries serve. Their code looks
// for these in its own folder of node_modules, which a package has not.
import { copyFileSync, cpSync, linkSync, rmSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** Beside the programs; the folder of libraries' files, and the one compiled file. */
const assets = 'assets';
export const sqliteFile = 'better_sqlite3.node';

/** In each bundled file: modules that still use require, and the folder that the file is in. */
export const banner = `import { createRequire } from 'node:module'; const require = createRequire(import.meta.url); const bundleFolder = import.meta.dirname;`;
export const libraryBanner = "const bundleFolder = require('node:path').dirname(__dirname);";

/** Code that asks for the folder of its library's files: file, what it says, and what it has to say. */
const places = [
  {
    file: /@fastify\/swagger-ui\/index\.js$/,
    from: "path.join(__dirname, './static/logo.svg')",
    to: `path.join(bundleFolder, '${assets}/swagger-ui/logo.svg')`,
  },
  {
    file: /@fastify\/swagger-ui\/lib\/routes\.js$/,
    from: "path.join(__dirname, '..', 'static')",
    to: `path.join(bundleFolder, '${assets}/swagger-ui')`,
  },
  {
    file: /@bull-board\/api\/dist\/index\.js$/,
    from: "path_1.default.dirname(eval(`require.resolve('@bull-board/ui/package.json')`))",
    to: `path_1.default.join(bundleFolder, '${assets}/bull-board')`,
  },
];

/**
 * Large libraries that few hosts use or few commands need: a file each, which is read when the first of them is used. In the
 * programs themselves they doubled the time to start, and took 27 MB more memory.
 */
const libraries = {
  web: ['fastify', '@fastify/static', '@fastify/swagger', '@fastify/swagger-ui'],
  redis: ['ioredis', 'bullmq', '@bull-board/api', '@bull-board/api/bullMQAdapter', '@bull-board/fastify'],
  ssh: ['ssh2'],
  certificates: ['reflect-metadata', '@peculiar/x509'],
};
const libraryFile = (name) => `libraries/${name}.cjs`;

/** For esbuild: the programs ask these files for the libraries, at their first use. */
export const librariesOnDemand = {
  name: 'libraries-on-demand',
  setup(build) {
    const fileOf = new Map(
      Object.entries(libraries).flatMap(([name, modules]) =>
        modules.map((module) => [module, libraryFile(name)]),
      ),
    );
    build.onResolve({ filter: /^[@a-z]/ }, ({ path }) =>
      fileOf.has(path) ? { path, namespace: 'on-demand' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'on-demand' }, ({ path }) => ({
      contents: `module.exports = require(bundleFolder + '/${fileOf.get(path)}')['${path}']`,
    }));
  },
};

/**
 * For esbuild: Node's HTTP is loaded by those that use it, when they do. Imported as a module it is loaded with the program, and all
 * that it exports is made, fetch and WebSocket among it: together 14 MB of memory in a dsyncd without an HTTP API.
 */
export const httpOnDemand = {
  name: 'http-on-demand',
  setup(build) {
    build.onResolve({ filter: /^(node:)?https?$/ }, ({ path, kind }) =>
      kind === 'import-statement' ? { path, namespace: 'http' } : undefined,
    );
    build.onLoad({ filter: /.*/, namespace: 'http' }, ({ path }) => ({
      contents: `module.exports = require('${path}')`,
    }));
    // Nobody pushes metrics.
    build.onLoad({ filter: /prom-client\/lib\/pushgateway\.js$/ }, () => ({
      contents: 'module.exports = undefined',
    }));
  },
};

/** What esbuild is to make of the libraries: one entry each. */
export const libraryBuilds = (root) =>
  Object.entries(libraries).map(([name, modules]) => ({
    stdin: {
      contents: modules
        .map((module) => `Object.defineProperty(exports, '${module}', { get: () => require('${module}') });`)
        .join('\n'),
      resolveDir: root,
    },
    outfile: libraryFile(name),
  }));

/** For esbuild: code of libraries finds its files beside the bundle. A library that changed so that it would not stops the build. */
export const filesBesideBundle = {
  name: 'files-beside-bundle',
  setup(build) {
    // The package's own entry tries folders of compilers; this is the one file that is there.
    build.onResolve({ filter: /^better-sqlite3$/ }, ({ path, resolveDir }) => ({
      path,
      namespace: 'sqlite',
      pluginData: resolveDir,
    }));
    build.onLoad({ filter: /.*/, namespace: 'sqlite' }, ({ pluginData }) => ({
      resolveDir: dirname(createRequire(join(pluginData, 'x')).resolve('better-sqlite3')),
      contents: `module.exports = require('./database')(() => require(bundleFolder + '/${sqliteFile}'), false);
module.exports.SqliteError = require('./sqlite-error');`,
    }));
    for (const { file, from, to } of places)
      build.onLoad({ filter: file }, async ({ path }) => {
        const text = await readFile(path, 'utf8');
        if (text.split(from).length !== 2) throw new Error(`${path} does not say "${from}" once any more`);
        return { contents: text.replace(from, to), loader: 'js' };
      });
  },
};

/** Copies these files to `folder`, where the bundle is. */
export function copyAssets(root, folder) {
  for (const [from, to] of [
    ['@fastify/swagger-ui/static', 'swagger-ui'],
    ['@bull-board/ui/dist', 'bull-board/dist'],
  ])
    cpSync(join(root, 'node_modules', from), join(folder, assets, to), {
      recursive: true,
      filter: (file) => !/\.(map|d\.ts)$/.test(file),
    });
  placeSqlite(compiledSqlite(root), folder);
}

/**
 * As a link where that is possible: a test runs sources and bundled threads in one process, and with two copies of SQLite in it
 * neither would respect the other's locks (the kernel keeps them by process). One file is loaded once, whatever its names.
 */
export function placeSqlite(from, folder) {
  const to = join(folder, sqliteFile);
  // A copy into a link would change the library itself.
  rmSync(to, { force: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}

/**
 * The compiled SQLite for a processor, one of those that the library brings.
 * @param processor - Node's name of it; that of this machine when missing, with this machine's libc
 */
export function compiledSqlite(root, processor) {
  const library = join(root, 'node_modules/better-sqlite3');
  if (processor !== undefined) return join(library, `prebuilds/linux-${processor}.node`);
  const file = createRequire(import.meta.url)(join(library, 'lib/binding.js')).getPrebuildPath();
  if (file === null)
    throw new Error(`better-sqlite3 has no build for ${process.platform} on ${process.arch}`);
  return file;
}
