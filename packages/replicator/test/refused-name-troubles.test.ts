import { expect, it } from 'vitest';
import { refusedNameTroubles } from '../src/index.ts';

it('users whose names are refused are a trouble of the host, with one of them by name', () => {
  expect(refusedNameTroubles({ count: 0 })).toEqual([]);
  const [one] = refusedNameTroubles({ count: 1, example: '../ann@x' });
  expect(one?.message).toBe('1 user of Dovecot is NOT replicated for the name, such as "../ann@x"');
  const [many] = refusedNameTroubles({ count: 3, example: 'a//b' });
  expect(many?.message).toContain('3 users of Dovecot are NOT replicated');
  expect(many?.remedy).toContain('user_exclude');
});
