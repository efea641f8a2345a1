// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { times } from '../bench.mjs';
import { FIFTEEN, allFields } from '../fields.mjs';
import { digits, factor, round, time } from '../format.mjs';
import { HostFailure, buildFloorPlugin } from '../host.mjs';
import { worstGrowth } from '../statistics.mjs';
import { headFor } from '../tables.mjs';
import { listed, sized, workload } from '../workloads.mjs';

const SIZES = Array.from({ length: 11 }, (_, i) => 1024 << i);
const FIELDS = [1, 2, 5, 10, 20, 40, 60, 80, 100];
const LISTS = [1, 2, 5, 10, 20, 50, 100, 200, 400];
/** The shape of a line shows in fewer runs than a ratio's last digit. */
const MOST_RUNS = 3;

/** @typedef {import('../bench.mjs').Bench} Bench */
/** @typedef {import('../bench.mjs').Candidate} Candidate */
/** @typedef {import('../plot.mjs').Plot} Plot */

/**
 * The cost at each place of a series, for each candidate: nanoseconds an event in the best run, NaN where it fails.
 *
 * @param {Bench} bench
 * @param {Candidate[]} candidates
 * @param {number[]} places
 * @param {(place: number) => { data: import('../workloads.mjs').Data, mode: string, fields?: string[] }} at
 * @param {string[]} notes
 */
async function series(bench, candidates, places, at, notes) {
  /** @type {number[][]} */
  const costs = candidates.map(() => []);
  /** @type {Set<Candidate>} */
  const failed = new Set();
  for (const place of places) {
    const { data, mode, fields } = at(place);
    const runs = Math.min(bench.effort.runs, MOST_RUNS);
    const jobs = candidates.map((each) => () => bench.host(each, mode, { open: data.file, fields }));
    for (const [i, outcome] of (await bench.inTurns(jobs, runs)).entries()) {
      const candidate = candidates[i];
      if (outcome.failure === undefined) {
        // What disturbs a run only adds to it, and one bad place would bend the line.
        costs[i].push(Math.min(...times(outcome)) / data.sound);
        continue;
      }
      if (candidate.key !== 'other') throw new HostFailure(`${candidate.label}: ${outcome.failure}`);
      if (!failed.has(candidate))
        notes.push(`${candidate.label} fails from ${data.name} on: ${outcome.failure}`);
      failed.add(candidate);
      costs[i].push(NaN);
    }
  }
  return costs;
}

/**
 * @param {Bench} bench
 * @param {number[]} places
 * @param {number[][]} costs
 * @param {number} mark
 * @param {string} what is measured
 */
function lines(bench, places, costs, mark, what) {
  return bench.candidates
    .map(({ label, key }, i) => ({
      label: `${label}, ${what}`,
      colour: key === 'ours' ? 0 : 1,
      mark,
      points: places.map((x, k) => ({ x, y: costs[i][k] })).filter(({ y }) => !Number.isNaN(y)),
    }))
    .filter(({ points }) => points.length > 0);
}

/** @param {Bench} bench @param {string} name @param {string[]} places @param {number[][]} costs */
function tableOf(bench, name, places, costs) {
  const cell = (/** @type {number} */ cost) => (Number.isNaN(cost) ? 'fails' : time(cost));
  const rows = places.map((place, i) => {
    const [own, other] = costs.map((each) => each[i]);
    const ratio = other === undefined ? [] : [Number.isNaN(other) ? '–' : factor(other / own)];
    return [place, ...costs.map((each) => cell(each[i])), ...ratio];
  });
  return { head: headFor(bench, [name], []), rows };
}

