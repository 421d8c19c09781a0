import { silentLogger, systemClock } from '@dsyncd/core';
import { expect, it } from 'vitest';
import { type HostTrouble, HostTroubles } from '../src/index.ts';

const clocks = { check: 'clocks (offsite)', message: 'the other clock is 300 s ahead', remedy: 'chrony' };

it('tells what was seen twice in a row, whatever the words, until it is not seen', async () => {
  let seen: readonly HostTrouble[] = [clocks];
  const troubles = new HostTroubles(async () => seen, systemClock, silentLogger);
  await troubles.look();
  expect(troubles.found).toEqual([]);
  seen = [{ ...clocks, message: 'the other clock is 301 s ahead' }];
  await troubles.look();
  expect(troubles.found).toEqual(seen);
  seen = [];
  await troubles.look();
  expect(troubles.found).toEqual([]);
});

it('is silent about what lasted a moment', async () => {
  const looks: (readonly HostTrouble[])[] = [[clocks], [], [clocks]];
  const troubles = new HostTroubles(async () => looks.shift() ?? [], systemClock, silentLogger);
  for (let times = 0; times < 3; times++) {
    await troubles.look();
    expect(troubles.found).toEqual([]);
  }
});
