// SPDX-License-Identifier: Apache-2.0
// @ts-check

/** A failure that the person at the keyboard can act on: its message is printed alone, without a stack. */
export class UserError extends Error {
  /** @param {string} message one sentence: what is wrong, where, what to do */
  constructor(message) {
    super(message);
    this.name = 'UserError';
  }
}
