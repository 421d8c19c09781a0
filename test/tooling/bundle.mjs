// Bundles the programs into build/: a program starts in a quarter of the time when it need not open a thousand files.
import { cpSync, existsSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  banner,
  copyAssets,
  filesBesideBundle,
  httpOnDemand,
  librariesOnDemand,
  libraryBanner,
  libraryBuilds,
} from './bundle-assets.mjs';

/** Programs and their threads: name of the file in build/ (without .js) to its source. */
const entries = {
  dsyncd: 'apps/replicator/src/main.ts',
  'dsync-server': 'apps/dsync-server/src/main.ts',
  'dsync-lmtp': 'apps/lmtp/src/main.ts',
  dsyncadm: 'apps/dsyncadm/src/main.ts',
  'index.worker': 'packages/mailstore/src/maildir/index.worker.ts',
  'feed-file.worker': 'packages/changes/src/sqlite/feed-file.worker.ts',
  'queue-file.worker': 'packages/queue/src/sqlite/queue-file.worker.ts',
};

/** Makes build/ anew when anything that goes into it is newer; quick when there is nothing to do. */
export async function ensureBundled(root) {
  const folder = join(root, 'build');
  if (isBundled(root, folder)) return;
  const { build } = await import('esbuild');
  rmSync(folder, { recursive: true, force: true });
  const common = {
    absWorkingDir: root,
    bundle: true,
    platform: 'node',
    target: 'node24',
    // What ssh2 would use were it compiled.
    external: ['cpu-features', '*/sshcrypto.node'],
    logLevel: 'warning',
    metafile: true,
  };
  const programs = await build({
    ...common,
    entryPoints: entries,
    outdir: folder,
    format: 'esm',
    banner: { js: banner },
    plugins: [librariesOnDemand, httpOnDemand, filesBesideBundle],
  });
  const libraries = await Promise.all(
    libraryBuilds(root).map(({ stdin, outfile }) =>
      build({
        ...common,
        stdin,
        outfile: join(folder, outfile),
        format: 'cjs',
        banner: { js: libraryBanner },
        plugins: [filesBesideBundle],
      }),
    ),
  );
  const modules = new Set(['node_modules/@bull-board/ui', 'node_modules/better-sqlite3']);
  for (const { metafile } of [programs, ...libraries])
    for (const file of Object.keys(metafile.inputs)) {
      const found = /^(?:.*:)?(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1];
      if (found !== undefined) modules.add(found);
    }
  // For those that say what is in a package.
  writeFileSync(join(folder, 'modules.json'), `${JSON.stringify([...modules].sort(), null, 1)}\n`);
  copyAssets(root, folder);
  const dashboard = join(root, 'apps/dashboard/dist');
  if (existsSync(dashboard)) cpSync(dashboard, join(folder, 'dashboard'), { recursive: true });
}

function isBundled(root, folder) {
  const oldest = join(folder, 'dsyncd.js');
  if (!existsSync(oldest)) return false;
  const { mtimeMs } = statSync(oldest);
  const isOlder = (file) => statSync(file).mtimeMs <= mtimeMs;
  return (
    isOlder(join(root, 'package-lock.json')) &&
    isOlder(join(root, 'test/tooling/bundle.mjs')) &&
    isOlder(join(root, 'test/tooling/bundle-assets.mjs')) &&
    ['packages', 'apps'].every((part) =>
      readdirSync(join(root, part)).every((name) => {
        // Of the dashboard, what its own build made.
        const folder = join(root, part, name, name === 'dashboard' ? 'dist' : 'src');
        if (!existsSync(folder) || name === 'testkit') return true;
        return ['.', ...readdirSync(folder, { recursive: true })].every((file) =>
          isOlder(join(folder, file)),
        );
      }),
    )
  );
}
