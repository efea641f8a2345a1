// SPDX-License-Identifier: Apache-2.0
// The budgets of instructions: what is kept, and what is said of counts that differ.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import {
  REMEMBERING_LIMIT,
  TOLERANCE,
  compareCounts,
  compareTools,
  compilerOf,
  findDifferences,
  functionChanges,
  makeBudget,
  makeBudgets,
  rememberingShare,
  type Budget,
  type Counted,
} from '../../bench/lib/budgets.mjs';
import { cases } from '../../bench/lib/instructions.mjs';
import { repositoryRoot } from '../../scripts/lib/paths.mjs';

const text = readFileSync(join(repositoryRoot, 'bench', 'budgets.json'), 'utf8');

const counted = (functions: Record<string, number>, unit: Counted['unit'] = 'event'): Counted => ({
  unit,
  count: {
    instructions: Object.values(functions).reduce((a, b) => a + b, 0),
    functions: new Map(Object.entries(functions)),
    libc: 0,
  },
});

describe('a budget', () => {
  test('names the functions that cost nearly all, the most expensive first', () => {
    const { count } = counted({ small: 10, scan: 600.04, tape: 300, rest: 39.96, tiny: 50 });
    expect(makeBudget(count)).toEqual({ instructions: 1000, functions: { scan: 600, tape: 300, tiny: 50 } });
    expect(Object.keys(makeBudget(count).functions)).toEqual(['scan', 'tape', 'tiny']);
  });

  test('has whole numbers, and tenths where they count', () => {
    expect(makeBudget(counted({ f: 1234.5678 }).count)).toEqual({
      instructions: 1235,
      functions: { f: 1235 },
    });
    expect(makeBudget(counted({ f: 92.4625 }).count)).toEqual({ instructions: 92.5, functions: { f: 92.5 } });
  });

  test('is sorted by its names, whatever the order of the cases is', () => {
    const budgets = makeBudgets(
      new Map([
        ['sourcing, b', counted({ f: 1 })],
        ['sourcing, a', counted({ f: 2 })],
      ]),
      { wabt: '1', architecture: 'x64' },
    );
    expect(JSON.stringify(budgets)).toBe(
      '{"madeWith":{"architecture":"x64","wabt":"1"},"cases":{' +
        '"sourcing, a":{"instructions":2,"functions":{"f":2}},' +
        '"sourcing, b":{"instructions":1,"functions":{"f":1}}}}',
    );
  });
});

describe('a count against its budget', () => {
  const functions = { scan: 6000, tape: 3000, deliver: 700 };
  const budgets = { mixed: { instructions: 10_000, functions } };
  const compare = (now: Record<string, number>, budget: Record<string, Budget> = budgets) =>
    compareCounts(budget, new Map([['mixed', counted({ rest: 300, ...functions, ...now })]]));

  test('may be 3 % more, and no more than that', () => {
    expect(TOLERANCE).toBe(3);
    expect(compare({})).toEqual({ failures: [], notes: [] });
    expect(compare({ scan: 6300 })).toEqual({ failures: [], notes: [] });
    expect(compare({ scan: 6310 }).failures).toHaveLength(1);
    expect(compare({ scan: 6301 }).failures).toHaveLength(1);
  });

  test('is exact for small numbers too', () => {
    const small = { mixed: { instructions: 100, functions: { f: 100 } } };
    const at = (f: number) => compareCounts(small, new Map([['mixed', counted({ f }, 'field')]])).failures;
    expect(at(103)).toEqual([]);
    expect(at(103.04)).toEqual([]);
    expect(at(103.1)).toEqual([expect.stringContaining('3.10 % more: 103.1 instructions for each field')]);
  });

  test('names the functions that grew most, by how much, and the one that shrank most', () => {
    const [message] = compare({ scan: 6100, tape: 3900, deliver: 500, 'json/new go': 900 }).failures;
    expect(message).toBe(
      'mixed: 17.00 % more: 11,700 instructions for each event, and the budget is 10,000\n' +
        '      grew most: tape +900 (3,000 → 3,900), json/new go 900 (new, or at most 700 before), ' +
        'scan +100 (6,000 → 6,100); shrank most: deliver −200 (700 → 500)',
    );
  });

  test('names no function that grew by next to nothing', () => {
    const [message] = compare({ scan: 7000.4, tape: 3005, deliver: 699 }).failures;
    expect(message).toMatch(/\n +grew most: scan \+1,000 \(6,000 → 7,000\)$/);
    const many = Object.fromEntries(Array.from({ length: 200 }, (_, i) => [`f${i}`, 3]));
    expect(compare(many).failures).toEqual([expect.stringMatching(/\n +many functions grew a little$/)]);
  });

  test('is wrong about no function that is too small to be in the budget', () => {
    // `rest` had 300 before, which the budget does not say: that it has 300 now is no growth.
    const changes = functionChanges(budgets.mixed, counted({ ...functions, rest: 300, scan: 6400 }).count);
    expect(changes[0]).toEqual({ name: 'scan', before: 6000, now: 6400, change: 400 });
    expect(changes.find(({ name }) => name === 'rest')).toMatchObject({ before: undefined, change: 0 });
  });

  test('is told of a function that is gone', () => {
    const changes = functionChanges(budgets.mixed, counted({ scan: 6000, deliver: 700 }).count);
    expect(changes.at(-1)).toEqual({ name: 'tape', before: 3000, now: 0, change: -3000 });
  });

  test('is a note when it is 3 % less', () => {
    expect(compare({ scan: 5700 })).toEqual({ failures: [], notes: [] });
    expect(compare({ scan: 5699 }).notes).toHaveLength(1);
    expect(compare({ scan: 5600 })).toEqual({
      failures: [],
      notes: ['mixed: 4.00 % less: 9,600 instructions for each event, and the budget is 10,000'],
    });
  });

  test('fails when one of the two is missing', () => {
    const { failures } = compareCounts({ gone: budgets.mixed }, new Map([['new', counted({ scan: 1 })]]));
    expect(failures).toEqual([
      'new: there is no budget for it',
      'gone: there is a budget for it, but no such case',
    ]);
  });
});

