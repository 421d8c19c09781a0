import { expect, it } from 'vitest';
import { FirstSyncs } from '../src/index.ts';

const after = (...samples: readonly (readonly [seconds: number, left: number])[]): number | undefined => {
  const syncs = new FirstSyncs();
  for (const [seconds, left] of samples) syncs.note(left, seconds * 1000);
  return syncs.leftMs;
};

it('guesses from how quickly users went', () => {
  expect(after([0, 100], [60, 40])).toBe(40_000);
});

it.each([
  [
    'when nobody is left',
    [
      [0, 10],
      [60, 0],
    ],
  ],
  [
    'at the beginning',
    [
      [0, 10],
      [5, 9],
    ],
  ],
  [
    'when nobody went',
    [
      [0, 10],
      [60, 10],
    ],
  ],
  [
    'after users were added',
    [
      [0, 10],
      [60, 5],
      [70, 50],
    ],
  ],
] as const)('cannot tell %s', (_, samples) => {
  expect(after(...samples)).toBeUndefined();
});

it('forgets how quick it was long ago', () => {
  expect(after([0, 1000], [600, 400], [900, 390], [1300, 380])).toBe((400_000 / 10) * 380);
});
