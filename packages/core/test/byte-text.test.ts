import fc from 'fast-check';
import { expect, test } from 'vitest';
import {
  bytesOfText,
  byteText,
  byteTextLength,
  compareByteTexts,
  plainText,
  textOfBytes,
} from '../src/index.ts';

/** Bytes among which broken and whole UTF-8 sequences, and the characters that stand for bytes, are frequent. */
const bytes = fc
  .array(
    fc.oneof(
      fc.uint8Array({ maxLength: 4 }),
      fc
        .constantFrom('ü', '€', '😀', '\uef80', '\uefff', '\ufffd', '\ufeff', 'text')
        .map((text) => new Uint8Array(Buffer.from(text))),
      fc
        .constantFrom([0xfc], [0xef, 0xbe], [0xf0, 0x9f, 0x98], [0xed, 0xa0, 0x80], [0xc0, 0x80])
        .map((list) => Uint8Array.from(list)),
    ),
  )
  .map((parts) => Buffer.concat(parts));

test('any bytes become a well-formed text that stands for just these bytes', () => {
  fc.assert(
    fc.property(bytes, (given) => {
      const text = textOfBytes(given);
      // What SQLite, JSON and files keep.
      expect(Buffer.from(text).toString()).toBe(text);
      expect(Buffer.from(bytesOfText(text))).toEqual(given);
      expect(byteTextLength(text)).toBe(given.length);
    }),
  );
});

test('bytes that are text are that text', () => {
  for (const text of ['', 'Büro 😀', '\ufffd', '\ufeffx']) expect(textOfBytes(Buffer.from(text))).toBe(text);
  expect(textOfBytes(Buffer.from('B\xfcro', 'latin1'))).toBe('B\ueffcro');
});

test('plain text and the text of its bytes can be had from each other', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(plainText(byteText(text))).toBe(text);
      expect(Buffer.from(bytesOfText(byteText(text)))).toEqual(Buffer.from(text));
    }),
  );
  expect(plainText(byteText('\uef80'))).toBe('\uef80');
  expect(plainText('B\ueffcro')).toBe('B\ufffdro');
});

test('texts compare as their bytes do', () => {
  fc.assert(
    fc.property(bytes, bytes, (a, b) => {
      expect(Math.sign(compareByteTexts(textOfBytes(a), textOfBytes(b)))).toBe(Buffer.compare(a, b));
    }),
  );
});
