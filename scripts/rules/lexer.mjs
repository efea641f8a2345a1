// SPDX-License-Identifier: Apache-2.0
// @ts-check
// The words of Falco's filter language, as libsinsp reads them: blanks, values, fields and transformers.

/**
 * @typedef {object} Value
 * @property {string} text as written, with its quotes
 * @property {boolean} quoted a quoted value is never the name of a list
 */

/** Parentheses in parentheses; libsinsp gives up at about 200. */
export const maxNesting = 100;

const patterns = {
  blank: /[ \t\b\r\n]+/y,
  field: /[a-zA-Z]+[a-zA-Z0-9_]*(?:\.[a-zA-Z]+[a-zA-Z0-9_]*)+/y,
  argument: /[^\][\t\n\v\f\r "']+/y,
  number: /0[xX][0-9a-fA-F]+|[+-]?[0-9]+\.?[0-9]*(?:[eE][+-][0-9]+)?/y,
  bare: /[^()"'\t\n\v\f\r =,]+/y,
  transformer: /(?:tolower|toupper|b64|basename|len|join|concat|getopt)\(/y,
  fieldValue: /val\(/y,
};

/** A condition that does not follow the grammar. */
export class ConditionError extends Error {
  /**
   * @param {string} message
   * @param {string} text the condition
   * @param {number} offset where, in characters
   */
  constructor(message, text, offset) {
    super(`${message}, near '${excerpt(text, offset)}'`);
    this.name = 'ConditionError';
  }
}

/**
 * @param {string} text
 * @param {number} offset
 * @returns {string} the part of the text around the offset, on one line
 */
function excerpt(text, offset) {
  const start = Math.max(0, offset - 20);
  const part = text
    .slice(start, start + 60)
    .replace(/\s+/g, ' ')
    .trim();
  return `${start > 0 ? '…' : ''}${part}${start + 60 < text.length ? '…' : ''}`;
}

/** Reads words from a text, from left to right. */
export class Lexer {
  /** @param {string} text */
  constructor(text) {
    this.text = text;
    this.at = 0;
    this.nesting = 0;
  }

  /**
   * @param {string} message
   * @param {number} [offset]
   * @returns {never}
   */
  fail(message, offset = this.at) {
    throw new ConditionError(message, this.text, offset);
  }

  /**
   * @param {RegExp} pattern sticky
   * @returns {string | undefined} the token, which is then behind us
   */
  take(pattern) {
    pattern.lastIndex = this.at;
    const token = pattern.exec(this.text)?.[0];
    this.at += token?.length ?? 0;
    return token;
  }

  /** @param {string} token */
  takeText(token) {
    const found = this.text.startsWith(token, this.at);
    this.at += found ? token.length : 0;
    return found;
  }

  blank() {
    return this.take(patterns.blank) !== undefined;
  }

  /** @returns {Value} */
  number() {
    const text = this.take(patterns.number) ?? this.fail('expected a number');
    return { text, quoted: false };
  }

  /** @returns {Value} */
  value() {
    this.blank();
    const quoted = this.quoted();
    if (quoted !== undefined) {
      return { text: quoted, quoted: true };
    }
    return { text: this.take(patterns.bare) ?? this.fail('expected a value'), quoted: false };
  }

  /** @returns {string | undefined} a text in quotes, with them */
  quoted() {
    const quote = this.text[this.at];
    if (quote !== '"' && quote !== "'") {
      return undefined;
    }
    const start = this.at;
    // Like libsinsp: the quote ends the text if no backslash is right before it, whatever is before that.
    let end = start + 1;
    while (end < this.text.length && (this.text[end] !== quote || this.text[end - 1] === '\\')) {
      end += 1;
    }
    if (end >= this.text.length) {
      this.fail(`the ${quote} is never closed`, start);
    }
    this.checkEscapes(start, end, quote);
    this.at = end + 1;
    return this.text.slice(start, this.at);
  }

  /**
   * @param {number} start
   * @param {number} end
   * @param {string} quote
   */
  checkEscapes(start, end, quote) {
    for (let i = start + 1; i < end; i += 1) {
      if (this.text[i] === '\\') {
        i += 1;
        const escaped = this.text[i] ?? '';
        if (i >= end || !`bfnrt \\/${quote}`.includes(escaped)) {
          this.fail(
            `'\\${escaped}' is no escape of Falco's (there are \\b \\f \\n \\r \\t \\\\ \\/ \\${quote})`,
            i - 1,
          );
        }
      }
    }
  }

  /** @returns {string | undefined} a field on the right side: `val(field)` or a transformer */
  operandValue() {
    const start = this.at;
    if (this.take(patterns.fieldValue) === undefined) {
      return this.transformer();
    }
    this.blank();
    if (this.field() === undefined) {
      this.fail("expected a field in 'val(…)'");
    }
    this.closeCall();
    return this.text.slice(start, this.at);
  }

  /** @returns {string | undefined} a field or a transformer of one */
  operand() {
    return this.field() ?? this.transformer();
  }

  /** @returns {string | undefined} */
  field() {
    const start = this.at;
    if (this.take(patterns.field) === undefined) {
      return undefined;
    }
    this.argument();
    return this.text.slice(start, this.at);
  }

  argument() {
    if (this.takeText('[')) {
      if (this.quoted() === undefined && this.take(patterns.argument) === undefined) {
        this.fail("expected the field's argument");
      }
      if (!this.takeText(']')) {
        this.fail("expected ']'");
      }
    }
  }

  /** @returns {string | undefined} */
  transformer() {
    const start = this.at;
    if (this.take(patterns.transformer) === undefined) {
      return undefined;
    }
    this.nesting += 1;
    if (this.nesting > maxNesting) {
      this.fail(`more than ${maxNesting} transformers in one another`);
    }
    do {
      this.blank();
      this.transformerArgument();
      this.blank();
    } while (this.takeText(','));
    this.closeCall();
    this.nesting -= 1;
    this.argument();
    return this.text.slice(start, this.at);
  }

  transformerArgument() {
    if (this.takeText('(')) {
      this.blank();
      if (this.takeText(')')) {
        return;
      }
      do {
        this.blank();
        this.transformerItem();
        this.blank();
      } while (this.takeText(','));
      this.closeCall();
    } else {
      this.transformerItem();
    }
  }

  transformerItem() {
    const item = this.take(patterns.number) ?? this.quoted() ?? this.transformer() ?? this.field();
    return item ?? this.fail('expected a field');
  }

  closeCall() {
    this.blank();
    if (!this.takeText(')')) {
      this.fail("expected ')'");
    }
  }
}
