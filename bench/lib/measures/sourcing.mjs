// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { compareOverWorkloads } from '../tables.mjs';
import { workloads } from '../workloads.mjs';

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'sourcing',
  order: 10,
  async run(bench) {
    const { table, figures, raw, notes } = await compareOverWorkloads(bench, 'sourcing', workloads, {});
    return { title: 'Sourcing a file: time for an event', tables: [table], figures, raw, notes };
  },
};
