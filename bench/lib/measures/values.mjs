// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { allFields } from '../fields.mjs';
import { HostFailure } from '../host.mjs';
import { workload } from '../workloads.mjs';

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'values',
  order: 5,
  async run(bench) {
    const fields = allFields();
    const loads = ['mixed', 'attack'];
    /** @type {string[][]} */
    const rows = [];
    /** @type {string[]} */
    const notes = [];
    /** @type {Record<string, unknown>} */
    const raw = {};
    for (const name of loads) {
      const open = bench.data(workload(name)).file;
      /** @type {import('../host.mjs').HostResult[]} */
      const results = [];
      for (const candidate of bench.candidates)
        results.push(await bench.host(candidate, 'values', { open, fields }));
      raw[name] = results;
      for (const [i, { events, fields: all }] of results.entries()) {
        const sum = (/** @type {string} */ what) =>
          all.reduce((/** @type {number} */ total, /** @type {any} */ field) => total + field[what], 0);
        if (sum('values') === 0) throw new HostFailure(`${bench.candidates[i].label} gave no values at all`);
        rows.push([
          name,
          bench.candidates[i].label,
          events.toLocaleString('en'),
          sum('values').toLocaleString('en'),
          sum('valueBytes').toLocaleString('en'),
          sum('failures').toLocaleString('en'),
        ]);
      }
      const [own, other] = results;
      if (other !== undefined) {
        const differ = fields.filter((_, i) => own.fields[i].hash !== other.fields[i].hash);
        const same = `${fields.length - differ.length} of ${fields.length} fields have the same values`;
        notes.push(`${name}: ${same}${differ.length > 0 ? `; others: ${differ.join(', ')}` : ''}`);
      }
    }
    return {
      title: 'What is done: all fields, and whether the values are the same',
      tables: [
        { head: ['workload', 'plugin', 'events', 'values', 'bytes of values', 'calls that fail'], rows },
      ],
      figures: {},
      raw,
      notes,
    };
  },
};
