// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { factor, time } from '../format.mjs';
import { HostFailure, buildFloorPlugin, hostArguments, startProgram } from '../host.mjs';
import { Serving, buildBenchClient, withIds } from '../serving.mjs';
import { median, quantile } from '../statistics.mjs';
import { headFor } from '../tables.mjs';
import { workload } from '../workloads.mjs';

/** Microseconds between two requests. */
const GAP = 5000;
/** A file of some events; the first one is sent again and again. */
const BYTES = 10_000;
/** Each takes some seconds. */
const MOST_RUNS = 5;

/** The processors as they are; and kept from sleeping, so that nothing has to wake them. */
const CONDITIONS = /** @type {const} */ (['', 'awake']);

/** @type {{ title: string, of: 'delays' | 'roundTrips', share: number, figure?: string }[]} */
const parts = [
  { title: 'to the delivered event, p50', of: 'delays', share: 0.5, figure: 'p50' },
  { title: 'p99', of: 'delays', share: 0.99, figure: 'p99' },
  { title: 'longest', of: 'delays', share: 1 },
  { title: 'to the answer, p50', of: 'roundTrips', share: 0.5 },
  { title: 'p99', of: 'roundTrips', share: 0.99 },
  { title: 'longest', of: 'roundTrips', share: 1 },
];

/**
 * Does something while these processors do not sleep.
 *
 * @template T
 * @param {string} program bench/host
 * @param {number[]} cpus
 * @param {() => Promise<T>} work
 */
async function whileAwake(program, cpus, work) {
  const keepers = cpus.map((cpu) => startProgram([program, 'awake', ...hostArguments({ cpu })]));
  try {
    return await work();
  } finally {
    for (const { child } of keepers) child.kill('SIGTERM');
    await Promise.all(keepers.map(({ result }) => result));
  }
}

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'latency',
  order: 81,
  async run(bench) {
    const serving = new Serving(bench, await buildBenchClient(bench.log));
    const candidates = [...bench.candidates, await buildFloorPlugin(bench.log)];
    const events = bench.data(withIds(workload('metadata')), BYTES).file;
    const requests = bench.effort.isQuick ? 100 : 1000;
    const warm = 20;
    const exchange = async (/** @type {import('../bench.mjs').Candidate} */ candidate) => {
      const options = { events, list: 1, requests, warm, gap: GAP };
      const samples = requests + warm;
      const { client, host } = await serving.run(candidate, 'http', options, { samples });
      if (host.delays.length !== samples) {
        throw new HostFailure(`${host.delays.length} of ${samples} events were delivered`);
      }
      return { delays: host.delays.slice(warm), roundTrips: client.roundTrips, late: client.late };
    };
    const cpus = [...new Set([bench.cpu, serving.clientCpu])];
    const jobs = CONDITIONS.flatMap((condition) =>
      candidates.map((candidate) => () => {
        const work = () => exchange(candidate);
        return condition === '' ? work() : whileAwake(bench.program, cpus, work);
      }),
    );
    const outcomes = await bench.inTurns(jobs, Math.min(bench.effort.runs, MOST_RUNS));
    /** @type {Record<string, number>} */
    const figures = {};
    const rows = CONDITIONS.flatMap((condition, k) => {
      const here = outcomes.slice(k * candidates.length, (k + 1) * candidates.length);
      if (here[0].failure !== undefined) throw new HostFailure(`${bench.ours.label}: ${here[0].failure}`);
      return parts.map(({ title, of, share, figure }) => {
        // The median run: one bad moment of the machine spoils the longest of a run, not of all.
        const values = here.map(({ results }) =>
          results.length === 0 ? NaN : median(results.map((result) => quantile(result[of], share))),
        );
        const floor = values.at(-1) ?? NaN;
        if (figure !== undefined) {
          const name = condition === '' ? 'latency' : `latency.${condition}`;
          figures[`${name}.${figure}`] = values[0];
          figures[`${name}.floor.${figure}`] = floor;
        }
        const [own, other] = values;
        const cells = values.map((value) => (Number.isNaN(value) ? 'fails' : time(value)));
        const ratio = Number.isNaN(other) ? '–' : factor(other / own);
        const first = [condition, title].filter((text) => text !== '').join(': ');
        return [
          first,
          ...cells.slice(0, -1),
          ...(bench.other === undefined ? [] : [ratio]),
          cells.at(-1) ?? '',
        ];
      });
    });
    const failure = outcomes[1].failure;
    return {
      title: `Latency of the webhook: one Metadata event each ${GAP / 1000} ms`,
      tables: [{ head: [...headFor(bench, ['from before the request is sent'], []), 'floor'], rows }],
      figures,
      raw: { conditions: CONDITIONS, candidates: candidates.map(({ label }) => label), outcomes },
      notes: [
        'To the delivered event: until next_batch has returned it. The answer is sent when next_batch is called for the next one, as it says that Falco is done with the event. The median of the runs.',
        'Floor: bench/floor, in the same host: it waits, reads, hands the bytes out as they came, and answers with the next call. Awake: a loop at idle priority keeps each of the two processors from sleeping.',
        ...serving.notes,
        ...(failure === undefined ? [] : [`${candidates[1].label} fails: ${failure}`]),
      ],
    };
  },
};