/** @param {import('../report.mjs').Table} table @param {string} name @param {string[]} cells */
function withColumn({ head, rows }, name, cells) {
  return { head: [...head, name], rows: rows.map((row, i) => [...row, cells[i]]) };
}

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'growth',
  order: 70,
  async run(bench) {
    /** @type {string[]} */
    const notes = [];
    const bytes = Math.max(4 << 20, bench.effort.bytes / 2);
    const kilobytes = (/** @type {number} */ value) => `${value / 1024}`;

    const atSize = (/** @type {number} */ size) => bench.data(sized(size), bytes);
    const { candidates } = bench;
    const floor = await buildFloorPlugin(bench.log);
    const withFloor = await series(
      bench,
      [...candidates, floor],
      SIZES,
      (size) => ({ data: atSize(size), mode: 'sourcing' }),
      notes,
    );
    const sourcing = withFloor.slice(0, -1);
    const floorCosts = withFloor.at(-1) ?? [];
    const inline = await series(
      bench,
      candidates,
      SIZES,
      (size) => ({ data: atSize(size), mode: 'inline', fields: FIFTEEN }),
      [],
    );

    const all = allFields();
    const pods = bench.data(workload('pods'));
    const byFields = await series(
      bench,
      candidates,
      FIELDS,
      (count) => ({ data: pods, mode: 'extraction', fields: all.slice(0, count) }),
      notes,
    );
    const byList = await series(
      bench,
      candidates,
      LISTS,
      (count) => ({ data: bench.data(listed(count), bytes), mode: 'sourcing' }),
      notes,
    );

    const growth = (/** @type {number[]} */ places, /** @type {number[]} */ costs) =>
      worstGrowth(places.map((x, i) => ({ x, y: costs[i] })));
    const above = (/** @type {number[]} */ costs) => costs.map((cost, i) => cost - floorCosts[i]);
    const figures = {
      'growth.size': Math.max(growth(SIZES, sourcing[0]), growth(SIZES, inline[0])),
      'growth.size.floor': growth(SIZES, floorCosts),
      'growth.size.sourcing.above': growth(SIZES, above(sourcing[0])),
      'growth.size.inline.above': growth(SIZES, above(inline[0])),
      'growth.fields': growth(FIELDS, byFields[0]),
    };
    const cost = { label: 'time for an event', format: (/** @type {number} */ value) => round(time(value)) };
    return {
      title: 'How cost grows',
      tables: [
        withColumn(
          tableOf(bench, 'sourcing, bytes of an event', SIZES.map(String), sourcing),
          floor.label,
          floorCosts.map(time),
        ),
        tableOf(bench, 'inline, 15 fields, bytes of an event', SIZES.map(String), inline),
        tableOf(bench, 'extraction, pods, number of fields', FIELDS.map(String), byFields),
        tableOf(bench, 'sourcing, mixed events in an EventList', LISTS.map(String), byList),
      ],
      notes: [
        `Between places that are at least four times apart, cost grows at most ${digits(figures['growth.size'])} times as much as the size, and ${digits(figures['growth.fields'])} times as much as the number of fields.`,
        `Floor: bench/floor, in the same host, which reads the file, looks for the ends of its lines, and copies each line. Between the same places its cost grows at most ${digits(figures['growth.size.floor'])} times as much as the size; what ours takes more than the floor grows at most ${digits(figures['growth.size.sourcing.above'])} times as much, and with 15 fields ${digits(figures['growth.size.inline.above'])} times.`,
        ...notes,
      ],
      figures,
      raw: { SIZES, sourcing, floor: floorCosts, inline, FIELDS, byFields, LISTS, byList },
      plots: [
        {
          title: 'Event size',
          x: { label: 'KiB of an event', isLog: true, isBinary: true, format: kilobytes },
          y: { ...cost, isLog: true },
          series: [
            ...lines(bench, SIZES, sourcing, 0, 'sourcing'),
            ...lines(bench, SIZES, inline, 1, 'with 15 fields'),
          ],
        },
        {
          title: 'Fields of pods of 4 KB, extraction alone',
          x: { label: 'fields, one call each', format: String },
          y: cost,
          series: lines(bench, FIELDS, byFields, 2, 'extraction'),
        },
        {
          title: 'Batch: mixed events in an EventList',
          x: { label: 'events in an EventList', isLog: true, isBinary: true, format: String },
          y: { ...cost, isLog: bench.other !== undefined },
          series: lines(bench, LISTS, byList, 0, 'sourcing'),
        },
      ],
    };
  },
};
