// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { times } from '../bench.mjs';
import { digits, spread, time } from '../format.mjs';
import { HostFailure } from '../host.mjs';
import { record, summarizeTrace } from '../libsinsp.mjs';
import { RULED, expectAll, infix, notesOn, prepareSetups, ratiosToOther } from '../rules.mjs';
import { summarize } from '../statistics.mjs';
import { workload } from '../workloads.mjs';

/** @typedef {import('../rules.mjs').Setup} Setup */

const MODES = ['extraction', 'inline'];

/**
 * How many of the requests of a trace two setups answer with the same values.
 *
 * @param {import('../bench.mjs').Bench} bench
 * @param {Setup[]} setups two that are asked the same
 * @param {string} trace
 * @param {string} open
 */
async function compareValues(bench, setups, trace, open) {
  /** @type {import('../host.mjs').HostResult[]} */
  const results = [];
  for (const { candidate } of setups) results.push(await bench.host(candidate, 'values', { open, trace }));
  const [own, other] = results;
  const same = own.fields.filter(
    (/** @type {{ hash: string }} */ { hash }, /** @type {number} */ i) => hash === other.fields[i].hash,
  );
  const differ = own.fields.filter((/** @type {unknown} */ field) => !same.includes(field));
  const names = differ.map((/** @type {{ name: string }} */ { name }) => name).join(', ');
  return `${same.length} of ${own.fields.length} requests have the same values${names === '' ? '' : `; others: ${names}`}`;
}

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'replay',
  order: 40,
  async run(bench) {
    const { programs, folder, setups } = await prepareSetups(bench);
    /** @type {string[][]} */
    const rows = [];
    /** @type {Record<string, number>} */
    const figures = {};
    /** @type {Record<string, unknown>} */
    const raw = {};
    const notes = notesOn(bench, setups);
    for (const name of RULED) {
      const data = bench.data(workload(name));
      /** @type {Map<Setup, { trace: string, calls: number, repeats: number }>} */
      const traces = new Map();
      for (const setup of setups) {
        const { candidate, rules } = setup;
        const trace = join(folder, `${name}-${setup.name}.trace`);
        const { plugin, extractor } = candidate;
        // On one processor here as well: a Go plugin that thinks to have two answers from a thread that spins.
        const run = { plugin, extractor, rules, open: data.file, cpu: bench.cpu };
        const { events } = await record(programs, run, trace);
        if (events !== data.sound) {
          throw new HostFailure(`${setup.title}: libsinsp got ${events} of ${data.sound} events`);
        }
        const { calls, repeats } = summarizeTrace(readFileSync(trace, 'utf8'));
        traces.set(setup, { trace, calls, repeats });
      }
      const jobs = MODES.flatMap((mode) =>
        setups.map((setup) => () => {
          return bench.host(setup.candidate, mode, { open: data.file, trace: traces.get(setup)?.trace });
        }),
      );
      const outcomes = await bench.inTurns(jobs);
      expectAll(setups, outcomes);
      const perEvent = outcomes.map((outcome) => times(outcome).map((each) => each / data.sound));
      const extraction = perEvent.slice(0, setups.length);
      const inline = perEvent.slice(setups.length);
      const compared = [extraction, inline].map((all) => ratiosToOther(setups, all));
      for (const [i, setup] of setups.entries()) {
        const { calls = 0, repeats = 0 } = traces.get(setup) ?? {};
        rows.push([
          `${name}: ${setup.title}`,
          digits(calls / data.sound),
          digits((calls - repeats) / data.sound),
          ...[extraction, inline].flatMap((all, mode) => [
            spread(summarize(all[i]), time),
            compared[mode]?.[i].cell ?? '–',
          ]),
        ]);
        const key = `replay${name === 'mixed' ? '' : `.${name}`}${infix(setup)}`;
        figures[`${key}.calls`] = calls / data.sound;
        figures[key] = summarize(inline[i]).median;
        if (compared[1] !== undefined && setup.name !== 'other')
          figures[`${key}.ratio`] = compared[1][i].median;
      }
      const [dropIn, other] = setups.slice(-2);
      if (dropIn?.name === 'drop-in') {
        const trace = traces.get(other)?.trace ?? '';
        notes.push(
          `${name}, drop-in and other: ${await compareValues(bench, [dropIn, other], trace, data.file)}`,
        );
      }
      raw[name] = { perEvent, setups: setups.map(({ title }) => title) };
    }
    return {
      title: "What the rules ask, as a replay of libsinsp's calls: time for an event",
      tables: [
        {
          head: ['workload, plugin, rules', 'calls', 'different', 'extraction', 'ratio', 'inline', 'ratio'],
          rows,
        },
      ],
      figures,
      raw,
      notes,
    };
  },
};
