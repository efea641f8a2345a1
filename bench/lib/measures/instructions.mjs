// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { UserError } from '../../../scripts/lib/errors.mjs';
import { findValgrind } from '../callgrind.mjs';
import { factor } from '../format.mjs';
import { HostFailure } from '../host.mjs';
import { Counter, cases } from '../instructions.mjs';
import { headFor } from '../tables.mjs';

/** @param {number} value */
const whole = (value) => Math.round(value).toLocaleString('en');

/**
 * @param {import('../bench.mjs').Bench} bench
 * @param {string} valgrind
 * @returns {Promise<Pick<import('../report.mjs').Section, 'tables' | 'figures' | 'raw' | 'notes'>>}
 */
async function countAll(bench, valgrind) {
  const wanted = bench.effort.isQuick ? cases.filter(({ work }) => work.load === 'mixed') : cases;
  const counters = bench.candidates.map(({ plugin }) => {
    return new Counter({ valgrind, program: bench.program, plugin });
  });
  /** @type {(string | undefined)[]} */
  const failures = bench.candidates.map(() => undefined);
  /** @type {string[][]} */
  const rows = [];
  /** @type {Record<string, number>} */
  const figures = {};
  /** @type {Record<string, { instructions: number, libc: number }[]>} */
  const raw = {};
  for (const each of wanted) {
    /** @type {{ instructions: number, libc: number }[]} */
    const counts = [];
    for (const [i, { key }] of bench.candidates.entries()) {
      if (failures[i] !== undefined) continue;
      try {
        const { instructions, libc } = await counters[i].count(each);
        counts[i] = { instructions, libc };
      } catch (error) {
        if (!(error instanceof HostFailure) || key === 'ours') throw error;
        failures[i] = error.message;
      }
    }
    const cells = bench.candidates.flatMap((_, i) => {
      const count = counts[i];
      return count === undefined ? ['fails', '–'] : [whole(count.instructions), whole(count.libc)];
    });
    const [own, other] = counts;
    const ratio = other === undefined ? '–' : factor(other.instructions / own.instructions);
    figures[`instructions, ${each.name}`] = own.instructions;
    raw[each.name] = counts;
    rows.push([each.name, each.unit, ...cells, ...(bench.other === undefined ? [] : [ratio])]);
  }
  const notes = failures.flatMap((failure, i) =>
    failure === undefined
      ? []
      : [`${bench.candidates[i].label} cannot be counted, as is usual for what is written in Go: ${failure}`],
  );
  return {
    tables: [{ head: headFor(bench, ['case', 'for each'], ['in libc besides']), rows }],
    figures,
    raw,
    notes,
  };
}

/** @type {import('../report.mjs').Measure} */
export const measure = {
  name: 'instructions',
  order: 90,
  async run(bench) {
    const title = 'Instructions, counted by callgrind';
    try {
      return { title, ...(await countAll(bench, await findValgrind(bench.log))) };
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      return { title, tables: [], figures: {}, raw: null, notes: [`Not counted: ${error.message}`] };
    }
  },
};
