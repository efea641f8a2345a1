#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Feeds mutated audit events to the whole plugin: builds native/fuzz and runs it.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, relative, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildCProgram } from './lib/c-program.mjs';
import { parseCommandLine } from './lib/command-line.mjs';
import { UserError } from './lib/errors.mjs';
import { createLog } from './lib/log.mjs';
import { buildPaths, repositoryRoot } from './lib/paths.mjs';
import { endAll } from './lib/run.mjs';
import { listFiles } from './lib/stamp.mjs';
import { targetOf } from './lib/target.mjs';

const help = `usage: npm run fuzz -- [options]
  --iterations N  mutated events to make, in all jobs together (default 1000000)
  --seconds T     end each job after T seconds at the latest
  --seed S        first job's seed; job n has S + n (default 1)
  --from ROUND    start with this round, to see a finding again (default 0)
  --jobs J        processes (default 1)
  --plugin SO     plugin (default build/asan/libk8saudit-ts.so, else build/libk8saudit-ts.so)
  --config JSON   the plugin's init configuration (default {})
  --traps-expected
                  the plugin is a build that is made to trap: values may be missing, but it must recover
`;

/**
 * @typedef {object} FuzzOptions
 * @property {string} [plugin] path; by default the sanitized build, if it is there
 * @property {number} [iterations] mutated events in all jobs together
 * @property {number} [seconds]
 * @property {number} [seed]
 * @property {number} [from] round
 * @property {number} [jobs]
 * @property {string} [config] JSON
 * @property {boolean} [trapsExpected] the plugin is a build that is made to trap
 * @property {(message: string) => void} [log]
 * @property {import('./lib/target.mjs').Target} [target] the plugin's processor
 */

/**
 * What native/fuzz prints, or the sum of several.
 *
 * @typedef {object} FuzzResult
 * @property {number} inputs mutated events
 * @property {number} foreign inputs that were extracted from the fuzzer's own memory
 * @property {number} delivered events that came out of next_batch
 * @property {number} calls of extract_fields
 * @property {number} values
 * @property {number} valueBytes
 * @property {number} notUtf8 values that are not UTF-8
 * @property {number} unsupported answers "not supported"
 * @property {number[]} logged messages by severity, 1 (fatal) … 8 (trace); 0: any other
 * @property {Record<string, number>} metrics the plugin's own, added up over all its states
 * @property {number} seconds
 * @property {number} peakKiB
 */

/**
 * Build the fuzzer and run it.
 *
 * @param {FuzzOptions} [options]
 * @param {string} [root] the top folder of the repository
 * @returns {Promise<FuzzResult>} all jobs together, if there was no finding
 * @throws {UserError} a finding, which was printed to standard error, or something that is missing
 */
export async function fuzz(options = {}, root = repositoryRoot) {
  const { iterations = 1_000_000, seconds, seed = 1, from = 0, jobs = 1, config = '{}' } = options;
  const log = options.log ?? createLog('fuzz');
  const plugin = findPlugin(root, options.plugin);
  const sanitized = readFileSync(plugin).includes('__asan_init');
  const target = options.target ?? targetOf();
  const command = [...target.emulator, await buildFuzzer(root, { sanitized, target }, log)];
  const seeds = findSeeds(root);
  log(
    `${relative(root, plugin)}${sanitized ? ' with sanitizers' : ''}, seeds from ${seeds.map((f) => basename(f)).join(', ')}`,
  );
  const dump = join(buildPaths(root).build, 'fuzz', 'findings');
  mkdirSync(dump, { recursive: true });
  const folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'fuzz-'));
  try {
    const results = await Promise.all(
      Array.from({ length: jobs }, (_, job) => {
        const own = join(folder, String(job));
        mkdirSync(own);
        const args = ['--plugin', plugin, '--folder', own, '--dump', dump, '--config', config];
        args.push('--seed', String(seed + job), '--from', String(from));
        args.push('--limit', String(eventLimit(config)));
        args.push('--traps-expected', options.trapsExpected ? '1' : '0');
        args.push('--iterations', String(Math.ceil(iterations / jobs)));
        args.push(...(seconds === undefined ? [] : ['--seconds', String(seconds)]), ...seeds);
        return runJob([...command, ...args], seed + job);
      }),
    );
    return results.reduce(addResults);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} config the plugin's init configuration
 * @returns {number} bytes above which the plugin drops an event
 */
