import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileMask } from '../src/index.ts';

describe('compileMask', () => {
  test.each([
    ['*', '', true],
    ['*@example.com', 'u1@example.com', true],
    ['*@example.com', 'u1@example.org', false],
    ['u?@*', 'u1@x', true],
    ['u?@*', 'u10@x', false],
    ['u1', 'u1', true],
    ['u1', 'u10', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['.+[x]$', '.+[x]$', true],
    ['**', 'x', true],
    ['', 'x', false],
  ])('mask %j on %j: %j', (mask, text, expected) => {
    expect(compileMask(mask)(text)).toBe(expected);
  });

  test('agrees with a regular expression on every mask and text', () => {
    const letters = fc.string({ unit: fc.constantFrom('a', 'b', '*', '?'), maxLength: 8 });
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 10 });
    fc.assert(
      fc.property(letters, text, (mask, subject) => {
        const pattern = new RegExp(`^${mask.replaceAll('?', '[ab]').replaceAll('*', '[ab]*')}$`);
        expect(compileMask(mask)(subject)).toBe(pattern.test(subject));
      }),
    );
  });

  test('answers a hostile mask at once', () => {
    const mask = `${'*a'.repeat(2000)}b`;
    expect(compileMask(mask)('a'.repeat(4000))).toBe(false);
  });
});
