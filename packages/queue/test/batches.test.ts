import { describe, expect, it } from 'vitest';
import { type Batch, Batches, batchRecordsMax } from '../src/sqlite/batches.ts';
import { recordKey } from '../src/sqlite/messages.ts';

const take = (batches: Batches): Batch => batches.take() ?? expect.fail('there is a batch');

describe('Batches', () => {
  it('hold a record once, until it is taken', () => {
    const batches = new Batches();
    batches.noteRecord(1, 5);
    batches.noteRecord(1, 5);
    expect(batches.batchOf(1, 5)).toBe(1);
    expect(take(batches).keys).toEqual([recordKey(1, 5)]);
    expect(batches.take()).toBeUndefined();
    batches.noteRecord(1, 5);
    expect(batches.batchOf(1, 5)).toBe(2);
    expect(take(batches)).toMatchObject({ number: 2, keys: [recordKey(1, 5)] });
  });

  it('have at most so many records each', () => {
    const batches = new Batches();
    for (let user = 0; user <= batchRecordsMax; user++) batches.noteRecord(0, user);
    expect(take(batches).keys).toHaveLength(batchRecordsMax);
    expect(take(batches).keys).toEqual([batchRecordsMax]);
  });

  it('that are given back put names before the records that wait for them', () => {
    const batches = new Batches();
    for (let user = 0; user < batchRecordsMax; user++) batches.noteRecord(0, user);
    batches.noteUser(batchRecordsMax);
    batches.noteRecord(0, batchRecordsMax);
    batches.giveBack(take(batches));
    expect(take(batches).users).toEqual(new Set([batchRecordsMax]));
    expect(batches.batchOf(0, 3)).toBe(2);
  });

  it('count a record for durable only with the name that its id has now', () => {
    const batches = new Batches();
    // A forgotten user's record waits in the first batch, the names behind it.
    for (let user = 0; user < batchRecordsMax; user++) batches.noteRecord(0, user);
    batches.noteRecord(0, batchRecordsMax);
    batches.noteUser(5);
    // The id is given to another user, whose record is that of the first batch.
    batches.noteUser(5);
    batches.noteRecord(0, 5);
    expect(batches.batchOf(0, 5)).toBe(2);
    const first = take(batches);
    expect(first.users).toEqual(new Set());
    batches.written(first);
    expect(batches.batchOf(0, 5)).toBe(2);
    const second = take(batches);
    expect(second.users).toEqual(new Set([5]));
    batches.giveBack(second);
    expect(batches.batchOf(0, 5)).toBe(3);
    batches.written(take(batches));
    expect(batches.batchOf(0, 5)).toBe(1);
  });

  it('that are given back do not hold what was noted again meanwhile', () => {
    const batches = new Batches();
    batches.noteRecord(0, 1);
    const failed = take(batches);
    batches.noteRecord(0, 1);
    batches.giveBack(failed);
    expect(take(batches).keys).toEqual([1]);
    expect(batches.take()).toBeUndefined();
  });
});
