// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { conditionOf, errorOf, flattenFiles, flattenText, ruleWith } from './rules-support.ts';

describe('rules', () => {
  it('come out with everything the host needs', () => {
    const rules = flattenText(`
- rule: Somebody did something
  desc: >
    About
    something
  condition: ka.verb = get
  output: >
    Done (user=%ka.user.name)
  priority: Info
  source: k8s_audit
  tags: [z, a, z]
`);
    expect(rules).toEqual([
      {
        rule: 'Somebody did something',
        desc: 'About something',
        priority: 'Informational',
        source: 'k8s_audit',
        condition: 'ka.verb = get',
        output: 'Done (user=%ka.user.name)',
        tags: ['a', 'z'],
        enabled: true,
      },
    ]);
  });

  it.each([
    ['emergency', 'Emergency'],
    ['ALERT', 'Alert'],
    ['Critical', 'Critical'],
    ['error', 'Error'],
    ['warning', 'Warning'],
    ['NOTICE', 'Notice'],
    ['informational', 'Informational'],
    ['debug', 'Debug'],
  ])('take the priority %s', (written, priority) => {
    const text = ruleWith('ka.a = b').replace('WARNING', written);
    expect(flattenText(text)[0]?.priority).toBe(priority);
  });

  it('are for system calls unless they say something else', () => {
    expect(flattenText(ruleWith('ka.a = b').replace('  source: k8s_audit\n', ''))[0]?.source).toBe('syscall');
  });

  it('can be disabled, at once or by a later entry', () => {
    expect(flattenText(ruleWith('ka.a = b', '', '  enabled: false'))[0]?.enabled).toBe(false);
    const files = { 'a.yaml': ruleWith('ka.a = b'), 'b.yaml': '- {rule: r, enabled: no}' };
    expect(flattenFiles(files).rules[0]?.enabled).toBe(false);
    expect(errorOf('- {rule: r, enabled: false}')).toBe(
      "a.yaml:1: rule 'r': is changed here, but was not defined before; check the name and the order of the files",
    );
    expect(errorOf('- {rule: r, source: k8s_audit}')).toContain('was not defined before');
    expect(errorOf(ruleWith('ka.a = b'), '- {rule: r, source: k8s_audit}')).toContain("nor 'enabled'");
  });

  it.each(['condition', 'output', 'desc', 'priority'])('need the key %s', (key) => {
    const text = ruleWith('ka.a = b').replace(new RegExp(`  ${key}: .*\n`), '');
    expect(errorOf(text)).toBe(`a.yaml:2: rule 'r': the key '${key}' is missing`);
    const empty = ruleWith('ka.a = b').replace(new RegExp(`  ${key}: .*\n`), `  ${key}:\n`);
    expect(errorOf(empty)).toContain(`rule 'r': '${key}' is empty`);
  });

  it('refuse an unknown priority, with its line', () => {
    expect(errorOf(ruleWith('ka.a = b').replace('WARNING', 'high'))).toContain(
      "a.yaml:6: rule 'r': 'high' is no priority",
    );
  });

  it('tell about keys that mean nothing here', () => {
    const { notices } = flattenFiles({
      'a.yaml': ruleWith('ka.a = b', '', '  skip-if-unknown-filter: true\n  colour: red\n- what: is this'),
    });
    expect(notices.map(({ place, object, message }) => `${place.line} ${object} ${message}`)).toEqual([
      "9 rule 'r' unknown key 'colour' is ignored",
      "8 rule 'r' 'skip-if-unknown-filter' is ignored: here an unknown field is an error",
      '10  unknown entry with the keys what is ignored',
    ]);
  });
});

