// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { buildCProgram } from '../../scripts/lib/c-program.mjs';

/**
 * Builds bench/host, if it has changed.
 *
 * @param {(message: string) => void} log
 * @returns {Promise<string>} path of the program
 */
export function buildBenchHost(log) {
  const program = {
    output: 'bench/bench-host',
    folders: ['bench/host', 'native/loader'],
    libraries: ['-ldl'],
  };
  return buildCProgram(program, log);
}
