import { silentLogger, systemClock } from '@dsyncd/core';
import { expect, it } from 'vitest';
import { type HostProblem, HostProblems } from '../src/index.ts';

const clocks = { check: 'clocks (offsite)', message: 'the other clock is 300 s ahead', remedy: 'chrony' };

it('tells what was seen twice in a row, whatever the words, until it is not seen', async () => {
  let seen: readonly HostProblem[] = [clocks];
  const problems = new HostProblems(async () => seen, systemClock, silentLogger);
  await problems.look();
  expect(problems.found).toEqual([]);
  seen = [{ ...clocks, message: 'the other clock is 301 s ahead' }];
  await problems.look();
  expect(problems.found).toEqual(seen);
  seen = [];
  await problems.look();
  expect(problems.found).toEqual([]);
});

it('is silent about what lasted a moment', async () => {
  const looks: (readonly HostProblem[])[] = [[clocks], [], [clocks]];
  const problems = new HostProblems(async () => looks.shift() ?? [], systemClock, silentLogger);
  for (let times = 0; times < 3; times++) {
    await problems.look();
    expect(problems.found).toEqual([]);
  }
});
