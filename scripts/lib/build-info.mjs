// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What a built plugin says of its making: a line of JSON in the file, which `strings` finds.
import { UserError } from './errors.mjs';

/** What stands before the JSON. */
const MARK = 'k8saudit-ts-build ';
const MAX_SIZE = 16_384;

/**
 * @typedef {object} BuildInfo
 * @property {string} name of the plugin
 * @property {string} version of the plugin
 * @property {string} api version of Falco's plugin API that it needs
 * @property {string} platform as OCI names it, such as `linux/amd64`
 * @property {string} compiler
 * @property {string} wasm SHA-256 of the WASM, which is all of the logic
 * @property {string[]} options of cmake; those of a release are none
 * @property {Record<string, string>} components name → version of what is linked or compiled in
 */

/**
 * @param {BuildInfo} info
 * @returns {string} a C header that defines BUILD_INFO
 */
export function buildInfoHeader(info) {
  const text = JSON.stringify(MARK + JSON.stringify(info));
  return `/* Made by scripts/build.mjs. */\n#define BUILD_INFO ${text}\n`;
}

/**
 * @param {Buffer} file a plugin
 * @returns {BuildInfo}
 * @throws {UserError} there is no information in it
 */
export function readBuildInfo(file) {
  const start = file.indexOf(`${MARK}{`);
  if (start < 0) {
    throw new UserError('it holds no build information: it is another plugin, or older than version 0.1.0');
  }
  const from = start + MARK.length;
  const end = file.indexOf(0, from);
  if (end < 0 || end - from > MAX_SIZE) throw new UserError('its build information is damaged');
  try {
    return JSON.parse(file.toString('utf8', from, end));
  } catch {
    throw new UserError('its build information is damaged');
  }
}
