// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Exceptions of rules: sets of field values under which a rule stays silent.
import { isValue } from './condition.mjs';
import { RuleError } from './problem.mjs';

/** @typedef {import('./document.mjs').Entry} Entry */
/** @typedef {import('./problem.mjs').Place} Place */
/** @typedef {import('./document.mjs').Cell} Cell */
/** @typedef {import('./document.mjs').Row} Row */

/**
 * @typedef {object} Exception
 * @property {string} name
 * @property {string} object rule and exception, for messages
 * @property {Place} place
 * @property {Cell | undefined} fields
 * @property {Cell | undefined} comps
 * @property {Row[]} values
 */

const listOperators = new Set(['in', 'intersects', 'pmatch']);
const textOperators =
  /^(?:==?|!=|glob|iglob|i?contains|bcontains|b?startswith|endswith|regex)(?: (?:oneof|anyof|allof))?$/;
const otherOperators = new Set(['<', '<=', '>', '>=', 'exists']);

/**
 * Read the exceptions of a rule's entry.
 *
 * @param {Entry} entry
 * @returns {Exception[]} none if the key is missing or empty
 * @throws {RuleError}
 */
export function readExceptions(entry) {
  if (entry.isEmpty('exceptions')) {
    return [];
  }
  return entry.entries('exceptions').map((item) => {
    const name = item.text('name');
    item.object = `${entry.object}, exception '${name}'`;
    const { object, place } = item;
    const fields = item.has('fields') ? item.textOrTexts('fields') : undefined;
    const comps = item.has('comps') ? item.textOrTexts('comps') : undefined;
    const values = item.isEmpty('values') ? [] : item.rows('values');
    return { name, object, place, fields, comps, values };
  });
}

/**
 * Check that an exception is complete, and fill in the comparison operators it leaves out.
 *
 * @param {Exception} exception
 * @returns {Exception}
 * @throws {RuleError}
 */
export function completeException(exception) {
  const { fields, comps } = exception;
  if (fields === undefined) {
    return fail(exception, "the key 'fields' is missing");
  }
  if (typeof fields === 'string') {
    return completeSingle(exception, comps ?? 'in');
  }
  const operators = comps ?? fields.map(() => '=');
  if (typeof operators === 'string' || operators.length !== fields.length) {
    return fail(exception, "'comps' has to be a list as long as 'fields'");
  }
  for (const operator of operators) {
    checkOperator(exception, operator, isOperator);
  }
  return { ...exception, comps: operators.map((operator) => operator.trim()) };
}

/**
 * Add the values of an appended exception to those of the earlier one with its name, or add it whole.
 *
 * @param {Exception[]} exceptions
 * @param {Exception} added
 * @returns {Exception[]}
 * @throws {RuleError}
 */
export function appendException(exceptions, added) {
  const previous = exceptions.find(({ name }) => name === added.name);
  if (previous === undefined) {
    return [...exceptions, completeException(added)];
  }
  if (added.fields !== undefined || added.comps !== undefined) {
    return fail(added, "only 'values' can be appended to an exception that is already there");
  }
  const merged = { ...previous, values: [...previous.values, ...added.values] };
  return exceptions.map((exception) => (exception === previous ? merged : exception));
}

/**
 * @param {Exception} exception
 * @param {Cell} comps
 */
function completeSingle(exception, comps) {
  if (typeof comps !== 'string') {
    return fail(exception, "'fields' is one field, so 'comps' has to be one operator");
  }
  checkOperator(exception, comps, takesList);
  return { ...exception, comps: comps.trim() };
}

/**
 * @param {Exception} exception
 * @param {string} operator
 * @param {(operator: string) => boolean} isAllowed
 */
function checkOperator(exception, operator, isAllowed) {
  if (!isAllowed(operator.trim())) {
    const hint = isAllowed === takesList ? ": with one field, it is 'in', 'intersects' or 'pmatch'" : '';
    fail(exception, `'${operator}' is not an operator for 'comps'${hint}`);
  }
}

/** @param {string} operator */
function isOperator(operator) {
  return takesList(operator) || otherOperators.has(operator) || textOperators.test(operator);
}

/** @param {string} operator */
function takesList(operator) {
  return listOperators.has(operator) || (textOperators.test(operator) && operator.includes(' '));
}

/**
 * The condition that an exception stands for, as Falco writes it.
 *
 * @param {Exception} exception a complete one
 * @returns {string | undefined} undefined if it has no values and so excepts nothing
 * @throws {RuleError}
 */
export function exceptionCondition(exception) {
  const { fields, comps, values } = exception;
  if (values.length === 0) {
    return undefined;
  }
  if (typeof fields === 'string') {
    return `${fields} ${comps} ${listText(exception, values)}`;
  }
  return values.map((row) => `(${rowCondition(exception, row)})`).join(' or ');
}

/**
 * @param {Exception} exception with a list of fields
 * @param {Row} row one value for each field
 */
function rowCondition(exception, row) {
  const fields = /** @type {string[]} */ (exception.fields);
  const comps = /** @type {string[]} */ (exception.comps);
  if (typeof row === 'string' || row.length !== fields.length) {
    return fail(
      exception,
      `every item of 'values' has to be a list of ${fields.length} values, one for each field`,
    );
  }
  const checks = fields.map((field, i) => {
    const comp = comps[i] ?? '=';
    return `${field} ${comp} ${rightText(exception, comp, row[i] ?? '')}`;
  });
  return checks.join(' and ');
}

/**
 * @param {Exception} exception
 * @param {string} comp
 * @param {Cell} value
 */
function rightText(exception, comp, value) {
  if (typeof value !== 'string') {
    return listText(exception, value);
  }
  if (takesList(comp)) {
    // Falco takes the text for a list already: with parentheses or without.
    return value.startsWith('(') ? value : `(${value})`;
  }
  return quoteValue(value) ?? failValue(exception, value);
}

/**
 * @param {Exception} exception
 * @param {Row[]} values
 */
function listText(exception, values) {
  const texts = values.map((value) => {
    if (typeof value !== 'string') {
      return fail(exception, "'values' has a list where one value is expected");
    }
    return quoteValue(value) ?? failValue(exception, value);
  });
  return `(${texts.join(', ')})`;
}

/**
 * Write a value of a list or an exception as a condition needs it: Falco puts quotes around what has a blank.
 *
 * @param {string} value
 * @returns {string | undefined} undefined if it cannot stand in a condition
 */
export function quoteValue(value) {
  const text = value.includes(' ') && !/^["']/.test(value) ? `"${value}"` : value;
  return isValue(text) ? text : undefined;
}

/**
 * @param {Exception} exception
 * @param {string} value
 * @returns {never}
 */
function failValue(exception, value) {
  return fail(exception, badValue(value));
}

/**
 * @param {string} value
 * @returns {string} what to do with a value that quoteValue refuses
 */
export function badValue(value) {
  return `the value ${JSON.stringify(value)} needs quotes of its own, as in YAML's '"…"'`;
}

/**
 * @param {Exception} exception
 * @param {string} problem
 * @returns {never}
 */
function fail({ place, object }, problem) {
  throw new RuleError(place, object, problem);
}
