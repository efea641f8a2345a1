// SPDX-License-Identifier: Apache-2.0
// @ts-check
// bench/host, the program that loads a plugin and measures it.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildCProgram } from '../../scripts/lib/c-program.mjs';
import { buildPaths } from '../../scripts/lib/paths.mjs';

/** How much of what a plugin says on standard error belongs to a failure's message. */
const MAX_REASON = 400;

/**
 * Builds bench/host, if it has changed.
 *
 * @param {(message: string) => void} log
 * @returns {Promise<string>} path of the program
 */
export function buildBenchHost(log) {
  const program = {
    output: 'bench/bench-host',
    folders: ['bench/host', 'native/loader'],
    libraries: ['-ldl'],
  };
  return buildCProgram(program, log);
}

/** The plugin, or the host, could not do what was measured. The message is the reason. */
export class HostFailure extends Error {
  /** @param {string} message */
  constructor(message) {
    super(message);
    this.name = 'HostFailure';
  }
}

/**
 * What the host is asked to do; see its modes.h.
 *
 * @typedef {object} HostOptions
 * @property {string} [plugin]
 * @property {string} [config]
 * @property {string} [extractor]
 * @property {string} [extractorConfig]
 * @property {string} [open]
 * @property {readonly string[]} [fields]
 * @property {string} [trace] file with what is asked of each event, in place of `fields`
 * @property {number} [warm]
 * @property {number} [rounds]
 * @property {number} [events]
 * @property {number} [repeat]
 * @property {number} [samples]
 * @property {number} [cpu]
 */

/**
 * The line of JSON that the host prints. Which numbers there are depends on the mode.
 *
 * @typedef {{ mode: string, plugin: string, version: string } & Record<string, any>} HostResult
 */

/**
 * @param {HostOptions} options
 * @returns {string[]} as the host reads them
 */
export function hostArguments(options) {
  return Object.entries(options)
    .filter(([, value]) => value !== undefined && value !== '')
    .flatMap(([name, value]) => [
      `--${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`,
      Array.isArray(value) ? value.join(',') : String(value),
    ]);
}

/**
 * Runs the host once.
 *
 * @param {string} program
 * @param {string} mode
 * @param {HostOptions} options
 * @returns {Promise<HostResult>}
 * @throws {HostFailure} it did not end with a result
 */
export async function runHost(program, mode, options) {
  return JSON.parse(await runTool([program, mode, ...hostArguments(options)], 'bench-host'));
}

/**
 * Runs a program that loads plugins to its end.
 *
 * @param {string[]} command
 * @param {string} name the program's, in front of its own messages on standard error
 * @param {NodeJS.ProcessEnv} [environment] besides this process's own
 * @returns {Promise<string>} what it printed
 * @throws {HostFailure} it failed
 */
export function runTool([program, ...args], name, environment = {}) {
  const folder = join(buildPaths().build, 'bench');
  mkdirSync(folder, { recursive: true });
  // Into a file, as a plugin that logs there may do so for each event, and nobody has to read along meanwhile.
  const errors = join(folder, `stderr.${process.pid}.log`);
  const out = openSync(errors, 'w');
  const env = { ...process.env, ...environment };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', out], env });
  closeSync(out);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => (output += text));
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new HostFailure(`cannot run ${program}: ${error.message}`)));
    child.on('close', (code, signal) => {
      if (code === 0) {
        resolve(output);
        return;
      }
      const said = readFileSync(errors, 'utf8').trimEnd();
      const own = said.lastIndexOf(`${name}: `);
      const reason = said.slice(own < 0 ? -MAX_REASON : own + name.length + 2).slice(0, MAX_REASON);
      reject(new HostFailure(signal === null ? reason : `it was ended by ${signal}: ${reason}`));
    });
  });
}
