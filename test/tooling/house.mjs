// The house in figures: how many production files there are, how long they are, and which folders lack a README.md.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { root } from './setup.mjs';

export const linesMax = 350;
const linesFew = 40;
/** A folder of more source files than this says in a README.md what is in it. */
const filesWithoutReadmeMax = 4;
const entries = /^(index|main)\.tsx?$|\.worker\.ts$/;

const sourceFiles = execFileSync(
  'git',
  ['ls-files', '-co', '--exclude-standard', 'packages/*/src/*', 'apps/*/src/*'],
  { cwd: root, encoding: 'utf8' },
)
  .split('\n')
  .filter((file) => /\.tsx?$/.test(file) && !file.startsWith('packages/testkit/'))
  .filter((file) => existsSync(join(root, file)));

const linesOf = (file) => readFileSync(join(root, file), 'utf8').split('\n').length - 1;

/** Packages, and folders of more than four source files, that have no README.md. */
export function foldersWithoutReadme() {
  const counts = new Map();
  for (const file of sourceFiles) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
  const rooms = new Set(sourceFiles.map((file) => file.split('/').slice(0, 2).join('/')));
  // The README of src is that of the package.
  for (const [folder, count] of counts)
    if (count > filesWithoutReadmeMax && basename(folder) !== 'src') rooms.add(folder);
  return [...rooms].filter((folder) => !existsSync(join(root, folder, 'README.md'))).sort();
}

function figures(files) {
  const lengths = files.map(linesOf).sort((one, other) => one - other);
  return {
    files: lengths.length,
    median: lengths[Math.floor(lengths.length / 2)] ?? 0,
    short: files.filter((file) => !entries.test(basename(file)) && linesOf(file) < linesFew).length,
    long: lengths.filter((lines) => lines > linesMax).length,
  };
}

function print(name, { files, median, short, long }) {
  const cells = [files, median, short, long].map((number) => String(number).padStart(8));
  process.stdout.write(`${name.padEnd(26)}${cells.join('')}\n`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  process.stdout.write(`${''.padEnd(26)}   files  median     <${linesFew}    >${linesMax}\n`);
  const rooms = [...new Set(sourceFiles.map((file) => file.split('/').slice(0, 2).join('/')))];
  for (const room of rooms) print(room, figures(sourceFiles.filter((file) => file.startsWith(`${room}/`))));
  print('all', figures(sourceFiles));
  const bare = foldersWithoutReadme();
  process.stdout.write(bare.length === 0 ? '' : `without a README.md: ${bare.join(', ')}\n`);
}
