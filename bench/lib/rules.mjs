// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Plugins with the rules that they are asked by.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from '../../scripts/build.mjs';
import { repositoryRoot } from '../../scripts/lib/paths.mjs';
import { factor, spread } from './format.mjs';
import { HostFailure } from './host.mjs';
import { buildLibsinsp, writeRules } from './libsinsp.mjs';
import { ratios } from './statistics.mjs';

/** @typedef {import('./bench.mjs').Bench} Bench */
/** @typedef {import('./bench.mjs').Candidate} Candidate */

/**
 * A plugin, perhaps with a second one, and rules.
 *
 * - `own`: our plugin and our rules: what a user of both has.
 * - `same`: our plugin and the other rules; what they ask a plugin json is asked of ours.
 * - `drop-in`: the other pair and rules, but for the plugin, which is our drop-in build: what a user has who changes
 *   nothing else.
 * - `other`: the other plugins and their rules.
 *
 * @typedef {object} Setup
 * @property {'own' | 'same' | 'drop-in' | 'other'} name
 * @property {string} title
 * @property {Candidate} candidate
 * @property {string} rules path of the flattened rules
 */

/** Workloads that rules are run on. */
export const RULED = ['mixed', 'attack'];

/** Names for figures: the same questions are the comparison that has no name. @param {Setup} setup */
export const infix = ({ name }) => (name === 'same' ? '' : `.${name}`);

/**
 * All that can be compared, with what runs it.
 *
 * @param {Bench} bench
 * @returns {Promise<{ programs: { host: string, recorder: string }, folder: string, setups: Setup[] }>}
 */
export async function prepareSetups(bench) {
  const programs = await buildLibsinsp(bench.log);
  const folder = join(bench.folder, 'rules');
  mkdirSync(folder, { recursive: true });
  const { ours, other, otherRules } = bench;
  const path = (/** @type {Setup['name']} */ name) => join(folder, `${name}.json`);
  const ownRules = join(repositoryRoot, 'rules', 'k8s_audit_rules.yaml');
  writeRules(ownRules, path('own'));
  /** @type {Setup[]} */
  const setups = [{ name: 'own', title: `${ours.label}, its rules`, candidate: ours, rules: path('own') }];
  const isOurs = other?.label.split(' ')[0] === ours.label.split(' ')[0];
  if (other === undefined || (otherRules === undefined && !isOurs)) return { programs, folder, setups };
  if (otherRules === undefined) {
    setups.push({ name: 'other', title: `${other.label}, our rules`, candidate: other, rules: path('own') });
    return { programs, folder, setups };
  }
  writeRules(otherRules, path('same'), { withoutJson: true });
  writeRules(otherRules, path('other'));
  const [dropIn = ''] = await build(['drop-in']);
  setups.push(
    {
      name: 'same',
      title: `${ours.label}, the other's rules`,
      candidate: ours,
      rules: path('same'),
    },
    {
      name: 'drop-in',
      title: "drop-in in the other's place",
      // As the other in all but the file; it also does as many rounds, for a second plugin takes its time.
      candidate: { ...other, plugin: dropIn },
      rules: path('other'),
    },
    { name: 'other', title: `${other.label}, its rules`, candidate: other, rules: path('other') },
  );
  return { programs, folder, setups };
}

/** What is said besides the tables. @param {Bench} bench @param {Setup[]} setups @returns {string[]} */
export function notesOn({ other }, setups) {
  if (setups.some(({ name }) => name === 'same')) {
    return ["With the other's rules, ours is asked by ka.value what a plugin json is asked by jevt.value."];
  }
  return other !== undefined && setups.length === 1
    ? [`${other.label} is not compared: --against-rules names the rules that it is asked by`]
    : [];
}

/**
 * The other setup's times over those of each, run by run.
 *
 * @param {Setup[]} setups
 * @param {number[][]} times of each setup
 * @returns {{ median: number, cell: string }[] | undefined} none if there is nothing to compare with
 */
export function ratiosToOther(setups, times) {
  const other = setups.findIndex(({ name }) => name === 'other');
  if (other < 0) return undefined;
  return times.map((own) => {
    const ratio = ratios(times[other], own);
    return { median: ratio.median, cell: own === times[other] ? '–' : spread(ratio, factor) };
  });
}

/**
 * @template T
 * @param {Setup[]} setups
 * @param {import('./bench.mjs').Outcome<T>[]} outcomes one or more of each setup, in their order
 * @throws {HostFailure} one has failed
 */
export function expectAll(setups, outcomes) {
  for (const [i, { failure }] of outcomes.entries()) {
    if (failure !== undefined) throw new HostFailure(`${setups[i % setups.length].title}: ${failure}`);
  }
}
