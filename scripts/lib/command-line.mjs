// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { parseArgs } from 'node:util';
import { UserError } from './errors.mjs';

/**
 * What parseArgs reads of a command line.
 *
 * @template {import('node:util').ParseArgsConfig} T
 * @param {T} config
 * @param {string} [help] what the message ends with
 * @returns {ReturnType<typeof parseArgs<T>>}
 * @throws {UserError} an unknown argument, or a wrong value
 */
export function parseCommandLine(config, help) {
  try {
    return parseArgs(config);
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UserError(help === undefined ? message : `${message}\n${help}`);
  }
}
