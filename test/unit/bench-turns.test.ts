// SPDX-License-Identifier: Apache-2.0
// How runs take turns.
import { describe, expect, test } from 'vitest';
import { Bench, effort, times } from '../../bench/lib/bench.mjs';
import { HostFailure } from '../../bench/lib/host.mjs';

const candidate = { key: 'ours' as const, label: 'ours 1.0.0', plugin: 'a.so', config: '', fields: [] };

function bench(runs: number): Bench {
  return new Bench({
    program: '/nothing',
    candidates: [candidate, { ...candidate, key: 'other', label: 'other 1.0.0' }],
    effort: effort(true, runs),
    cpu: 0,
    log: () => {},
  });
}

describe('jobs', () => {
  test('take turns, and the first one of each does not count', async () => {
    const order: string[] = [];
    const job = (name: string) => () => {
      order.push(name);
      return Promise.resolve(order.length);
    };
    const [a, b] = await bench(2).inTurns([job('a'), job('b')]);
    expect(order).toEqual(['a', 'b', 'a', 'b', 'a', 'b']);
    expect(a.results).toEqual([3, 5]);
    expect(b.results).toEqual([4, 6]);
  });

  test('that fail in a plugin are left out, and the others go on', async () => {
    let calls = 0;
    const failing = () => {
      calls++;
      return calls < 2 ? Promise.resolve(0) : Promise.reject(new HostFailure('too long'));
    };
    const [broken, sound] = await bench(3).inTurns([failing, () => Promise.resolve(1)]);
    expect(broken).toEqual({ results: [], failure: 'too long' });
    expect(calls).toBe(2);
    expect(sound).toEqual({ results: [1, 1, 1] });
  });

  test('that fail for another reason are a defect of the benchmark', async () => {
    const broken = () => Promise.reject(new TypeError('defect'));
    await expect(bench(1).inTurns([broken])).rejects.toThrow('defect');
  });

  test('may not fail for our own plugin', async () => {
    await expect(bench(1).compare('sourcing', {})).rejects.toThrow(/ours 1\.0\.0: cannot run \/nothing/);
  });
});

test('times are of one round, and of the processor', () => {
  const result = {
    mode: 'sourcing',
    plugin: 'p',
    version: '1',
    rounds: 4,
    nanoseconds: 900,
    cpuNanoseconds: 400,
  };
  expect(times({ results: [result] })).toEqual([100]);
});

test('a machine that does other things is noticed', () => {
  const one = bench(1);
  expect(one.disturbed).toBe(0);
  one.disturbances.push(0, 0.01, 0.5, 0.9);
  expect(one.disturbed).toBe(0.5);
});

test('a quick run does less', () => {
  const [quick, full] = [effort(true, undefined), effort(false, undefined)];
  expect(quick.bytes).toBeLessThan(full.bytes);
  expect(quick.runs).toBeLessThan(full.runs);
  expect(effort(false, 3).runs).toBe(3);
  expect(full.memoryEvents).toBe(10_000_000);
});