function eventLimit(config) {
  try {
    return JSON.parse(config)?.maxEventSize ?? 4194304;
  } catch {
    throw new UserError(`the configuration ${config} is not JSON`);
  }
}

/**
 * @param {string} root
 * @param {string | undefined} path
 */
function findPlugin(root, path) {
  const { build } = buildPaths(root);
  const candidates =
    path === undefined
      ? [join(build, 'asan', 'libk8saudit-ts.so'), join(build, 'libk8saudit-ts.so')]
      : [resolve(path)];
  const found = candidates.find((candidate) => existsSync(candidate));
  if (found === undefined) {
    throw new UserError(`there is no plugin at ${candidates.join(' or ')}: run npm run build first`);
  }
  return found;
}

/**
 * Events to begin with: our own, which have a value for each field, and real ones.
 *
 * @param {string} root
 */
function findSeeds(root) {
  const conformance = resolve(root, '..', 'shared', 'conformance');
  const folders = existsSync(conformance) ? [conformance] : [join(root, 'examples'), join(root, 'test')];
  const real = folders
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => listFiles(folder).map((file) => join(folder, file)))
    .filter((file) => file.endsWith('.jsonl') && !file.endsWith('.ref.jsonl'));
  if (real.length === 0) {
    throw new UserError(
      `there are no real events to begin with: no .jsonl file is in ${folders.join(' or ')}`,
    );
  }
  return [...real, join(root, 'native', 'fuzz', 'seeds.jsonl')];
}

/**
 * @param {string} root
 * @param {{ sanitized: boolean, target: import('./lib/target.mjs').Target }} options
 * @param {(message: string) => void} log
 * @returns {Promise<string>} path of the program
 */
function buildFuzzer(root, { sanitized, target }, log) {
  const sanitizers = ['-fsanitize=address,undefined', '-fno-sanitize-recover=undefined'];
  const program = {
    output: sanitized ? 'fuzz/fuzz-asan' : 'fuzz/fuzz',
    folders: ['native/fuzz', 'native/loader'],
    flags: ['-fno-omit-frame-pointer', ...(sanitized ? sanitizers : [])],
    libraries: ['-ldl'],
    target,
  };
  return buildCProgram(program, log, root);
}

/** @type {Set<import('node:child_process').ChildProcess>} */
const children = new Set();

/**
 * @param {string[]} command
 * @param {number} seed
 * @returns {Promise<FuzzResult>}
 */
function runJob([program = '', ...args], seed) {
  const env = {
    ...process.env,
    ASAN_OPTIONS:
      'detect_leaks=1:detect_stack_use_after_return=0:quarantine_size_mb=32:malloc_context_size=8',
    UBSAN_OPTIONS: 'halt_on_error=1:abort_on_error=1:print_stacktrace=1',
  };
  return new Promise((fulfil, reject) => {
    const child = spawn(program, args, { env, stdio: ['ignore', 'pipe', 'inherit'] });
    children.add(child);
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => (output += text));
    child.on('error', reject);
    child.on('close', (code, signal) => {
      children.delete(child);
      if (code === 0) {
        fulfil(JSON.parse(output));
        return;
      }
      endChildren();
      const what =
        code === 1 ? 'a finding' : code === 3 ? 'it could not run' : `it ended with ${signal ?? code}`;
      reject(new UserError(`seed ${seed}: ${what}, see above`));
    });
  });
}

function endChildren() {
  for (const child of children) {
    child.kill();
  }
}

