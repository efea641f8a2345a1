// SPDX-License-Identifier: Apache-2.0
// Each switch and list that is the user's (user_known_…) silences the rules that name it, and no other: judged by
// libsinsp on the fixtures.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import type { FlatRule } from '../../scripts/rules/flatten.mjs';
import { flattenRules, playFixtures, readFixtures, rulesFiles } from './fixtures.ts';
import { pluginPath, runHost, Scratch, type Alert } from './support.ts';

interface Entry {
  macro?: string;
  list?: string;
  override?: object;
}

const entries = rulesFiles.flatMap((file) => parse(readFileSync(file, 'utf8')) as Entry[]);
const yours = (name = '') => name.startsWith('user_known_');
const macros = entries.flatMap(({ macro }) => (yours(macro) ? [macro as string] : []));
const lists = entries.flatMap(({ list }) => (yours(list) ? [list as string] : []));

const { played } = playFixtures(readFixtures());
const text = played.map((event) => `${JSON.stringify(event)}\n`).join('');
/** Everybody, every object, and every image that the fixtures have, without its tag. */
const everything = [
  ...new Set([
    ...played.map(({ user }) => (user as { username?: string } | undefined)?.username ?? 'nobody'),
    ...played.map(({ objectRef }) => (objectRef as { name?: string } | undefined)?.name ?? 'nothing'),
    ...[...text.matchAll(/"image":"([^"@]+?)(?::[^:/"]*)?"/g)].map(([, image = '']) => image),
  ]),
].filter((item) => !/[\s"'(),=]/.test(item));

/** What a user's file would say to let everything through that this is about. */
function overriding(name: string): string {
  return macros.includes(name)
    ? `- {macro: ${name}, condition: (k8s_audit_always_true), override: {condition: replace}}`
    : `- {list: ${name}, items: ${JSON.stringify(everything)}, override: {items: replace}}`;
}

const plain = flattenRules();
/** The rules that such a file changes, which is those that name it, also by a macro. Those that give way speak more. */
function changed(name: string): FlatRule[] {
  return flattenRules(overriding(name)).filter(
    ({ rule, condition }) => plain.find((other) => other.rule === rule)?.condition !== condition,
  );
}

describe('what is yours', () => {
  const scratch = new Scratch();
  const variants = [...macros, ...lists].map((name) => ({ name, rules: changed(name) }));
  let alerts: Alert[] = [];

  beforeAll(() => {
    const events = scratch.write('events.jsonl', text);
    const renamed = variants.flatMap(({ name, rules }) =>
      rules.map((rule) => ({ ...rule, rule: `${name}: ${rule.rule}` })),
    );
    const rules = scratch.rules([...plain, ...renamed]);
    const run = runHost(['--plugin', pluginPath(), '--open', events, '--rules', rules]);
    expect(run.stderr).not.toContain('sinsp_host: ');
    alerts = run.alerts;
  });
  afterAll(() => scratch.remove());

  const count = (rule: string) => alerts.filter((alert) => alert.rule === rule).length;

  it('is named in rules', () => {
    expect(macros.length).toBeGreaterThan(10);
    expect(lists.length).toBeGreaterThan(5);
  });

  it.each(variants.map(({ name, rules }) => [name, rules] as const))(
    '%s silences a rule, or more',
    (name, rules) => {
      expect(rules.length).toBeGreaterThan(0);
      const silenced = rules.filter(({ rule }) => count(rule) > 0 && count(`${name}: ${rule}`) < count(rule));
      expect(silenced.map(({ rule }) => rule)).not.toEqual([]);
    },
  );
});