describe('macros', () => {
  it('are put in only where a name stands for a check', () => {
    const macros = '- {macro: get, condition: ka.verb = get or ka.verb = list}';
    const text = 'get and not get and ka.verb = get and ka.x in (get) and ka.y = "get" and ka.get.get = a';
    expect(conditionOf(text, macros)).toBe(
      '(ka.verb = get or ka.verb = list) and not (ka.verb = get or ka.verb = list) and ka.verb = get ' +
        'and ka.x in (get) and ka.y = "get" and ka.get.get = a',
    );
  });

  it('can use macros that were there before', () => {
    const macros = '- {macro: a, condition: ka.a = 1}\n- {macro: b, condition: not a and ka.b = 2}';
    expect(conditionOf('b or ka.c = 3', macros)).toBe('not ka.a = 1 and ka.b = 2 or ka.c = 3');
  });

  it('cannot use macros that come later, as in Falco', () => {
    const macros = '- {macro: b, condition: a}\n- {macro: a, condition: ka.a = 1}';
    expect(errorOf(macros)).toBe(
      "a.yaml:1: macro 'b': uses the macro 'a' before it is defined (a.yaml:2); Falco reads macros in order",
    );
  });

  it('can use later macros once they are changed after those', () => {
    const first = '- {macro: b, condition: ka.b = 1}\n- {macro: a, condition: ka.a = 1}';
    const second = '- {macro: b, condition: or a, override: {condition: append}}';
    expect(flattenFiles({ 'a.yaml': first, 'b.yaml': second + ruleWith('b') }).rules[0]?.condition).toBe(
      'ka.b = 1 or ka.a = 1',
    );
  });

  it.each(['append: true', 'override: {condition: append}'])('take more text with %s', (how) => {
    const macros = `- {macro: m, condition: ka.a = 1}\n- {macro: m, condition: or ka.b = 2, ${how}}`;
    expect(conditionOf('m and ka.c = 3', macros)).toBe('(ka.a = 1 or ka.b = 2) and ka.c = 3');
  });

  it('can be replaced by a later file, which is worth a notice, or by override', () => {
    const base = `- {macro: m, condition: ka.a = 1}${ruleWith('m')}`;
    const silent = flattenFiles({
      'a.yaml': base,
      'b.yaml': '- {macro: m, condition: ka.b = 2, override: {condition: replace}}',
    });
    expect(silent.rules[0]?.condition).toBe('ka.b = 2');
    expect(silent.notices).toEqual([]);
    const { rules, notices } = flattenFiles({
      'a.yaml': base,
      'b.yaml': '- {macro: m, condition: ka.b = 2}',
    });
    expect(rules[0]?.condition).toBe('ka.b = 2');
    expect(notices[0]).toMatchObject({ object: "macro 'm'", message: 'replaces the definition in a.yaml' });
  });

  it('stand only once in a file', () => {
    expect(errorOf('- {macro: m, condition: ka.a = 1}\n- {macro: m, condition: ka.b = 1}')).toBe(
      "a.yaml:2: macro 'm': is already defined in line 1; to change it, use 'override'",
    );
  });

  it('are errors where they are unknown, also in a macro that no rule uses', () => {
    expect(errorOf(ruleWith('nothing'))).toBe(
      "a.yaml:4: rule 'r': uses the macro 'nothing', which is not defined",
    );
    expect(errorOf('- {macro: m, condition: nothing}')).toContain("macro 'm': uses the macro 'nothing'");
    expect(errorOf(ruleWith('l', '- {list: l, items: [a]}'))).toContain('there is a list of that name');
    expect(errorOf('- {macro: m, condition: or ka.b = 2, append: true}')).toContain('was not defined before');
  });

  it('cannot go in circles', () => {
    const text =
      '- {macro: a, condition: ka.a = 1}\n- {macro: b, condition: a}\n- {macro: a, condition: or b, append: true}';
    expect(errorOf(text)).toBe("a.yaml:2: macro 'b': the macro 'a' is used in itself: a → b → a");
  });

  it('are bounded in number, size and depth', () => {
    const chain = (length: number) =>
      Array.from({ length }, (_, i) => `- {macro: m${i}, condition: ${i === 0 ? 'ka.a = 1' : `m${i - 1}`}}`);
    // In order, every macro is done before the next one needs it; the other way round, all are open at once.
    const backwards = [
      ...Array.from({ length: 100 }, (_, i) => `- {macro: m${i}, condition: ka.a = 1}`),
      ...Array.from({ length: 99 }, (_, i) => `- {macro: m${i}, condition: and m${i + 1}, append: true}`),
    ];
    expect(errorOf(backwards.join('\n'))).toContain('more than 64 macros in one another');
    expect(conditionOf('m99', chain(100).join('\n'))).toBe('ka.a = 1');
    const doubling = chain(40).map((line) => line.replace(/condition: (m\d+)/, 'condition: $1 or $1'));
    expect(errorOf(doubling.join('\n'))).toContain('the condition has more than 1048576 characters');
    const nesting = chain(150).map((line) =>
      line.replace(/condition: (m\d+)/, 'condition: not ($1 and ka.b = 2)'),
    );
    expect(errorOf(nesting.join('\n'))).toContain('more than 100 parentheses in one another');
  });
});

