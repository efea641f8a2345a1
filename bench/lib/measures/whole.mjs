// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { spread, time } from '../format.mjs';
import { runRules } from '../libsinsp.mjs';
import { RULED, expectAll, infix, notesOn, prepareSetups, ratiosToOther } from '../rules.mjs';
import { summarize } from '../statistics.mjs';
import { workload } from '../workloads.mjs';

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'whole',
  order: 45,
  async run(bench) {
    const { programs, setups } = await prepareSetups(bench);
    /** @type {string[][]} */
    const rows = [];
    /** @type {Record<string, number>} */
    const figures = {};
    /** @type {Record<string, unknown>} */
    const raw = {};
    for (const name of RULED) {
      const { file: open } = bench.data(workload(name));
      const jobs = setups.map(({ candidate: { plugin, extractor }, rules }) => () => {
        return runRules(programs.host, { plugin, extractor, rules, open, cpu: bench.cpu });
      });
      const outcomes = await bench.inTurns(jobs);
      expectAll(setups, outcomes);
      const perEvent = outcomes.map(({ results }) =>
        results.map((summary) => summary.cpu_nanoseconds / summary.events),
      );
      const compared = ratiosToOther(setups, perEvent);
      for (const [i, setup] of setups.entries()) {
        const summary = summarize(perEvent[i]);
        const [{ alerts, events }] = outcomes[i].results;
        rows.push([
          `${name}: ${setup.title}`,
          spread(summary, time),
          Math.round(1e9 / summary.median).toLocaleString('en'),
          `${((100 * alerts) / events).toFixed(1)} %`,
          compared?.[i].cell ?? '–',
        ]);
        const key = `whole${name === 'mixed' ? '' : `.${name}`}${infix(setup)}`;
        figures[key] = summary.median;
        if (compared !== undefined && setup.name !== 'other') figures[`${key}.ratio`] = compared[i].median;
      }
      raw[name] = { perEvent, setups: setups.map(({ title }) => title), outcomes };
    }
    return {
      title: 'Whole libsinsp: events, rules and alerts on one processor',
      tables: [
        {
          head: ['workload, plugin, rules', 'time for an event', 'events/s', 'alerts', 'ratio'],
          rows,
        },
      ],
      figures,
      raw,
      notes: notesOn(bench, setups),
    };
  },
};
