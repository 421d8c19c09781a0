import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const condition = '@dsyncd/source';

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  resolve: { conditions: [condition] },
  ssr: { resolve: { conditions: [condition], externalConditions: [condition] } },
  test: {
    // After `tsc -b` alone the programs would still be the old ones.
    globalSetup: ['test/tooling/bundled-programs.mjs'],
    include: ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    // Not to judge speed: a busy machine is no failure.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    pool: 'forks',
    maxWorkers: 2,
  },
});
