import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { DotDecoder } from '../src/lmtp-input.ts';

/** Decodes `wire` cut at every given length; answers content and what came after the mail. */
function decode(wire: Buffer, cuts: readonly number[] = []): { content: string; rest: string | undefined } {
  const decoder = new DotDecoder();
  const content: Buffer[] = [];
  let from = 0;
  for (const cut of [...cuts, wire.length]) {
    const result = decoder.push(wire.subarray(from, from + cut));
    content.push(...result.content);
    from += cut;
    if (result.rest !== undefined)
      return {
        content: Buffer.concat(content).toString('latin1'),
        rest: Buffer.concat([result.rest, wire.subarray(from)]).toString('latin1'),
      };
  }
  return { content: Buffer.concat(content).toString('latin1'), rest: undefined };
}

/** What RFC 5321 asks of a client: lines end by CRLF only. */
const stuff = (body: string): string => `${body.replaceAll('\r\n.', '\r\n..').replace(/^\./, '..')}.\r\n`;

describe('the dot decoder', () => {
  test.each([
    ['plain lines', 'a\r\nb\r\n'],
    ['no line', ''],
    ['a line that is a dot', '.\r\n'],
    ['dots at the start', '.a\r\n..b\r\n...\r\n'],
    ['a bare LF before dots', 'a\n.\n..\n.\r\n'],
    ['a bare CR before dots', 'a\r.\r..\r\n'],
    ['what looks like the end but for one byte', 'a\n.\r\nb\r\n.\nc\r\n.\r.\r\n'],
    ['CR CR LF', 'a\r\r\n.b\r\n'],
    ['bytes above 127 and NUL', 'a\u0000\u00ff\u0080\r\n'],
  ])('gives %s back byte for byte, wherever the stream is cut', (_, body) => {
    const wire = Buffer.from(`${stuff(body)}QUIT\r\n`, 'latin1');
    const expected = { content: body, rest: 'QUIT\r\n' };
    expect(decode(wire)).toEqual(expected);
    expect(
      decode(
        wire,
        Array.from(wire, () => 1),
      ),
    ).toEqual(expected);
    for (let cut = 1; cut < wire.length; cut++) expect(decode(wire, [cut])).toEqual(expected);
  });

  test('any bytes', () => {
    const body = fc
      .array(fc.constantFrom('\r', '\n', '.', '\r\n', '\r\n.', 'x', '\u00ff'))
      .map((parts) => `${parts.join('')}\r\n`);
    fc.assert(
      fc.property(body, fc.array(fc.integer({ min: 0, max: 7 })), (text, cuts) => {
        expect(decode(Buffer.from(stuff(text), 'latin1'), cuts)).toEqual({ content: text, rest: '' });
      }),
      { numRuns: 2000 },
    );
  });

  test('does not end a mail at a dot between bare line feeds', () => {
    expect(decode(Buffer.from('a\n.\nMAIL FROM:<x>\r\n')).rest).toBeUndefined();
    expect(decode(Buffer.from('a\r\n.\nMAIL FROM:<x>\r\n')).rest).toBeUndefined();
    expect(decode(Buffer.from('a\n.\r\nMAIL FROM:<x>\r\n')).rest).toBeUndefined();
  });
});
