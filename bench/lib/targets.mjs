// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What has to be reached, and whether it was.
import { factor, percent, rate, round, size, time } from './format.mjs';

/**
 * @typedef {object} Target
 * @property {string} what
 * @property {string} figure its name in a section's figures
 * @property {'at least' | 'at most'} side
 * @property {number} bound
 * @property {(value: number) => string} format
 * @property {string} measure that brings the figure
 * @property {'other' | 'rules'} [needs] there is none without a plugin to compare with, or without its rules
 */

/** Three ratios of growth, of which 1 is in proportion: a tenth is left to noise. */
const LINEAR = 1.1;

const MISSING = {
  other: '--against names the plugin to compare with',
  rules: '--against-rules names the rules of the plugin that --against names',
};

/** @type {Target[]} */
export const targets = [
  {
    what: 'sourcing a file of mixed events, against the other plugin',
    figure: 'sourcing.mixed.ratio',
    side: 'at least',
    bound: 10,
    format: factor,
    measure: 'sourcing',
    needs: 'other',
  },
  {
    what: 'inline, 15 fields, one call each, mixed events, against the other plugin',
    figure: 'inline.mixed.ratio',
    side: 'at least',
    bound: 15,
    format: factor,
    measure: 'inline',
    needs: 'other',
  },
  {
    what: 'one more field of a scanned event, against the other plugin',
    figure: 'extraction.more.ratio',
    side: 'at least',
    bound: 15,
    format: factor,
    measure: 'extraction',
    needs: 'other',
  },
  {
    what: 'one more field of a scanned event',
    figure: 'extraction.more',
    side: 'at most',
    bound: 30,
    format: time,
    measure: 'extraction',
  },
  {
    what: 'a field asked again',
    figure: 'extraction.again',
    side: 'at most',
    bound: 15,
    format: time,
    measure: 'extraction',
  },
  ...[
    { figure: 'http', where: "of a webhook's sourcing" },
    { figure: 'day', where: "of a file's sourcing" },
  ].map(({ figure, where }) => ({
    what: `remembering users and pods, ${where}, the day of a healthy cluster`,
    figure: `remembering.${figure}.share`,
    side: /** @type {const} */ ('at most'),
    bound: 0.05,
    format: percent,
    measure: 'remembering',
  })),
  ...[
    { text: '1.3', bytes: 1300, bound: 0.8 },
    { text: '4', bytes: 4000, bound: 1.5 },
    { text: '30', bytes: 30_000, bound: 2.5 },
  ].map(({ text, bytes, bound }) => ({
    what: `scanner with a lazy tape, ${text} KB, against simdjson's DOM`,
    figure: `scanner.${bytes}.ratio`,
    side: /** @type {const} */ ('at least'),
    bound,
    format: factor,
    measure: 'scanner',
  })),
  {
    what: 'webhook, HTTP, EventLists of 400 mixed events, one CPU',
    figure: 'webhook.http.bytesPerSecond',
    side: 'at least',
    bound: 300e6,
    format: rate,
    measure: 'webhook',
  },
  {
    what: 'webhook, HTTPS, the same',
    figure: 'webhook.https.bytesPerSecond',
    side: 'at least',
    bound: 150e6,
    format: rate,
    measure: 'webhook',
  },
  {
    what: 'from a webhook request to the delivered event at gaps of 5 ms, p99',
    figure: 'latency.p99',
    side: 'at most',
    bound: 200e3,
    format: time,
    measure: 'latency',
  },
  {
    what: 'peak resident memory above the empty host, file, 10 million events',
    figure: 'memory.peak',
    side: 'at most',
    bound: 12e6,
    format: size,
    measure: 'memory',
  },
  {
    what: 'its growth from the second tenth of the events to the last',
    figure: 'memory.growth',
    side: 'at most',
    // The kernel counts resident pages in steps of 64 for each processor.
    bound: 262_144,
    format: size,
    measure: 'memory',
  },
  {
    what: 'load: dlopen and init',
    figure: 'load',
    side: 'at most',
    bound: 5e6,
    format: time,
    measure: 'load',
  },
  {
    what: 'cost against event size, 1 KB to 1 MB, of what is in proportion',
    figure: 'growth.size',
    side: 'at most',
    bound: LINEAR,
    format: factor,
    measure: 'growth',
  },
  {
    what: 'cost against the number of fields, 1 to 100, of what is in proportion',
    figure: 'growth.fields',
    side: 'at most',
    bound: LINEAR,
    format: factor,
    measure: 'growth',
  },
  {
    what: "the fields that the other's rules ask, as a replay of libsinsp's calls, inline, against the other plugins",
    figure: 'replay.ratio',
    side: 'at least',
    bound: 15,
    format: factor,
    measure: 'replay',
    needs: 'rules',
  },
  {
    what: 'the fields that our rules ask, the same way, against the other plugins with their rules',
    figure: 'replay.own.ratio',
    side: 'at least',
    bound: 15,
    format: factor,
    measure: 'replay',
    needs: 'rules',
  },
  {
    what: "events a second of whole libsinsp with the other's rules, against the other plugins",
    figure: 'whole.ratio',
    side: 'at least',
    bound: 2.5,
    format: factor,
    measure: 'whole',
    needs: 'rules',
  },
  {
    what: 'events a second of whole libsinsp with our rules, against the other plugins with their rules',
    figure: 'whole.own.ratio',
    side: 'at least',
    bound: 2.5,
    format: factor,
    measure: 'whole',
    needs: 'rules',
  },
];

/**
 * @typedef {object} Verdict
 * @property {string} what
 * @property {string} target
 * @property {string} figure
 * @property {'reached' | 'not reached' | 'not measured'} result
 * @property {string} why it was not measured; or empty
 */

/**
 * Holds figures against what has to be reached.
 *
 * @param {Record<string, number>} figures
 * @param {{ other: boolean, rules: boolean }} given whether there was a plugin to compare with, and its rules
 * @returns {Verdict[]}
 */
export function judge(figures, given) {
  return targets.map(({ what, figure, side, bound, format, measure, needs }) => {
    const target = `${side} ${round(format(bound))}`;
    const value = figures[figure];
    if (value === undefined) {
      const why = needs !== undefined && !given[needs] ? MISSING[needs] : `part ${measure}`;
      return { what, target, figure: '–', result: 'not measured', why };
    }
    const isReached = side === 'at least' ? value >= bound : value <= bound;
    return { what, target, figure: format(value), result: isReached ? 'reached' : 'not reached', why: '' };
  });
}

/** @param {Verdict[]} verdicts @returns {import('./report.mjs').Table} */
export function verdictTable(verdicts) {
  return {
    head: ['must be reached', 'target', 'figure', 'result'],
    rows: verdicts.map(({ what, target, figure, result, why }) => [
      what,
      target,
      figure,
      why === '' ? result : `${result} (${why})`,
    ]),
  };
}

/** @param {Verdict[]} verdicts */
export function countVerdicts(verdicts) {
  const count = (/** @type {Verdict['result']} */ wanted) =>
    verdicts.filter(({ result }) => result === wanted).length;
  return `${count('reached')} reached, ${count('not reached')} not reached, ${count('not measured')} not measured`;
}
