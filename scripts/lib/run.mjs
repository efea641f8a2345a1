// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { spawn, spawnSync } from 'node:child_process';
import { appendFileSync, mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { UserError } from './errors.mjs';

/** How much of a program's output is kept in memory, in UTF-16 code units; the log file has all of it. */
const maxOutput = 1 << 20;

/** @type {Set<number>} process ids (each also a process group) of what runs now */
const running = new Set();

/**
 * @typedef {object} RunOptions
 * @property {string} [cwd]
 * @property {NodeJS.ProcessEnv} [env] the whole environment; by default this process's own
 * @property {string} [logFile] the command and its output are appended to it
 * @property {number} [timeoutMs] the program and its children are ended after this time
 */

/**
 * Run a program without standard input and wait for its end.
 *
 * @param {string[]} argv program and arguments
 * @param {RunOptions} [options]
 * @returns {Promise<{ code: number, output: string }>} exit status (128 + number for a signal) and the last MiB of
 *   standard output and error, interleaved
 * @throws {UserError} the program is not there, or took longer than `timeoutMs`
 */
export function run(argv, options = {}) {
  const [program = '', ...args] = argv;
  const { cwd, env = process.env, logFile, timeoutMs = 10 * 60_000 } = options;
  const write = openLog(logFile);
  write(`$ ${argv.join(' ')}\n`);
  return new Promise((resolve, reject) => {
    // A group of its own, so that a time-out or Ctrl-C also ends what the program has started.
    const child = spawn(program, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
    let output = '';
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      endGroup(child.pid);
    }, timeoutMs);
    const take = (/** @type {string} */ text) => {
      write(text);
      output = (output + text).slice(-maxOutput);
    };
    child.stdout.setEncoding('utf8').on('data', take);
    child.stderr.setEncoding('utf8').on('data', take);
    if (child.pid !== undefined) {
      running.add(child.pid);
    }
    const settle = () => {
      clearTimeout(timer);
      if (child.pid !== undefined) {
        running.delete(child.pid);
      }
    };
    child.on('error', (error) => {
      settle();
      reject(new UserError(`cannot run ${program}: ${error.message}; is it installed and on the PATH?`));
    });
    child.on('close', (code, signal) => {
      settle();
      if (timedOut) {
        reject(
          new UserError(`${program} was ended: it had run for more than ${Math.round(timeoutMs / 1000)} s`),
        );
      } else {
        resolve({ code: code ?? (signal === null ? 1 : 128), output });
      }
    });
  });
}

/**
 * Run a program that is expected to succeed.
 *
 * @param {string[]} argv
 * @param {RunOptions & { what: string }} options `what`: what it was for, as in "cannot <what>"
 * @returns {Promise<string>} its output
 * @throws {UserError} it did not succeed; the message has its last line and names the log file
 */
export async function runOrFail(argv, options) {
  const { code, output } = await run(argv, options);
  if (code !== 0) {
    const where = options.logFile === undefined ? '' : `; the whole output is in ${options.logFile}`;
    throw new UserError(`cannot ${options.what}: ${argv[0]} ended with ${code}: ${lastLine(output)}${where}`);
  }
  return output;
}

/**
 * Ask a quick program something.
 *
 * @param {string[]} argv
 * @returns {string | undefined} its standard output, trimmed; undefined if it is missing or failed
 */
export function ask(argv) {
  const [program = '', ...args] = argv;
  const { status, stdout } = spawnSync(program, args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: 20_000,
    maxBuffer: 64 << 20,
    env: { ...process.env, LC_ALL: 'C' },
  });
  return status === 0 ? stdout.trim() : undefined;
}

/** End everything that `run` has started and that has not come to its end. */
export function endAll() {
  for (const pid of running) {
    endGroup(pid);
  }
}

/** @param {number | undefined} pid */
function endGroup(pid) {
  if (pid === undefined) {
    return;
  }
  try {
    process.kill(-pid, 'SIGKILL');
  } catch {
    // It has ended by itself in the meantime.
  }
}

/**
 * @param {string | undefined} file
 * @returns {(text: string) => void}
 */
function openLog(file) {
  if (file === undefined) {
    return () => {};
  }
  mkdirSync(dirname(file), { recursive: true });
  return (text) => appendFileSync(file, text);
}

/** @param {string} text */
function lastLine(text) {
  return text.trimEnd().split('\n').at(-1)?.trim() || 'it said nothing';
}
