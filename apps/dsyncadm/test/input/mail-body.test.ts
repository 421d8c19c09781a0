import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readMailBody } from '../../src/input/files.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'dsyncadm-'));
});
afterAll(() => rm(folder, { recursive: true }));

const collect = async (body: AsyncIterable<Uint8Array>): Promise<string> => {
  const parts: Uint8Array[] = [];
  for await (const part of body) parts.push(part);
  return Buffer.concat(parts).toString('latin1');
};

describe('readMailBody', () => {
  it('gives the bytes of a file as they are', async () => {
    const file = join(folder, 'mail.eml');
    await writeFile(file, Buffer.from('Subject: \xfc\n\r\n\0x', 'latin1'));
    expect(await collect(readMailBody(file, Readable.from([])))).toBe('Subject: \xfc\n\r\n\0x');
  });

  it.each([undefined, '-'])('reads stdin for %j', async (file) =>
    expect(await collect(readMailBody(file, Readable.from([Buffer.from('a'), 'b'])))).toBe('ab'),
  );

  it('refuses an empty mail', async () =>
    expect(collect(readMailBody(undefined, Readable.from([])))).rejects.toThrow('stdin is empty'));

  it('takes a mail of the greatest size and refuses one byte more', async () => {
    const stdin = (): Readable => Readable.from([Buffer.alloc(6), Buffer.alloc(4)]);
    expect(await collect(readMailBody(undefined, stdin(), 10))).toHaveLength(10);
    await expect(collect(readMailBody(undefined, stdin(), 9))).rejects.toThrow('larger than 9 bytes');
  });

  it('names a file that is missing', async () =>
    expect(collect(readMailBody(join(folder, 'none'), Readable.from([])))).rejects.toThrow('none'));
});
