// Writes the documents that are made from the programs themselves; with --check fails when one is out of date.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { manPages } from './man-pages.mjs';
import { isNewEnough, root } from './node24.mjs';

// Started by hand, with an older Node: it runs sources.
if (!isNewEnough()) {
  const args = [join(root, 'test/tooling/start.mjs'), ...process.argv.slice(1)];
  process.exit(spawnSync(process.execPath, args, { stdio: 'inherit' }).status ?? 1);
}

const header = '<!-- Made by `node test/tooling/generate.mjs`; do not edit. -->\n\n';

/** [document, how it is made] */
const documents = [
  [
    'deploy/reference.md',
    async () => run(['apps/dsyncadm/src/main.ts', 'config', 'reference', '--commands']),
  ],
  ['deploy/errors.md', errorReference],
  ...manPages.map(([file, make]) => [`deploy/man/${file}`, make]),
];

const isCheck = process.argv.includes('--check');
// The table of packages changes with imports; it is written when asked for.
if (isCheck || process.argv.includes('--house')) documents.push(['CONTRIBUTING.md', withHouse]);
for (const [file, make] of documents) {
  const path = join(root, file);
  const present = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const top = file.endsWith('.md') ? header : '';
  const wanted = make === withHouse ? withHouse(present) : top + (await make());
  if (present === wanted) continue;
  if (isCheck) {
    process.stdout.write(`${file} is out of date: run node test/tooling/generate.mjs --house\n`);
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
  const { errorCatalogue } = await import('../../packages/core/src/error-catalogue.ts');
  const { outcomeRules } = await import('../../packages/core/src/sync.ts');
  const { exitCodeOfOutcome } = await import('../../apps/dsyncadm/src/exit-codes.ts');
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

/** CONTRIBUTING.md with the table of packages as they are. */
function withHouse(text) {
  const begin = '<!-- house: made by `node test/tooling/generate.mjs --house` from the imports -->';
  const end = '<!-- /house -->';
  const [before, after] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
  if (after < before) throw new Error('CONTRIBUTING.md has no place for the house');
  return `${text.slice(0, before)}\n${house()}\n${text.slice(after)}`;
}

/** Packages from the ground up: what is in each, and what it imports. */
function house() {
  const rooms = ['packages', 'apps'].flatMap((floor) =>
    readdirSync(join(root, floor))
      .map((name) => ({ floor, name, path: `${floor}/${name}` }))
      .filter(
        ({ path }) => existsSync(join(root, path, 'package.json')) && existsSync(join(root, path, 'src')),
      )
      .map((room) => ({ ...room, ...describe(room) })),
  );
  const heights = new Map();
  const heightOf = (name) => {
    if (!heights.has(name)) {
      heights.set(name, 0);
      const below = rooms.find((room) => room.floor === 'packages' && room.name === name)?.imports ?? [];
      heights.set(name, below.length === 0 ? 0 : 1 + Math.max(...below.map(heightOf)));
    }
    return heights.get(name);
  };
  const order = ({ floor, name }) => (floor === 'apps' ? 100 : heightOf(name));
  const rows = rooms
    .sort((one, other) => order(one) - order(other) || one.path.localeCompare(other.path))
    .map(({ path, about, imports }) => `| \`${path}\` | ${about} | ${imports.join(', ') || 'nothing'} |`);
  return ['| folder | what is in it | imports |', '|---|---|---|', ...rows].join('\n');
}

function describe({ path, name }) {
  const imports = new Set();
  for (const file of readdirSync(join(root, path, 'src'), { recursive: true })) {
    if (!/\.tsx?$/.test(file) || file.includes('contract/')) continue;
    const text = readFileSync(join(root, path, 'src', file), 'utf8');
    for (const [, other] of text.matchAll(/(?:from|import\() ?'@dsyncd\/([a-z-]+)/g)) imports.add(other);
  }
  imports.delete(name);
  const { description = '' } = JSON.parse(readFileSync(join(root, path, 'package.json'), 'utf8'));
  return { about: description, imports: [...imports].sort() };
}