test('a count that does not come out again is found', () => {
  const first = new Map([
    ['steady', counted({ f: 10_000 })],
    ['clock', counted({ f: 10_000 })],
    ['chance', counted({ f: 10_000 })],
  ]);
  const again = new Map([
    ['steady', counted({ f: 10_000 })],
    ['clock', counted({ f: 10_040 })],
    ['chance', counted({ f: 9_930 })],
  ]);
  expect(findDifferences(first, again)).toEqual([
    'chance: 10000.0 instructions at first and 9930.0 the second time: something in it depends on time or chance',
  ]);
  expect(findDifferences(first, new Map())).toHaveLength(3);
});

describe('the tools', () => {
  const before = { architecture: 'x64', compiler: 'gcc 12.2.0', wabt: '1.0.39' };

  test('may be the same', () => {
    expect(compareTools(before, before)).toEqual({ failure: undefined, notes: [] });
  });

  test('make figures that cannot be compared when the compiler or the processor is another', () => {
    for (const other of [{ compiler: 'gcc 14.2.0' }, { architecture: 'arm64' }]) {
      const now = { ...before, ...other };
      const { failure, notes } = compareTools(before, now);
      expect(failure).toContain(
        `made with x64, gcc 12.2.0, and this is ${now.architecture}, ${now.compiler}: `,
      );
      expect(notes).toEqual([]);
    }
    expect(compareTools({}, before).failure).toContain('made with unknown, unknown');
  });

  test('are told when another one has changed', () => {
    expect(compareTools(before, { ...before, wabt: '1.0.40' })).toEqual({
      failure: undefined,
      notes: ['the budgets were made with wabt 1.0.39, and this is 1.0.40'],
    });
  });

  test.each([
    ['cc (Debian 12.2.0-14+deb12u1) 12.2.0\nCopyright (C) 2022', 'gcc 12.2.0'],
    ['cc (Debian 12.2.0-14) 12.2.0', 'gcc 12.2.0'],
    ['gcc (GCC) 14.2.1 20250110 (Red Hat 14.2.1-7)', 'gcc 14.2.1'],
    ['Debian clang version 14.0.6', 'clang 14.0.6'],
    [undefined, 'gcc unknown'],
  ])('the compiler %j', (text, name) => expect(compilerOf(text)).toBe(name));
});

describe('what is remembered of users and pods', () => {
  const shareOf = (remembering: number) =>
    rememberingShare(
      new Map([
        ['sourcing, day', counted({ scan: 1000 - remembering, find: remembering })],
        ['remembering, day', counted({ find: remembering })],
      ]),
      'day',
    );

  test('has a share of sourcing', () => {
    expect(shareOf(50)).toBe(5);
    expect(shareOf(0)).toBe(0);
    expect(rememberingShare(new Map(), 'day')).toBeNaN();
  });

  test('costs at most a twentieth of sourcing on the healthy day, in the budgets too', () => {
    expect(REMEMBERING_LIMIT).toBe(5);
    const { cases: budgets } = JSON.parse(text) as { cases: Record<string, Budget> };
    const share = budgets['remembering, day'].instructions / budgets['sourcing, day'].instructions;
    expect(share * 100).toBeLessThanOrEqual(REMEMBERING_LIMIT);
  });

  test('may differ more by chance than other cases', () => {
    const at = (f: number): Counted => ({ ...counted({ f }), tolerance: 10 });
    const budgets = { few: { instructions: 100, functions: { f: 100 } } };
    expect(compareCounts(budgets, new Map([['few', at(109)]])).failures).toEqual([]);
    expect(compareCounts(budgets, new Map([['few', at(111)]])).failures).toHaveLength(1);
    expect(findDifferences(new Map([['few', at(100)]]), new Map([['few', at(108)]]))).toEqual([]);
    expect(findDifferences(new Map([['few', at(100)]]), new Map([['few', at(120)]]))).toHaveLength(1);
  });
});

describe('bench/budgets.json', () => {
  const { madeWith, cases: budgets } = JSON.parse(text) as {
    madeWith: Record<string, string>;
    cases: Record<string, Budget>;
  };

  test('has a budget for each case, with the functions that cost it', () => {
    const names = cases.map(({ name }) => name);
    expect(Object.keys(budgets)).toEqual([...names].sort());
    expect(new Set(names).size).toBe(names.length);
    for (const [name, { instructions, functions }] of Object.entries(budgets)) {
      const sum = Object.values(functions).reduce((a, b) => a + b, 0);
      expect(sum, name).toBeGreaterThan(instructions * 0.94);
      expect(sum, name).toBeLessThan(instructions * 1.03);
      for (const each of Object.keys(functions)) expect(each).not.toMatch(/^0x|w2c_k8s/);
    }
  });

  test('says what it was made with', () => {
    expect(madeWith).toEqual({
      architecture: expect.any(String),
      assemblyscript: expect.any(String),
      compiler: expect.stringMatching(/^(gcc|clang) \d/),
      valgrind: expect.any(String),
      wabt: expect.any(String),
    });
  });
});