/**
 * @param {FuzzResult} a
 * @param {FuzzResult} b
 * @returns {FuzzResult}
 */
function addResults(a, b) {
  const metrics = { ...a.metrics };
  for (const [name, value] of Object.entries(b.metrics)) {
    metrics[name] = (metrics[name] ?? 0) + value;
  }
  return {
    inputs: a.inputs + b.inputs,
    foreign: a.foreign + b.foreign,
    delivered: a.delivered + b.delivered,
    calls: a.calls + b.calls,
    values: a.values + b.values,
    valueBytes: a.valueBytes + b.valueBytes,
    notUtf8: a.notUtf8 + b.notUtf8,
    unsupported: a.unsupported + b.unsupported,
    logged: a.logged.map((count, severity) => count + (b.logged[severity] ?? 0)),
    metrics,
    seconds: Math.max(a.seconds, b.seconds),
    peakKiB: Math.max(a.peakKiB, b.peakKiB),
  };
}

/**
 * @param {FuzzResult} result
 * @returns {string} some lines
 */
export function describeResult(result) {
  const severities = ['other', 'fatal', 'critical', 'error', 'warning', 'notice', 'info', 'debug', 'trace'];
  const logged = result.logged
    .map((count, i) => `${severities[i]} ${count}`)
    .filter((_, i) => result.logged[i]);
  const metrics = Object.entries(result.metrics).filter(([name, value]) => value !== 0 || name === 'traps');
  const rate = Math.round(result.inputs / result.seconds);
  return [
    `${result.inputs} inputs in ${result.seconds.toFixed(1)} s (${rate}/s): no finding`,
    `  ${result.foreign} foreign events; ${result.inputs - result.foreign} in files, of which and of sound ones ${result.delivered} events came`,
    `  ${result.calls} calls of extract_fields gave ${result.values} values, ${result.valueBytes} bytes, ${result.notUtf8} not UTF-8`,
    `  logged: ${logged.join(', ') || 'nothing'}; memory at most ${Math.round(result.peakKiB / 1024)} MiB`,
    `  metrics: ${metrics.map(([name, value]) => `${name} ${value}`).join(', ')}`,
  ].join('\n');
}

/** @param {string | undefined} text */
function toNumber(text) {
  if (text === undefined) {
    return undefined;
  }
  if (!/^\d{1,15}$/.test(text)) {
    throw new UserError(`'${text}' is no whole number\n${help}`);
  }
  return Number(text);
}

/** @param {string[]} argv */
function readArguments(argv) {
  const texts = ['iterations', 'seconds', 'seed', 'from', 'jobs', 'plugin', 'config'];
  const options = Object.fromEntries(texts.map((name) => [name, { type: /** @type {const} */ ('string') }]));
  const flag = { type: /** @type {const} */ ('boolean') };
  const all = { ...options, help: flag, 'traps-expected': flag };
  return parseCommandLine({ args: argv, options: all }, help).values;
}

async function main() {
  const values = /** @type {Record<string, string | undefined>} */ (readArguments(process.argv.slice(2)));
  if (values['help']) {
    process.stdout.write(help);
    return;
  }
  /** @type {Record<string, unknown>} */
  const options = {
    plugin: values['plugin'],
    config: values['config'],
    trapsExpected: values['traps-expected'] !== undefined,
  };
  for (const name of ['iterations', 'seconds', 'seed', 'from', 'jobs']) {
    options[name] = toNumber(values[name]);
  }
  const result = await fuzz(options);
  createLog('fuzz')(describeResult(result));
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  let interrupted = false;
  process.once('SIGINT', () => {
    interrupted = true;
    endAll();
    endChildren(); // main() then fails, and cleans up on its way
  });
  try {
    await main();
  } catch (error) {
    if (!(error instanceof UserError)) {
      throw error;
    }
    process.stderr.write(interrupted ? '' : `fuzz: ${error.message}\n`);
    process.exitCode = interrupted ? 130 : 1;
  }
}
