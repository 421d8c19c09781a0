import { expect, it } from 'vitest';
import { refusedNameProblems } from '../src/index.ts';

it('users whose names are refused are a problem of the host, with one of them by name', () => {
  expect(refusedNameProblems({ count: 0 })).toEqual([]);
  const [one] = refusedNameProblems({ count: 1, example: '../ann@x' });
  expect(one?.message).toBe('1 user of Dovecot is NOT replicated for the name, such as "../ann@x"');
  const [many] = refusedNameProblems({ count: 3, example: 'a//b' });
  expect(many?.message).toContain('3 users of Dovecot are NOT replicated');
  expect(many?.remedy).toContain('user_exclude');
});
