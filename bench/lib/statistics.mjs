// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What a row of measured numbers says.

/**
 * @typedef {object} Summary
 * @property {number} median
 * @property {number} least
 * @property {number} most
 * @property {number[]} quartiles the lower and the upper one
 * @property {number} count
 */

/**
 * The value below which a share of the numbers lies, between neighbours by a straight line.
 *
 * @param {readonly number[]} values at least one, in any order
 * @param {number} share from 0 to 1
 */
export function quantile(values, share) {
  if (values.length === 0) throw new RangeError('there is nothing to make statistics of');
  const sorted = [...values].sort((a, b) => a - b);
  const at = (sorted.length - 1) * share;
  const below = Math.floor(at);
  const next = sorted[Math.min(below + 1, sorted.length - 1)];
  return sorted[below] + (next - sorted[below]) * (at - below);
}

/** @param {readonly number[]} values at least one */
export function median(values) {
  return quantile(values, 0.5);
}

/**
 * @param {readonly number[]} values at least one
 * @returns {Summary}
 */
export function summarize(values) {
  return {
    median: median(values),
    least: Math.min(...values),
    most: Math.max(...values),
    quartiles: [quantile(values, 0.25), quantile(values, 0.75)],
    count: values.length,
  };
}

/**
 * How many times as large the first one is, run by run: what disturbs the machine for a while disturbs both.
 *
 * @param {readonly number[]} above
 * @param {readonly number[]} below of the same runs
 * @returns {Summary}
 */
export function ratios(above, below) {
  if (above.length !== below.length) throw new RangeError('ratios are made of the same runs of both');
  return summarize(above.map((value, i) => value / below[i]));
}

/**
 * How much more a cost grows than what it is the cost of, at the worst between any two points that are at least four
 * times apart: 1 is in proportion, less is what a fixed part makes, more is worse than linear.
 *
 * @param {readonly { x: number, y: number }[]} points
 */
export function worstGrowth(points) {
  let worst = 0;
  for (const from of points) {
    for (const to of points) {
      if (to.x >= 4 * from.x) worst = Math.max(worst, to.y / from.y / (to.x / from.x));
    }
  }
  if (worst === 0)
    throw new RangeError('growth shows between points that are four times apart, and there are none');
  return worst;
}
