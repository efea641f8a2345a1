// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { FIFTEEN } from '../fields.mjs';
import { size } from '../format.mjs';
import { HostFailure, runHost } from '../host.mjs';
import { median } from '../statistics.mjs';
import { workload } from '../workloads.mjs';

const SAMPLES = 100;
/** The other plugin reads this part of the events: it takes its time, and its memory says the same sooner. */
const OTHERS_PART = 10;

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'memory',
  order: 60,
  async run(bench) {
    const data = bench.data(workload('mixed'));
    const empty = await runHost(bench.program, 'rss', { cpu: bench.cpu });
    /** @type {Record<string, number>} */
    const figures = {};
    const rows = [['empty host', '', size(empty.peak), '', '']];
    /** @type {string[]} */
    const notes = [];
    /** @type {unknown[]} */
    const raw = [empty];
    for (const candidate of bench.candidates) {
      const isOurs = candidate.key === 'ours';
      const events = bench.effort.memoryEvents / (isOurs ? 1 : OTHERS_PART);
      try {
        const options = { open: data.file, fields: FIFTEEN, events, samples: SAMPLES };
        const result = await bench.host(candidate, 'rss', options);
        /** @type {number[]} */
        const resident = result.resident;
        const tenth = Math.floor(resident.length / 10);
        const growth = median(resident.slice(-tenth)) - median(resident.slice(tenth, 2 * tenth));
        const peak = result.peak - empty.peak;
        if (isOurs) Object.assign(figures, { 'memory.peak': peak, 'memory.growth': Math.max(0, growth) });
        rows.push([
          candidate.label,
          events.toLocaleString('en'),
          size(result.peak),
          size(peak),
          size(growth),
        ]);
        raw.push(result);
      } catch (error) {
        if (!(error instanceof HostFailure) || isOurs) throw error;
        notes.push(`${candidate.label} fails: ${error.message}`);
      }
    }
    return {
      title: 'Resident memory, mixed events, 15 fields of each',
      tables: [
        {
          head: ['', 'events', 'peak', 'above the empty host', 'growth from the second tenth to the last'],
          rows,
        },
      ],
      figures,
      raw,
      notes,
    };
  },
};
