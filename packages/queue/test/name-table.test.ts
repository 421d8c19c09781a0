import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { IndexedHeap } from '../src/model/collections.ts';
import { NameTable } from '../src/model/name-table.ts';

const name = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'b', 'ü', '例'), minLength: 1, maxLength: 6 }),
  fc.string({ unit: 'grapheme-composite', minLength: 1, maxLength: 20 }),
);

describe('NameTable', () => {
  it('is a two-way map, whatever is put in and taken out', () => {
    const step = fc.record({ isDelete: fc.boolean(), id: fc.nat(40), name });
    fc.assert(
      fc.property(fc.integer(), fc.array(step, { maxLength: 200 }), (seed, steps) => {
        const table = new NameTable(seed);
        const model = new Map<number, string>();
        for (const { isDelete, id, name } of steps) {
          if (isDelete) {
            table.delete(id);
            model.delete(id);
          } else if (!model.has(id) && ![...model.values()].includes(name)) {
            table.set(id, name);
            model.set(id, name);
          }
          expect(table.size).toBe(model.size);
        }
        for (let id = 0; id <= 40; id++) expect(table.name(id)).toBe(model.get(id));
        for (const [id, name] of model) expect(table.find(name)).toBe(id);
        for (const { name } of steps)
          if (![...model.values()].includes(name)) expect(table.find(name)).toBe(-1);
      }),
    );
  });

  it('keeps names while it grows and drops deleted ones for good', () => {
    const table = new NameTable(7);
    const nameOf = (id: number): string => `user${id}@${'x'.repeat(id % 200)}`;
    for (let id = 0; id < 20_000; id++) table.set(id, nameOf(id));
    for (let id = 0; id < 20_000; id += 2) table.delete(id);
    for (let id = 0; id < 20_000; id += 2) table.set(id, `new${nameOf(id)}`);
    for (let id = 0; id < 20_000; id++) {
      const expected = id % 2 === 0 ? `new${nameOf(id)}` : nameOf(id);
      if (table.name(id) !== expected || table.find(expected) !== id) expect.fail(`${id} is not ${expected}`);
    }
    expect(table.find(nameOf(0))).toBe(-1);
  });
});

describe('IndexedHeap', () => {
  it('always has the smallest key first', () => {
    const step = fc.record({
      id: fc.nat(50),
      key: fc.option(fc.integer({ min: -5, max: 20 }), { nil: undefined }),
    });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const heap = new IndexedHeap();
        const model = new Map<number, number>();
        for (const { id, key } of steps) {
          if (key === undefined) expect(heap.delete(id)).toBe(model.delete(id));
          else {
            heap.set(id, key);
            model.set(id, key);
          }
          expect(heap.size).toBe(model.size);
          expect(heap.has(id)).toBe(model.has(id));
          expect(heap.firstKey).toBe(Math.min(...model.values()));
          if (model.size > 0) expect(model.get(heap.firstId)).toBe(heap.firstKey);
        }
      }),
    );
  });
});
