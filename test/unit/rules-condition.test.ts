// SPDX-License-Identifier: Apache-2.0
import { describe, expect, it } from 'vitest';
import { isValue, parseCondition } from '../../scripts/rules/condition.mjs';
import { conditionOf, errorOf, ruleWith } from './rules-support.ts';

describe('the grammar of conditions', () => {
  it.each([
    ['evt.num=1', 'evt.num = 1'],
    ['evt.num  !=\n 1', 'evt.num != 1'],
    ['ka.a == b', 'ka.a == b'],
    ['evt.num>=0x1F', 'evt.num >= 0x1F'],
    ['evt.num<-1.5e+3', 'evt.num < -1.5e+3'],
    ['ka.a exists', 'ka.a exists'],
    ['ka.a in(b,c)', 'ka.a in (b, c)'],
    ['ka.a in ( b , "c d" )', 'ka.a in (b, "c d")'],
    ['ka.a in ()', 'ka.a in ()'],
    ['ka.a pmatch (/etc, /var)', 'ka.a pmatch (/etc, /var)'],
    ['ka.a intersects (b)', 'ka.a intersects (b)'],
    ['ka.a icontains x-y:z/*', 'ka.a icontains x-y:z/*'],
    ['ka.a glob "*.x"', 'ka.a glob "*.x"'],
    ["ka.a regex '^[a-z]{2}$'", "ka.a regex '^[a-z]{2}$'"],
    ['ka.a startswith oneof (b, c)', 'ka.a startswith oneof (b, c)'],
    ['ka.a[0] = b', 'ka.a[0] = b'],
    ['ka.a["k e]y"] = b', 'ka.a["k e]y"] = b'],
    ['ka.a[/etc/*] = b', 'ka.a[/etc/*] = b'],
    ['tolower(ka.a) = b', 'tolower(ka.a) = b'],
    ['toupper(b64(ka.a[1])) = b', 'toupper(b64(ka.a[1])) = b'],
    ['ka.a = val(ka.b)', 'ka.a = val(ka.b)'],
    ['ka.a in val( ka.b )', 'ka.a in val( ka.b )'],
    ['ka.a = tolower(ka.b)', 'ka.a = tolower(ka.b)'],
    ['len(ka.a) > 3', 'len(ka.a) > 3'],
    ['concat(ka.a, "-", ka.b) = c', 'concat(ka.a, "-", ka.b) = c'],
    ['join(",", (ka.a, ka.b)) = c', 'join(",", (ka.a, ka.b)) = c'],
  ])('reads the check %j', (text, expected) => {
    expect(conditionOf(text)).toBe(expected);
  });

  it.each([
    ['ka.a = 1 and ka.b = 2 or ka.c = 3', 'ka.a = 1 and ka.b = 2 or ka.c = 3'],
    ['(ka.a = 1 or ka.b = 2) and ka.c = 3', '(ka.a = 1 or ka.b = 2) and ka.c = 3'],
    ['ka.a = 1 and(ka.b = 2 or ka.c = 3)', 'ka.a = 1 and (ka.b = 2 or ka.c = 3)'],
    ['((ka.a = 1))', 'ka.a = 1'],
    ['not ka.a = 1', 'not ka.a = 1'],
    ['not not ka.a = 1', 'ka.a = 1'],
    ['not(ka.a = 1 and ka.b = 2)', 'not (ka.a = 1 and ka.b = 2)'],
    ['not not(ka.a = 1)', 'ka.a = 1'],
    ['not (not ka.a = 1)', 'not (not ka.a = 1)'],
    ['ka.a = 1 and not (ka.b = 2 or ka.c = 3)', 'ka.a = 1 and not (ka.b = 2 or ka.c = 3)'],
    ['ka.a = 1 or (ka.b = 2 or ka.c = 3)', 'ka.a = 1 or ka.b = 2 or ka.c = 3'],
  ])('keeps what %j means', (text, expected) => {
    expect(conditionOf(text)).toBe(expected);
  });

  it('keeps words inside quotes as they are', () => {
    const text = 'ka.a = "x and m or (l)" and ka.b = \'not "m\'';
    expect(conditionOf(text, '- {list: l, items: [z]}\n- {macro: m, condition: ka.z = 1}')).toBe(text);
  });

  it.each([
    ['', 'is empty'],
    ['ka.a = ', 'expected a value'],
    ['ka.a', 'expected an operator'],
    ['ka.a foo b', 'expected an operator'],
    ['ka.a contains(b)', 'expected an operator'],
    ['ka.a > b', 'expected a number'],
    ['ka.a = b c', "expected 'and', 'or' or the end"],
    ['ka.a = b)', "expected 'and', 'or' or the end"],
    ['(ka.a = b', "expected ')'"],
    ['ka.a = b and', "expected a blank or '(' after 'and'"],
    ['ka.a = b and ', "expected '(', a field or the name of a macro"],
    ['ka.a = b or and ka.c = d', "expected 'and', 'or' or the end"],
    ['ka.a in b, c', "expected 'and', 'or' or the end"],
    ['ka.a in (b c)', "expected ',' or ')'"],
    ['ka.a in (b,)', 'expected a value'],
    ['ka.a = "b', 'the " is never closed'],
    ['ka.a = "b\\q"', "'\\q' is no escape"],
    ['ka.a = "b\\\'"', "'\\'' is no escape"],
    ['ka.a[ = b', "expected the field's argument"],
    ['ka.a[1 = b', "expected ']'"],
    ['tolower(ka.a = b', "expected ')'"],
    ['tolower() = b', 'expected a field'],
    ['ka.a = val(b)', "expected a field in 'val(…)'"],
    ['1 = 1', "expected '(', a field or the name of a macro"],
  ])('refuses %j', (text, problem) => {
    const message = errorOf(ruleWith(text));
    expect(message).toContain("rule 'r'");
    expect(message).toContain(problem);
  });

  it('bounds parentheses and transformers', () => {
    const nest = (open: string, depth: number, close: string) => open.repeat(depth) + 'ka.a' + close;
    expect(() => parseCondition(nest('(', 101, ' = b' + ')'.repeat(101)))).toThrow(
      'more than 100 parentheses',
    );
    expect(() => parseCondition(nest('(', 100, ' = b' + ')'.repeat(100)))).not.toThrow();
    expect(() => parseCondition(nest('tolower(', 101, ')'.repeat(101) + ' = b'))).toThrow(
      'more than 100 transformers',
    );
    expect(() => parseCondition('('.repeat(1_000_000))).toThrow('more than 100 parentheses');
  });

  it('knows what can stand as one value', () => {
    expect(['a', 'a.b/c:1@sha256-x*', '"a b"', "'a'", '""'].filter((text) => !isValue(text))).toEqual([]);
    expect(['', ' ', 'a b', 'a,b', 'a=b', '(a)', '"a', 'a"', '"a"b', ' a', 'a '].filter(isValue)).toEqual([]);
  });
});
