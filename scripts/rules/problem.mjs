// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { UserError } from '../lib/errors.mjs';

/**
 * A place in a rules file.
 *
 * @typedef {object} Place
 * @property {string} file
 * @property {number} line counted from 1
 */

/** Something in a rules file that Falco would refuse too; the message names file, line and object. */
export class RuleError extends UserError {
  /**
   * @param {Place} place
   * @param {string} object such as "rule 'Create Privileged Pod'"; empty for the file itself
   * @param {string} problem what is wrong and what to do
   */
  constructor(place, object, problem) {
    super(`${place.file}:${place.line}: ${object === '' ? '' : `${object}: `}${problem}`);
    this.name = 'RuleError';
    this.place = place;
    this.object = object;
  }
}

/**
 * Something that is worth knowing and stops nothing.
 *
 * @typedef {object} Notice
 * @property {Place} place
 * @property {string} object
 * @property {string} message
 */

/**
 * @param {Notice} notice
 * @returns {string} one line
 */
export function formatNotice({ place, object, message }) {
  return `${place.file}:${place.line}: ${object === '' ? '' : `${object}: `}${message}`;
}
