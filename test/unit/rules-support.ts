// SPDX-License-Identifier: Apache-2.0
import { flatten, type FlatRule, type PluginVersion } from '../../scripts/rules/flatten.mjs';

/** A rules file `a.yaml`, flattened alone. */
export function flattenText(text: string, plugins?: PluginVersion[]): FlatRule[] {
  return flattenFiles({ 'a.yaml': text }, plugins).rules;
}

/** Rules files by name, flattened in this order. */
export function flattenFiles(files: Record<string, string>, plugins?: PluginVersion[]) {
  const sources = Object.entries(files).map(([name, text]) => ({ name, text }));
  return flatten(sources, plugins === undefined ? {} : { plugins });
}

/** A rules file with one rule "r", whose condition is the text; `before` comes first in the file. */
export function ruleWith(condition: string, before = '', more = ''): string {
  return `${before}
- rule: r
  desc: what it is about
  condition: ${JSON.stringify(condition)}
  output: something
  priority: WARNING
  source: k8s_audit
${more}`;
}

/** The flattened condition of a file with one rule. */
export function conditionOf(condition: string, before = '', more = ''): string {
  return flattenText(ruleWith(condition, before, more))[0]?.condition ?? 'no rule';
}

/** The message of the error that flattening ends with; fails if it succeeds. */
export function errorOf(...files: string[]): string {
  const names = ['a.yaml', 'b.yaml', 'c.yaml'];
  try {
    flattenFiles(Object.fromEntries(files.map((text, i) => [names[i] ?? 'more.yaml', text])));
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('flattening succeeded, but it should have failed');
}
