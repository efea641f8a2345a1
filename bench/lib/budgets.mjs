// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Budgets of instructions: what is kept in bench/budgets.json, and how counts are held against it.

/** @typedef {import('./instructions.mjs').Case} Case */
/** @typedef {import('./instructions.mjs').Count} Count */

/**
 * What one case may cost.
 *
 * @typedef {object} Budget
 * @property {number} instructions of the plugin, for one event, line or field
 * @property {Record<string, number>} functions of these, those of the most expensive functions
 */

/**
 * The content of bench/budgets.json.
 *
 * @typedef {object} Budgets
 * @property {Record<string, string>} madeWith versions of tools
 * @property {Record<string, Budget>} cases
 */

/** A case with what was counted. @typedef {Pick<Case, 'unit' | 'tolerance'> & { count: Count }} Counted */

/** How much more a case may cost than its budget, in percent, where the case itself says nothing. */
export const TOLERANCE = 3;

/** What is remembered of users and pods may cost this share of sourcing on the healthy day, in percent. */
export const REMEMBERING_LIMIT = 5;

/** The functions in a budget have this share of its instructions together. */
const COVERED = 0.95;

/** How many functions a message names, of those that grew by this share of the whole growth. */
const NAMED = 3;
const WORTH_NAMING = 0.01;

/** What decides which instructions the same source becomes. */
const DECISIVE = ['architecture', 'compiler'];

/** As far as a figure is kept. @param {number} value */
const rounded = (value) => (Math.abs(value) < 1000 ? Math.round(value * 10) / 10 : Math.round(value));

/** @param {number} value */
const figure = (value) => rounded(value).toLocaleString('en');

/** @param {number} value */
const change = (value) => (value < 0 ? `−${figure(-value)}` : `+${figure(value)}`);

/** In percent of the budget. @param {number} budget @param {number} now */
export const growth = (budget, now) => (now / budget - 1) * 100;

/**
 * Whether the count is out of the tolerance, and on which side. In tenths, which are whole: 103 is not above 103 % of
 * 100.
 *
 * @param {number} budget
 * @param {number} now
 * @param {number} tolerance in percent
 * @returns {-1 | 0 | 1}
 */
function sideOf(budget, now, tolerance) {
  const [whole, each] = [Math.round(now * 10) * 100, Math.round(budget * 10)];
  return whole > each * (100 + tolerance) ? 1 : whole < each * (100 - tolerance) ? -1 : 0;
}

/** @param {Count} count @returns {Budget} with functions from the most expensive on */
export function makeBudget({ instructions, functions }) {
  const sorted = [...functions].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  let covered = 0;
  const kept = sorted.filter(([, value]) => {
    const isWanted = covered < COVERED * instructions;
    covered += value;
    return isWanted;
  });
  return {
    instructions: rounded(instructions),
    functions: Object.fromEntries(kept.map(([name, value]) => [name, rounded(value)])),
  };
}

/**
 * @param {Map<string, Counted>} counted by the cases' names
 * @param {Record<string, string>} tools versions
 * @returns {Budgets}
 */
export function makeBudgets(counted, tools) {
  /** @type {(a: readonly [string, unknown], b: readonly [string, unknown]) => number} */
  const byName = ([a], [b]) => (a < b ? -1 : 1);
  const budgets = [...counted].map(([name, { count }]) => /** @type {const} */ ([name, makeBudget(count)]));
  return {
    madeWith: Object.fromEntries(Object.entries(tools).sort(byName)),
    cases: Object.fromEntries(budgets.sort(byName)),
  };
}

/**
 * How much each function has grown. Of one that is not in the budget it is only known that it was no more expensive
 * than the cheapest that is.
 *
 * @param {Budget} budget
 * @param {Count} count
 * @returns {{ name: string, before: number | undefined, now: number, change: number }[]} the most grown first
 */
export function functionChanges(budget, { functions }) {
  const least = Math.min(...Object.values(budget.functions));
  const names = new Set([...Object.keys(budget.functions), ...functions.keys()]);
  return [...names]
    .map((name) => {
      const before = budget.functions[name];
      const now = rounded(functions.get(name) ?? 0);
      return { name, before, now, change: before === undefined ? Math.max(0, now - least) : now - before };
    })
    .sort((a, b) => b.change - a.change);
}

