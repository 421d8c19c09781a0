// Writes the documents that are made from the programs themselves; with --check fails when one is out of date.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const header = '<!-- Made by `node test/tooling/generate.mjs`; do not edit. -->\n\n';

/** [document, how it is made] */
const documents = [
  ['deploy/reference.md', ['apps/dsyncadm/dist/main.js', 'config', 'reference', '--commands']],
];

const isCheck = process.argv.includes('--check');
run(['node_modules/typescript/bin/tsc', '-b', 'apps/dsyncadm']);
for (const [file, args] of documents) {
  const wanted = header + run(args);
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
