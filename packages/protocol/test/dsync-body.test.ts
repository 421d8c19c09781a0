import fc from 'fast-check';
import { expect, test } from 'vitest';
import { BodyEscaper, BodyUnescaper, bodyEnd } from '../src/index.ts';

function escapeAll(chunks: readonly Uint8Array[]): Buffer {
  const escaper = new BodyEscaper();
  return Buffer.concat([...chunks.map((chunk) => escaper.escape(chunk)), Buffer.from(bodyEnd)]);
}

function unescapeAll(chunks: readonly Uint8Array[]): { body: string; rest: string | undefined } {
  const unescaper = new BodyUnescaper();
  const body: Uint8Array[] = [];
  for (const [index, chunk] of chunks.entries()) {
    const part = unescaper.push(chunk);
    body.push(...part.body.map((bytes) => Buffer.from(bytes)));
    if (part.rest !== undefined) {
      const rest = Buffer.concat([part.rest, ...chunks.slice(index + 1)]);
      return { body: Buffer.concat(body).toString('latin1'), rest: rest.toString('latin1') };
    }
  }
  return { body: Buffer.concat(body).toString('latin1'), rest: undefined };
}

function cut(bytes: Buffer, sizes: readonly number[]): Buffer[] {
  const chunks: Buffer[] = [];
  let at = 0;
  for (const size of sizes) {
    chunks.push(bytes.subarray(at, at + size));
    at += size;
  }
  chunks.push(bytes.subarray(at));
  return chunks;
}

const tricky = fc
  .array(fc.constantFrom('.', '\r', '\n', '\r\n', '\r\n.', '\n.', 'a', '\u00ff', '..'), { maxLength: 12 })
  .map((parts) => Buffer.from(parts.join(''), 'latin1'));
const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 12 });

test('any body survives the stream, however it is cut', () => {
  fc.assert(
    fc.property(tricky, sizes, sizes, (body, sent, received) => {
      const wire = Buffer.concat([escapeAll(cut(body, sent)), Buffer.from('Mnext\n')]);
      expect(unescapeAll(cut(wire, received))).toEqual({ body: body.toString('latin1'), rest: 'Mnext\n' });
    }),
    { numRuns: 3000 },
  );
});

test('a leading dot that the sender did not double is kept', () => {
  expect(unescapeAll([Buffer.from('.x\r\n.\r\n')])).toEqual({ body: '.x', rest: '' });
});

test('without its end a body is not complete', () => {
  expect(unescapeAll([Buffer.from('abc\r\n')]).rest).toBeUndefined();
});
