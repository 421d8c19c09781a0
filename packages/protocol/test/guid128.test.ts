import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { guid128 } from '../src/index.ts';

describe('the GUID by which expunges name mails', () => {
  it('is the GUID itself where that has 32 hexadecimal digits', () => {
    expect(guid128('609aa62cf611056b0f35000083ecc375')).toBe('609aa62cf611056b0f35000083ecc375');
    expect(guid128('609AA62CF611056B0F35000083ECC375')).toBe('609aa62cf611056b0f35000083ecc375');
  });

  it("is the end of the SHA-1 of any other, such as Maildir's", () => {
    const guid = '1795494392.M945103P13686.vm,S=263,W=275';
    const sum = execFileSync('sha1sum', { input: guid, encoding: 'utf8' }).slice(0, 40);
    expect(guid128(guid)).toBe(sum.slice(8));
  });
});
