// SPDX-License-Identifier: Apache-2.0
// The plots of the benchmark.
import { describe, expect, test } from 'vitest';
import { drawPlots, ticks, type Plot } from '../../bench/lib/plot.mjs';

const axis = { label: 'x in KiB', format: String };
const series = (label: string, colour: number, mark: number) => ({
  label,
  colour,
  mark,
  points: [
    { x: 1, y: 10 },
    { x: 10, y: 200 },
    { x: 100, y: 1000 },
  ],
});
const plots: Plot[] = [
  {
    title: 'One & two',
    x: { ...axis, isLog: true },
    y: { ...axis, label: 'y', isLog: true },
    series: [series('a <1>', 0, 0), series('b', 1, 0)],
  },
  { title: 'Lines', x: axis, y: { ...axis, label: 'y' }, series: [series('c', 0, 2)] },
];

/** The names of elements, if each that is opened is closed, in the right order. */
function elements(svg: string): string[] {
  const open: string[] = [];
  const all: string[] = [];
  for (const [, end, name, self] of svg.replace(/<!--.*?-->/g, '').matchAll(/<(\/?)([a-z]+)[^<>]*?(\/?)>/g)) {
    if (end) expect(open.pop()).toBe(name);
    else if (!self) open.push(name);
    if (!end) all.push(name);
  }
  expect(open).toEqual([]);
  return all;
}

describe('the picture', () => {
  const svg = drawPlots(plots, 'How cost grows');

  test('is well-formed, and says what it shows', () => {
    const names = elements(svg);
    expect(names[0]).toBe('svg');
    expect(svg).toContain('<title>How cost grows</title>');
    expect(svg).toContain('One &amp; two');
    expect(svg.replace(/&(amp|lt|gt|quot);/g, '')).not.toContain('&');
    expect(svg).not.toMatch(/NaN|undefined|Infinity/);
  });

  test('has a line for each series, a mark for each point, and each label once', () => {
    const names = elements(svg);
    expect(names.filter((name) => name === 'polyline')).toHaveLength(3);
    // Two series of circles, and one of each in the legend.
    expect(names.filter((name) => name === 'circle')).toHaveLength(2 * 3 + 2);
    for (const label of ['a &lt;1&gt;', 'b', 'c', 'Lines']) {
      expect(svg.split(`>${label}</text>`)).toHaveLength(2);
    }
    expect(svg.split('>x in KiB</text>')).toHaveLength(3);
  });

  test('keeps all points inside of its plot', () => {
    const [, width, height] = /viewBox="0 0 (\d+) (\d+)"/.exec(svg)?.map(Number) ?? [];
    for (const [, line] of svg.matchAll(/<polyline points="([^"]*)"/g)) {
      for (const point of line.split(' ')) {
        const [x, y] = point.split(',').map(Number);
        expect(x).toBeGreaterThanOrEqual(0);
        expect(x).toBeLessThanOrEqual(width);
        expect(y).toBeGreaterThanOrEqual(0);
        expect(y).toBeLessThanOrEqual(height);
      }
    }
  });

  test('of what is in proportion is a straight line on both kinds of scale', () => {
    const straight = [1, 10, 100].map((x) => ({ x, y: 3 * x }));
    for (const isLog of [false, true]) {
      const one = {
        title: 't',
        x: { ...axis, isLog },
        y: { ...axis, isLog },
        series: [{ label: 'l', colour: 0, mark: 0, points: straight }],
      };
      const line = /<polyline points="([^"]*)"/.exec(drawPlots([one], 'd'))?.[1] ?? '';
      const [a, b, c] = line.split(' ').map((point) => point.split(',').map(Number));
      expect((b[1] - a[1]) / (b[0] - a[0])).toBeCloseTo((c[1] - b[1]) / (c[0] - b[0]), 1);
    }
  });
});

describe('ticks', () => {
  test('are round and take all values in', () => {
    expect(ticks(3, 97, axis)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticks(0, 7, axis)).toEqual([0, 2, 4, 6, 8]);
    expect(ticks(1, 0.23, axis).at(-1)).toBeGreaterThanOrEqual(0.23);
  });

  test('are powers on a logarithmic scale', () => {
    expect(ticks(3, 950, { ...axis, isLog: true })).toEqual([1, 10, 100, 1000]);
    expect(ticks(1, 1000, { ...axis, isLog: true })).toEqual([1, 10, 100, 1000]);
    const binary = ticks(1024, 1_048_576, { ...axis, isLog: true, isBinary: true });
    expect(binary[0]).toBe(1024);
    expect(binary.at(-1)).toBeGreaterThanOrEqual(1_048_576);
    expect(binary.length).toBeLessThanOrEqual(7);
  });
});
