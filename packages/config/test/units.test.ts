import { describe, expect, test } from 'vitest';
import { formatDuration, formatSize, parseDuration, parseSize } from '../src/index.ts';

describe('durations', () => {
  test.each([
    ['500ms', 500],
    ['2s', 2000],
    ['5m', 300_000],
    ['24h', 86_400_000],
    ['1d', 86_400_000],
    ['0', 0],
    [0, 0],
    ['0s', 0],
  ])('%s is %d ms', (text, expected) => {
    expect(parseDuration(text)).toBe(expected);
  });

  test.each(['5', 5, '-1s', '1.5h', '1w', '', 's', '999999999999d', true, null])('%s is none', (text) => {
    expect(parseDuration(text)).toBeUndefined();
  });

  test('are printed shortest and read back', () => {
    for (const milliseconds of [0, 1, 500, 1000, 90_000, 86_400_000])
      expect(parseDuration(formatDuration(milliseconds))).toBe(milliseconds);
    expect(formatDuration(86_400_000)).toBe('1d');
  });
});

describe('sizes', () => {
  test.each([
    ['4k', 4096],
    ['50M', 52_428_800],
    ['1g', 1_073_741_824],
    ['2 MiB', 2_097_152],
    ['17', 17],
    [17, 17],
  ])('%s is %d bytes', (text, expected) => {
    expect(parseSize(text)).toBe(expected);
  });

  test.each(['M', '-1', '1.5M', -1, 1.5, '1x', '999999999999999T'])('%s is none', (text) => {
    expect(parseSize(text)).toBeUndefined();
  });

  test('are printed shortest and read back', () => {
    for (const bytes of [0, 1, 1023, 4096, 52_428_800]) expect(parseSize(formatSize(bytes))).toBe(bytes);
    expect(formatSize(52_428_800)).toBe('50M');
  });
});
