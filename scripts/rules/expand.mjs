// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Writes conditions as plain filters: macros and lists are replaced by what they stand for.
import { parseCondition } from './condition.mjs';
import { badValue, exceptionCondition, quoteValue } from './exceptions.mjs';
import { ConditionError, maxNesting } from './lexer.mjs';
import { RuleError } from './problem.mjs';

/** @typedef {import('./collection.mjs').Collection} Collection */
/** @typedef {import('./collection.mjs').Definition} Definition */
/** @typedef {import('./collection.mjs').Rule} Rule */
/** @typedef {import('./condition.mjs').Condition} Condition */
/** @typedef {import('./condition.mjs').Value} Value */
/** @typedef {import('./problem.mjs').Notice} Notice */

/** Bounds for what macros and lists grow to: characters of one condition, and steps from one to another. */
const maxLength = 1 << 20;
const maxChain = 64;
const maxDepth = 4 * maxNesting;

/**
 * A condition as text.
 *
 * @typedef {object} Filter
 * @property {string} text
 * @property {Condition['kind']} kind of its outermost part, which says whether it needs parentheses
 * @property {number} nesting how many parentheses are in one another
 */

export class Expander {
  /** @param {Collection} collection */
  constructor(collection) {
    this.collection = collection;
    /** @type {Map<string, Filter>} */
    this.macros = new Map();
    /** @type {Map<string, { texts: string[], levels: number }>} */
    this.lists = new Map();
    /** @type {Notice[]} */
    this.notices = [];
  }

  /**
   * The whole condition of a rule, with its exceptions.
   *
   * @param {Rule} rule
   * @returns {string}
   * @throws {RuleError} it does not parse, or names what is not there
   */
  rule(rule) {
    /** @type {Condition[]} */
    const children = [parse(rule, rule.condition)];
    for (const exception of rule.exceptions) {
      const text = exceptionCondition(exception);
      if (text !== undefined) {
        children.push({ kind: 'not', child: parse(exception, text) });
      }
    }
    const [only] = children;
    const whole =
      children.length === 1 && only !== undefined ? only : { kind: /** @type {const} */ ('and'), children };
    return this.#write(whole, { owner: rule, visibility: Infinity, chain: [], depth: 0 }).text;
  }

  /**
   * Check a macro, also one that no rule uses.
   *
   * @param {string} name
   * @throws {RuleError}
   */
  checkMacro(name) {
    const macro = this.collection.macros.get(name);
    if (macro !== undefined) {
      this.#macro(name, { owner: macro, visibility: Infinity, chain: [], depth: 0 });
    }
  }

  /**
   * @typedef {object} Scope where a name is used
   * @property {Definition} owner the macro or rule that uses it
   * @property {number} visibility macros from this index on are not seen
   * @property {string[]} chain macros that led here
   * @property {number} depth levels of conditions above this one
   */

  /**
   * @param {Condition} condition
   * @param {Scope} outer
   * @returns {Filter}
   */
  #write(condition, outer) {
    const scope = { ...outer, depth: outer.depth + 1 };
    if (scope.depth > maxDepth) {
      return failNesting(scope.owner);
    }
    switch (condition.kind) {
      case 'macro':
        return this.#macro(condition.name, scope);
      case 'check':
        return { text: this.#check(condition, scope.owner), kind: 'check', nesting: 1 };
      case 'not': {
        const child = this.#write(condition.child, scope);
        const inner = child.kind === 'check' ? child : parenthesize(child, scope.owner);
        return bound({ text: `not ${inner.text}`, kind: 'not', nesting: inner.nesting }, scope.owner);
      }
      default: {
        const weaker = condition.kind === 'and' ? 'or' : undefined;
        const parts = condition.children.map((child) => {
          const part = this.#write(child, scope);
          return part.kind === weaker ? parenthesize(part, scope.owner) : part;
        });
        return join(parts, condition.kind, scope.owner);
      }
    }
  }

