// SPDX-License-Identifier: Apache-2.0
// What the benchmark makes of measured numbers.
import { describe, expect, test } from 'vitest';
import { digits, factor, rate, round, size, spread, time } from '../../bench/lib/format.mjs';
import { quantile, ratios, summarize, worstGrowth } from '../../bench/lib/statistics.mjs';

const points = (costs: Record<number, number>): { x: number; y: number }[] =>
  Object.entries(costs).map(([x, y]) => ({ x: Number(x), y }));

describe('a row of numbers', () => {
  test('has quantiles, in whatever order it comes', () => {
    expect(quantile([5, 1, 3], 0.5)).toBe(3);
    expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
    expect(quantile([4, 1, 3, 2], 0.25)).toBe(1.75);
    expect(quantile([7], 0.99)).toBe(7);
    expect(quantile([1, 2], 0)).toBe(1);
    expect(quantile([1, 2], 1)).toBe(2);
    expect(() => quantile([], 0.5)).toThrow(/nothing/);
  });

  test('is left as it was', () => {
    const values = [3, 1, 2];
    summarize(values);
    expect(values).toEqual([3, 1, 2]);
  });

  test('is summed up', () => {
    expect(summarize([10, 30, 20, 40, 50])).toEqual({
      median: 30,
      least: 10,
      most: 50,
      quartiles: [20, 40],
      count: 5,
    });
  });

  test('one run that was disturbed does not move the median', () => {
    expect(summarize([10, 11, 12, 13, 9000]).median).toBe(12);
  });
});

describe('a ratio', () => {
  test('is made run by run: what slows both down leaves it', () => {
    const { median, least, most } = ratios([100, 1000, 110], [10, 100, 11]);
    expect([median, least, most]).toEqual([10, 10, 10]);
  });

  test('needs the same runs of both', () => {
    expect(() => ratios([1, 2], [1])).toThrow(/same runs/);
  });
});

describe('growth', () => {
  test('is 1 in proportion, less with a fixed part, and more when it is quadratic', () => {
    expect(worstGrowth(points({ 1: 2, 4: 8, 16: 32 }))).toBe(1);
    expect(worstGrowth(points({ 1: 11, 4: 14, 16: 26 }))).toBeLessThan(1);
    expect(worstGrowth(points({ 1: 1, 4: 16, 16: 256 }))).toBe(16);
  });

  test('shows a jump wherever it is', () => {
    expect(worstGrowth(points({ 1: 1, 2: 2, 4: 4, 8: 8, 16: 64 }))).toBe(4);
  });

  test('cannot be told from points that are close', () => {
    expect(() => worstGrowth(points({ 1: 1, 2: 2, 3: 3 }))).toThrow(/four times apart/);
  });
});

describe('numbers for people', () => {
  test('have three digits that count', () => {
    expect([0, 0.1234, 1.2345, 12.345, 123.45, 12345].map(digits)).toEqual([
      '0',
      '0.123',
      '1.23',
      '12.3',
      '123',
      '12345',
    ]);
    expect(digits(-11.94)).toBe('-11.9');
  });

  test('have units', () => {
    expect([3, 1500, 2_500_000, 3e9].map(time)).toEqual(['3.00 ns', '1.50 µs', '2.50 ms', '3.00 s']);
    expect([10, 1300, 5e6].map(size)).toEqual(['10.0 B', '1.30 KB', '5.00 MB']);
    expect(rate(1.5e9)).toBe('1500 MB/s');
    expect(factor(14.26)).toBe('14.3×');
    expect(time(-20)).toBe('-20.0 ns');
  });

  test('are round where they are no measurement', () => {
    expect(['10.0×', '1.10×', '300 MB/s', '5.00 ms', '100', '0.800×'].map(round)).toEqual([
      '10×',
      '1.1×',
      '300 MB/s',
      '5 ms',
      '100',
      '0.8×',
    ]);
  });

  test('come with their spread', () => {
    expect(spread(summarize([1000, 2000, 3000]), time)).toBe('2.00 µs (1.00 µs – 3.00 µs)');
  });
});
