// SPDX-License-Identifier: Apache-2.0
// The sample log with the rules, against what examples/README.md and the README say of it.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { countByRule, judge, RULES } from '../../scripts/corpus/judge.mjs';
import { repositoryRoot } from './support.ts';

const read = (path: string): string => readFileSync(join(repositoryRoot, path), 'utf8');
const events = read('examples/attack.jsonl')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as Record<string, unknown>);
const page = read('examples/README.md');

describe('the sample log', () => {
  const first = judge(events, RULES);
  const all = judge(events, RULES, { all: true });

  it('gives as many alerts as examples/README.md says', () => {
    const base = RULES.slice(0, 1);
    const numbers = [
      first.length,
      all.length,
      judge(events, base).length,
      judge(events, base, { all: true }).length,
    ];
    const said = /That makes (\d+) alerts, or (\d+) with .* The base file alone gives (\d+), or (\d+)\./.exec(
      page,
    );
    expect(said?.slice(1).map(Number)).toEqual(numbers);
  });

  it('fires the rules that examples/README.md names, the first ones in bold', () => {
    const cells = page
      .split('\n')
      .filter((line) => /^\| \d\d:\d\d:\d\d /.test(line))
      .map((line) => line.split('|').at(-2) ?? '');
    const bold = cells.flatMap((cell) => [...cell.matchAll(/\*\*([^*]+)\*\*/g)].map(([, name = '']) => name));
    expect(new Set(bold)).toEqual(new Set(first.map(({ rule }) => rule)));
    const named = cells
      .flatMap((cell) => cell.replaceAll('**', '').split(/[,;] ?/))
      .map((name) => name.trim());
    expect(new Set(named.filter((name) => !['', '–', 'twice'].includes(name)))).toEqual(
      new Set(all.map(({ rule }) => rule)),
    );
  });

  it('gives the counts that the README shows', () => {
    const text = read('README.md');
    expect(text).toContain(`\n${events.length} events, ${first.length} alerts in `);
    const shown = [...text.matchAll(/^ {2}(Critical|Error|Warning) +(\d+)$/gm)].map(([, priority, count]) => [
      priority,
      Number(count),
    ]);
    expect(shown.length).toBeGreaterThan(1);
    for (const [priority, count] of shown) {
      expect(
        first.filter((alert) => alert.priority === priority),
        String(priority),
      ).toHaveLength(Number(count));
    }
    const rules = new Map(countByRule(first).map(({ rule, alerts }) => [rule, alerts]));
    for (const [, count, rule = ''] of text.matchAll(/^ {10}(\d+) {2}(\S.*)$/gm)) {
      expect(rules.get(rule), rule).toBe(Number(count));
    }
  });
});
