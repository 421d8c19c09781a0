import { describe, expect, it } from 'vitest';
import {
  formatSubscriptions,
  parseKeywords,
  parseSubscriptions,
  parseUidList,
} from '../src/dovecot-files.ts';
import { inRanges, uidRanges } from '../src/export-record.ts';
import { decodeModifiedUtf7, encodeModifiedUtf7, folderNames, pathsOfFolders } from '../src/folder-names.ts';
import { mailFileName, parseMailFileName } from '../src/mail-file-name.ts';

describe('modified UTF-7', () => {
  it.each([
    ['Entwürfe', 'Entw&APw-rfe'],
    ['~peter/mail/台北/日本語', '~peter/mail/&U,BTFw-/&ZeVnLIqe-'],
    ['a & b', 'a &- b'],
    ['😀', '&2D3eAA-'],
    ['&-', '&--'],
  ])('writes %s as %s', (text, encoded) => {
    expect(encodeModifiedUtf7(text)).toBe(encoded);
    expect(decodeModifiedUtf7(encoded)).toBe(text);
  });

  it.each(['&', 'a&b', '&AGE-', '&ZeV-', 'ü', '&U,BTFw-&ZeVnLIqe-'])(
    'does not read %s, which nobody writes',
    (text) => {
      expect(decodeModifiedUtf7(text)).toBeUndefined();
    },
  );
});

describe('names of mail files', () => {
  it('holds flags in order and keywords as letters', () => {
    expect(mailFileName('1.x', { flags: 31, keywordIndexes: [25, 0] })).toBe('1.x:2,DFRSTaz');
    expect(mailFileName('1.x', { flags: 0, keywordIndexes: [] })).toBe('1.x:2,');
  });

  it.each([
    ['1.x:2,DFRSTaz', { base: '1.x', flags: 31, keywordIndexes: [0, 25] }],
    ['1.x', { base: '1.x', flags: 0, keywordIndexes: [] }],
    ['1.x:1,S', { base: '1.x', flags: 0, keywordIndexes: [] }],
    ['1.x,S=3:2,PS,extra', { base: '1.x,S=3', flags: 8, keywordIndexes: [] }],
  ])('reads %s', (name, wanted) => {
    expect(parseMailFileName(name)).toEqual(wanted);
  });
});

describe('dovecot-uidlist', () => {
  const guid = '0123456789abcdef0123456789abcdef';

  it('reads what Dovecot writes', () => {
    const list = parseUidList(`3 V1700000000 N9 G${guid}\n2 :1.a,S=3\n5 Gabc S3 W4 :1.b: c\n`);
    expect(list).toMatchObject({ uidValidity: 1_700_000_000, uidNext: 9, guid });
    expect([...(list?.entries ?? [])]).toEqual([
      ['1.a,S=3', { uid: 2 }],
      ['1.b: c', { uid: 5, guid: 'abc' }],
    ]);
  });

  it('counts lines that were added after the header', () => {
    expect(parseUidList(`3 V7 N1 G${guid}\n12 :x\n`)?.uidNext).toBe(13);
  });

  it('leaves lines out that are damaged or out of order', () => {
    const list = parseUidList('3 V7 N1\n4 :a\n4 :b\n3 :c\nx :d\n99999999999 :e\n6\n0 :f\n7 :\n8 :g');
    expect([...(list?.entries.keys() ?? [])]).toEqual(['a', 'g']);
    expect(list?.guid).toBeUndefined();
  });

  it.each(['', '1 7 9\n', '3 N9\n', '3 V99999999999 N1\n', 'garbage'])('takes %j for no list', (text) => {
    expect(parseUidList(text)).toBeUndefined();
  });
});

describe('subscriptions and keywords', () => {
  it('writes version 2 and reads 1 and 2', () => {
    const text = formatSubscriptions(['INBOX', 'Work.2026']);
    expect(text).toBe('V\t2\n\nINBOX\nWork\t2026\n');
    expect(parseSubscriptions(text)).toEqual(['INBOX', 'Work.2026']);
    expect(parseSubscriptions('INBOX\nWork.2026\n')).toEqual(['INBOX', 'Work.2026']);
  });

  it('reads keywords by number, and no nonsense', () => {
    expect([...parseKeywords('0 $Forwarded\n3 kw\nx y\n\n12345 z\n7 ')]).toEqual([
      [0, '$Forwarded'],
      [3, 'kw'],
    ]);
  });
});

describe('folder names', () => {
  it('are the encoded names where these fit, and otherwise like them but different from all others', () => {
    const paths = [
      ['INBOX'],
      ['a.b'],
      ['a_b'],
      ['a.b', 'c'],
      ['~x'],
      ['ü'.repeat(125)],
      Array(30).fill('level-1234'),
    ];
    const names = folderNames(paths);
    expect(new Set(names.values()).size).toBe(paths.length);
    expect([...names.values()].every((name) => name.length <= 254)).toBe(true);
    expect(names.get(paths[0] ?? [])).toBe('');
    expect(names.get(paths[2] ?? [])).toBe('a_b');
    expect(names.get(paths[1] ?? [])).toMatch(/^a_b-[0-9a-f]{12}$/);
  });

  it('lead back to the names in the store, also below', () => {
    const pathOf = pathsOfFolders([
      { folder: 'v1_0', path: ['v1.0'] },
      { folder: 'v1', path: ['v1'] },
    ]);
    expect(pathOf('v1_0')).toEqual(['v1.0']);
    expect(pathOf('v1_0.new.&APw-')).toEqual(['v1.0', 'new', 'ü']);
    expect(pathOf('v1.x')).toEqual(['v1', 'x']);
    expect(pathOf('v1_0.')).toBeUndefined();
    expect(pathOf('inbox')).toBeUndefined();
    expect(pathOf('inbox.x')).toEqual(['INBOX', 'x']);
  });
});

describe('runs of UIDs', () => {
  it('hold what they were made of', () => {
    const ranges = uidRanges([2, 3, 4, 9, 11, 12]);
    expect(ranges).toEqual([
      [2, 4],
      [9, 9],
      [11, 12],
    ]);
    const inside = Array.from({ length: 14 }, (_, uid) => uid).filter((uid) => inRanges(ranges, uid));
    expect(inside).toEqual([2, 3, 4, 9, 11, 12]);
    expect(inRanges([], 1)).toBe(false);
  });
});
