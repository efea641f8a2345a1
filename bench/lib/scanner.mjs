// SPDX-License-Identifier: Apache-2.0
// @ts-check
// bench/scanner: programs that time ways to read the JSON of events, ours among them.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from '../../scripts/lib/errors.mjs';
import { buildPaths, repositoryRoot } from '../../scripts/lib/paths.mjs';
import { runOrFail } from '../../scripts/lib/run.mjs';
import { ensureSystem } from '../../scripts/lib/system.mjs';
import { hostArguments, startProgram } from './host.mjs';

/** @typedef {'k8saudit-ts' | 'simdjson-dom' | 'simdjson-ondemand' | 'json-parse' | 'memcpy'} ScannerCandidate */

/**
 * What one run says: nanoseconds are for reading all events once, `least` is made of the fastest pass of each event.
 *
 * @typedef {{ candidate: string, about: string, events: number, bytes: number, nanoseconds: number, least: number }} ScannerResult
 */

/**
 * @typedef {object} ScannerOptions
 * @property {string} events path of a file of lines
 * @property {number} [passes]
 * @property {number} [repeat]
 * @property {string} [kernel]
 */

const folder = join(repositoryRoot, 'bench', 'scanner');
const { build, logs } = buildPaths();

/** @type {Record<ScannerCandidate, string[]>} */
const programs = {
  'k8saudit-ts': [join(build, 'bench', 'bench-scanner')],
  'simdjson-dom': [join(build, 'bench', 'bench-simdjson')],
  'simdjson-ondemand': [join(build, 'bench', 'bench-simdjson')],
  'json-parse': [process.execPath, join(folder, 'json-parse.mjs')],
  memcpy: [join(build, 'bench', 'bench-scanner')],
};

/**
 * Builds bench-scanner of the object files of which the plugin was linked, which must be built; and bench-simdjson.
 *
 * @param {(message: string) => void} log
 * @param {{ withSimdjson: boolean }} options with simdjson, which is installed if it is missing
 * @throws {UserError} the plugin is not built here, or something is missing and cannot be installed
 */
export async function buildScanners(log, { withSimdjson }) {
  const tree = join(build, 'cmake', 'release');
  const logFile = join(logs, 'bench-scanner.log');
  if (withSimdjson) await ensureSystem(['simdjson'], { log, logFile });
  if (!existsSync(join(tree, 'CMakeCache.txt'))) {
    throw new UserError(`the plugin's object files are not in ${tree}: run npm run build first`);
  }
  const targets = ['bench-scanner', ...(withSimdjson ? ['bench-simdjson'] : [])];
  const options = ['-DBENCH=ON', `-DBENCH_SIMDJSON=${withSimdjson ? 'ON' : 'OFF'}`];
  const what = `compile ${targets.join(' and ')}`;
  await runOrFail(['cmake', '-S', join(repositoryRoot, 'native'), '-B', tree, ...options], { what, logFile });
  await runOrFail(['cmake', '--build', tree, '--target', ...targets], { what, logFile });
}

/**
 * Times a candidate once.
 *
 * @param {ScannerCandidate} candidate
 * @param {ScannerOptions} options
 * @param {number} [cpu] the processor that it has for itself
 * @returns {Promise<ScannerResult>}
 * @throws {import('./host.mjs').HostFailure} it did not end with a result
 */
export function timeScanner(candidate, options, cpu) {
  const pinned = cpu === undefined ? [] : ['taskset', '-c', String(cpu)];
  const named = candidate === 'json-parse' ? {} : { candidate };
  return startProgram([
    ...pinned,
    ...programs[candidate],
    ...hostArguments(/** @type {any} */ ({ ...named, ...options })),
  ]).result;
}
