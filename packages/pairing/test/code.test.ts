import { generateKeyPairSync } from 'node:crypto';
import { DsyncdError } from '@dsyncd/core';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fingerprintOf, formatCode, newCode, parseCode } from '../src/index.ts';

const key = (): Buffer =>
  generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'der' });

const errorOf = (text: string): string => {
  try {
    parseCode(text);
  } catch (error) {
    if (error instanceof DsyncdError) return `${error.code}: ${error.message}`;
  }
  return 'accepted';
};

describe('the code of a pairing', () => {
  it('is 8 groups of 5, and reads as what it was made of', () => {
    const own = key();
    const code = newCode(own);
    const text = formatCode(code);
    expect(text).toMatch(/^([0-9A-HJKMNP-TV-Z]{5}-){7}[0-9A-HJKMNP-TV-Z]{5}$/);
    expect(parseCode(text)).toEqual(code);
    expect(code.fingerprint).toEqual(fingerprintOf(own));
    expect(code.fingerprint).not.toEqual(fingerprintOf(key()));
  });

  it('reads any bytes back, also as a person types them', () => {
    const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
    fc.assert(
      fc.property(bytes(9), bytes(15), (secret, fingerprint) => {
        const code = { secret: Buffer.from(secret), fingerprint: Buffer.from(fingerprint) };
        const typed = ` ${formatCode(code).toLowerCase().replaceAll('-', ' ').replaceAll('0', 'o').replaceAll('1', 'l')} `;
        expect(parseCode(typed)).toEqual(code);
      }),
    );
  });

  it('notices a mistyped one, and never repeats it', () => {
    const text = formatCode({ secret: Buffer.alloc(9, 7), fingerprint: Buffer.alloc(15, 9) });
    const other = text.startsWith('2') ? `3${text.slice(1)}` : `2${text.slice(1)}`;
    expect(errorOf(other)).toBe('DSYNCD_PAIR_CODE: the code was mistyped');
    expect(errorOf(text.slice(1))).toBe('DSYNCD_PAIR_CODE: the code has 39 letters and digits, not 40');
    expect(errorOf(`${text}A`)).toBe('DSYNCD_PAIR_CODE: the code has 41 letters and digits, not 40');
    expect(errorOf(`U${text.slice(1)}`)).toBe('DSYNCD_PAIR_CODE: the code holds a sign that no code has');
  });
});