describe('lists', () => {
  it('are put in where their name stands as a value', () => {
    const lists = '- {list: l, items: [a, "b c", \'"d e"\', 5]}';
    expect(conditionOf('ka.x in (l) and ka.y in (z, l) and ka.z in ("l")', lists)).toBe(
      'ka.x in (a, "b c", "d e", 5) and ka.y in (z, a, "b c", "d e", 5) and ka.z in ("l")',
    );
  });

  it('may be empty', () => {
    expect(conditionOf('ka.x in (l) or ka.x in (a, l)', '- {list: l, items: []}')).toBe(
      'ka.x in () or ka.x in (a)',
    );
  });

  it('may contain lists, with a notice where Falco would stop', () => {
    const lists = '- {list: a, items: [1]}\n- {list: b, items: [a, 2]}';
    const two = flattenFiles({ 'a.yaml': ruleWith('ka.x in (b)', lists) });
    expect(two.rules[0]?.condition).toBe('ka.x in (1, 2)');
    expect(two.notices).toEqual([]);
    const three = flattenFiles({ 'a.yaml': ruleWith('ka.x in (c)', `${lists}\n- {list: c, items: [b, 3]}`) });
    expect(three.rules[0]?.condition).toBe('ka.x in (1, 2, 3)');
    expect(three.notices.map(({ object }) => object)).toEqual(["list 'c'"]);
  });

  it.each(['append: true', 'override: {items: append}'])('take more items with %s', (how) => {
    expect(conditionOf('ka.x in (l)', `- {list: l, items: [a]}\n- {list: l, items: [b], ${how}}`)).toBe(
      'ka.x in (a, b)',
    );
  });

  it('can be replaced', () => {
    const lists = '- {list: l, items: [a]}\n- {list: l, items: [b], override: {items: replace}}';
    expect(conditionOf('ka.x in (l)', lists)).toBe('ka.x in (b)');
  });

  it('with one item may stand where one value is expected', () => {
    expect(conditionOf('ka.x = l and ka.y in l', '- {list: l, items: [a]}')).toBe('ka.x = a and ka.y in a');
    expect(errorOf(ruleWith('ka.x = l', '- {list: l, items: [a, b]}'))).toContain(
      "'= l': this list has 2 items, so it has to be in parentheses",
    );
    expect(errorOf(ruleWith('ka.x in l', '- {list: l, items: []}'))).toContain('this list has 0 items');
  });

  it('are errors where they are unknown', () => {
    expect(errorOf(ruleWith('ka.x in nothing'))).toContain(
      "there is no list 'nothing'; values go in parentheses",
    );
    expect(errorOf('- {list: l, items: [a], append: true}')).toBe(
      "a.yaml:1: list 'l': is changed here, but was not defined before; check the name and the order of the files",
    );
  });

  it('cannot be in themselves', () => {
    const lists = '- {list: a, items: [b]}\n- {list: b, items: [c]}\n- {list: c, items: [a]}';
    expect(errorOf(ruleWith('ka.x in (a)', lists))).toContain("list 'a': is in itself: a → b → c → a");
  });

  it('need items that can stand in a condition', () => {
    for (const item of ["'a,b'", "'(a)'", "'a\"b'", "'a=b'"]) {
      expect(errorOf(ruleWith('ka.x in (l)', `- {list: l, items: [${item}]}`))).toContain(
        'needs quotes of its own',
      );
    }
    expect(conditionOf('ka.x in (l)', `- {list: l, items: ['"a,b"']}`)).toBe('ka.x in ("a,b")');
    expect(errorOf('- {list: l}')).toContain("'items' has to be a list");
    expect(errorOf('- {list: l, items: a}')).toContain("'items' has to be a list");
    expect(errorOf('- {list: l, items: [[a]]}')).toContain("an item of 'items' is no text");
    expect(errorOf('- list: l\n  items:\n    - a\n    -\n')).toBe(
      "a.yaml:4: list 'l': an item of 'items' is no text",
    );
  });

  it('are bounded in size', () => {
    const lists = Array.from(
      { length: 60 },
      (_, i) => `- {list: l${i}, items: [${i === 0 ? 'a' : `l${i - 1}, l${i - 1}`}]}`,
    );
    expect(errorOf(ruleWith('ka.x in (l59)', lists.join('\n')))).toContain(
      'grows to more than 1048576 characters',
    );
    const deep = Array.from({ length: 70 }, (_, i) => `- {list: l${i}, items: [l${i + 1}]}`);
    expect(errorOf(ruleWith('ka.x in (l0)', [...deep, '- {list: l70, items: [a]}'].join('\n')))).toContain(
      'more than 64 lists in one another',
    );
  });
});

