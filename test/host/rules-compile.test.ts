// SPDX-License-Identifier: Apache-2.0
// The flattener reads and writes Falco's filter language; libsinsp has the last word on what that is.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { flatten, readSources } from '../../scripts/rules/flatten.mjs';
import { RULES } from '../../scripts/start/arguments.mjs';
import { pluginPath, repositoryRoot, runHost, Scratch } from './support.ts';

const scratch = new Scratch();
let fixture = '';

beforeAll(() => {
  fixture = scratch.compile('fixture.so', join(repositoryRoot, 'test', 'host', 'fixture_plugin.c'));
});
afterAll(() => scratch.remove());

const base = `
- list: letters
  items: [a, "b c", '"d e"', /x/*]
- list: more
  items: [letters, z]
- list: none
  items: []
- macro: listed
  condition: fix.text in (more, none) or fix.words intersects (letters)
- macro: odd
  condition: not listed and (fix.length >= 16 or not (fix.key[a] exists and fix.text icontains "(x) and"))
`;

function yamlRule(name: string, condition: string, more = ''): string {
  const text = JSON.stringify(condition);
  return `- {rule: ${name}, desc: d, output: o, priority: debug, source: fixture_source, condition: ${text}${more}}\n`;
}

const conditions = [
  'odd',
  'odd or listed and not not odd',
  'not (listed or odd) and not(odd)',
  'fix.text in () and fix.text pmatch (letters)',
  'fix.text = \'a \\\' b\' or fix.text = "c \\" \\\\ d"',
  'tolower(fix.text) = a and toupper(tolower(fix.text)) contains B and len(fix.text) > 3',
  'fix.text = val(fix.key[x]) or fix.words in val(fix.words)',
  'fix.key["a-b"] startswith a or fix.key[/a/b*] endswith b or fix.text glob *x* or fix.text regex ^a+$',
  'evt.num<5 and(evt.num>-1)and fix.length!=7',
];

describe('flattened conditions', () => {
  it('compile in libsinsp', () => {
    const text = base + conditions.map((condition, i) => yamlRule(`r${i}`, condition)).join('');
    const { rules } = flatten([{ name: 'a.yaml', text }]);
    const run = runHost(['--parse-only', '--plugin', fixture, '--rules', scratch.rules(rules)]);
    expect(run.stderr.split('\n').filter((line) => line.startsWith('rule '))).toEqual([]);
    expect(run.others).toEqual([
      { parsed: { rules: conditions.length, enabled: conditions.length, other_source: 0 } },
    ]);
  });

  it('compile with as many parentheses as the flattener lets through', () => {
    const deep = `${'not ('.repeat(99)}fix.text = a and fix.length = 1${')'.repeat(99)}`;
    const { rules } = flatten([{ name: 'a.yaml', text: yamlRule('deep', deep) }]);
    const run = runHost(['--parse-only', '--plugin', fixture, '--rules', scratch.rules(rules)]);
    expect(run.others).toEqual([{ parsed: { rules: 1, enabled: 1, other_source: 0 } }]);
  });

  it('mean what was written', () => {
    const exceptions = [
      "{name: one, fields: fix.text, values: ['b c', letters2]}",
      '{name: two, fields: [fix.text, fix.length], comps: [startswith, in], values: [[q, [2, 3]]]}',
    ].join(', ');
    const text = `${base}- {list: letters2, items: [y]}
${yamlRule('listed', 'listed')}${yamlRule('not listed', 'not listed')}
${yamlRule('or', '(fix.text = a or fix.text = z) and evt.num > 1')}
${yamlRule('except', 'fix.length > 0', `, exceptions: [${exceptions}]`)}`;
    const { rules } = flatten([{ name: 'a.yaml', text }]);
    const texts = ['a', 'b c', 'd e', 'z', 'y', 'x /x/*', 'more', 'letters', 'q', 'qq', 'qqqq', ''];
    const open = `end:${texts.join('|')}|`;
    const run = runHost(['--plugin', fixture, '--open', open, '--rules', scratch.rules(rules)]);
    const fired = (name: string) =>
      run.alerts.filter(({ rule }) => rule === name).map((alert) => texts[alert.evt_num - 1]);
    const listed = ['a', 'b c', 'd e', 'z', 'x /x/*'];
    expect(fired('listed')).toEqual(listed);
    expect(fired('not listed')).toEqual(texts.filter((text) => !listed.includes(text)));
    expect(fired('or')).toEqual(['z']);
    expect(fired('except')).toEqual(['a', 'd e', 'z', 'x /x/*', 'more', 'letters', 'q', 'qqqq']);
  });

  it('are refused by libsinsp where the flattener refuses them', () => {
    const broken = [
      'fix.text',
      'fix.text contains(b)',
      'fix.length > b',
      'fix.text = b c',
      '(fix.text = b',
      'fix.text = b and',
      'fix.text = b or and fix.text = d',
      'fix.text in (b c)',
      'fix.text in (b,)',
      'fix.text = "b',
      'fix.text = "b\\q"',
      'fix.key[a = b',
      'tolower(fix.text = b',
      'fix.text = a or(fix.text = b) and fix.text = c',
    ];
    const flat = broken.map((condition, i) => ({
      ...{ rule: `r${i}.`, condition, priority: 'Debug', source: 'fixture_source', output: 'o' },
    }));
    const run = runHost(['--parse-only', '--plugin', fixture, '--rules', scratch.rules(flat)]);
    for (const [i, condition] of broken.entries()) {
      expect(run.stderr, condition).toContain(`rule 'r${i}.': the condition does not compile`);
      const text = yamlRule('r', condition);
      expect(() => flatten([{ name: 'a.yaml', text }]), condition).toThrow('the condition is not understood');
    }
  });
});

describe('the rules files', () => {
  const overlays = readdirSync(join(repositoryRoot, 'rules', 'overlays')).map((file) =>
    join('overlays', file),
  );
  const sets = [['k8s_audit_rules.yaml'], RULES, ...overlays.map((file) => [...RULES, file])];

  it.each(sets.map((files) => [files.join(', '), files] as const))(
    '%s compile with the plugin',
    (_, files) => {
      const sources = readSources(files.map((file) => join(repositoryRoot, 'rules', file)));
      const { rules, notices } = flatten(sources);
      expect(notices).toEqual([]);
      const run = runHost(['--parse-only', '--plugin', pluginPath(), '--rules', scratch.rules(rules)]);
      expect(run.stderr).not.toContain('does not compile');
      expect(run.others).toEqual([
        { parsed: { rules: rules.length, enabled: rules.length, other_source: 0 } },
      ]);
      expect(rules.length).toBeGreaterThan(0);
    },
  );
});
