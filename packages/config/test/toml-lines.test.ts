import { expect, test } from 'vitest';
import { keyLines, lineOf } from '../src/load/key-lines.ts';

test('finds keys in tables, quoted and dotted keys, and skips texts over many lines', () => {
  const lines = keyLines(`# a = 1
a = """
b = 2
"""
b = 3
[ "t x" . u ] # c = 4
c.d = 5
[[list]]
e = 6
inline = { f = 7 }
`);
  expect(lineOf(lines, ['a'])).toBe(2);
  expect(lineOf(lines, ['b'])).toBe(5);
  expect(lineOf(lines, ['t x', 'u'])).toBe(6);
  expect(lineOf(lines, ['t x', 'u', 'c', 'd'])).toBe(7);
  expect(lineOf(lines, ['list', 'e'])).toBe(9);
  expect(lineOf(lines, ['list', 'inline', 'f'])).toBe(10);
  expect(lineOf(lines, ['none'])).toBeUndefined();
});
