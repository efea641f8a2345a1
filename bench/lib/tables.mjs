// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Two plugins side by side, over several workloads.
import { times } from './bench.mjs';
import { factor, rate, size, spread, time } from './format.mjs';
import { HostFailure } from './host.mjs';
import { ratios, summarize } from './statistics.mjs';

/** @typedef {import('./bench.mjs').Bench} Bench */

/** The head of a table with a column or two for each candidate. @param {Bench} bench @param {string[]} first @param {string[]} each */
export function headFor({ candidates, other }, first, each) {
  const columns = candidates.flatMap(({ label }) => [label, ...each]);
  return [...first, ...columns, ...(other === undefined ? [] : ['ratio'])];
}

/**
 * Measures a mode over workloads: the time for an event, bytes a second, and how many times as long the other plugin
 * takes for the same input.
 *
 * @param {Bench} bench
 * @param {string} mode
 * @param {import('./workloads.mjs').Workload[]} loads
 * @param {import('./host.mjs').HostOptions} options
 */
export async function compareOverWorkloads(bench, mode, loads, options) {
  /** @type {string[][]} */
  const rows = [];
  /** @type {Record<string, number>} */
  const figures = {};
  /** @type {Record<string, unknown>} */
  const raw = {};
  /** @type {string[]} */
  const notes = [];
  for (const load of loads) {
    const data = bench.data(load);
    const units = load.unit === 'line' ? data.lines : data.sound;
    const outcomes = await bench.compare(mode, { ...options, open: data.file });
    const [own, other] = outcomes;
    for (const [i, { results }] of outcomes.entries()) {
      const events = results.length === 0 ? data.sound : results[0].events / results[0].rounds;
      const { label } = bench.candidates[i];
      if (i === 0 && (load.unit === 'line' ? events < data.sound : events !== data.sound)) {
        throw new HostFailure(
          `${label} delivered ${events} of ${data.sound} events of the workload ${load.name}`,
        );
      }
      if (events !== data.sound) notes.push(`${load.name}: ${label} delivers ${events} events of it`);
    }
    const summaries = outcomes.map((outcome) =>
      outcome.failure === undefined
        ? summarize(times(outcome).map((nanoseconds) => nanoseconds / units))
        : undefined,
    );
    const cells = summaries.flatMap((summary) =>
      summary === undefined
        ? ['fails', '–']
        : [spread(summary, time), rate((data.bytes / units / summary.median) * 1e9)],
    );
    const ratio = other?.failure === undefined && other ? ratios(times(other), times(own)) : undefined;
    if (other?.failure !== undefined)
      notes.push(`${load.name}: ${bench.other?.label} fails: ${other.failure}`);
    if (ratio !== undefined) figures[`${mode}.${load.name}.ratio`] = ratio.median;
    figures[`${mode}.${load.name}`] = summaries[0]?.median ?? NaN;
    const last = bench.other === undefined ? [] : [ratio === undefined ? '–' : spread(ratio, factor)];
    rows.push([
      load.title,
      `${size(data.bytes / units)} ${load.unit === 'line' ? 'a line' : 'an event'}`,
      ...cells,
      ...last,
    ]);
    raw[load.name] = { data: { ...data, file: undefined }, summaries, ratio, runs: outcomes };
  }
  return { table: { head: headFor(bench, ['workload', 'size'], ['']), rows }, figures, raw, notes };
}
