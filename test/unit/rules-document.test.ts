// SPDX-License-Identifier: Apache-2.0
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readEntries } from '../../scripts/rules/document.mjs';
import { conditionOf, errorOf, flattenText, ruleWith } from './rules-support.ts';

describe('rules files', () => {
  it('may be empty, or have empty entries and several documents', () => {
    expect(flattenText('')).toEqual([]);
    expect(flattenText('# nothing\n')).toEqual([]);
    expect(flattenText(`-\n- ~\n- null\n---\n${ruleWith('ka.a = 1')}`)).toHaveLength(1);
  });

  it('keep scalars as they are written', () => {
    expect(conditionOf('ka.a in (l)', '- {list: l, items: [0x10, 1.50, true, no, 1e3, "007"]}')).toBe(
      'ka.a in (0x10, 1.50, true, no, 1e3, 007)',
    );
  });

  it('follow aliases', () => {
    expect(conditionOf('ka.a in (l)', '- {list: k, items: &items [a, b]}\n- {list: l, items: *items}')).toBe(
      'ka.a in (a, b)',
    );
  });

  it.each([
    ['a: b', "a.yaml:1: a rules file is a list: every entry starts with '- '"],
    ['just text', "a.yaml:1: a rules file is a list: every entry starts with '- '"],
    ['- a\n', "a.yaml:1: an entry is a mapping that starts with 'rule:', 'macro:' or 'list:'"],
    ['- list: a\n  items: [\n', 'a.yaml:3: this is not valid YAML'],
    ['- list: a\n  list: b\n', 'a.yaml:2: this is not valid YAML: Map keys must be unique'],
    ['- list: *nothing\n', 'a.yaml:1: there is no anchor &nothing for the alias *nothing'],
    ['- list: [a]\n', "a.yaml:1: 'list' has to be a text"],
    ['- rule: r\n  enabled: perhaps', "a.yaml:2: rule 'r': 'enabled' is either true or false, not 'perhaps'"],
  ])('refuse %j', (text, message) => {
    const enabled = text.startsWith('- rule') ? [ruleWith('ka.a = 1')] : [];
    expect(errorOf(...enabled, text).replace('b.yaml', 'a.yaml')).toContain(message);
  });

  it('are bounded in size, depth and aliases', () => {
    const read = (text: string) => expect(() => readEntries({ name: 'a.yaml', text }));
    read('#'.repeat((16 << 20) + 1)).toThrow('a.yaml:1: the file is larger than 16 MiB');
    read('['.repeat(100_000)).toThrow('a.yaml:1: the file has more than 32 levels of YAML in one another');
    read('- '.repeat(10_000)).toThrow('32 levels');
    read('{a: '.repeat(10_000)).toThrow('32 levels');
    read(`- &a {}\n${'- *a\n'.repeat(1001)}`).toThrow('a.yaml:1: the file has more than 1000 aliases');
  });
});

describe('the command', () => {
  const folder = mkdtempSync(join(tmpdir(), 'flatten-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const command = new URL('../../scripts/rules/flatten.mjs', import.meta.url).pathname;
  const file = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };

  it('prints the rules, or writes them to a file', () => {
    const rules = file('good.yaml', ruleWith('ka.a = 1'));
    const printed = JSON.parse(execFileSync(process.execPath, [command, rules], { encoding: 'utf8' }));
    expect(printed).toMatchObject([{ rule: 'r', condition: 'ka.a = 1' }]);
    const output = join(folder, 'out.json');
    execFileSync(process.execPath, [command, '--output', output, rules]);
    expect(JSON.parse(readFileSync(output, 'utf8'))).toEqual(printed);
  });

  it('prints notices on stderr', () => {
    const rules = file('notice.yaml', ruleWith('ka.a = 1', '', '  colour: red'));
    const { status, stderr } = spawnSync(process.execPath, [command, rules], { encoding: 'utf8' });
    expect(status).toBe(0);
    expect(stderr).toBe(`${rules}:8: rule 'r': unknown key 'colour' is ignored\n`);
  });

  it.each([
    [[], 'usage: flatten.mjs'],
    [['--colour', 'red'], "Unknown option '--colour'"],
    [['--plugin', 'k8saudit', 'x.yaml'], "--plugin wants NAME:VERSION, not 'k8saudit'"],
    [['/nowhere/x.yaml'], 'cannot read the rules file /nowhere/x.yaml: there is no such file'],
    [['--plugin', 'other:1.0.0', 'REQUIRED'], 'the rules want the plugin k8saudit-ts (0.1.0 or later)'],
  ])('fails with a sentence for %j', (args, message) => {
    const required = file(
      'required.yaml',
      '- required_plugin_versions: [{name: k8saudit-ts, version: 0.1.0}]',
    );
    const given = args.map((arg) => (arg === 'REQUIRED' ? required : arg));
    const { status, stdout, stderr } = spawnSync(process.execPath, [command, ...given], { encoding: 'utf8' });
    expect(status).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain('flatten: ');
    expect(stderr).toContain(message);
    expect(stderr).not.toContain('    at ');
  });
});
