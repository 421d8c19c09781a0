// Every rule of dependency-cruiser.cjs bites: a small house is built in which each rule is broken once.
import { mkdirSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { cruise, type IFlattenedRuleSet, type IReporterOutput } from 'dependency-cruiser';
import { expect, test } from 'vitest';
import { cleanUpAfterTests, scratchFolder } from '../e2e/support.ts';

cleanUpAfterTests();

interface Rule {
  readonly name: string;
  readonly from: { readonly path?: string; readonly pathNot?: string };
  readonly to: { readonly path?: string; readonly pathNot?: string };
}

const config = createRequire(import.meta.url)('./dependency-cruiser.cjs') as {
  readonly forbidden: readonly Rule[];
  readonly options: object;
};

/** [rule, file, what it imports]: each breaks its rule. A circle is reported at one of its files. */
const breaches: (readonly [string, string, string])[] = [
  [
    'no-cycles',
    'packages/config/src/egg.ts',
    "import { hen } from './hen.ts'; export const egg = () => hen;",
  ],
  [
    'no-type-cycles',
    'packages/config/src/type-egg.ts',
    "import type { H } from './type-hen.ts'; export type E = H;",
  ],
  ['apps-stand-alone', 'apps/one/src/a.ts', "import '../../two/src/b.ts';"],
  ['no-test-code-in-production', 'apps/two/src/kit.ts', "import '../../../packages/testkit/src/rig.ts';"],
  [
    'no-test-code-in-production',
    'apps/two/src/contract.ts',
    "import '../../../packages/queue/src/contract/x.ts';",
  ],
  ['no-test-code-in-production', 'apps/two/src/random.ts', "import 'fast-check';"],
  ...['core/src', 'protocol/src/dsync', 'dsync/src', 'queue/src/model'].flatMap((folder) =>
    ['node:fs', 'fs/promises', 'node:net', 'node:child_process', 'node:worker_threads'].map(
      (module, index) =>
        ['pure-packages-do-no-io', `packages/${folder}/io-${index}.ts`, `import '${module}';`] as const,
    ),
  ),
];
const stages = ['apps/two/src/b.ts', 'packages/testkit/src/rig.ts', 'packages/queue/src/contract/x.ts'];
const modules = new Set(['fast-check']);

const packages = config.forbidden.flatMap(({ name }) => name.match(/^arrows-of-(.+)$/)?.[1] ?? []);
for (const rule of config.forbidden) {
  const from = rule.name.match(/^arrows-of-(.+)$/)?.[1];
  if (from !== undefined) {
    const allowed = new RegExp(rule.to.pathNot ?? '');
    // testkit is forbidden by a rule of its own, too.
    const to = packages.find((name) => name !== 'testkit' && !allowed.test(`packages/${name}/`));
    if (to === undefined) throw new Error(`packages/${from} may import every package`);
    stages.push(`packages/${to}/src/stage.ts`);
    breaches.push([rule.name, `packages/${from}/src/up.ts`, `import '../../${to}/src/stage.ts';`]);
    breaches.push([rule.name, `packages/${from}/src/app.ts`, "import '../../../apps/two/src/b.ts';"]);
  }
  const uses = rule.name.match(/^only-.+-uses-(.+)$/)?.[1];
  if (uses !== undefined) {
    const module = uses.startsWith('@') ? `${uses}/api` : uses;
    modules.add(module);
    breaches.push([rule.name, `apps/one/src/uses-${uses.replaceAll(/\W/g, '')}.ts`, `import '${module}';`]);
  }
}

async function violationsOf(files: Readonly<Record<string, string>>): Promise<readonly string[]> {
  const folder = scratchFolder();
  for (const [file, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, file)), { recursive: true });
    writeFileSync(join(folder, file), text);
  }
  const report: IReporterOutput = await cruise(['packages', 'apps'], {
    ...config.options,
    baseDir: folder,
    validate: true,
    ruleSet: { forbidden: config.forbidden } as IFlattenedRuleSet,
  });
  if (typeof report.output === 'string') throw new Error(report.output);
  return report.output.summary.violations.map(({ rule, from }) => `${rule.name}: ${from}`).sort();
}

const moduleFiles = Object.fromEntries(
  [...modules].flatMap((module) => [
    [`node_modules/${module}/package.json`, JSON.stringify({ name: module, main: 'index.js' })],
    [`node_modules/${module}/index.js`, ''],
  ]),
);
const stageFiles: Record<string, string> = Object.fromEntries(
  stages.map((stage) => [stage, 'export const stage = 1;\n']),
);
Object.assign(stageFiles, {
  'packages/config/src/hen.ts': "import { egg } from './egg.ts'; export const hen = () => egg;\n",
  'packages/config/src/type-hen.ts': "import type { E } from './type-egg.ts'; export type H = E;\n",
});

test('each rule is broken by the import that it forbids, and by no other', async () => {
  const files = Object.fromEntries(breaches.map(([, file, text]) => [file, `${text}\n`]));
  const wanted = breaches.map(([rule, file]) => `${rule}: ${file}`).sort();
  expect(await violationsOf({ ...moduleFiles, ...stageFiles, ...files })).toEqual(wanted);
});

test('no rule is left untried', () => {
  const tried = new Set(breaches.map(([rule]) => rule));
  expect(config.forbidden.map(({ name }) => name).filter((name) => !tried.has(name))).toEqual([]);
});

test('what is allowed breaks no rule', async () => {
  const files = {
    'packages/core/src/stage.ts': "import { Buffer } from 'node:buffer'; export const stage = Buffer;\n",
    'packages/queue/src/sqlite/file.ts':
      "import 'node:fs'; import 'better-sqlite3'; import '../../../core/src/stage.ts';\n",
    'apps/one/src/main.ts': "import '../../../packages/queue/src/sqlite/file.ts'; import './other.ts';\n",
    'apps/one/src/other.ts': "import 'node:fs';\n",
    'packages/queue/src/contract/suite.ts': "import 'fast-check';\n",
  };
  expect(await violationsOf({ ...moduleFiles, ...files })).toEqual([]);
});
