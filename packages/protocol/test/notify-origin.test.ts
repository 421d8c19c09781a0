import type { UserName } from '@dsyncd/core';
import { expect, test } from 'vitest';
import { encodeNotify, NotifyParser } from '../src/index.ts';

test('an origin that does not fit a line is left out, and begins no line of its own', () => {
  const anna = 'anna' as UserName;
  for (const origin of ['mx2\nvictim\tsync', 'mx2\tmore', '\u0000', '', 'x'.repeat(256)]) {
    const { users, bad, extras } = new NotifyParser().push(Buffer.from(encodeNotify(anna, 'low', origin)));
    expect(users).toEqual(['anna']);
    expect(bad).toEqual([]);
    expect(extras.size).toBe(0);
  }
  const good = new NotifyParser().push(Buffer.from(encodeNotify(anna, 'low', 'x'.repeat(255))));
  expect(good.extras.get(0)).toBe('x'.repeat(255));
});
