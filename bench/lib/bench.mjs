// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What a measure works with: the candidates, the data, and runs that take turns.
import { join } from 'node:path';
import { buildPaths } from '../../scripts/lib/paths.mjs';
import { HostFailure, runHost } from './host.mjs';
import { writeWorkload } from './workloads.mjs';

/** @typedef {import('./host.mjs').HostOptions} HostOptions */
/** @typedef {import('./host.mjs').HostResult} HostResult */
/** @typedef {import('./workloads.mjs').Workload} Workload */

/**
 * A plugin that is measured.
 *
 * @typedef {object} Candidate
 * @property {'ours' | 'other' | 'floor'} key the floor is bench/floor, where a measure asks for it
 * @property {string} label name and version
 * @property {string} plugin path
 * @property {string} config for init; empty: what Falco passes when it is given none
 * @property {string} [extractor] path of a second plugin, for its fields
 * @property {{ name: string }[]} fields
 */

/**
 * How much is done.
 *
 * @typedef {object} Effort
 * @property {boolean} isQuick
 * @property {number} runs of each thing, besides the first one, which does not count
 * @property {number} bytes of a workload's file
 * @property {number} warm rounds in a run before those that count
 * @property {{ ours: number, other: number }} rounds in a run; a slower plugin needs fewer for the same exactness
 * @property {number} memoryEvents read while memory is watched
 */

/** @param {boolean} isQuick @param {number | undefined} runs @returns {Effort} */
export function effort(isQuick, runs) {
  return isQuick
    ? {
        isQuick,
        runs: runs ?? 3,
        bytes: 2 << 20,
        warm: 1,
        rounds: { ours: 4, other: 1 },
        memoryEvents: 200_000,
      }
    : {
        isQuick,
        runs: runs ?? 7,
        bytes: 16 << 20,
        warm: 1,
        rounds: { ours: 6, other: 1 },
        memoryEvents: 10_000_000,
      };
}

/**
 * What came of something that was run again and again.
 *
 * @template T
 * @typedef {{ results: T[], failure?: string }} Outcome
 */

/** One run of the benchmark. */
export class Bench {
  /**
   * @param {object} settings
   * @param {string} settings.program bench/host
   * @param {Candidate[]} settings.candidates ours first, perhaps another one behind
   * @param {Effort} settings.effort
   * @param {string} [settings.otherRules] rules file that the other candidate is asked by
   * @param {number} settings.cpu the processor that all runs have for themselves
   * @param {(message: string) => void} settings.log
   */
  constructor({ program, candidates, otherRules, effort, cpu, log }) {
    this.program = program;
    this.candidates = candidates;
    this.otherRules = otherRules;
    this.effort = effort;
    this.cpu = cpu;
    this.log = log;
    this.folder = join(buildPaths().build, 'bench');
    /** How much more time passed than the processor worked for our plugin, run by run. @type {number[]} */
    this.disturbances = [];
  }

  /** @returns {Candidate} */
  get ours() {
    return this.candidates[0];
  }

  /** The one that ours is compared with. @returns {Candidate | undefined} */
  get other() {
    return this.candidates[1];
  }

  /**
   * The file of a workload.
   *
   * @param {Workload} load
   * @param {number} [bytes] about its size
   */
  data(load, bytes = this.effort.bytes) {
    return writeWorkload(load, bytes, join(this.folder, 'data', this.effort.isQuick ? 'quick' : 'full'));
  }

  /**
   * Runs the host once for a candidate, on the processor that is kept for it. In the modes with rounds, the first
   * ones warm it up and do not count.
   *
   * @param {Candidate} candidate
   * @param {string} mode
   * @param {HostOptions} options
   * @returns {Promise<HostResult>}
   */
  async host({ key, plugin, config, extractor }, mode, options) {
    const { warm, rounds } = this.effort;
    const own = {
      plugin,
      config,
      extractor,
      cpu: this.cpu,
      warm,
      rounds: rounds[key === 'other' ? 'other' : 'ours'],
    };
    const result = await runHost(this.program, mode, { ...own, ...options });
    if (key === 'ours' && mode !== 'load' && result.cpuNanoseconds > 0) {
      this.disturbances.push(result.nanoseconds / result.cpuNanoseconds - 1);
    }
    return result;
  }

  /**
   * The share of runs in which something else had the processor for more than a twentieth of the time: it reads a file
   * and never waits.
   */
  get disturbed() {
    const bad = this.disturbances.filter((each) => each > 0.05).length;
    return this.disturbances.length === 0 ? 0 : bad / this.disturbances.length;
  }

  /**
   * Runs jobs in turns, A B A B …, so that what slows the machine down for a while hits all of them. The first turn
   * warms up and does not count. A job that fails in a plugin is left out from then on.
   *
   * @template T
   * @param {(() => Promise<T>)[]} jobs
   * @param {number} [runs]
   * @returns {Promise<Outcome<T>[]>} for each job, in their order
   */
  async inTurns(jobs, runs = this.effort.runs) {
    /** @type {Outcome<T>[]} */
    const outcomes = jobs.map(() => ({ results: [] }));
    for (let turn = 0; turn <= runs; turn++) {
      for (const [i, job] of jobs.entries()) {
        const outcome = outcomes[i];
        if (outcome.failure !== undefined) continue;
        try {
          const result = await job();
          if (turn > 0) outcome.results.push(result);
        } catch (error) {
          if (!(error instanceof HostFailure)) throw error;
          outcome.failure = error.message;
          outcome.results = [];
        }
      }
    }
    return outcomes;
  }

  /**
   * Measures the same with each candidate in turns.
   *
   * @param {string} mode
   * @param {HostOptions} options
   * @returns {Promise<Outcome<HostResult>[]>} for each candidate
   * @throws {HostFailure} our own plugin failed
   */
  async compare(mode, options) {
    const jobs = this.candidates.map((each) => () => this.host(each, mode, options));
    const outcomes = await this.inTurns(jobs);
    if (outcomes[0].failure !== undefined)
      throw new HostFailure(`${this.ours.label}: ${outcomes[0].failure}`);
    return outcomes;
  }
}

/**
 * What a round costs: the processor time of all threads of the process, which has one processor. On a machine that does
 * nothing else it is the time that passes, less what the plugin sleeps; on one that does, it is still that.
 *
 * @param {Outcome<HostResult>} outcome
 * @returns {number[]} nanoseconds, run by run
 */
export function times({ results }) {
  return results.map(({ cpuNanoseconds, rounds }) => cpuNanoseconds / rounds);
}