  /**
   * @param {string} name
   * @param {Scope} scope
   * @returns {Filter}
   */
  #macro(name, { owner, visibility, chain, depth }) {
    const macro = this.collection.macros.get(name);
    if (macro === undefined) {
      return fail(owner, `uses the macro '${name}', which is not defined${this.#hint(name)}`);
    }
    if (macro.index >= visibility) {
      const where = `${macro.place.file}:${macro.place.line}`;
      return fail(
        owner,
        `uses the macro '${name}' before it is defined (${where}); Falco reads macros in order`,
      );
    }
    const path = [...chain, name];
    if (chain.includes(name)) {
      return fail(owner, `the macro '${name}' is used in itself: ${path.join(' → ')}`);
    }
    if (path.length > maxChain) {
      return fail(owner, `more than ${maxChain} macros in one another`);
    }
    let filter = this.macros.get(name);
    if (filter === undefined) {
      const scope = { owner: macro, visibility: macro.visibility, chain: path, depth };
      filter = this.#write(parse(macro, macro.condition), scope);
      this.macros.set(name, filter);
    }
    return filter;
  }

  /** @param {string} name */
  #hint(name) {
    return this.collection.lists.has(name)
      ? '; there is a list of that name, which belongs behind an operator'
      : '';
  }

  /**
   * @param {Extract<Condition, { kind: 'check' }>} check
   * @param {Definition} owner
   */
  #check({ left, operator, right }, owner) {
    if (right === undefined) {
      return `${left} ${operator}`;
    }
    if (right.kind === 'operand') {
      return `${left} ${operator} ${right.text}`;
    }
    if (right.inParentheses) {
      const texts = right.values.flatMap((value) => this.#values(value, owner));
      return `${left} ${operator} (${joinTexts(texts, ', ', owner)})`;
    }
    return `${left} ${operator} ${this.#single(operator, right.values[0], owner)}`;
  }

  /**
   * A value that is not in parentheses: a list may stand here only if it has one item.
   *
   * @param {string} operator
   * @param {Value | undefined} value
   * @param {Definition} owner
   */
  #single(operator, value = { text: '', quoted: false }, owner) {
    const isList = !value.quoted && this.collection.lists.has(value.text);
    if (!isList) {
      if (['in', 'intersects', 'pmatch'].includes(operator)) {
        fail(
          owner,
          `'${operator} ${value.text}': there is no list '${value.text}'; values go in parentheses`,
        );
      }
      return value.text;
    }
    const [text = '', ...others] = this.#values(value, owner);
    if (text === '' || others.length > 0) {
      const count = text === '' ? 0 : others.length + 1;
      fail(
        owner,
        `'${operator} ${value.text}': this list has ${count} items, so it has to be in parentheses`,
      );
    }
    return text;
  }

  /**
   * @param {Value} value
   * @param {Definition} owner
   * @returns {string[]} the value, or the items of the list that it names
   */
  #values({ text, quoted }, owner) {
    return quoted || !this.collection.lists.has(text) ? [text] : this.#list(text, owner, []).texts;
  }

  /**
   * @param {string} name
   * @param {Definition} owner
   * @param {string[]} chain lists that led here
   * @returns {{ texts: string[], levels: number }} items as a condition needs them; lists in one another
   */
  #list(name, owner, chain) {
    const done = this.lists.get(name);
    const list = this.collection.lists.get(name);
    if (done !== undefined || list === undefined) {
      return done ?? { texts: [], levels: 0 };
    }
    const path = [...chain, name];
    if (chain.includes(name)) {
      fail(list, `is in itself: ${path.join(' → ')}`);
    }
    if (path.length > maxChain) {
      fail(list, `more than ${maxChain} lists in one another`);
    }
    /** @type {string[]} */
    const texts = [];
    let levels = 0;
    let length = 0;
    for (const item of list.items) {
      const inner = this.collection.lists.has(item) ? this.#list(item, list, path) : undefined;
      levels = Math.max(levels, (inner?.levels ?? -1) + 1);
      for (const text of inner?.texts ?? [quoteValue(item) ?? fail(list, badValue(item))]) {
        length += text.length + 2;
        if (length > maxLength) {
          fail(list, `the list grows to more than ${maxLength} characters`);
        }
        texts.push(text);
      }
    }
    if (levels > 1) {
      const message = 'Falco itself resolves a list inside a list, but not one more list inside that';
      this.notices.push({ place: list.place, object: list.object, message });
    }
    const result = { texts, levels };
    this.lists.set(name, result);
    return result;
  }
}

/**
 * @param {{ place: import('./problem.mjs').Place, object: string }} owner
 * @param {string} text
 * @returns {Condition}
 */
function parse({ place, object }, text) {
  try {
    return parseCondition(text);
  } catch (error) {
    if (error instanceof ConditionError) {
      throw new RuleError(place, object, `the condition is not understood: ${error.message}`);
    }
    throw error;
  }
}

/**
 * @param {Filter} filter
 * @param {Definition} owner
 * @returns {Filter}
 */
function parenthesize({ text, nesting }, owner) {
  return bound({ text: `(${text})`, kind: 'check', nesting: nesting + 1 }, owner);
}

/**
 * @param {Filter[]} parts
 * @param {'and' | 'or'} kind
 * @param {Definition} owner
 * @returns {Filter}
 */
function join(parts, kind, owner) {
  const texts = parts.map(({ text }) => text);
  const nesting = Math.max(...parts.map((part) => part.nesting));
  return { text: joinTexts(texts, ` ${kind} `, owner), kind, nesting };
}

/**
 * @param {string[]} texts
 * @param {string} separator
 * @param {Definition} owner
 */
function joinTexts(texts, separator, owner) {
  const length = texts.reduce((sum, text) => sum + text.length + separator.length, 0);
  return length > maxLength ? failLength(owner) : texts.join(separator);
}

/**
 * @param {Filter} filter
 * @param {Definition} owner
 * @returns {Filter}
 */
function bound(filter, owner) {
  if (filter.nesting > maxNesting) {
    return failNesting(owner);
  }
  return filter.text.length > maxLength ? failLength(owner) : filter;
}

/**
 * @param {Definition} owner
 * @returns {never}
 */
function failNesting(owner) {
  return fail(owner, `with all macros there are more than ${maxNesting} parentheses in one another`);
}

/**
 * @param {Definition} owner
 * @returns {never}
 */
function failLength(owner) {
  return fail(owner, `with all macros and lists the condition has more than ${maxLength} characters`);
}

/**
 * @param {Definition} owner
 * @param {string} problem
 * @returns {never}
 */
function fail({ place, object }, problem) {
  throw new RuleError(place, object, problem);
}
