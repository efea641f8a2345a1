// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { UserError } from '../../../scripts/lib/errors.mjs';
import { factor, rate, size, spread, time } from '../format.mjs';
import { HostFailure } from '../host.mjs';
import { buildScanners, timeScanner } from '../scanner.mjs';
import { ratios, summarize } from '../statistics.mjs';
import { workload } from '../workloads.mjs';

/** @typedef {import('../scanner.mjs').ScannerCandidate} ScannerCandidate */
/** @typedef {import('../scanner.mjs').ScannerResult} ScannerResult */

/** @type {{ name: ScannerCandidate, title: string }[]} */
const candidates = [
  { name: 'k8saudit-ts', title: 'k8saudit-ts' },
  { name: 'simdjson-dom', title: 'simdjson, DOM' },
  { name: 'simdjson-ondemand', title: 'simdjson, On-Demand' },
  { name: 'json-parse', title: 'JSON.parse' },
  { name: 'memcpy', title: 'memcpy' },
];
const DOM = 1;

/** The workloads, and the size by which a target knows them. @type {{ name: string, bytes?: number }[]} */
const loads = [
  { name: 'metadata', bytes: 1300 },
  { name: 'mixed' },
  { name: 'pods', bytes: 4000 },
  { name: 'large-30k', bytes: 30_000 },
];

/** Two ways to read a file: as life does, and so that all is learnt by heart that can be. */
const ways = [
  { what: 'one after the other', repeat: 1, passes: 15 },
  { what: '50 times each', repeat: 50, passes: 5 },
];
/** Of a file that is read again and again. */
const FEW_BYTES = 100_000;

/** @param {(message: string) => void} log @returns {Promise<string | undefined>} why there is no simdjson */
async function build(log) {
  try {
    await buildScanners(log, { withSimdjson: true });
    return undefined;
  } catch (error) {
    if (!(error instanceof UserError)) throw error;
    await buildScanners(log, { withSimdjson: false });
    return error.message;
  }
}

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'scanner',
  order: 25,
  async run(bench) {
    const missing = await build(bench.log);
    const chosen =
      missing === undefined ? candidates : candidates.filter(({ name }) => !/^simdjson/.test(name));
    /** @type {Record<string, number>} */
    const figures = {};
    /** @type {Record<string, unknown>} */
    const raw = {};
    /** @type {Set<string>} */
    const versions = new Set();
    const tables = [];
    for (const { what, repeat, passes } of ways) {
      const rows = [];
      for (const { name, bytes } of loads) {
        const load = workload(name);
        const data = repeat > 1 ? bench.data({ ...load, name: `${name}-few` }, FEW_BYTES) : bench.data(load);
        const options = { events: data.file, repeat, passes: bench.effort.isQuick ? 3 : passes };
        const outcomes = await bench.inTurns(
          chosen.map((each) => () => timeScanner(each.name, options, bench.cpu)),
        );
        const failed = outcomes.findIndex(({ failure }) => failure !== undefined);
        if (failed >= 0) throw new HostFailure(`${chosen[failed].title}: ${outcomes[failed].failure}`);
        const times = outcomes.map(({ results }) =>
          results.map((/** @type {ScannerResult} */ each) => each.nanoseconds / each.events),
        );
        for (const { results } of outcomes) for (const { about } of results) versions.add(about);
        const size1 = data.bytes / data.lines;
        for (const [i, { title }] of chosen.entries()) {
          const summary = summarize(times[i]);
          const ratio = missing === undefined ? ratios(times[DOM], times[i]) : undefined;
          rows.push([
            `${load.title}, ${size(size1)}`,
            title,
            spread(summary, time),
            rate((size1 / summary.median) * 1e9),
            ratio === undefined ? '–' : spread(ratio, factor),
          ]);
          if (i === 0 && repeat === 1 && bytes !== undefined) {
            figures[`scanner.${bytes}`] = summary.median;
            if (ratio !== undefined) figures[`scanner.${bytes}.ratio`] = ratio.median;
          }
        }
        raw[`${name}, ${what}`] = outcomes;
      }
      tables.push({ head: [`events, ${what}`, 'read by', 'an event', '', 'against DOM'], rows });
    }
    const notes = [`Timed were: ${[...versions].sort().join('; ')}.`];
    if (missing !== undefined) notes.push(`Without simdjson: ${missing}`);
    return { title: 'The scanner alone', tables, figures, raw, notes };
  },
};
