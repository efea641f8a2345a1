// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Instructions of the plugin for an event or a field.
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { buildPaths } from '../../scripts/lib/paths.mjs';
import { countRun } from './callgrind.mjs';
import { FIFTEEN, FORTY, ONE } from './fields.mjs';
import { HostFailure } from './host.mjs';
import { workload, workloads, writeWorkload } from './workloads.mjs';

/** @typedef {import('./callgrind.mjs').Functions} Functions */
/** @typedef {import('./host.mjs').HostOptions} HostOptions */

/**
 * What the host does over a file.
 *
 * @typedef {object} Work
 * @property {string} load name of the workload
 * @property {string} mode
 * @property {HostOptions} [options]
 */

/**
 * Something that is counted: what one work costs more than another.
 *
 * @typedef {object} Case
 * @property {string} name
 * @property {'event' | 'line' | 'field'} unit what the count is for one of
 * @property {Work} work
 * @property {Work} [less] work that is taken off
 * @property {number} [fields] asked of an event in `work` and not in `less`, where a field is the unit
 * @property {number} [tolerance] how much two counts may differ by chance, in percent, if that is more than usual
 */

/**
 * @typedef {object} Count
 * @property {number} instructions of the plugin itself, for one unit
 * @property {Functions} functions of these, the part of each function
 * @property {number} libc instructions in libc; which of its functions run depends on the processor
 */

/** How often each of the 15 fields is asked where fields are asked again. */
const TIMES = 4;

/** @param {string} load @returns {Case} */
function sourcing(load) {
  const { unit = 'event' } = workload(load);
  return { name: `sourcing, ${load}`, unit, work: { load, mode: 'sourcing' } };
}

/** Nothing is remembered of users and pods: the tables for that have a random key, so their counts vary a little. */
const config = JSON.stringify({ knownUsers: 0, knownPods: 0 });

/** @param {string} load @returns {Case[]} */
function extraction(load) {
  const base = { load, mode: 'sourcing', options: { config } };
  const asking = (/** @type {HostOptions} */ options) => ({
    load,
    mode: 'extraction',
    options: { config, ...options },
  });
  const fifteen = asking({ fields: FIFTEEN });
  /** @type {(what: string, fields: readonly string[]) => Case} */
  const first = (what, fields) => ({
    name: `extraction, ${load}, ${what}`,
    unit: 'event',
    work: asking({ fields }),
    less: base,
  });
  return [
    first('1 field', ONE),
    first('15 fields', FIFTEEN),
    first('40 fields', FORTY),
    {
      name: `extraction, ${load}, one more field`,
      unit: 'field',
      work: asking({ fields: FORTY }),
      less: fifteen,
      fields: FORTY.length - FIFTEEN.length,
    },
    {
      name: `extraction, ${load}, a field asked again`,
      unit: 'field',
      work: asking({ fields: FIFTEEN, repeat: TIMES }),
      less: fifteen,
      fields: FIFTEEN.length * (TIMES - 1),
    },
  ];
}

/**
 * What is remembered of users and pods: little, so that the random key of its tables decides several percent of it.
 *
 * @param {string} load
 * @returns {Case}
 */
function remembering(load) {
  return {
    name: `remembering, ${load}`,
    unit: 'event',
    work: { load, mode: 'sourcing' },
    less: { load, mode: 'sourcing', options: { config } },
    tolerance: 10,
  };
}

/** @type {Case[]} */
export const cases = [
  ...workloads.map(({ name }) => sourcing(name)),
  sourcing('day'),
  ...['metadata', 'mixed', 'pods', 'day'].map(remembering),
  ...['metadata', 'mixed', 'pods'].flatMap(extraction),
  {
    name: 'extraction, mixed, 15 fields of a foreign event',
    unit: 'event',
    work: { load: 'mixed', mode: 'extraction', options: { config, fields: FIFTEEN, foreign: 1 } },
    less: { load: 'mixed', mode: 'sourcing', options: { config } },
  },
];

/** Bytes of the shorter file of two, where the workload itself says nothing; in the other one, as many follow. */
const BYTES = 1 << 19;

/**
 * What a run over one file and what one over another have executed more, and for how many units.
 *
 * @typedef {object} Difference
 * @property {Functions} functions of the plugin
 * @property {number} libc
 * @property {number} events
 * @property {number} lines
 */

/** @param {Functions} a @param {Functions} b @returns {Functions} */
function minus(a, b) {
  const names = new Set([...a.keys(), ...b.keys()]);
  return new Map([...names].map((name) => [name, (a.get(name) ?? 0) - (b.get(name) ?? 0)]));
}

/** @param {Functions} functions */
export function sum(functions) {
  return [...functions.values()].reduce((total, value) => total + value, 0);
}

/**
 * Counts the instructions of a plugin. What it does at its start and end is not in them: each work is done over a file
 * and over one that is longer, and the difference counts.
 */
export class Counter {
  /** @type {Map<string, Promise<Difference>>} */
  #differences = new Map();

  /**
   * @param {object} settings
   * @param {string} settings.valgrind
   * @param {string} settings.program bench/host
   * @param {string} settings.plugin path
   */
  constructor({ valgrind, program, plugin }) {
    this.valgrind = valgrind;
    this.program = program;
    this.plugin = realpathSync(plugin);
  }

  /** @param {Work} work @param {1 | 2} length */
  async #run({ load, mode, options }, length) {
    // The paths have the same length: reading them costs the same.
    const folder = join(buildPaths().build, 'bench', 'data', `counted-${length}`);
    const data = writeWorkload(workload(load), length * (workload(load).bytes ?? BYTES), folder);
    const argv = [this.valgrind, this.program, mode];
    const { result, objects } = await countRun(argv, { plugin: this.plugin, open: data.file, ...options });
    const isLines = workload(load).unit === 'line';
    if (isLines ? result.events < data.sound : result.events !== data.sound) {
      throw new HostFailure(`${load}: ${result.events} of ${data.sound} events were delivered`);
    }
    const libc = [...objects].filter(([path]) => /\/libc[.-][^/]*$/.test(path));
    return {
      functions: objects.get(this.plugin) ?? new Map(),
      libc: libc.reduce((total, [, functions]) => total + sum(functions), 0),
      data,
    };
  }

  /** @param {Work} work */
  async #difference(work) {
    const short = await this.#run(work, 1);
    const long = await this.#run(work, 2);
    return {
      functions: minus(long.functions, short.functions),
      libc: long.libc - short.libc,
      events: long.data.sound - short.data.sound,
      lines: long.data.lines - short.data.lines,
    };
  }

  /** The same, once for each work. @param {Work} work */
  #known(work) {
    const key = JSON.stringify(work);
    const known = this.#differences.get(key) ?? this.#difference(work);
    this.#differences.set(key, known);
    return known;
  }

  /**
   * @param {Case} wanted
   * @returns {Promise<Count>}
   * @throws {HostFailure} it does not run under valgrind
   */
  async count({ unit, work, less, fields = 1 }) {
    const whole = await this.#known(work);
    const part = less === undefined ? undefined : await this.#known(less);
    const functions = part === undefined ? whole.functions : minus(whole.functions, part.functions);
    const units = (unit === 'line' ? whole.lines : whole.events) * fields;
    const each = [...functions].map(([name, value]) => /** @type {const} */ ([name, value / units]));
    return {
      instructions: sum(functions) / units,
      functions: new Map(each.filter(([, value]) => value !== 0)),
      libc: (whole.libc - (part?.libc ?? 0)) / units,
    };
  }
}
