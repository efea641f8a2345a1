// SPDX-License-Identifier: Apache-2.0
// @ts-check
// The rules on the corpus, judged by the real libsinsp.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hostPaths, sysrootCommand } from '../build-host.mjs';
import { UserError } from '../lib/errors.mjs';
import { buildPaths, repositoryRoot } from '../lib/paths.mjs';
import { flatten, readSources } from '../rules/flatten.mjs';
import { RULES as FILES } from '../start/arguments.mjs';

/** @typedef {{ rule: string, priority: string, evt_num: number, output: string }} Alert */

/** Paths of the rules files that come with the plugin. */
export const RULES = FILES.map((file) => join(repositoryRoot, 'rules', file));

/** The priorities above NOTICE, at which a healthy day has to be quiet. */
export const LOUD = ['Critical', 'Error', 'Warning'];

/** What the corpus' cluster tells the rules about itself. */
export const TUNING = join(repositoryRoot, 'scripts', 'corpus', 'tuning.yaml');

/**
 * The alerts of an event log.
 *
 * @param {Record<string, unknown>[]} events
 * @param {string[]} files rules files
 * @param {{ all?: boolean }} [options] `all`: of every rule that matches, not of the first alone
 * @returns {Alert[]} each with the number of its event, from 1 on
 * @throws {UserError} the plugin or the host is not built, or a rule does not compile
 */
export function judge(events, files, { all = false } = {}) {
  const plugin = join(buildPaths().build, 'libk8saudit-ts.so');
  for (const [file, how] of [
    [plugin, 'npm run build'],
    [hostPaths().program, 'npm run build:host'],
  ]) {
    if (!existsSync(file ?? '')) throw new UserError(`${file} is missing: run ${how} first`);
  }
  const folder = mkdtempSync(join(tmpdir(), 'corpus-'));
  try {
    const [log, rules] = [join(folder, 'events.jsonl'), join(folder, 'rules.json')];
    writeFileSync(log, events.map((event) => `${JSON.stringify(event)}\n`).join(''));
    writeFileSync(rules, JSON.stringify(flatten(readSources(files)).rules));
    const run = ['--plugin', plugin, '--open', log, '--rules', rules, ...(all ? [] : ['--first'])];
    return alertsOf(run, events.length);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** @param {string[]} run arguments of the host @param {number} count of the events @returns {Alert[]} */
function alertsOf(run, count) {
  const [program = '', ...args] = sysrootCommand(hostPaths().program);
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
  if (delivered !== count) throw new UserError(`${delivered} of ${count} events came through`);
  return lines.filter(({ rule }) => rule !== undefined);
}

/**
 * How many alerts come from which rule, the gravest first.
 *
 * @param {Alert[]} alerts
 * @returns {{ rule: string, priority: string, alerts: number }[]}
 */
export function countByRule(alerts) {
  const order = [...LOUD, 'Notice', 'Informational', 'Debug'];
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
