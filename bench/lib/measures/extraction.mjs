// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { times } from '../bench.mjs';
import { FIFTEEN, FORTY, ONE } from '../fields.mjs';
import { factor, spread, time } from '../format.mjs';
import { EMPTY_FIELD, HostFailure, buildEmptyPlugin } from '../host.mjs';
import { ratios, summarize } from '../statistics.mjs';
import { headFor } from '../tables.mjs';
import { workload } from '../workloads.mjs';

/** How often each of the 15 fields is asked where fields are asked again. */
const TIMES = 4;

const variants = [
  { name: 'one', title: '1 field', fields: ONE, repeat: 1 },
  { name: 'fifteen', title: '15 fields', fields: FIFTEEN, repeat: 1 },
  { name: 'forty', title: '40 fields', fields: FORTY, repeat: 1 },
  { name: 'repeated', title: `15 fields, ${TIMES} times`, fields: FIFTEEN, repeat: TIMES },
];

/**
 * What is made of the variants' times, in the same run each.
 *
 * @type {{ name: string, title: string, of: (runs: Record<string, number>) => number }[]}
 */
const derived = [
  {
    name: 'more',
    title: 'one more field',
    of: ({ forty, fifteen }) => (forty - fifteen) / (FORTY.length - FIFTEEN.length),
  },
  {
    name: 'again',
    title: 'a field asked again',
    of: ({ repeated, fifteen }) => (repeated - fifteen) / (FIFTEEN.length * (TIMES - 1)),
  },
];

/** How often a plugin that does nothing is asked of each event. */
const EMPTY_TIMES = 100;

/**
 * What a call costs that does nothing: the part of the host in all figures.
 *
 * @param {import('../bench.mjs').Bench} bench
 */
async function emptyCall(bench) {
  const extractor = await buildEmptyPlugin(bench.log);
  const { file, sound } = bench.data(workload('metadata'));
  const jobs = [1, 1 + EMPTY_TIMES].map((repeat) => () => {
    return bench.host(bench.ours, 'extraction', { open: file, extractor, fields: [EMPTY_FIELD], repeat });
  });
  const [once, often] = (await bench.inTurns(jobs)).map(times);
  return summarize(often.map((nanoseconds, run) => (nanoseconds - once[run]) / sound / EMPTY_TIMES));
}

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'extraction',
  order: 30,
  async run(bench) {
    /** @type {string[][]} */
    const rows = [];
    /** @type {Record<string, number>} */
    const figures = {};
    /** @type {Record<string, unknown>} */
    const raw = {};
    for (const name of ['metadata', 'mixed', 'pods']) {
      const data = bench.data(workload(name));
      const jobs = variants.flatMap(({ fields, repeat }) =>
        bench.candidates.map((candidate) => () => {
          return bench.host(candidate, 'extraction', { open: data.file, fields, repeat });
        }),
      );
      const outcomes = await bench.inTurns(jobs);
      const failed = outcomes.find(({ failure }) => failure !== undefined);
      if (failed !== undefined) throw new HostFailure(failed.failure ?? '');
      const count = bench.candidates.length;
      // For each candidate and variant: nanoseconds an event, run by run.
      const columns = bench.candidates.map((_, candidate) =>
        variants.map((_, variant) =>
          times(outcomes[variant * count + candidate]).map((nanoseconds) => nanoseconds / data.sound),
        ),
      );
      const all = [
        ...variants.map(({ name, title }, i) => ({
          name,
          title,
          isDerived: false,
          values: columns.map((own) => own[i]),
        })),
        ...derived.map(({ name, title, of }) => ({
          name,
          title,
          isDerived: true,
          values: columns.map((own) =>
            own[0].map((_, run) =>
              of(Object.fromEntries(variants.map((each, i) => [each.name, own[i][run]]))),
            ),
          ),
        })),
      ];
      for (const { name: what, title, isDerived, values } of all) {
        const summaries = values.map(summarize);
        const [own, other] = summaries;
        // A difference may be close to 0 in one run, and a ratio to it anything.
        const ofRuns = other === undefined || isDerived ? undefined : ratios(values[1], values[0]);
        const ratio = other === undefined ? undefined : (ofRuns?.median ?? other.median / own.median);
        const key = name === 'mixed' ? `extraction.${what}` : `extraction.${name}.${what}`;
        figures[key] = summaries[0].median;
        if (ratio !== undefined) figures[`${key}.ratio`] = ratio;
        raw[key] = { values, summaries, ratio: ofRuns ?? ratio };
        rows.push([
          `${name}: ${title}`,
          ...summaries.map((summary) => spread(summary, time)),
          ...(ratio === undefined ? [] : [ofRuns === undefined ? factor(ratio) : spread(ofRuns, factor)]),
        ]);
      }
    }
    const empty = await emptyCall(bench);
    figures['extraction.empty'] = empty.median;
    return {
      title: 'Extraction alone: time for an event, one field a call',
      tables: [{ head: headFor(bench, ['what is asked'], []), rows }],
      figures,
      raw,
      notes: [
        `Of each call, ${spread(empty, time)} are the host's: so much costs one of a plugin that does nothing.`,
        `“One more field” is the difference between 40 and 15 fields, divided by 25; “asked again” that between 15 fields ${TIMES} times and once, divided by ${FIFTEEN.length * (TIMES - 1)}. Their ratios are those of the medians.`,
      ],
    };
  },
};
