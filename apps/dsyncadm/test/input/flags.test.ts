import { limits } from '@dsyncd/core';
import { flagBits } from '@dsyncd/mailstore';
import { describe, expect, it } from 'vitest';
import { flagNames, parseFlags } from '../../src/commands/mail-flags.ts';

describe('parseFlags', () => {
  it('takes flags in any case with and without backslash, and keywords', () => {
    const { flags, keywords } = parseFlags(['\\Seen', 'flagged,invoice', '$Forwarded', 'invoice']);
    expect(flags).toBe(flagBits.seen | flagBits.flagged);
    expect(keywords).toEqual(['invoice', '$Forwarded']);
  });

  it.each(['', 'two words', '\\Unknown', 'a(b', 'a"b', 'ü', 'a\u0001'])('refuses %j', (text) =>
    expect(() => parseFlags([text])).toThrow('neither a flag nor a keyword'),
  );

  it('takes the longest keyword and refuses one character more', () => {
    const longest = 'k'.repeat(limits.keywordBytesMax);
    expect(parseFlags([longest]).keywords).toEqual([longest]);
    expect(() => parseFlags([`${longest}k`])).toThrow('neither');
  });

  it('names flags as IMAP does', () =>
    expect(flagNames({ flags: flagBits.answered | flagBits.draft, keywords: ['x'] })).toEqual([
      '\\Answered',
      '\\Draft',
      'x',
    ]));
});
