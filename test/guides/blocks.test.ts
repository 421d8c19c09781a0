import { globSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import { expect, test } from 'vitest';
import { guidePath, parseBlocks } from './support/guide.ts';
import { notRun } from './support/not-run.ts';

const root = guidePath('.');
/** Made from the sources; their examples are no guide. */
const generated = ['deploy/reference.md', 'deploy/errors.md'];
const documents = [
  'README.md',
  ...globSync('deploy/**/*.md', { cwd: root }).filter((file) => !file.startsWith('deploy/package/')),
].filter((file) => !generated.includes(file));

const tests = globSync('test/guides/*.test.ts', { cwd: root })
  .filter((file) => file !== 'test/guides/blocks.test.ts')
  .map((file) => readFileSync(guidePath(file), 'utf8'));

const blocksOf = (document: string) => parseBlocks(readFileSync(guidePath(document), 'utf8'));

test.each(documents)('every block of %s says what it is', (document) => {
  const lines = readFileSync(guidePath(document), 'utf8').split('\n');
  let isFenced = false;
  const indented = lines.filter((line, index) => {
    if (line.startsWith('```')) isFenced = !isFenced;
    return !isFenced && line.startsWith('    ') && lines[index - 1] === '';
  });
  expect(indented).toEqual([]);
  // sh: run by a test; console: a dialogue, or for one who adapts it.
  const languages = ['sh', 'console', 'toml', 'text'];
  expect(blocksOf(document).filter(({ language }) => !languages.includes(language))).toEqual([]);
});

test.each(documents)('the commands of %s are run by a test, or it is said why not', (document) => {
  const commands = blocksOf(document).filter(({ language }) => language === 'sh');
  const reasons = Object.keys(notRun[document] ?? {});
  const others = commands.filter(({ text }) => !reasons.some((start) => text.startsWith(start)));
  if (others.length === 0) return;
  const own = tests.filter((text) => text.includes(`'${document}'`));
  expect(own.length, `no test in test/guides has a guide '${document}'`).toBeGreaterThan(0);
  for (const text of own) expect(text, 'a test of a guide says what it left').toContain('.left)');
});

test('only documents that are there have reasons', () => {
  expect(Object.keys(notRun).filter((document) => !documents.includes(document))).toEqual([]);
  expect(documents.map((file) => basename(file))).toContain('migrate.md');
});
