// SPDX-License-Identifier: Apache-2.0
// @ts-check
// The rules on the corpus, judged by the real libsinsp.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hostPaths, sysrootCommand } from '../build-host.mjs';
import { UserError } from '../lib/errors.mjs';
import { buildPaths, repositoryRoot } from '../lib/paths.mjs';
import { flatten, readSources } from '../rules/flatten.mjs';
import { RULES as FILES } from '../start/arguments.mjs';

/** @typedef {{ rule: string, priority: string, evt_num: number, output: string }} Alert */

/** Paths of the rules files that come with the plugin. */
export const RULES = FILES.map((file) => join(repositoryRoot, 'rules', file));

/** What the corpus' cluster tells the rules about itself. */
export const TUNING = join(repositoryRoot, 'scripts', 'corpus', 'tuning.yaml');

/**
 * The alerts of an event log, with `rule_matching: first`.
 *
 * @param {Record<string, unknown>[]} events
 * @param {string[]} files rules files
 * @returns {Alert[]} each with the number of its event, from 1 on
 * @throws {UserError} the plugin or the host is not built, or a rule does not compile
 */
export function judge(events, files) {
  const plugin = join(buildPaths().build, 'libk8saudit-ts.so');
  for (const [file, how] of [
    [plugin, 'npm run build'],
    [hostPaths().program, 'npm run build:host'],
  ]) {
    if (!existsSync(file ?? '')) throw new UserError(`${file} is missing: run ${how} first`);
  }
  const folder = join(buildPaths().build, 'corpus');
  mkdirSync(folder, { recursive: true });
  // Several may run at once.
  const path = (/** @type {string} */ name) => join(folder, `${process.pid}-${name}`);
  writeFileSync(path('events.jsonl'), events.map((event) => `${JSON.stringify(event)}\n`).join(''));
  writeFileSync(path('rules.json'), JSON.stringify(flatten(readSources(files)).rules));
  const [program = '', ...args] = sysrootCommand(hostPaths().program);
  const run = ['--plugin', plugin, '--open', path('events.jsonl'), '--rules', path('rules.json'), '--first'];
  const { status, stdout, stderr } = spawnSync(program, [...args, ...run], {
    encoding: 'utf8',
    maxBuffer: 256 << 20,
  });
  if (status !== 0) throw new UserError(`the libsinsp host ended with ${status}: ${stderr.slice(0, 2000)}`);
  const lines = stdout
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
  const delivered = lines.find(({ summary }) => summary !== undefined)?.summary.events;
  if (delivered !== events.length)
    throw new UserError(`${delivered} of ${events.length} events came through`);
  return lines.filter(({ rule }) => rule !== undefined);
}

/**
 * How many alerts come from which rule, the gravest first.
 *
 * @param {Alert[]} alerts
 * @returns {{ rule: string, priority: string, alerts: number }[]}
 */
export function countByRule(alerts) {
  const order = ['Critical', 'Error', 'Warning', 'Notice', 'Informational', 'Debug'];
  /** @type {Map<string, { rule: string, priority: string, alerts: number }>} */
  const counts = new Map();
  for (const { rule, priority } of alerts) {
    const count = counts.get(rule) ?? { rule, priority, alerts: 0 };
    count.alerts += 1;
    counts.set(rule, count);
  }
  return [...counts.values()].sort(
    (a, b) =>
      order.indexOf(a.priority) - order.indexOf(b.priority) ||
      b.alerts - a.alerts ||
      (a.rule < b.rule ? -1 : 1),
  );
}
