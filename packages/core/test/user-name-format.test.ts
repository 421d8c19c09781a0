import { expect, test } from 'vitest';
import { formatUserName, parseUserName } from '../src/index.ts';

test.each([
  ['ann@example.com', 'ann@example.com'],
  ['Ann@Example.COM', 'ann@example.com'],
  ['Äß', 'äß'],
])('%s is %s', (given, user) => {
  expect(formatUserName(parseUserName(given), 'lower')).toBe(user);
  expect(formatUserName(parseUserName(given), 'as-is')).toBe(given);
  expect(formatUserName(parseUserName(user), 'lower')).toBe(user);
});

test('a name that would become too long stays as it is', () => {
  // Two bytes each, three in lower case.
  const name = parseUserName('Ⱥ'.repeat(127));
  expect(formatUserName(name, 'lower')).toBe(name);
});
