// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Numbers for people, with three digits that count.

/** @param {number} value @returns {string} */
export function digits(value) {
  if (value === 0) return '0';
  const places = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))));
  return value.toFixed(Math.min(places, 3));
}

/**
 * @param {number} value
 * @param {[number, string][]} units the size of each, from the smallest on, and its name
 */
function inUnit(value, units) {
  const [size, name] = units.findLast(([size]) => Math.abs(value) >= size) ?? units[0];
  return `${digits(value / size)} ${name}`;
}

/** @param {number} nanoseconds */
export function time(nanoseconds) {
  return inUnit(nanoseconds, [
    [1, 'ns'],
    [1e3, 'µs'],
    [1e6, 'ms'],
    [1e9, 's'],
  ]);
}

/** @param {number} bytes */
export function size(bytes) {
  return inUnit(bytes, [
    [1, 'B'],
    [1e3, 'KB'],
    [1e6, 'MB'],
  ]);
}

/**
 * The same without zeros behind, for a number that is no measurement.
 *
 * @param {string} text
 */
export function round(text) {
  return text.replace(/(\.\d*?)0+(?=\D|$)/, '$1').replace(/\.(?=\D|$)/, '');
}

/** @param {number} bytesPerSecond */
export function rate(bytesPerSecond) {
  return `${digits(bytesPerSecond / 1e6)} MB/s`;
}

/** @param {number} share */
export function percent(share) {
  return `${digits(share * 100)} %`;
}

/** @param {number} value */
export function factor(value) {
  return `${digits(value)}×`;
}

/**
 * The median, and in brackets the least and the most.
 *
 * @param {import('./statistics.mjs').Summary} summary
 * @param {(value: number) => string} format
 */
export function spread({ median, least, most }, format) {
  return `${format(median)} (${format(least)} – ${format(most)})`;
}
