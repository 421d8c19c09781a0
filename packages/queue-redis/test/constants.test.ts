import { bucket, flag, timing } from '@dsyncd/queue';
import { describe, expect, it } from 'vitest';
import { luaConstants, recordFields, withConstants } from '../src/lua/constants.ts';
import { scripts } from '../src/lua/index.ts';

describe('numbers that TypeScript and Lua share', () => {
  it('are those of the model, each under a name of its own', () => {
    expect(luaConstants.get('QUARANTINED')).toBe(flag.quarantined);
    expect(luaConstants.get('IN_FULL_RESYNC')).toBe(bucket.fullResync);
    expect(luaConstants.get('BACKOFF_FIRST_MS')).toBe(timing.backoffFirstMs);
    const timings = Object.values(timing).filter((value) => typeof value === 'number').length;
    const count =
      recordFields.length + Object.keys(flag).length + Object.keys(bucket).length + 9 + 3 + timings;
    expect(luaConstants.size, 'no name twice').toBe(count);
  });

  it.each(Object.entries(scripts))('are not written as digits in %s, and each name is there', (_, text) => {
    expect(text).not.toMatch(/(?:has|mark|clear)\(r, \d|\br\[\d|\bC\./);
  });

  it('refuse a name that is not there', () => {
    expect(withConstants('if n < C.SYNC_PRIORITY')).toBe('if n < 3');
    expect(() => withConstants('C.SYNC_PRIORITI')).toThrow('SYNC_PRIORITI');
  });
});
