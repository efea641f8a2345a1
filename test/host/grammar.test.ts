// SPDX-License-Identifier: Apache-2.0
// The flattener's grammar against libsinsp's, on random conditions: what one takes the other takes, and what the
// flattener writes means the same as what it read. The conditions are the same in every run.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseCondition } from '../../scripts/rules/condition.mjs';
import { flatten } from '../../scripts/rules/flatten.mjs';
import { repositoryRoot, runHost, Scratch } from './support.ts';

const scratch = new Scratch();
let plugin = '';

beforeAll(() => {
  plugin = scratch.compile('fixture.so', join(repositoryRoot, 'test', 'host', 'fixture_plugin.c'));
});
afterAll(() => scratch.remove());

/** A linear congruential generator: good enough to choose, and everywhere the same. */
class Random {
  constructor(private state: number) {}

  below(limit: number): number {
    this.state = (Math.imul(this.state, 1103515245) + 12345) & 0x7fffffff;
    return (this.state >> 8) % limit;
  }

  pick(choices: readonly string[]): string {
    return choices[this.below(choices.length)] ?? '';
  }
}

const texts = ['fix.text', 'fix.text', 'fix.key[a]', 'fix.key["x-y"]', 'tolower(fix.text)'];
const values = ['a', 'b-c', '"x y"', "'q r'", '5', 'a*', '/x', '"\\""', 'val(fix.text)', 'toupper(fix.text)'];
const listValues = values.slice(0, 8);
const numbers = ['1', '-5', '2', '10', '+3'];
const words = [
  ...[
    'fix.text',
    'fix.length',
    'tolower(',
    '(',
    ')',
    '((',
    '))',
    ' ',
    '\n',
    '\t',
    ',',
    '"',
    "'",
    '\\',
    '[1]',
    '[a',
  ],
  ...[
    'and',
    ' and ',
    'and(',
    'or',
    ' or ',
    'or(',
    'not',
    ' not ',
    'not(',
    'exists',
    'in',
    'in (',
    'in(',
    '()',
  ],
  ...[
    '=',
    '==',
    '!=',
    '>',
    '<=',
    'contains',
    'contains ',
    'glob ',
    'pmatch',
    'val(',
    'a',
    '5',
    '-1',
    '0x1f',
    '"x y"',
  ],
];

/** A condition that follows the grammar. */
function makeCondition(random: Random, depth = 0): string {
  const text = random.pick(texts);
  switch (random.below(depth > 4 ? 4 : 8)) {
    case 0:
      return (
        text + random.pick([' = ', '=', ' != ', ' contains ', ' startswith ', ' glob ']) + random.pick(values)
      );
    case 1: {
      const list = Array.from({ length: random.below(4) }, () => random.pick(listValues));
      return `${text}${random.pick([' in ', ' in', ' pmatch '])}(${list.join(random.pick([', ', ',', ' , ']))})`;
    }
    case 2:
      return `fix.length${random.pick(['>', ' <= ', ' = ', '!='])}${random.pick(numbers)}`;
    case 3:
      return `${text} exists`;
    case 4:
      return `${random.pick(['(', 'not (', 'not(', 'not not ('])}${makeCondition(random, depth + 1)})`;
    case 5:
      return `not ${makeCondition(random, 9)}`;
    default: {
      const [left, right] = [makeCondition(random, depth + 1), makeCondition(random, depth + 1)];
      return random.pick([
        `${left} and ${right}`,
        `${left} or ${right}`,
        `${left}\nand (${right})`,
        `((${left}) or(${right}))`,
      ]);
    }
  }
}

/** Takes out, puts in or overwrites some characters. */
function damage(random: Random, condition: string): string {
  let text = condition;
  for (let i = random.below(3); i > 0; i -= 1) {
    const at = random.below(text.length + 1);
    const word = random.pick(words);
    const skip = [0, word.length, 1 + random.below(4)][random.below(3)] ?? 0;
    text = text.slice(0, at) + (skip === word.length || skip === 0 ? word : '') + text.slice(at + skip);
  }
  return text;
}

function makeAll(count: number, make: (random: Random) => string): string[] {
  const random = new Random(20240501);
  const conditions = Array.from({ length: count * 2 }, () => make(random));
  return conditions.filter((text) => text.trim() !== '' && text.length < 500).slice(0, count);
}

function isTaken(condition: string): boolean {
  try {
    parseCondition(condition);
    return true;
  } catch {
    return false;
  }
}

function flat(rule: string, condition: string) {
  return { rule, condition, priority: 'Debug', source: 'fixture_source', output: 'o' };
}

describe('random conditions', () => {
  it('are taken by the flattener if and only if libsinsp can parse them', () => {
    const conditions = makeAll(3000, (random) => damage(random, makeCondition(random)));
    const rules = scratch.rules(conditions.map((condition, i) => flat(`r${i}.`, condition)));
    const { stderr } = runHost(['--parse-only', '--plugin', plugin, '--rules', rules]);
    // Other failures are about names and types, which libsinsp looks at after it has parsed everything.
    const failed = [
      ...stderr.matchAll(/'r(\d+)\.': the condition does not compile: (?!.*unexpected identifier)(.*)/g),
    ];
    const refused = new Set(
      failed.filter(([, , why]) => /expected|escape/.test(why ?? '')).map(([, i]) => Number(i)),
    );
    const differing = conditions.filter((condition, i) => isTaken(condition) === refused.has(i));
    expect(differing).toEqual([]);
    expect(refused.size).toBeGreaterThan(500);
    expect(refused.size).toBeLessThan(2500);
  });

  it('mean the same when they are flattened, alone and as a macro', () => {
    const conditions = makeAll(300, (random) => makeCondition(random));
    const macros = conditions.map(
      (condition, i) => `- {macro: m${i}, condition: ${JSON.stringify(condition)}}`,
    );
    const about = 'desc: d, output: o, priority: debug, source: fixture_source';
    const yaml = conditions.map(
      (_, i) => `- {rule: f${i}, ${about}, condition: m${i} and not not m${i} or not m${i} and m${i}}`,
    );
    const { rules } = flatten([{ name: 'a.yaml', text: [...macros, ...yaml].join('\n') }]);
    const all = [...conditions.map((condition, i) => flat(`o${i}`, condition)), ...rules];
    const open = 'end:a|b-c|x y|q r|5|aa|/x|/x/y|"|A|zz||B-C|';
    const run = runHost(['--plugin', plugin, '--open', open, '--rules', scratch.rules(all)]);
    expect(run.stderr).not.toContain('does not compile');
    const fired = (kind: string) =>
      run.alerts
        .filter(({ rule }) => rule.startsWith(kind))
        .map((alert) => `${alert.rule.slice(1)} ${alert.evt_num}`);
    expect(fired('f')).toEqual(fired('o'));
    expect(fired('o').length).toBeGreaterThan(300);
  });
});
