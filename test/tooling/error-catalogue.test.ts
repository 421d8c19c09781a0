import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { errorCatalogue } from '@dsyncd/core';
import ts from 'typescript';
import { expect, test } from 'vitest';

const root = fileURLToPath(new URL('../..', import.meta.url));
const entries = errorCatalogue.flatMap(({ entries }) => entries);
const notCodes = new Set(['DSYNCD_DEBUG', 'DSYNCD_DOVECOT24']);

const files = execFileSync(
  'git',
  ['ls-files', '-co', '--exclude-standard', 'packages/*/src/*', 'apps/*/src/*'],
  {
    cwd: root,
    encoding: 'utf8',
  },
)
  .split('\n')
  .filter(
    (file) => /\.tsx?$/.test(file) && !/^packages\/testkit|\/contract\/|error-catalogue\.ts$/.test(file),
  );

interface Use {
  readonly code: string;
  readonly file: string;
  readonly outcome: string | undefined;
}

const textOf = (node: ts.Node | undefined): string | undefined =>
  node !== undefined && ts.isStringLiteralLike(node) ? node.text : undefined;

function propertyOf(node: ts.Node | undefined, name: string): string | undefined {
  if (node === undefined || !ts.isObjectLiteralExpression(node)) return undefined;
  for (const property of node.properties)
    if (ts.isPropertyAssignment(property) && property.name.getText() === name)
      return textOf(property.initializer);
  return undefined;
}

/** A function that makes errors of several codes takes the outcome as an argument. */
const outcomeAmong = (texts: readonly ts.Node[]): string | undefined =>
  texts.map(textOf).find((text) => ['busy', 'transient', 'operator'].includes(text ?? ''));

/** The codes that a file has as texts, with the outcome that stands beside them. */
function usesIn(file: string): readonly Use[] {
  const text = readFileSync(join(root, file), 'utf8');
  if (!text.includes('DSYNCD_')) return [];
  const uses: Use[] = [];
  const visit = (node: ts.Node): void => {
    const code = textOf(node);
    if (code !== undefined && /^DSYNCD_[A-Z0-9_]*[A-Z0-9]$/.test(code) && !notCodes.has(code)) {
      const { parent } = node;
      const beside = ts.isNewExpression(parent)
        ? propertyOf(parent.arguments?.[2], 'outcome')
        : ts.isCallExpression(parent)
          ? outcomeAmong(parent.arguments)
          : propertyOf(parent.parent, 'outcome');
      uses.push({ code, file, outcome: beside });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, text, ts.ScriptTarget.Latest, true));
  return uses;
}

const uses = files.flatMap(usesIn);

test('every code of the sources is in the catalogue, and every code of the catalogue in the sources', () => {
  const used = [...new Set(uses.map(({ code }) => code))].sort();
  expect(used.length).toBeGreaterThan(100);
  expect(entries.map(({ code }) => code).sort()).toEqual(used);
});

test('each outcome that the sources give with a code is in the catalogue', () => {
  const known = new Map(entries.map(({ code, outcomes }) => [code, outcomes as readonly string[]]));
  const missing = uses.flatMap(({ code, file, outcome }) =>
    // `changed` is no failure.
    outcome === undefined || outcome === 'changed' || known.get(code)?.includes(outcome)
      ? []
      : [`${code} ${outcome} (${file})`],
  );
  expect([...new Set(missing)]).toEqual([]);
});

test('each entry says when it happens and what to do', () => {
  for (const { code, outcomes, when, remedy, exit } of entries) {
    expect(outcomes.length, code).toBeGreaterThan(0);
    expect(when, code).toMatch(/^\S.{10,}\.$/);
    expect(remedy, code).toMatch(/.{8,}\.$/);
    if (exit !== undefined) expect(exit, code).toBeGreaterThan(1);
  }
});
