import { Buffer } from 'node:buffer';
import { mailboxPathProblem, normalizeMailboxPath } from '@dsyncd/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  bodyFileName,
  componentBytesMax,
  folderName,
  longGuidFile,
  parseBodyFileName,
  spareFolderName,
} from '../src/maildir/names-on-disk.ts';

const symbols = fc.oneof(
  fc.constantFrom(
    '.',
    '..',
    '%',
    '%2e',
    '~',
    '%~',
    '/',
    'a',
    'A',
    'INBOX',
    ' ',
    '-',
    ':',
    '\\',
    'é',
    'e\u0301',
  ),
  fc.string({ unit: 'binary', maxLength: 4 }),
  fc.string({ minLength: 60, maxLength: 80 }),
);
const part = fc.array(symbols, { minLength: 1, maxLength: 5 }).map((pieces) => pieces.join(''));
const path = fc
  .array(part, { minLength: 1, maxLength: 5 })
  .map(normalizeMailboxPath)
  .filter((parts) => mailboxPathProblem(parts) === undefined);

const expectSafe = (name: string): void => {
  expect(name).not.toMatch(/[/\u0000-\u001f\u007f]/);
  expect(['.', '..', 'cur', 'new', 'tmp']).not.toContain(name);
  expect(Buffer.byteLength(name)).toBeLessThanOrEqual(componentBytesMax);
};

describe('names on disk', () => {
  it('of any mailbox are one safe component, also when the name is taken', () => {
    fc.assert(
      fc.property(path, (parts) => {
        const name = folderName(parts);
        if (name !== '') expect(name.startsWith('.')).toBe(true);
        expectSafe(name);
        expectSafe(spareFolderName(parts, 'f'.repeat(32)));
      }),
      { numRuns: 500 },
    );
  });

  it('of different mailboxes differ', () => {
    fc.assert(
      fc.property(fc.uniqueArray(path, { selector: (parts) => parts.join('/'), maxLength: 30 }), (paths) => {
        const names = paths.flatMap((parts) => [folderName(parts), spareFolderName(parts, '0'.repeat(32))]);
        expect(new Set(names).size).toBe(names.length);
      }),
      { numRuns: 300 },
    );
  });

  it.each([
    [['INBOX'], ''],
    [['Work', '2026'], '.Work.2026'],
    [['INBOX', 'a'], '.INBOX.a'],
    [['a.b'], '.a%2eb'],
    [['a', 'b'], '.a.b'],
    [['a%2eb'], '.a%252eb'],
    [['Ärger'], '.Ärger'],
  ])('of %j is %j', (parts, name) => {
    expect(folderName(parts)).toBe(name);
  });

  it('of names that differ only at the end of a very long name differ', () => {
    const long = 'ä'.repeat(127);
    expect(folderName([long, 'x'])).not.toBe(folderName([long, 'y']));
  });

  it('of bodies tell what is needed to rebuild an index, for any GUID', () => {
    const body = fc.record({
      receivedAt: fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
      guid: fc
        .oneof(symbols, fc.string({ minLength: 1, maxLength: 255, unit: 'binary' }))
        .filter((guid) => guid !== ''),
      uid: fc.integer({ min: 1, max: 2 ** 32 - 1 }),
      size: fc.integer({ min: 0, max: 2 ** 40 }),
    });
    fc.assert(
      fc.property(body, (known) => {
        const name = bodyFileName(known);
        expectSafe(name);
        const hash = longGuidFile(known.guid);
        expect(parseBodyFileName(name)).toEqual({
          ...known,
          guid: hash ?? known.guid,
          isHash: hash !== undefined,
        });
      }),
      { numRuns: 1000 },
    );
  });

  it.each(['', 'x', '1.a.U1,S=2:2,S', '1700000000.M1P2.host,S=3', '.1.a.U1,S=1', '1.%zz.U1,S=1'])(
    'are not taken for ours: %j',
    (name) => {
      expect(parseBodyFileName(name)).toBeUndefined();
    },
  );
});
