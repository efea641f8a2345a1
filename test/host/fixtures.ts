// SPDX-License-Identifier: Apache-2.0
// The rules of this repository and the events that are to fire them, or not.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { flatten, readSources, type FlatRule } from '../../scripts/rules/flatten.mjs';
import { repositoryRoot } from './support.ts';

export interface FixtureEvent {
  title: string;
  event: Record<string, unknown>;
  output_contains?: string[];
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

export const rulesFile = join(repositoryRoot, 'rules', 'k8s_audit_rules.yaml');
const folder = join(repositoryRoot, 'rules', 'tests');

export function readFixtures(): Fixture[] {
  const files = readdirSync(folder).filter((file) => file.endsWith('.yaml'));
  return files.sort().map((file) => ({ ...parse(readFileSync(join(folder, file), 'utf8')), file }));
}

/** The flattened rules, or those of one fixture with its overrides. */
export function flattenRules(fixture?: Fixture): FlatRule[] {
  const sources = readSources([rulesFile]);
  if (fixture?.overrides !== undefined) {
    sources.push({ name: `${fixture.file} (overrides)`, text: fixture.overrides });
  }
  return flatten(sources).rules;
}
