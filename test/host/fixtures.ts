// SPDX-License-Identifier: Apache-2.0
// The rules of this repository and the events that are to fire them, or not.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { flatten, readSources, type FlatRule } from '../../scripts/rules/flatten.mjs';
import { RULES } from '../../scripts/start/arguments.mjs';
import { repositoryRoot } from './support.ts';

export interface FixtureEvent {
  title: string;
  event: Record<string, unknown>;
  output_contains?: string[];
  /** Events that come before, once or as often as `times` says, for rules on what was seen before. */
  before?: { event: Record<string, unknown>; times?: number }[];
}

/** A file of rules/tests. */
export interface Fixture {
  file: string;
  rule: string;
  /** A rules file that is read after ours, for rules that are silent by default. */
  overrides?: string;
  fires: FixtureEvent[];
  near_misses: FixtureEvent[];
}

/** Both files, in the order in which Falco is to load them. */
export const rulesFiles = RULES.map((file) => join(repositoryRoot, 'rules', file));
export const [rulesFile = ''] = rulesFiles;
const folder = join(repositoryRoot, 'rules', 'tests');

export function readFixtures(): Fixture[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  return files.sort().map((file) => ({ ...parse(readFileSync(join(folder, file), 'utf8')), file }));
}

function flattenFiles(files: string[], overrides?: string): FlatRule[] {
  const own = overrides === undefined ? [] : [{ name: 'overrides', text: overrides }];
  return flatten([...readSources(files), ...own]).rules;
}

/** The flattened rules of both files, with overrides. */
export const flattenRules = (overrides?: string): FlatRule[] => flattenFiles(rulesFiles, overrides);

/** The flattened rules of the base file alone, with overrides. */
export const flattenBaseRules = (overrides?: string): FlatRule[] => flattenFiles([rulesFile], overrides);

const baseNames = new Set(flattenBaseRules().map(({ rule }) => rule));

/** A fixture's rule, with its overrides: one of the base file as that file has it, others beside the base file. */
export function ruleOf({ rule: name, file, overrides }: Fixture): FlatRule {
  const rules = baseNames.has(name) ? flattenBaseRules(overrides) : flattenRules(overrides);
  const rule = rules.find(({ rule }) => rule === name);
  if (rule === undefined) throw new Error(`${file} is for a rule that is not there: ${name}`);
  return rule;
}

export interface Case {
  fixture: Fixture;
  title: string;
  event: Record<string, unknown>;
  contains: string[];
  fires: boolean;
  /** Number of the event in the run, from 1 on. */
  number: number;
}

/** Every case of the fixtures, and every event in the order of a run, with those that come before. */
export function playFixtures(fixtures: Fixture[]): { cases: Case[]; played: Record<string, unknown>[] } {
  const played: Record<string, unknown>[] = [];
  const cases = fixtures.flatMap((fixture) =>
    [
      ...(fixture.fires ?? []).map((item) => ({ ...item, fires: true })),
      ...(fixture.near_misses ?? []).map((item) => ({ ...item, fires: false })),
    ].map(({ title, event, fires, before = [], output_contains: contains = [] }) => {
      const earlier = before.flatMap(({ event, times = 1 }) => Array.from({ length: times }, () => event));
      const number = played.push(...earlier, event);
      return { fixture, title, event, fires, contains, number };
    }),
  );
  return { cases, played };
}
