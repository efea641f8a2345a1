// SPDX-License-Identifier: Apache-2.0
// @ts-check

/** @typedef {(message: string) => void} Log */

/**
 * A progress printer: every message is one line on standard output, after the name of its step.
 *
 * @param {string} name
 * @returns {Log}
 */
export function createLog(name) {
  return (message) => {
    process.stdout.write(`[${name}] ${message}\n`);
  };
}

/**
 * A clock for progress lines.
 *
 * @returns {() => string} the time since the call, such as `3.2 s`
 */
export function startTimer() {
  const start = performance.now();
  return () => `${((performance.now() - start) / 1000).toFixed(1)} s`;
}
