import { expect, test } from 'vitest';
import type { History } from '../src/model/answers.ts';
import { historyColumns, parseRange, totalText } from '../src/model/ranges.ts';

const total = { synced: 1234, failures: 1, conflicts: 0, verified: 0, repaired: 0 };
const historyOf = (times: readonly number[], behind: readonly (number | null)[]): History =>
  ({ resolutionSeconds: 10, times, behind, total }) as unknown as History;

test('a chart begins where its range begins, however little was recorded', () => {
  expect(historyColumns(historyOf([1_000_000], [7]), ['behind'], 3600)).toEqual([
    [996_400, 1_000_000],
    [null, 7],
  ]);
  const [times = [], values] = historyColumns(historyOf([], []), ['behind'], 3600);
  expect((times[1] ?? 0) - (times[0] ?? 0)).toBe(3600);
  expect(values).toEqual([null, null]);
});

test('where nothing was recorded, no line is drawn', () => {
  const history = historyOf([1_000_000, 1_000_010, 1_000_100], [1, 2, 3]);
  expect(historyColumns(history, ['behind'], 100, () => 6)).toEqual([
    [1_000_000, 1_000_010, 1_000_022.5, 1_000_100],
    [6, 12, null, 18],
  ]);
});

test('says what happened in the range, and takes a range that it does not know as the last hour', () => {
  expect(totalText(historyOf([], []))).toMatch(/Nothing was recorded/);
  expect(totalText(historyOf([1], [0]))).toBe('1,234 syncs succeeded, 1 failed.');
  expect(parseRange('month')).toBe('month');
  expect(parseRange('for ever')).toBe('hour');
});
