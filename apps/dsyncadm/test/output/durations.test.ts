import { formatSpan } from '@dsyncd/core';
import { describe, expect, it } from 'vitest';
import { formatAgo, formatHms, formatInstant, instantOrNull } from '../../src/output/table.ts';

describe('durations', () => {
  it.each([
    [0, '00:00:00'],
    [59.9, '00:00:59'],
    [3661, '01:01:01'],
    [360_000, '100:00:00'],
    [-5, '00:00:00'],
  ])('prints %d s as %s', (seconds, text) => expect(formatHms(seconds)).toBe(text));

  it('prints never as a dash', () => {
    expect(formatAgo(0, 1000)).toBe('-');
    expect(formatAgo(940, 1000)).toBe('00:01:00');
  });

  it.each([
    [-1, '0.0 s'],
    [340, '0.3 s'],
    [42_000, '42 s'],
    [720_000, '12 min'],
    [12_000_000, '3 h 20 min'],
    [432_000_000, '5 days'],
  ])('says %d ms as %s', (spanMs, text) => expect(formatSpan(spanMs)).toBe(text));

  it('prints instants in UTC', () => {
    expect(formatInstant(1_795_428_000_999)).toBe('2026-11-23T10:00:00Z');
    expect(instantOrNull(0)).toBeNull();
    expect(instantOrNull(undefined)).toBeNull();
  });
});
