// SPDX-License-Identifier: Apache-2.0
// @ts-check
// The real libsinsp with rules: native/sinsp_host, alone or with bench/recorder around the plugins.
import { writeFileSync } from 'node:fs';
import { buildHost, sysrootCommand } from '../../scripts/build-host.mjs';
import { buildCProgram } from '../../scripts/lib/c-program.mjs';
import { UserError } from '../../scripts/lib/errors.mjs';
import { findCommand } from '../../scripts/lib/paths.mjs';
import { flatten, readSources } from '../../scripts/rules/flatten.mjs';
import { startProgram } from './host.mjs';

/**
 * What is run.
 *
 * @typedef {object} RulesRun
 * @property {string} plugin path
 * @property {string} [extractor] path of a second plugin, for its fields
 * @property {string} rules path of the flattened rules
 * @property {string} open
 * @property {number} [cpu] the processor that it has for itself
 */

/**
 * What the host says at its end.
 *
 * @typedef {object} Summary
 * @property {string} ended why
 * @property {number} events
 * @property {number} alerts
 * @property {number} cpu_nanoseconds of all threads, from the first event to the end of the source
 * @property {Record<string, number>} rules alerts of each rule that had some
 */

/**
 * The host, and the recorder that it can load.
 *
 * @param {(message: string) => void} log
 * @returns {Promise<{ host: string, recorder: string }>} paths
 */
export async function buildLibsinsp(log) {
  const recorder = {
    output: 'bench/recorder.so',
    folders: ['bench/recorder', 'native/loader'],
    flags: ['-shared', '-fPIC', '-fvisibility=hidden'],
    libraries: ['-ldl'],
  };
  return { host: await buildHost(), recorder: await buildCProgram(recorder, log) };
}

/**
 * Names of the plugin json, and what our own plugin calls the same. The official rules ask `jevt.rawtime` only whether
 * there is one, for conditions that are always or never true.
 */
const JSON_FIELDS = [
  ['jevt.value[', 'ka.value['],
  ['jevt.rawtime', 'ka.auditid'],
  ['jevt.obj', 'ka.auditid'],
];

/**
 * Writes rules as the host wants them.
 *
 * @param {string | string[]} files YAML as Falco reads it, one or more in order
 * @param {string} to path
 * @param {{ withoutJson?: boolean }} [options] `withoutJson`: ask our own plugin what the rules ask the plugin json
 * @throws {UserError} the rules cannot be used
 */
export function writeRules(files, to, { withoutJson = false } = {}) {
  const { rules } = flatten(readSources([files].flat()));
  const text = JSON.stringify(rules);
  const replace = (/** @type {string} */ all, /** @type {string[]} */ [from, by]) => all.replaceAll(from, by);
  writeFileSync(to, withoutJson ? JSON_FIELDS.reduce(replace, text) : text);
}

/** @param {number | undefined} cpu @returns {string[]} what to put before a command */
function pinned(cpu) {
  if (cpu === undefined) return [];
  const taskset = findCommand('taskset');
  if (taskset === undefined) {
    throw new UserError('there is no taskset, which pins libsinsp to a processor: install util-linux');
  }
  return [taskset, '-c', String(cpu)];
}

/**
 * Evaluates rules on all events of a source as Falco does, the first rule that matches. Alerts are made and counted,
 * and go nowhere.
 *
 * @param {string} host
 * @param {RulesRun} run
 * @param {NodeJS.ProcessEnv} [environment] besides this process's own
 * @returns {Promise<Summary>}
 * @throws {import('./host.mjs').HostFailure} a plugin, or libsinsp, refuses something
 */
export async function runRules(host, { plugin, extractor, rules, open, cpu }, environment = {}) {
  const second = extractor === undefined ? [] : ['--extractor', extractor];
  const { summary } = await startProgram(
    [
      ...pinned(cpu),
      ...sysrootCommand(host),
      ...['--plugin', plugin, ...second, '--open', open, '--rules', rules],
      ...['--first', '--quiet', '--log-level', 'error'],
    ],
    environment,
  ).result;
  return summary;
}

/**
 * The same, and writes down which fields libsinsp asks.
 *
 * @param {{ host: string, recorder: string }} programs
 * @param {RulesRun} run
 * @param {string} trace path of the file
 * @returns {Promise<Summary>}
 */
export function record({ host, recorder }, { plugin, extractor = '', ...run }, trace) {
  return runRules(
    host,
    { ...run, plugin: recorder },
    { RECORDER_PLUGIN: plugin, RECORDER_EXTRACTOR: extractor, RECORDER_TRACE: trace },
  );
}

/**
 * What a trace says, without the calls themselves.
 *
 * @typedef {object} TraceSummary
 * @property {string[]} plugins name and version
 * @property {string[]} asked fields with their arguments
 * @property {number} events
 * @property {number} calls
 * @property {number} repeats calls for something that was asked of the same event before
 */

/**
 * @param {string} text of a trace
 * @returns {TraceSummary}
 */
export function summarizeTrace(text) {
  /** @type {TraceSummary} */
  const summary = { plugins: [], asked: [], events: 0, calls: 0, repeats: 0 };
  for (const line of text.trimEnd().split('\n')) {
    const [word, ...rest] = line.split(' ');
    if (word === 'plugin') summary.plugins.push(rest.join(' '));
    if (word === 'ask') summary.asked.push(rest.join(' '));
    if (word === 'event') summary.repeats += rest.length - 1 - new Set(rest.slice(1)).size;
    if (word === 'end') [summary.events, summary.calls] = rest.map(Number);
  }
  return summary;
}