/** Which functions grew, and which one shrank most, in words. @param {Budget} budget @param {Count} count */
function describeChanges(budget, count) {
  const changes = functionChanges(budget, count);
  const least = (count.instructions - budget.instructions) * WORTH_NAMING;
  const grown = changes
    .filter((each) => each.change > least)
    .slice(0, NAMED)
    .map(({ name, before, now, change: more }) =>
      before === undefined
        ? `${name} ${figure(now)} (new, or at most ${figure(now - more)} before)`
        : `${name} ${change(more)} (${figure(before)} → ${figure(now)})`,
    );
  const last = changes.at(-1);
  const shrunk =
    last !== undefined && last.change < -least
      ? `; shrank most: ${last.name} ${change(last.change)} (${figure(last.before ?? 0)} → ${figure(last.now)})`
      : '';
  return grown.length > 0
    ? `grew most: ${grown.join(', ')}${shrunk}`
    : `many functions grew a little${shrunk}`;
}

/**
 * Holds counts against the budgets.
 *
 * @param {Budgets['cases']} budgets
 * @param {Map<string, Counted>} counted by the cases' names
 * @returns {{ failures: string[], notes: string[] }} in words
 */
export function compareCounts(budgets, counted) {
  /** @type {string[]} */
  const failures = [];
  /** @type {string[]} */
  const notes = [];
  for (const [name, { unit, count, tolerance = TOLERANCE }] of counted) {
    const budget = budgets[name];
    if (budget === undefined) {
      failures.push(`${name}: there is no budget for it`);
      continue;
    }
    const now = rounded(count.instructions);
    const percent = Math.abs(growth(budget.instructions, now)).toFixed(2);
    const both = `${figure(now)} instructions for each ${unit}, and the budget is ${figure(budget.instructions)}`;
    const side = sideOf(budget.instructions, now, tolerance);
    if (side > 0) {
      failures.push(`${name}: ${percent} % more: ${both}\n      ${describeChanges(budget, count)}`);
    } else if (side < 0) {
      notes.push(`${name}: ${percent} % less: ${both}`);
    }
  }
  for (const name of Object.keys(budgets)) {
    if (!counted.has(name)) failures.push(`${name}: there is a budget for it, but no such case`);
  }
  return { failures, notes };
}

/**
 * The share of sourcing that goes into what is remembered of users and pods.
 *
 * @param {Map<string, Counted>} counted by the cases' names
 * @param {string} load
 * @returns {number} in percent
 */
export function rememberingShare(counted, load) {
  const of = (/** @type {string} */ what) => counted.get(`${what}, ${load}`)?.count.instructions ?? NaN;
  return (of('remembering') / of('sourcing')) * 100;
}

/** Two counts of the same may differ by this share: the key of the hashes of users and pods is random. */
const REPEATABLE = 0.005;

/**
 * Whether a second count gives the same.
 *
 * @param {Map<string, Counted>} counted by the cases' names
 * @param {Map<string, Counted>} again
 * @returns {string[]} for each case that does not, what is wrong
 */
export function findDifferences(counted, again) {
  return [...counted].flatMap(([name, { count, tolerance }]) => {
    const [first, second] = [count.instructions, again.get(name)?.count.instructions ?? NaN];
    const repeatable = tolerance === undefined ? REPEATABLE : tolerance / 100;
    if (Math.abs(second / first - 1) <= repeatable) return [];
    const both = `${first.toFixed(1)} instructions at first and ${second.toFixed(1)} the second time`;
    return [`${name}: ${both}: something in it depends on time or chance`];
  });
}

/**
 * Whether budgets that were made with some tools can be compared with what others make.
 *
 * @param {Record<string, string>} before
 * @param {Record<string, string>} now
 * @returns {{ failure?: string, notes: string[] }} in words
 */
export function compareTools(before, now) {
  const differ = Object.keys(now).filter((name) => before[name] !== now[name]);
  const all = (/** @type {Record<string, string>} */ tools) =>
    DECISIVE.map((name) => tools[name] ?? 'unknown').join(', ');
  return {
    failure: DECISIVE.some((name) => differ.includes(name))
      ? `the budgets were made with ${all(before)}, and this is ${all(now)}: from the same source that makes other instructions, and nothing can be compared`
      : undefined,
    notes: differ
      .filter((name) => !DECISIVE.includes(name))
      .map(
        (name) => `the budgets were made with ${name} ${before[name] ?? 'unknown'}, and this is ${now[name]}`,
      ),
  };
}

/**
 * The compiler and its version, without what a distribution adds.
 *
 * @param {string | undefined} text what `cc --version` says
 * @returns {string} such as `gcc 12.2.0`
 */
export function compilerOf(text = '') {
  const [first] = text.split('\n');
  const version = /\b\d+\.\d+\.\d+\b/.exec(first.replace(/\(.*?\)/g, ''))?.[0] ?? 'unknown';
  return `${/clang/.test(first) ? 'clang' : 'gcc'} ${version}`;
}
