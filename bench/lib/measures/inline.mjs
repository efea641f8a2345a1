// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { FIFTEEN } from '../fields.mjs';
import { compareOverWorkloads } from '../tables.mjs';
import { workloads } from '../workloads.mjs';

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'inline',
  order: 20,
  async run(bench) {
    const { table, figures, raw, notes } = await compareOverWorkloads(bench, 'inline', workloads, {
      fields: FIFTEEN,
    });
    const title = 'Inline: sourcing a file, and 15 fields of each event in a call each';
    return { title, tables: [table], figures, raw, notes };
  },
};
