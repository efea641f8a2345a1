// SPDX-License-Identifier: Apache-2.0
// @ts-check
// bench/host, the program that loads a plugin and measures it.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
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

/** A plugin that does nothing, to measure what the host itself costs; its field. */
export const EMPTY_FIELD = 'empty.value';

/**
 * Builds bench/empty, if it has changed.
 *
 * @param {(message: string) => void} log
 * @returns {Promise<string>} path of the .so
 */
export function buildEmptyPlugin(log) {
  const plugin = { output: 'bench/empty.so', folders: ['bench/empty'], flags: ['-shared', '-fPIC'] };
  return buildCProgram(plugin, log);
}

/**
 * Builds bench/floor, a plugin that does the least with which events get to Falco, if it has changed.
 *
 * @param {(message: string) => void} log
 * @returns {Promise<import('./bench.mjs').Candidate>}
 */
export async function buildFloorPlugin(log) {
  const program = { output: 'bench/floor.so', folders: ['bench/floor'], flags: ['-shared', '-fPIC'] };
  return {
    key: 'floor',
    label: 'floor',
    plugin: await buildCProgram(program, log),
    config: '',
    fields: [],
  };
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
 * @property {number} [foreign]
 * @property {number} [cpu]
 */

/**
 * The line of JSON that the host prints. Which numbers there are depends on the mode.
 *
 * @typedef {{ mode: string, plugin: string, version: string } & Record<string, any>} HostResult
 */

/**
 * @param {HostOptions | Record<string, string | number | undefined>} options
 * @returns {string[]} as the host, and the client, read them
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
 * Starts a program of the benchmark that prints a line of JSON when it is done.
 *
 * @param {string[]} command
 * @param {NodeJS.ProcessEnv} [environment] besides this process's own
 * @returns {{ child: import('node:child_process').ChildProcess, result: Promise<any> }} the result fails with a
 *   HostFailure when the program ends without one
 */
export function startProgram([program = '', ...args], environment = {}) {
  const folder = join(buildPaths().build, 'bench');
  mkdirSync(folder, { recursive: true });
  // Into a file, as a plugin that logs there may do so for each event, and nobody has to read along meanwhile.
  const errors = join(folder, `stderr.${process.pid}.${started++}.log`);
  const out = openSync(errors, 'w');
  const env = { ...process.env, ...environment };
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', out], env });
  closeSync(out);
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => (output += text));
  const result = new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new HostFailure(`cannot run ${program}: ${error.message}`)));
    child.on('close', (code, signal) => {
      const said = readFileSync(errors, 'utf8').trimEnd();
      rmSync(errors);
      if (code === 0) {
        resolve(JSON.parse(output));
        return;
      }
      const [others = '', ...own] = said.split(/(?:bench-[a-z]+|sinsp_host): /);
      const reason = own.at(-1)?.slice(0, MAX_REASON) ?? others.slice(-MAX_REASON);
      reject(new HostFailure(signal === null ? reason : `it was ended by ${signal}: ${reason}`));
    });
  });
  return { child, result };
}
let started = 0;

/**
 * Runs the host once.
 *
 * @param {string} program
 * @param {string} mode
 * @param {HostOptions} options
 * @returns {Promise<HostResult>}
 * @throws {HostFailure} it did not end with a result
 */
export function runHost(program, mode, options) {
  return startProgram([program, mode, ...hostArguments(options)]).result;
}
