// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Counts instructions: runs bench/host under valgrind's callgrind, and reads what that writes.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { buildPaths, findCommand } from '../../scripts/lib/paths.mjs';
import { run } from '../../scripts/lib/run.mjs';
import { ensureSystem } from '../../scripts/lib/system.mjs';
import { readableName } from './function-names.mjs';
import { HostFailure, hostArguments } from './host.mjs';

/**
 * Instructions by function, without those of the functions that it calls.
 *
 * @typedef {Map<string, number>} Functions
 */

/**
 * What a run has executed, by the file that the code is in, such as a shared object: its path as valgrind has it.
 *
 * @typedef {Map<string, Functions>} Objects
 */

/**
 * Reads a profile that was written with --compress-strings=no and --compress-pos=no. Parts of a function that the
 * compiler has set apart count as the function, under its readable name.
 *
 * @param {string} text
 * @returns {Objects}
 * @throws {Error} it is no such profile, or not a whole one
 */
export function parseCallgrind(text) {
  if (!text.startsWith('# callgrind format\n')) throw new Error('this is no profile of callgrind');
  /** @type {Objects} */
  const objects = new Map();
  let object = '';
  let name = '';
  let sum = 0;
  let isCall = false;
  /** @type {number | undefined} */
  let total;
  for (const line of text.split('\n')) {
    const [, key, value] = /^([a-z]+)[=:] ?(.*)$/.exec(line) ?? [];
    if (key === 'ob') object = value;
    else if (key === 'fn') name = readableName(value);
    else if (key === 'calls') isCall = true;
    else if (key === 'totals') total = Number(value);
    else if (key === 'events' && value !== 'Ir') throw new Error(`events other than instructions: ${value}`);
    const cost = /^(?:0x[0-9a-f]+|\d+) (\d+)$/.exec(line)?.[1];
    if (cost === undefined) continue;
    // The line after a call is what the callee and its callees have cost, and stands there again.
    if (!isCall) {
      let functions = objects.get(object);
      if (functions === undefined) objects.set(object, (functions = new Map()));
      functions.set(name, (functions.get(name) ?? 0) + Number(cost));
      sum += Number(cost);
    }
    isCall = false;
  }
  if (total !== sum) throw new Error(`the profile says ${total} instructions, its lines ${sum}`);
  return objects;
}

/**
 * Makes sure that valgrind is there.
 *
 * @param {(message: string) => void} log
 * @returns {Promise<string>} its path
 * @throws {import('../../scripts/lib/errors.mjs').UserError} it is not, and cannot be installed
 */
export async function findValgrind(log) {
  await ensureSystem(['bench'], { log, logFile: join(buildPaths().logs, 'system.log') });
  return findCommand('valgrind') ?? 'valgrind';
}

/**
 * Runs bench/host once and counts. The counts are the same each time, however busy the machine is, except where the
 * time of day decides: a few dozen in libc, which writes out the times that the host has measured, and two for each
 * batch in the plugin, which notes the greatest age of an event.
 *
 * @param {string[]} argv valgrind, the host, and the mode
 * @param {import('./host.mjs').HostOptions} options
 * @returns {Promise<{ result: import('./host.mjs').HostResult, objects: Objects }>}
 * @throws {HostFailure} it did not end with a result
 */
export async function countRun([valgrind = '', program = '', mode = ''], options) {
  const parent = join(buildPaths().build, 'bench');
  mkdirSync(parent, { recursive: true });
  const folder = mkdtempSync(join(parent, 'callgrind-'));
  const profile = join(folder, 'profile');
  const own = ['-q', '--tool=callgrind', '--compress-strings=no', '--compress-pos=no'];
  const argv = [
    valgrind,
    ...own,
    `--callgrind-out-file=${profile}`,
    program,
    mode,
    ...hostArguments(options),
  ];
  try {
    // No variable and no .valgrindrc of the user has a say.
    const { code, output } = await run(argv, { env: { LC_ALL: 'C' }, cwd: folder });
    const lines = output.trimEnd().split('\n');
    const result = lines.find((line) => line.startsWith('{'));
    if (code !== 0 || result === undefined) {
      const reason = lines.find((line) => /^(bench-host|valgrind|Callgrind): /.test(line));
      throw new HostFailure(`under valgrind it ended with ${code}: ${reason ?? lines.at(-1)}`);
    }
    return { result: JSON.parse(result), objects: parseCallgrind(readFileSync(profile, 'utf8')) };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
