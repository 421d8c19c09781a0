// House rules that no linter knows, as plain text searches with the replacement in the message.
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { foldersWithoutReadme, linesMax } from './house.mjs';
import { root } from './setup.mjs';

const files = execFileSync('git', ['ls-files', '-co', '--exclude-standard'], { cwd: root, encoding: 'utf8' })
  .split('\n')
  .filter(
    (file) =>
      /\.(ts|tsx|css|mjs|cjs|json|md|toml|sh|service|conf|lua)$/.test(file) && file !== 'package-lock.json',
  );

/** [which files, forbidden text, what to do instead] */
const rules = [
  [/^(packages|apps)\/[^/]+\/src\/.*\.tsx?$/, /\b(TODO|FIXME|XXX)\b/, 'finish it, or write an issue'],
  [/\.tsx?$/, /^(?!\s*(\*|\/\/|\/\*\*)).*(\bas any\b|: any\b)|@ts-ignore|@ts-expect-error/, 'give it a type'],
  [/\.tsx?$/, /catch\s*(\([a-z_]*\))?\s*\{\s*\}/, 'handle the error, or say in a comment why none matters'],
  [/^(packages|apps)\/[^/]+\/src\/.*\.tsx?$/, /\bexport default\b/, 'export a name'],
  [/^(packages|apps)\/[^/]+\/src\/.*\.tsx?$/, /\bconst enum\b|\benum [A-Z]/, 'use a union of literals'],
  [
    /^packages\/(core|protocol|dsync)\/src\/(?!ports\.ts).*\.ts$/,
    /\b(Date\.now|Math\.random|setTimeout|process\.env)\b/,
    'take a Clock or Random',
  ],
  [
    /^packages\/queue\/src\/model\/.*\.ts$/,
    /\b(Date\.now|Math\.random|setTimeout|process\.env)\b/,
    'take a Clock or Random',
  ],
  [/^(packages|apps)\/[^/]+\/test\/.*\.ts$/, /\.(only|todo)\(/, 'run every test'],
  [
    /^(packages|apps|test)\/.*\.test\.ts$/,
    /setTimeout\([^)]*resolve|expect\(true\)/,
    'wait on a condition; expect something that can fail',
  ],
];

const problems = [];
for (const file of files) {
  const text = readFileSync(join(root, file), 'utf8');
  for (const [which, forbidden, remedy] of rules) {
    if (!which.test(file)) continue;
    text.split('\n').forEach((line, index) => {
      if (forbidden.test(line)) problems.push(`${file}:${index + 1}: ${line.trim()}\n    ${remedy}`);
    });
  }
  const isSource = /^(packages|apps)\/[^/]+\/src\/.*\.tsx?$/.test(file);
  const lineCount = text.split('\n').length;
  if (isSource && lineCount > linesMax)
    problems.push(`${file}: ${lineCount} lines\n    one concept a file: split it (at most ${linesMax})`);
  if (/^(packages|apps)\/[^/]+\/src\//.test(file) && /(^|\/)(utils|helpers|misc)\.tsx?$/.test(file))
    problems.push(`${file}\n    name the file after its concept`);
}
// A report only, until every folder has one.
const bare = foldersWithoutReadme();
if (bare.length > 0) process.stdout.write(`without a README.md: ${bare.join(', ')}\n`);
process.stdout.write(problems.map((problem) => `${problem}\n`).join(''));
process.exitCode = problems.length === 0 ? 0 : 1;
