// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { conditionOf, errorOf, flattenFiles, ruleWith } from './rules-support.ts';

const withExceptions = (exceptions: string, before = '') =>
  conditionOf('ka.a = 1', before, `  exceptions:\n    - ${exceptions}`);
const failing = (exceptions: string) =>
  errorOf(ruleWith('ka.a = 1', '', `  exceptions:\n    - ${exceptions}`));

describe('exceptions of one field', () => {
  it('compare with in', () => {
    expect(withExceptions('{name: e, fields: ka.u, values: [a, b c]}')).toBe(
      'ka.a = 1 and not ka.u in (a, "b c")',
    );
  });

  it('take other operators for lists', () => {
    expect(withExceptions('{name: e, fields: ka.u, comps: pmatch, values: [/a]}')).toBe(
      'ka.a = 1 and not ka.u pmatch (/a)',
    );
    expect(withExceptions('{name: e, fields: ka.u, comps: startswith oneof, values: [a]}')).toBe(
      'ka.a = 1 and not ka.u startswith oneof (a)',
    );
  });

  it('take lists by name', () => {
    expect(withExceptions('{name: e, fields: ka.u, values: [l, c]}', '- {list: l, items: [a, b]}')).toBe(
      'ka.a = 1 and not ka.u in (a, b, c)',
    );
  });

  it.each([
    ['{name: e, fields: ka.u, comps: "=", values: [a]}', "'=' is not an operator for 'comps'"],
    ['{name: e, fields: ka.u, comps: [in], values: [a]}', "'comps' has to be one operator"],
    ['{name: e, fields: ka.u, values: [[a]]}', 'a list where one value is expected'],
    ['{name: e, fields: ka.u, values: a}', "'values' has to be a list"],
    ['{name: e, fields: ka.u, values: ["a,b"]}', 'needs quotes of its own'],
    ['{name: e, fields: nofield, values: [a]}', 'the condition is not understood'],
    ['{name: e, values: [a]}', "the key 'fields' is missing"],
    ['{fields: ka.u, values: [a]}', "the key 'name' is missing"],
    ['text', "every item of 'exceptions' has to be a mapping"],
  ])('are refused as %s', (text, problem) => {
    const message = failing(text);
    expect(message).toMatch(/^a\.yaml:\d+: rule 'r'/);
    expect(message).toContain(problem);
  });
});

describe('exceptions of more fields', () => {
  it('compare field by field, with = unless told otherwise', () => {
    expect(withExceptions('{name: e, fields: [ka.u, ka.v], values: [[a, b], [c, d e]]}')).toBe(
      'ka.a = 1 and not (ka.u = a and ka.v = b or ka.u = c and ka.v = "d e")',
    );
  });

  it('take an operator for each field', () => {
    const text =
      '{name: e, fields: [ka.u, ka.v, ka.w], comps: [in, startswith, ">="], values: [[[a, b c], d, 5], [l, e, 6]]}';
    expect(withExceptions(text, '- {list: l, items: [x, y]}')).toBe(
      'ka.a = 1 and not (ka.u in (a, "b c") and ka.v startswith d and ka.w >= 5 ' +
        'or ka.u in (x, y) and ka.v startswith e and ka.w >= 6)',
    );
  });

  it('take a list that is written in parentheses, as Falco does', () => {
    expect(withExceptions('{name: e, fields: [ka.u], comps: [in], values: [["(a, b)"], ["c, d"]]}')).toBe(
      'ka.a = 1 and not (ka.u in (a, b) or ka.u in (c, d))',
    );
  });

  it.each([
    ['{name: e, fields: [ka.u, ka.v], comps: [in], values: [[a, b]]}', "a list as long as 'fields'"],
    ['{name: e, fields: [ka.u, ka.v], comps: in, values: [[a, b]]}', "a list as long as 'fields'"],
    ['{name: e, fields: [ka.u, ka.v], comps: [in, is], values: [[a, b]]}', "'is' is not an operator"],
    ['{name: e, fields: [ka.u, ka.v], values: [[a]]}', 'a list of 2 values, one for each field'],
    ['{name: e, fields: [ka.u, ka.v], values: [a]}', 'a list of 2 values, one for each field'],
    ['{name: e, fields: [ka.u, ka.v], values: [[a, [[b]]]]}', "an item of 'values' is no text"],
    ['{name: e, fields: [[ka.u]], values: [[a]]}', "an item of 'fields' is no text"],
  ])('are refused as %s', (text, problem) => {
    expect(failing(text)).toContain(problem);
  });
});

describe('exceptions without values', () => {
  it('change nothing', () => {
    expect(withExceptions('{name: e, fields: [ka.u, ka.v]}')).toBe('ka.a = 1');
    expect(withExceptions('{name: e, fields: ka.u, values: []}')).toBe('ka.a = 1');
    expect(withExceptions('{name: e, fields: ka.u, values: }')).toBe('ka.a = 1');
    expect(conditionOf('ka.a = 1', '', '  exceptions:')).toBe('ka.a = 1');
  });
});

describe('several exceptions', () => {
  it('all count, and the condition stays whole', () => {
    const more =
      '  exceptions:\n    - {name: e, fields: ka.u, values: [a]}\n    - {name: f, fields: ka.v, values: [b]}';
    expect(conditionOf('ka.a = 1 or ka.b = 2', '', more)).toBe(
      '(ka.a = 1 or ka.b = 2) and not ka.u in (a) and not ka.v in (b)',
    );
  });

  it('have names of their own', () => {
    const more = '  exceptions:\n    - {name: e, fields: ka.u}\n    - {name: e, fields: ka.v}';
    expect(errorOf(ruleWith('ka.a = 1', '', more))).toContain("has two exceptions 'e'");
  });
});

describe('exceptions of an earlier rule', () => {
  const base = ruleWith('ka.a = 1', '', '  exceptions:\n    - {name: e, fields: ka.u, values: [a]}');
  const change = (text: string) => flattenFiles({ 'a.yaml': base, 'b.yaml': text }).rules[0]?.condition;

  it.each(['append: true', 'override: {exceptions: append}'])('take more values with %s', (how) => {
    expect(change(`- {rule: r, exceptions: [{name: e, values: [b]}], ${how}}`)).toBe(
      'ka.a = 1 and not ka.u in (a, b)',
    );
  });

  it('are joined by new ones', () => {
    const text =
      '- {rule: r, exceptions: [{name: f, fields: [ka.v], values: [[b]]}], override: {exceptions: append}}';
    expect(change(text)).toBe('ka.a = 1 and not ka.u in (a) and not ka.v = b');
  });

  it('can be replaced', () => {
    const text =
      '- {rule: r, exceptions: [{name: f, fields: ka.v, values: [b]}], override: {exceptions: replace}}';
    expect(change(text)).toBe('ka.a = 1 and not ka.v in (b)');
  });

  it('keep their fields and operators', () => {
    const text = '- {rule: r, exceptions: [{name: e, fields: ka.v, values: [b]}], append: true}';
    expect(errorOf(base, text)).toContain("only 'values' can be appended");
    const unknown = '- {rule: r, exceptions: [{name: f, values: [b]}], append: true}';
    expect(errorOf(base, unknown)).toContain("rule 'r', exception 'f': the key 'fields' is missing");
  });
});
