import { describe, expect, test } from 'vitest';
import {
  checkMailboxPath,
  DsyncdError,
  isUserName,
  limits,
  mailboxPathProblem,
  normalizeMailboxPath,
  parseUserName,
  quote,
} from '../src/index.ts';

describe('user names', () => {
  test.each(['u1@example.com', 'müller', 'a b', '😀', 'x'.repeat(limits.userNameBytesMax), 'a..b', "o'neil"])(
    'accepts %j',
    (name) => {
      expect(parseUserName(name)).toBe(name);
    },
  );

  test.each([
    ['', 'is empty'],
    ['x'.repeat(limits.userNameBytesMax + 1), 'longer than 255 bytes'],
    ['ü'.repeat(128), 'longer than 255 bytes'],
    ['a//b', 'has a part'],
    ['/b', 'has a part'],
    ['a/', 'has a part'],
    ['../etc', 'has a part'],
    ['a/../b', 'has a part'],
    ['a/.', 'has a part'],
    ['..', 'has a part'],
    ['.', 'has a part'],
    ['a\0b', 'control character'],
    ['a\nb', 'control character'],
    ['a\u007fb', 'control character'],
    ['a\ufffdb', 'not UTF-8'],
    ['a\ud800b', 'not UTF-8'],
  ])('refuses %j and says why', (name, why) => {
    expect(isUserName(name)).toBe(false);
    expect(() => parseUserName(name)).toThrow(why);
  });

  test('names code and remedy in the error', () => {
    try {
      parseUserName('a//b');
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(DsyncdError);
      expect(error).toMatchObject({ code: 'DSYNCD_USER_NAME', outcome: 'operator' });
      expect((error as DsyncdError).hint).toContain('255 bytes');
    }
  });
});

describe('mailbox names', () => {
  test('accepts what mail users have', () => {
    for (const path of [['INBOX'], ['Entwürfe', '2026 & more'], ['~x', '%41', 'a.b'], ['x'.repeat(255)]])
      expect(mailboxPathProblem(path)).toBeUndefined();
  });

  test.each([
    [[], 'is empty'],
    [['a', ''], 'empty level'],
    [['x'.repeat(256)], 'level longer than 255 bytes'],
    [Array.from({ length: 65 }, () => 'a'), 'more than 64 levels'],
    [Array.from({ length: 17 }, () => 'x'.repeat(255)), 'longer than 4096 bytes'],
    [['a/b'], '"/" inside a level'],
    [['..', 'etc'], 'the level ".."'],
    [['.'], 'the level "."'],
    [['a\0'], 'control character'],
    [['a\r'], 'control character'],
  ])('refuses %j and says why', (path, why) => {
    expect(mailboxPathProblem(path)).toContain(why);
    expect(() => checkMailboxPath(path)).toThrow(why);
  });

  test('takes 64 levels and 4096 bytes', () => {
    expect(mailboxPathProblem(Array.from({ length: 64 }, () => 'a'))).toBeUndefined();
    expect(mailboxPathProblem(Array.from({ length: 16 }, () => 'x'.repeat(255)))).toBeUndefined();
  });

  test('knows INBOX in any case, at the top only', () => {
    expect(normalizeMailboxPath(['inBox', 'inbox'])).toEqual(['INBOX', 'inbox']);
    expect(normalizeMailboxPath(['a', 'inbox'])).toEqual(['a', 'inbox']);
  });
});

test('quotes text from outside short and without raw control characters', () => {
  expect(quote('a\u001b[31m')).toBe('"a\\u001b[31m"');
  expect(quote('x'.repeat(200)).length).toBeLessThan(90);
});
