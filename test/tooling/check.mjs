// npm run check: everything that can be said of the source without running the product.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { root } from './setup.mjs';

const bin = (path) => [process.execPath, join(root, 'node_modules', path)];

const steps = [
  ['lock file', 'npm', 'ci', '--dry-run', '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error'],
  ['format and lint', ...bin('@biomejs/biome/bin/biome'), 'ci', '--error-on-warnings', '.'],
  ['types', ...bin('typescript/bin/tsc'), '-b'],
  ['types of the dashboard', ...bin('typescript/bin/tsc'), '-p', 'apps/dashboard'],
  ['types of tests', ...bin('typescript/bin/tsc'), '-p', 'test/tooling/tsconfig.json'],
  ['type-aware lint', ...bin('eslint/bin/eslint.js'), '--config', 'test/tooling/eslint.config.mjs', '.'],
  [
    'arrows between packages',
    ...bin('dependency-cruiser/bin/dependency-cruise.mjs'),
    '--config',
    'test/tooling/dependency-cruiser.cjs',
    'packages',
    'apps',
  ],
  [
    'unused files, exports and dependencies',
    ...bin('knip/bin/knip.js'),
    '--config',
    'test/tooling/knip.json',
  ],
  ['house rules', process.execPath, 'test/tooling/tidy.mjs'],
  ['generated documents', process.execPath, 'test/tooling/generate.mjs', '--check'],
];

let failed = 0;
for (const [name, command, ...args] of steps) {
  const startedAt = Date.now();
  const result = spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 });
  const seconds = ((Date.now() - startedAt) / 1000).toFixed(1);
  const passed = result.status === 0;
  process.stdout.write(`${passed ? 'ok  ' : 'FAIL'}  ${name} (${seconds} s)\n`);
  if (passed) continue;
  failed++;
  process.stdout.write(`${result.stdout}${result.stderr}\n`);
}
process.exitCode = failed === 0 ? 0 : 1;
