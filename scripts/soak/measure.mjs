// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What a long run's samples of memory and descriptors say.

const MEBIBYTE = 1 << 20;
const SECONDS_AN_HOUR = 3600;

/** Slope that is allowed in any case: bytes an hour. */
export const FLAT = MEBIBYTE;
/**
 * Bytes that a process which does not leak may still take once, late: the kernel counts resident pages in steps of
 * 64 for each processor, and a path of the code that is run for the first time touches new pages.
 */
export const LATE_STEP = 256 * 1024;
/** Seconds of measuring from which no such step is granted. */
const LONG = 45 * 60;

/**
 * @typedef {object} Sample
 * @property {number} seconds since the start
 * @property {number} resident bytes
 * @property {number} descriptors
 */

/**
 * @typedef {object} Judgement
 * @property {number} slope of resident memory after the warm-up, bytes an hour
 * @property {number} allowed the greatest slope that still is flat
 * @property {boolean} isFlat
 * @property {number} descriptorsBefore most in the warm-up
 * @property {number} descriptorsAfter fewest in the last quarter: what has leaked never becomes fewer
 * @property {boolean} keepsDescriptors
 * @property {number} first resident bytes at the end of the warm-up
 * @property {number} last
 * @property {number} most
 */

/**
 * The line of least squares.
 *
 * @param {{ x: number, y: number }[]} points
 * @returns {number} its slope
 */
export function slopeOf(points) {
  const mean = (/** @type {(point: { x: number, y: number }) => number} */ of) =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  const spread = points.reduce((sum, point) => sum + (point.x - x) ** 2, 0);
  const common = points.reduce((sum, point) => sum + (point.x - x) * (point.y - y), 0);
  return common / spread;
}

/**
 * The slope that a flat run may show, in bytes an hour. One step of S bytes in the middle of T hours makes a line of
 * least squares rise by 1.5 S / T; over a short time that is much more than what a long run may show, so it is granted
 * there, once.
 *
 * @param {number} seconds that were measured
 */
export function allowedSlope(seconds) {
  return seconds >= LONG ? FLAT : FLAT + (1.5 * LATE_STEP * SECONDS_AN_HOUR) / seconds;
}

/**
 * @param {Sample[]} samples in order of time
 * @param {number} warmUp seconds that do not count
 * @returns {Judgement}
 */
export function judge(samples, warmUp) {
  const before = samples.filter(({ seconds }) => seconds < warmUp);
  const after = samples.filter(({ seconds }) => seconds >= warmUp);
  const late = after.slice(-Math.ceil(after.length / 4));
  const points = after.map(({ seconds, resident }) => ({ x: seconds / SECONDS_AN_HOUR, y: resident }));
  const [first, last] = [after[0], after[after.length - 1]];
  const slope = slopeOf(points);
  const allowed = allowedSlope(last.seconds - first.seconds);
  const descriptorsBefore = Math.max(...before.map(({ descriptors }) => descriptors));
  const descriptorsAfter = Math.min(...late.map(({ descriptors }) => descriptors));
  return {
    slope,
    allowed,
    isFlat: slope < allowed,
    descriptorsBefore,
    descriptorsAfter,
    keepsDescriptors: descriptorsAfter <= descriptorsBefore,
    first: first.resident,
    last: last.resident,
    most: after.reduce((most, { resident }) => Math.max(most, resident), 0),
  };
}