describe('override', () => {
  const base = ruleWith('ka.a = 1', '', '  tags: [one]');
  const change = (text: string) => flattenFiles({ 'a.yaml': base, 'b.yaml': text }).rules[0];

  it('appends', () => {
    const rule = change(`
- rule: r
  condition: or ka.b = 2
  output: and more
  desc: and more
  tags: [two]
  override: {condition: append, output: append, desc: append, tags: append}`);
    expect(rule).toMatchObject({
      condition: 'ka.a = 1 or ka.b = 2',
      output: 'something and more',
      desc: 'what it is about and more',
      tags: ['one', 'two'],
    });
  });

  it('replaces', () => {
    const rule = change(`
- rule: r
  condition: ka.b = 2
  output: another
  desc: another
  tags: [two]
  priority: error
  enabled: false
  override:
    {condition: replace, output: replace, desc: replace, tags: replace, priority: replace, enabled: replace}`);
    expect(rule).toEqual({
      rule: 'r',
      condition: 'ka.b = 2',
      output: 'another',
      desc: 'another',
      tags: ['two'],
      priority: 'Error',
      enabled: false,
      source: 'k8s_audit',
    });
  });

  it.each([
    [
      '{rule: r, priority: error, override: {priority: append}}',
      "'override' cannot append the key 'priority'",
    ],
    [
      '{rule: r, source: k8s_audit, override: {source: replace}}',
      "'override' cannot replace the key 'source'",
    ],
    ['{rule: r, desc: d, override: {desc: remove}}', "is 'append' or 'replace', not 'remove'"],
    ['{rule: r, override: {desc: replace}}', "the entry has no 'desc'"],
    [
      '{rule: r, desc: d, output: o, override: {desc: replace}}',
      "'output' is given, but 'override' does not say",
    ],
    ['{rule: r, desc: d, append: true, override: {desc: replace}}', 'exclude each other'],
    ['{rule: r, desc: d, override: replace}', "'override' has to be a mapping"],
    ['{rule: other, desc: d, override: {desc: replace}}', 'was not defined before'],
    ['{rule: r, append: true}', "needs a 'condition' or 'exceptions'"],
    ['{rule: r, condition: and ka.b = 1, append: true, source: syscall}', "cannot change to 'syscall'"],
    ['{list: l, items: [a], override: {condition: append}}', "'override' cannot append the key 'condition'"],
    [
      '{macro: m, condition: ka.a = 1, override: {items: append}}',
      "'override' cannot append the key 'items'",
    ],
  ])('refuses %s', (text, problem) => {
    expect(errorOf(base, `- ${text}`)).toContain(problem);
  });

  it('takes the old append: true', () => {
    expect(change('- {rule: r, condition: and ka.b = 2, append: true}')?.condition).toBe(
      'ka.a = 1 and ka.b = 2',
    );
  });

  it('tells that an appended condition does not fit', () => {
    expect(errorOf(base, '- {rule: r, condition: ka.b = 2, append: true}')).toContain(
      "b.yaml:1: rule 'r': the condition is not understood: expected 'and', 'or' or the end",
    );
  });
});
