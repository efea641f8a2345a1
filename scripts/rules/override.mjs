// SPDX-License-Identifier: Apache-2.0
// @ts-check
// How an entry says that it changes an earlier one: `append: true`, or `override` with an operation for
// each key.

/** @typedef {import('./document.mjs').Entry} Entry */

/**
 * @typedef {object} Override
 * @property {Set<string>} append keys whose value is added to the earlier one
 * @property {Set<string>} replace keys whose value takes the place of the earlier one
 */

/**
 * Read `override` of an entry.
 *
 * @param {Entry} entry
 * @param {string[]} appendable keys that can be appended to
 * @param {string[]} replaceable keys that can be replaced
 * @returns {Override | undefined} undefined if the entry has none
 * @throws {import('./problem.mjs').RuleError}
 */
export function readOverride(entry, appendable, replaceable) {
  if (!entry.has('override')) {
    return undefined;
  }
  if (entry.boolean('append') === true) {
    entry.fail(
      "'override' and 'append: true' exclude each other: say 'append' inside 'override'",
      'override',
    );
  }
  /** @type {Override} */
  const override = { append: new Set(), replace: new Set() };
  const operations = entry.entry('override');
  for (const key of operations.keys()) {
    const operation = readOperation(operations, key);
    const allowed = operation === 'append' ? appendable : replaceable;
    if (!allowed.includes(key)) {
      operations.fail(
        `'override' cannot ${operation} the key '${key}'; it can ${operation} ${allowed.join(', ')}`,
        key,
      );
    }
    if (!entry.has(key)) {
      operations.fail(`'override' wants to ${operation} '${key}', but the entry has no '${key}'`, key);
    }
    override[operation].add(key);
  }
  checkOtherKeys(entry, override, [...appendable, ...replaceable]);
  return override;
}

/**
 * @param {Entry} operations
 * @param {string} key
 * @returns {'append' | 'replace'}
 */
function readOperation(operations, key) {
  const operation = operations.text(key);
  return operation === 'append' || operation === 'replace'
    ? operation
    : operations.fail(`'override' of '${key}' is 'append' or 'replace', not '${operation}'`, key);
}

/**
 * A key that could be overridden, and is given without an operation, is a mistake.
 *
 * @param {Entry} entry
 * @param {Override} override
 * @param {string[]} keys
 */
function checkOtherKeys(entry, { append, replace }, keys) {
  const forgotten = keys.find((key) => entry.has(key) && !append.has(key) && !replace.has(key));
  if (forgotten !== undefined) {
    entry.fail(
      `'${forgotten}' is given, but 'override' does not say 'append' or 'replace' for it`,
      forgotten,
    );
  }
}
