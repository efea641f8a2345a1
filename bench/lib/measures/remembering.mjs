// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { percent, spread, time } from '../format.mjs';
import { HostFailure } from '../host.mjs';
import { Serving, buildBenchClient, withIds } from '../serving.mjs';
import { median, summarize } from '../statistics.mjs';
import { workload } from '../workloads.mjs';

/** @typedef {import('../bench.mjs').Candidate} Candidate */

/** It is a small difference of two large numbers: so many times the runs of other parts. */
const MORE_RUNS = 3;
const NOTHING = JSON.stringify({ knownUsers: 0, knownPods: 0 });
const CONNECTIONS = 4;
/** Two days of the healthy cluster. */
const BYTES = 8_000_000;
const LOADS = ['metadata', 'mixed', 'pods', 'day'];

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'remembering',
  order: 11,
  async run(bench) {
    const { ours, effort } = bench;
    const candidates = [ours, { ...ours, config: NOTHING }];
    const runs = effort.runs * MORE_RUNS;
    /** @type {Record<string, number>} */
    const figures = {};
    /** @type {Record<string, unknown>} */
    const raw = {};
    /** @type {string[][]} */
    const rows = [];

    /**
     * Measures with and without what is remembered, in turns.
     *
     * @param {string} name
     * @param {string} what
     * @param {(candidate: Candidate) => Promise<number>} cost nanoseconds of processor time an event
     */
    const compare = async (name, what, cost) => {
      const outcomes = await bench.inTurns(
        candidates.map((each) => () => cost(each)),
        runs,
      );
      const failure = outcomes.find((outcome) => outcome.failure !== undefined)?.failure;
      if (failure !== undefined) throw new HostFailure(`${ours.label}: ${what}: ${failure}`);
      const [all, without] = outcomes.map(({ results }) => results);
      const extra = all.map((value, i) => value - without[i]);
      const shares = extra.map((value, i) => value / all[i]);
      figures[`remembering.${name}.share`] = median(shares);
      figures[`remembering.${name}`] = median(extra);
      raw[name] = { all, without };
      const quartiles = summarize(shares).quartiles.map(percent).join(' – ');
      rows.push([
        what,
        spread(summarize(all), time),
        time(median(extra)),
        `${percent(median(shares))} (${quartiles})`,
      ]);
    };

    for (const load of LOADS.map(workload)) {
      const { file } = bench.data(load);
      await compare(load.name, `a file: ${load.title}`, async (candidate) => {
        const { cpuNanoseconds, events } = await bench.host(candidate, 'sourcing', { open: file });
        return cpuNanoseconds / events;
      });
    }

    const serving = new Serving(bench, await buildBenchClient(bench.log));
    const events = bench.data(withIds(workload('day')), BYTES).file;
    const requests = effort.isQuick ? 20 : 400;
    for (const scheme of /** @type {const} */ (['http', 'https'])) {
      const title = `the webhook, ${scheme.toUpperCase()}: ${workload('day').title}`;
      await compare(scheme, title, async (candidate) => {
        const options = { events, connections: CONNECTIONS, requests };
        const { cpu, events: counted } = await serving.load(candidate, scheme, options);
        return cpu / counted;
      });
    }
    return {
      title: 'What remembering users and pods takes of sourcing',
      tables: [{ head: ['events', 'processor time an event', 'remembering', 'its share'], rows }],
      figures,
      raw,
      notes: [
        `The difference to sourcing with knownUsers and knownPods 0, as the median of ${runs} pairs of runs; in brackets the shares between which half of them are.`,
        ...serving.notes,
      ],
    };
  },
};
