// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Runs what evaluates the rules, Falco or the embedded host: both print one JSON object for each alert.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { UserError } from '../lib/errors.mjs';

/** @typedef {import('./report.mjs').Report} Report */

/**
 * @typedef {object} Engine
 * @property {string} name for people
 * @property {string[]} command program and arguments
 * @property {(line: string, report: Report) => void} onLine takes a line of standard output
 * @property {() => number | undefined} events how many events there were, once it has ended; undefined where
 *   that is not known
 */

/**
 * @typedef {object} Outcome
 * @property {number} seconds
 * @property {boolean} interrupted by Ctrl-C or SIGTERM
 */

/** One Ctrl-C comes twice, from the terminal and from npm: signals this close, in milliseconds, are one. */
const sameKeypress = 1000;

/**
 * Run an engine to its end. The first Ctrl-C (or SIGTERM) asks it to end, a second one ends it at once.
 *
 * @param {Engine} engine
 * @param {Report} report
 * @returns {Promise<Outcome>}
 * @throws {UserError} it cannot be started, or fails
 */
export async function runEngine({ name, command, onLine }, report) {
  const [program = '', ...args] = command;
  const start = performance.now();
  // A process group of its own: Ctrl-C in a terminal reaches us alone, and we pass it on, once.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  /** @type {number | undefined} */
  let interrupted;
  /** @param {NodeJS.Signals} signal */
  const passOn = (signal) => {
    const now = performance.now();
    if (interrupted === undefined) {
      interrupted = now;
      child.kill(signal);
    } else if (now - interrupted > sameKeypress) {
      child.kill('SIGKILL');
    }
  };
  const endWithUs = () => child.kill('SIGTERM');
  process.on('SIGINT', passOn);
  process.on('SIGTERM', passOn);
  process.on('exit', endWithUs);
  createInterface({ input: child.stdout }).on('line', (line) => onLine(line, report));
  createInterface({ input: child.stderr }).on('line', (line) => report.message(line));
  try {
    const { code, signal } = await ended(child, program);
    if (interrupted === undefined && code !== 0) {
      throw new UserError(`${name} ended with ${code ?? signal}; its last messages are above`);
    }
    return { seconds: (performance.now() - start) / 1000, interrupted: interrupted !== undefined };
  } finally {
    process.off('SIGINT', passOn);
    process.off('SIGTERM', passOn);
    process.off('exit', endWithUs);
  }
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} program
 * @returns {Promise<{ code: number | null, signal: NodeJS.Signals | null }>}
 */
function ended(child, program) {
  return new Promise((resolve, reject) => {
    child.on('error', (error) => reject(new UserError(`cannot run ${program}: ${error.message}`)));
    child.on('close', (code, signal) => resolve({ code, signal }));
  });
}

/**
 * @param {string} line
 * @returns {Record<string, unknown> | undefined} undefined if the line is no JSON object
 */
export function parseLine(line) {
  if (!line.startsWith('{')) {
    return undefined;
  }
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

/**
 * An alert of Falco or of the host in one form.
 *
 * @param {Record<string, unknown>} line
 * @returns {import('./report.mjs').Alert | undefined} undefined if it is no alert
 */
export function readAlert(line) {
  const { time, rule, priority, source, tags, output, message, output_fields: fields } = line;
  if (typeof rule !== 'string' || typeof priority !== 'string' || typeof output !== 'string') {
    return undefined;
  }
  return {
    time: String(time ?? ''),
    rule,
    priority,
    source: String(source ?? ''),
    tags: Array.isArray(tags) ? tags.map(String) : [],
    // Falco's "output" has time and priority in front; newer versions give the bare text as "message".
    output: typeof message === 'string' ? message : output.replace(new RegExp(`^\\S+: ${priority} `), ''),
    output_fields: /** @type {Record<string, unknown>} */ (fields ?? {}),
  };
}
