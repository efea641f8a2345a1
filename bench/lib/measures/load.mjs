// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { factor, spread, time } from '../format.mjs';
import { ratios, summarize } from '../statistics.mjs';
import { headFor } from '../tables.mjs';
import { workload } from '../workloads.mjs';

const parts = [
  { title: 'dlopen, and what the plugin says of itself', of: ['loadNanoseconds'] },
  { title: 'init', of: ['initNanoseconds'] },
  { title: 'both', of: ['loadNanoseconds', 'initNanoseconds'] },
  { title: 'open a file', of: ['openNanoseconds'] },
  { title: 'first batch of events', of: ['firstEventNanoseconds'] },
];

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'load',
  order: 50,
  async run(bench) {
    const data = bench.data(workload('mixed'));
    const outcomes = await bench.compare('load', { open: data.file });
    /** @type {Record<string, number>} */
    const figures = {};
    const rows = parts.map(({ title, of }) => {
      const values = outcomes.map(({ results }) =>
        results.map((result) => of.reduce((sum, name) => sum + result[name], 0)),
      );
      const ratio =
        values.length > 1 && values[1].length > 0 ? [spread(ratios(values[1], values[0]), factor)] : [];
      if (title === 'both') figures['load'] = summarize(values[0]).median;
      return [
        title,
        ...values.map((each) => (each.length > 0 ? spread(summarize(each), time) : 'fails')),
        ...ratio,
      ];
    });
    return {
      title: 'Load: a new process each time, the file in the page cache',
      tables: [{ head: headFor(bench, ['step'], []), rows }],
      figures,
      raw: outcomes,
      notes: [],
    };
  },
};
