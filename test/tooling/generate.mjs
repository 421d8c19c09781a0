// Writes the documents that are made from the programs themselves; with --check fails when one is out of date.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const header = '<!-- Made by `node test/tooling/generate.mjs`; do not edit. -->\n\n';

/** [document, how it is made] */
const documents = [
  [
    'deploy/reference.md',
    async () => run(['apps/dsyncadm/dist/main.js', 'config', 'reference', '--commands']),
  ],
  ['deploy/errors.md', errorReference],
];

const isCheck = process.argv.includes('--check');
run(['node_modules/typescript/bin/tsc', '-b', 'apps/dsyncadm']);
for (const [file, make] of documents) {
  const wanted = header + (await make());
  const path = join(root, file);
  const present = existsSync(path) ? readFileSync(path, 'utf8') : '';
  if (present === wanted) continue;
  if (isCheck) {
    process.stdout.write(`${file} is out of date: run node test/tooling/generate.mjs\n`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, wanted);
    process.stdout.write(`${file} written\n`);
  }
}

function run(args) {
  const result = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 16 * 1024 * 1024,
  });
  if (result.status !== 0) throw new Error(`${args.join(' ')} failed\n${result.stdout}${result.stderr}`);
  return result.stdout;
}

async function errorReference() {
  const { errorCatalogue } = await import('../../packages/core/dist/error-catalogue.js');
  const { outcomeRules } = await import('../../packages/core/dist/outcome.js');
  const { exitCodeOfOutcome } = await import('../../apps/dsyncadm/dist/exit-codes.js');
  const row = ({ code, outcomes, when, remedy, exit }) => {
    const exits = exit ?? [...new Set(outcomes.map(exitCodeOfOutcome))].join(', ');
    const cells = [`<a id="${code}"></a>\`${code}\``, when, remedy, outcomes.join(', '), exits];
    return `| ${cells.map((cell) => String(cell).replaceAll('|', '\\|')).join(' | ')} |`;
  };
  const tables = errorCatalogue.map(({ area, entries }) =>
    [
      `## ${area}`,
      '',
      '| code | when | what to do | outcome | exit |',
      '|---|---|---|---|---|',
      ...entries.map(row),
    ].join('\n'),
  );
  const outcomes = Object.entries(outcomeRules)
    .filter(([name]) => name !== 'ok' && name !== 'changed')
    .map(([name, { meaning }]) => `| \`${name}\` | ${meaning} |`);
  return `# Errors of dsyncd

Each error has a code. Logs, \`dsyncadm\`, the HTTP API and the dashboard show it. Search this page for the code.
The **outcome** decides about the next try. **Exit** is the exit status of \`dsyncadm\`.

| outcome | meaning |
|---|---|
${outcomes.join('\n')}

${tables.join('\n\n')}
`;
}
