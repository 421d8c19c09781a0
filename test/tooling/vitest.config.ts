import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

/** Minutes long each. Begun last, one of them would keep a single worker busy when all others are done. */
const slowFiles = [
  'test/interop/wire.test.ts',
  'test/e2e/breakages.test.ts',
  'test/interop/doctor.test.ts',
  'test/bench/bench.test.ts',
  'test/deploy/pair-installed.test.ts',
  'test/interop/dovecot-storm.test.ts',
  'test/interop/dovecot-breakages.test.ts',
  'test/e2e/dashboard.test.ts',
  'test/interop/names-again.test.ts',
];

class SlowFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const isSlow = ({ moduleId }: TestSpecification): boolean =>
      slowFiles.some((name) => moduleId.endsWith(`/${name}`));
    const others = await super.sort(files.filter((file) => !isSlow(file)));
    return [...files.filter(isSlow), ...others];
  }
}

export default defineConfig({
  root: fileURLToPath(new URL('../..', import.meta.url)),
  test: {
    globalSetup: ['test/tooling/bundled-programs.mjs'],
    include:
      process.env.TRIALS === 'true'
        ? ['packages/*/test/**/*.trial.ts', 'apps/*/test/**/*.trial.mjs']
        : ['packages/*/test/**/*.test.ts', 'apps/*/test/**/*.test.ts', 'test/**/*.test.ts'],
    // Not to judge speed: a busy machine is no failure.
    testTimeout: 90_000,
    hookTimeout: 120_000,
    sequence: { sequencer: SlowFirst },
    pool: 'forks',
    // Two cores: the third works while slow tests wait for a Dovecot.
    maxWorkers: 3,
  },
});
