// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { factor, time } from '../format.mjs';
import { HostFailure } from '../host.mjs';
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

/** @type {{ title: string, of: 'delays' | 'roundTrips', share: number, figure?: string }[]} */
const parts = [
  { title: 'HTTP: to the delivered event, p50', of: 'delays', share: 0.5, figure: 'latency.p50' },
  { title: 'p99', of: 'delays', share: 0.99, figure: 'latency.p99' },
  { title: 'longest', of: 'delays', share: 1 },
  { title: 'to the answer, p50', of: 'roundTrips', share: 0.5 },
  { title: 'p99', of: 'roundTrips', share: 0.99 },
  { title: 'longest', of: 'roundTrips', share: 1 },
];

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'latency',
  order: 81,
  async run(bench) {
    const serving = new Serving(bench, await buildBenchClient(bench.log));
    const events = bench.data(withIds(workload('metadata')), BYTES).file;
    const requests = bench.effort.isQuick ? 100 : 1000;
    const warm = 20;
    const jobs = bench.candidates.map((candidate) => async () => {
      const options = { events, list: 1, requests, warm, gap: GAP };
      const { client, host } = await serving.run(candidate, 'http', options, {
        samples: requests + warm,
      });
      if (host.delays.length !== requests + warm) {
        throw new HostFailure(`${host.delays.length} of ${requests + warm} events were delivered`);
      }
      return { delays: host.delays.slice(warm), roundTrips: client.roundTrips, late: client.late };
    });
    const outcomes = await bench.inTurns(jobs, Math.min(bench.effort.runs, MOST_RUNS));
    if (outcomes[0].failure !== undefined) {
      throw new HostFailure(`${bench.ours.label}: ${outcomes[0].failure}`);
    }
    const other = outcomes[1];
    /** @type {Record<string, number>} */
    const figures = {};
    const rows = parts.map(({ title, of, share, figure }) => {
      // The median run: one bad moment of the machine spoils the longest of a run, not of all.
      const values = outcomes.map(({ results }) =>
        results.length === 0 ? NaN : median(results.map((result) => quantile(result[of], share))),
      );
      if (figure !== undefined) figures[figure] = values[0];
      const cells = values.map((value) => (Number.isNaN(value) ? 'fails' : time(value)));
      const ratio =
        other === undefined ? [] : [Number.isNaN(values[1]) ? '–' : factor(values[1] / values[0])];
      return [title, ...cells, ...ratio];
    });
    return {
      title: `Latency of the webhook: one Metadata event each ${GAP / 1000} ms`,
      tables: [{ head: headFor(bench, ['from before the request is sent'], []), rows }],
      figures,
      raw: outcomes,
      notes: [
        'To the delivered event: until next_batch has returned it. The answer is sent when next_batch is called for the next one, as it says that Falco is done with the event. The median of the runs.',
        ...serving.notes,
        ...(other?.failure === undefined ? [] : [`${bench.other?.label} fails: ${other.failure}`]),
      ],
    };
  },
};
