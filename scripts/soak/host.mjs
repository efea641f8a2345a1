// SPDX-License-Identifier: Apache-2.0
// @ts-check
// A libsinsp host with the plugin, which is started, killed, started again, and watched from outside.
import { spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readSync, readdirSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { hostPaths, sysrootCommand } from '../build-host.mjs';
import { UserError } from '../lib/errors.mjs';
import { buildPaths, repositoryRoot } from '../lib/paths.mjs';
import { targetOf } from '../lib/target.mjs';
import { Tally } from './events.mjs';

const CHUNK = 1 << 20;
const MAX_MESSAGES = 1 << 20;
/** Its place in a mask of signals. */
const SIGUSR1 = 1n << 9n;
const AUDIT_ID = '"ka.auditid":"';
const METRICS = '{"metrics":';

/**
 * @typedef {object} HostOptions
 * @property {string} folder where its output goes
 * @property {string} open open_params
 * @property {object} [config] init_config
 * @property {string[]} [fields] printed beside the auditID
 * @property {string} [name] tells the files of several hosts in one folder apart
 * @property {string[]} [prefix] a command that runs another, such as prlimit
 * @property {NodeJS.ProcessEnv} [env] more environment
 * @property {import('../lib/target.mjs').Target} [target] the processor of plugin and host
 */

/**
 * A line of the host with an event's fields.
 *
 * @typedef {{ num: number, time: string, fields: Record<string, string | string[] | null> }} EventLine
 */

/**
 * A port that nothing listens on, below the range that the system gives to clients.
 *
 * @returns {Promise<number>}
 */
export async function freePort() {
  for (let port = 21_000 + (process.pid % 5000); port < 30_000; port++) {
    const server = createServer();
    const isFree = await new Promise((resolve) => {
      server.once('error', () => resolve(false));
      server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
    });
    if (isFree) return port;
  }
  throw new Error('no free port from 21000 to 30000');
}

/** @param {string} file @param {string} how */
function required(file, how) {
  if (!existsSync(file)) throw new UserError(`${file} is missing: run ${how}`);
  return file;
}

/**
 * The first word of a line of /proc/PID/status.
 *
 * @param {number} pid
 * @param {string} name
 */
function statusOf(pid, name) {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return new RegExp(`^${name}:\\s+(\\S+)`, 'm').exec(status)?.[1] ?? '0';
}

/** The host: it writes each event's auditID to a file, unbuffered, before it asks for the next event. */
export class LibsinspHost {
  #options;
  /** @type {import('node:child_process').ChildProcess | undefined} */
  #child;
  #output;
  #position = 0;
  #rest = '';
  /** What was printed so far: events. Brought up to date by `read`. */
  delivered = new Tally();
  /** What it printed to stderr since its last start. */
  messages = '';
  /** @type {Record<string, number> | undefined} */
  #metrics;
  /** @type {Promise<unknown>} */
  #gone = Promise.resolve();
  /** @type {((line: EventLine) => void) | undefined} called for each event's line that `read` finds */
  onEvent;

  /** @param {HostOptions} options */
  constructor(options) {
    this.#options = options;
    this.#output = join(options.folder, `${options.name ?? 'host'}.jsonl`);
  }

  /**
   * Starts it; the source is open when this is done.
   *
   * @throws {Error} it ended; the message is what it said
   */
  async start() {
    const { open, config = {}, fields = [], prefix = [], env = {} } = this.#options;
    const target = this.#options.target ?? targetOf();
    const file = join(buildPaths().build, target.folder, 'libk8saudit-ts.so');
    const plugin = required(file, 'npm run build');
    const program = required(hostPaths(repositoryRoot, target).program, 'npm run build:host');
    const names = ['ka.auditid', ...fields].join(',');
    const args = ['--plugin', plugin, '--open', open, '--config', JSON.stringify(config), '--fields', names];
    const command = [...prefix, ...sysrootCommand(program, repositoryRoot, target), ...args, '--metrics'];
    const [first = '', ...others] = command;
    const output = openSync(this.#output, 'a');
    const child = spawn(first, others, {
      stdio: ['ignore', output, 'pipe'],
      env: { ...process.env, ...env },
    });
    closeSync(output);
    this.#child = child;
    this.messages = '';
    child.stderr?.on('data', (part) => {
      this.messages = (this.messages + part).slice(-MAX_MESSAGES);
    });
    this.#gone = new Promise((resolve) => child.once('close', resolve));
    // It takes the signal from when it opens the source on, and answers when that is done.
    while (!(await this.#takesSignal())) await sleep(5);
    await this.metrics();
  }

  /** @throws {Error} it ended; the message is what it said */
  async #takesSignal() {
    if (!this.isRunning) {
      await this.#gone;
      throw new Error(`the host ended: ${this.messages}`);
    }
    // An emulator catches every signal, whatever the host in it does.
    if (this.#options.target?.isNative === false) return /listening/.test(this.messages);
    return (BigInt(`0x${statusOf(this.pid, 'SigCgt')}`) & SIGUSR1) !== 0n;
  }

  get isRunning() {
    const child = this.#child;
    return child !== undefined && child.exitCode === null && child.signalCode === null;
  }

  get pid() {
    if (!this.isRunning) throw new Error(`the host is gone: ${this.messages}`);
    return this.#child?.pid ?? 0;
  }

  /** @param {NodeJS.Signals} signal */
  signal(signal) {
    process.kill(this.pid, signal);
  }

  /**
   * Ends it and waits until it is gone.
   *
   * @param {NodeJS.Signals} signal
   * @returns {Promise<number | null>} its exit status
   */
  async end(signal) {
    this.signal(signal);
    await this.#gone;
    this.read();
    return this.#child?.exitCode ?? null;
  }

  /** Ends it if it runs, without waiting: for the end of a test. */
  abandon() {
    if (this.isRunning) this.signal('SIGKILL');
  }

  /** Reads what it printed since the last time into `delivered`. */
  read() {
    const file = openSync(this.#output, 'r');
    const chunk = Buffer.allocUnsafe(CHUNK);
    try {
      for (;;) {
        const count = readSync(file, chunk, 0, CHUNK, this.#position);
        if (count === 0) break;
        this.#position += count;
        this.#take(chunk.toString('latin1', 0, count));
      }
    } finally {
      closeSync(file);
    }
    return this.delivered;
  }

  /** @param {string} text what follows in the output */
  #take(text) {
    const lines = (this.#rest + text).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      // A kill may cut a line; what the next host prints first is then behind it.
      const at = line.lastIndexOf(AUDIT_ID);
      if (at >= 0) {
        const start = at + AUDIT_ID.length;
        this.delivered.add(line.slice(start, line.indexOf('"', start)));
        this.onEvent?.(JSON.parse(line.slice(line.lastIndexOf('{"num":'))));
      } else if (line.includes(METRICS)) {
        const { metrics } = JSON.parse(line.slice(line.lastIndexOf(METRICS)));
        // Without the plugin's name in front.
        const entries = Object.entries(metrics).map(([name, value]) => [name.replace(/^.*\./, ''), value]);
        this.#metrics = Object.fromEntries(entries);
      }
    }
  }

  /**
   * The plugin's counters now.
   *
   * @returns {Promise<Record<string, number>>}
   */
  async metrics() {
    this.read();
    this.#metrics = undefined;
    this.signal('SIGUSR1');
    while (this.#metrics === undefined) {
      await sleep(5);
      await this.#takesSignal();
      this.read();
    }
    return this.#metrics;
  }

  /**
   * What the process holds: resident bytes now and at most, and open descriptors.
   *
   * @returns {{ resident: number, peak: number, descriptors: number }}
   */
  resources() {
    return {
      resident: Number(statusOf(this.pid, 'VmRSS')) * 1024,
      peak: Number(statusOf(this.pid, 'VmHWM')) * 1024,
      descriptors: readdirSync(`/proc/${this.pid}/fd`).length,
    };
  }
}
