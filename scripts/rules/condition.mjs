// SPDX-License-Identifier: Apache-2.0
// @ts-check
// A parser of Falco's filter language: the grammar of libsinsp's own parser, read into a tree in which macros
// and list names are still names. Whether fields exist is not known here; libsinsp checks that.
import { ConditionError, Lexer, maxNesting } from './lexer.mjs';

/** @typedef {import('./lexer.mjs').Value} Value */

/**
 * The right side of a check: values, or another field.
 *
 * @typedef {{ kind: 'values', values: Value[], inParentheses: boolean }
 *   | { kind: 'operand', text: string }} Right
 */

/**
 * @typedef {{ kind: 'and' | 'or', children: Condition[] }
 *   | { kind: 'not', child: Condition }
 *   | { kind: 'macro', name: string, offset: number }
 *   | { kind: 'check', left: string, operator: string, right: Right | undefined, offset: number }} Condition
 */

const patterns = {
  not: /not[ \t\n\v\f\r]+/y,
  identifier: /[a-zA-Z]+[a-zA-Z0-9_]*/y,
  exists: /exists/y,
  numberOperator: /<=|<|>=|>/y,
  symbolOperator: /==|=|!=/y,
  wordOperator:
    /(?:glob|iglob|contains|icontains|bcontains|startswith|bstartswith|endswith|regex)(?=[ \t\b\r\n])/y,
  modifier: /(?:oneof|anyof|allof)(?=[ \t\b\r\n]+\()/y,
  listOperator: /intersects|in|pmatch/y,
};

/**
 * Read a condition.
 *
 * @param {string} text
 * @returns {Condition}
 * @throws {ConditionError}
 */
export function parseCondition(text) {
  const parser = new Parser(text);
  return parser.whole(() => parser.or());
}

/**
 * @param {string} text
 * @returns {boolean} whether the text is exactly one value, bare or in quotes, as it may stand in a list
 */
export function isValue(text) {
  try {
    const parser = new Parser(text);
    parser.whole(() => parser.value());
    return text === text.trim();
  } catch (error) {
    if (error instanceof ConditionError) {
      return false;
    }
    throw error;
  }
}

class Parser extends Lexer {
  /**
   * @template T
   * @param {() => T} read
   * @returns {T} what it read, if that was everything
   */
  whole(read) {
    if (this.text.trim() === '') {
      this.fail('it is empty');
    }
    const result = read();
    this.blank();
    if (this.at < this.text.length) {
      this.fail("expected 'and', 'or' or the end");
    }
    return result;
  }

  /** @returns {Condition} */
  or() {
    return this.chain('or', () => this.and());
  }

  /** @returns {Condition} */
  and() {
    return this.chain('and', () => this.not());
  }

  /**
   * @param {'and' | 'or'} kind
   * @param {() => Condition} operand
   * @returns {Condition}
   */
  chain(kind, operand) {
    this.blank();
    const children = [operand()];
    this.blank();
    while (this.takeText(kind)) {
      if (this.blank()) {
        children.push(operand());
      } else if (this.takeText('(')) {
        children.push(this.parentheses());
      } else {
        this.fail(`expected a blank or '(' after '${kind}'`);
      }
      this.blank();
    }
    const [only] = children;
    return children.length === 1 && only !== undefined ? only : { kind, children };
  }

  /** @returns {Condition} */
  not() {
    let negated = false;
    this.blank();
    while (this.take(patterns.not) !== undefined) {
      negated = !negated;
    }
    let child;
    if (this.takeText('not(')) {
      negated = !negated;
      child = this.parentheses();
    } else {
      child = this.check();
    }
    return negated ? { kind: 'not', child } : child;
  }

  /**
   * Everything after an opening parenthesis, up to its end.
   *
   * @returns {Condition}
   */
  parentheses() {
    this.nesting += 1;
    if (this.nesting > maxNesting) {
      this.fail(`more than ${maxNesting} parentheses in one another`);
    }
    const inner = this.or();
    this.blank();
    if (!this.takeText(')')) {
      this.fail("expected ')'");
    }
    this.nesting -= 1;
    return inner;
  }

  /** @returns {Condition} */
  check() {
    this.blank();
    const offset = this.at;
    if (this.takeText('(')) {
      return this.parentheses();
    }
    const left = this.operand();
    if (left === undefined) {
      const name =
        this.take(patterns.identifier) ?? this.fail("expected '(', a field or the name of a macro");
      return { kind: 'macro', name, offset };
    }
    this.blank();
    if (this.take(patterns.exists) !== undefined) {
      return { kind: 'check', left, operator: 'exists', right: undefined, offset };
    }
    return { kind: 'check', left, ...this.comparison(), offset };
  }

  /** @returns {{ operator: string, right: Right }} */
  comparison() {
    let operator = this.take(patterns.numberOperator);
    if (operator !== undefined) {
      return { operator, right: this.rightSide(() => this.number()) };
    }
    operator = this.take(patterns.symbolOperator) ?? this.take(patterns.wordOperator);
    if (operator !== undefined) {
      this.blank();
      const modifier = this.take(patterns.modifier);
      if (modifier !== undefined) {
        return { operator: `${operator} ${modifier}`, right: this.list() };
      }
      return { operator, right: this.rightSide(() => this.value()) };
    }
    operator = this.take(patterns.listOperator);
    if (operator !== undefined) {
      return { operator, right: this.list() };
    }
    return this.fail("expected an operator such as '=', 'in', 'startswith' or 'exists'");
  }

  /**
   * @param {() => Value} readValue
   * @returns {Right}
   */
  rightSide(readValue) {
    this.blank();
    const text = this.operandValue();
    return text === undefined ? this.single(readValue()) : { kind: 'operand', text };
  }

  /**
   * @param {Value} value
   * @returns {Right}
   */
  single(value) {
    return { kind: 'values', values: [value], inParentheses: false };
  }

  /** @returns {Right} */
  list() {
    this.blank();
    if (this.takeText('(')) {
      return { kind: 'values', values: this.listItems(), inParentheses: true };
    }
    const text = this.operandValue();
    if (text !== undefined) {
      return { kind: 'operand', text };
    }
    const name = this.take(patterns.identifier) ?? this.fail('expected a list in parentheses');
    return this.single({ text: name, quoted: false });
  }

  /** @returns {Value[]} */
  listItems() {
    /** @type {Value[]} */
    const values = [];
    this.blank();
    if (this.takeText(')')) {
      return values;
    }
    do {
      values.push(this.value());
      this.blank();
    } while (this.takeText(','));
    if (!this.takeText(')')) {
      this.fail("expected ',' or ')'");
    }
    return values;
  }
}
