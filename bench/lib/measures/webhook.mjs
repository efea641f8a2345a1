// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { factor, rate, spread, time } from '../format.mjs';
import { HostFailure } from '../host.mjs';
import { Serving, buildBenchClient, withIds } from '../serving.mjs';
import { median, ratios, summarize } from '../statistics.mjs';
import { headFor } from '../tables.mjs';
import { LIST, workload } from '../workloads.mjs';

/** @typedef {import('../bench.mjs').Outcome<any>} Outcome */

/** How many requests are on their way at a time; the first number is that of the target. */
const CONNECTIONS = [4, 1, 16];
const SCHEMES = /** @type {const} */ (['http', 'https']);
/** A file of about as many events as a request has. */
const BYTES = 760_000;
/** A plugin that works for less than this part of the time waits for its clients. */
const BUSY = 0.9;
/** One whose last answer is this part of the time before its last event answers first. */
const LATE = 0.02;

/** @param {Outcome} outcome @returns {number[]} bytes of bodies a second */
const speeds = ({ results }) => results.map((each) => (each.bodyBytes / each.time) * 1e9);
/** @param {Outcome} outcome @returns {number[]} nanoseconds of processor time an event */
const costs = ({ results }) => results.map((each) => each.cpu / each.events);
const percent = (/** @type {number} */ share) => `${Math.round(share * 100)} %`;

/**
 * What is to be said of a row beside its figures.
 *
 * @param {string} what
 * @param {import('../bench.mjs').Candidate} candidate
 * @param {Outcome} outcome
 * @returns {string[]}
 */
function remarks(what, { key, label }, { results, failure }) {
  if (failure !== undefined) return [`${what}: ${label} fails: ${failure}`];
  const busy = median(results.map((each) => each.cpu / each.time));
  const late = median(results.map((each) => 1 - each.answered / each.time));
  const lost = median(results.map((each) => 1 - each.delivered / each.sent));
  return [
    ...(key === 'ours' && busy < BUSY
      ? [
          `${what}: ${label} worked for ${percent(busy)} of the time; for the rest its clients were too slow, or something else had the processors`,
        ]
      : []),
    ...(late > LATE
      ? [
          `${what}: ${label} had answered all requests ${percent(late)} of the time before it had delivered all events`,
        ]
      : []),
    ...(lost > 0 ? [`${what}: ${label} has lost ${percent(lost)} of the events`] : []),
  ];
}

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'webhook',
  order: 80,
  async run(bench) {
    const serving = new Serving(bench, await buildBenchClient(bench.log));
    const events = bench.data(withIds(workload('mixed')), BYTES).file;
    const amount = bench.effort.isQuick ? { ours: 20, other: 5 } : { ours: 400, other: 60 };

    const load = (
      /** @type {import('../bench.mjs').Candidate} */ candidate,
      /** @type {'http' | 'https'} */ scheme,
      /** @type {number} */ connections,
    ) => {
      const requests = amount[candidate.key === 'other' ? 'other' : 'ours'];
      return serving.load(candidate, scheme, { events, connections, requests });
    };

    /** @type {Record<string, number>} */
    const figures = {};
    /** @type {Record<string, Outcome[]>} */
    const raw = {};
    /** @type {string[][]} */
    const rows = [];
    const notes = [...serving.notes];
    for (const scheme of SCHEMES) {
      for (const connections of CONNECTIONS) {
        const what = `${scheme.toUpperCase()}, ${connections} at a time`;
        const outcomes = await bench.inTurns(
          bench.candidates.map((each) => () => load(each, scheme, connections)),
        );
        const [own, other] = outcomes;
        if (own.failure !== undefined) throw new HostFailure(`${bench.ours.label}: ${what}: ${own.failure}`);
        const cells = outcomes.flatMap((outcome) =>
          outcome.failure === undefined
            ? [spread(summarize(speeds(outcome)), rate), spread(summarize(costs(outcome)), time)]
            : ['fails', '–'],
        );
        const ratio = other?.failure === undefined && other ? ratios(costs(other), costs(own)) : undefined;
        const last = other === undefined ? [] : [ratio === undefined ? '–' : spread(ratio, factor)];
        rows.push([what, ...cells, ...last]);
        notes.push(...outcomes.flatMap((outcome, i) => remarks(what, bench.candidates[i], outcome)));
        if (connections === CONNECTIONS[0]) {
          figures[`webhook.${scheme}.bytesPerSecond`] = median(speeds(own));
          figures[`webhook.${scheme}`] = median(costs(own));
          if (ratio !== undefined) figures[`webhook.${scheme}.ratio`] = ratio.median;
        }
        raw[what] = outcomes;
      }
    }
    return {
      title: `The webhook: EventLists of ${LIST} mixed events over kept connections`,
      tables: [{ head: headFor(bench, ['requests'], ['processor time an event']), rows }],
      figures,
      raw,
      notes: [
        'Bytes of bodies, from the first byte that is sent to the last answer and the last delivered event. Plugin and host have one processor, the client has another. The ratio is that of the processor times.',
        ...notes,
      ],
    };
  },
};
