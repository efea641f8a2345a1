// SPDX-License-Identifier: Apache-2.0
// @ts-check
// YAML as Falco reads it: every scalar is the text that was written, and every node knows its line.
import { Composer, LineCounter, Parser, isAlias, isMap, isScalar, isSeq } from 'yaml';
import { RuleError } from './problem.mjs';

/** @typedef {import('./problem.mjs').Place} Place */
/** @typedef {import('yaml').Node} Node */

const maxFileLength = 16 << 20;
const maxDepth = 32;
const maxAliases = 1000;

/** @typedef {string | string[]} Cell one value of an exception, or a list of them */
/** @typedef {string | Cell[]} Row */

/**
 * @typedef {object} Source a rules file
 * @property {string} name as it is shown in messages
 * @property {string} text
 */

/**
 * Read a rules file into its entries.
 *
 * @param {Source} source
 * @returns {Entry[]} of all documents in the file; empty entries are left out
 * @throws {RuleError} it is no YAML, or not a list of mappings
 */
export function readEntries({ name, text }) {
  const lines = new LineCounter();
  const start = { file: name, line: 1 };
  if (text.length > maxFileLength) {
    throw new RuleError(start, '', `the file is larger than ${maxFileLength >> 20} MiB`);
  }
  const tokens = [...new Parser(lines.addNewLine).parse(text)];
  checkBounds(tokens, start);
  return [...new Composer({ schema: 'failsafe', lineCounter: lines }).compose(tokens)].flatMap((document) => {
    const [error] = document.errors;
    if (error !== undefined) {
      const place = { file: name, line: lines.linePos(error.pos[0]).line };
      throw new RuleError(place, '', `this is not valid YAML: ${error.message.split('\n')[0]}`);
    }
    const context = { file: name, lines, document };
    const root = document.contents;
    if (root === null || isEmpty(root)) {
      return [];
    }
    if (!isSeq(root)) {
      throw new RuleError(start, '', "a rules file is a list: every entry starts with '- '");
    }
    return root.items.filter((item) => !isEmpty(item)).map((item) => readEntry(context, item));
  });
}

/**
 * The composer calls itself for every level, and searches the document for every alias, so both are bounded
 * before.
 *
 * @param {unknown[]} tokens of yaml's parser
 * @param {Place} place
 */
function checkBounds(tokens, place) {
  /** @typedef {{ type?: string, value?: unknown, items?: { key?: unknown, value?: unknown }[] }} Token */
  const open = tokens.map((token) => ({ token: /** @type {Token} */ (token), depth: 0 }));
  let aliases = 0;
  for (let next = open.pop(); next !== undefined; next = open.pop()) {
    const { token, depth } = next;
    aliases += token.type === 'alias' ? 1 : 0;
    if (depth > maxDepth || aliases > maxAliases) {
      const what = depth > maxDepth ? `${maxDepth} levels of YAML in one another` : `${maxAliases} aliases`;
      throw new RuleError(place, '', `the file has more than ${what}`);
    }
    const parts = [token.value, ...(token.items ?? []).flatMap((item) => [item.key, item.value])];
    for (const part of parts) {
      if (typeof part === 'object' && part !== null) {
        open.push({ token: /** @type {Token} */ (part), depth: depth + 1 });
      }
    }
  }
}

/**
 * @typedef {object} Context
 * @property {string} file
 * @property {LineCounter} lines
 * @property {import('yaml').Document.Parsed | import('yaml').Document} document
 */

/** @param {unknown} node */
function isEmpty(node) {
  return node === null || (isScalar(node) && isNullText(node));
}

/** @param {import('yaml').Scalar} node */
function isNullText(node) {
  const plain = node.type === undefined || node.type === 'PLAIN';
  return plain && ['', '~', 'null', 'Null', 'NULL'].includes(String(node.value ?? ''));
}

/**
 * @param {Context} context
 * @param {unknown} item
 */
function readEntry(context, item) {
  const { node, place } = locate(context, item);
  if (!isMap(node)) {
    throw new RuleError(place, '', "an entry is a mapping that starts with 'rule:', 'macro:' or 'list:'");
  }
  return new Entry(context, node, place);
}

/**
 * Follow an alias and find the line.
 *
 * @param {Context} context
 * @param {unknown} item
 * @returns {{ node: unknown, place: Place }}
 */
function locate(context, item) {
  const range = /** @type {{ range?: [number, number, number] } | null} */ (item)?.range;
  const line = context.lines.linePos(range?.[0] ?? 0).line || 1;
  const place = { file: context.file, line };
  if (!isAlias(item)) {
    return { node: item, place };
  }
  const node = item.resolve(context.document);
  if (node === undefined) {
    throw new RuleError(place, '', `there is no anchor &${item.source} for the alias *${item.source}`);
  }
  return { node, place };
}

/** A mapping of a rules file: an entry, or a mapping inside one. */
export class Entry {
  /** What the entry is, for messages: "rule 'name'". */
  object = '';

  /**
   * @param {Context} context
   * @param {import('yaml').YAMLMap} map
   * @param {Place} place
   */
  constructor(context, map, place) {
    this.context = context;
    this.place = place;
    /** @type {Map<string, unknown>} */
    this.values = new Map();
    /** @type {Map<string, Place>} */
    this.places = new Map();
    for (const { key, value } of map.items) {
      const { node, place: keyPlace } = locate(context, key);
      const name = isScalar(node) ? String(node.value ?? '') : '';
      this.values.set(name, value);
      this.places.set(name, keyPlace);
    }
  }

  /**
   * @param {string} problem
   * @param {string} [key] the key whose line is told
   * @returns {never}
   */
  fail(problem, key = '') {
    throw new RuleError(this.placeOf(key), this.object, problem);
  }

  /** @param {string} key */
  placeOf(key) {
    return this.places.get(key) ?? this.place;
  }

  keys() {
    return [...this.values.keys()];
  }

  /** @param {string} key */
  has(key) {
    return this.values.has(key);
  }

  /**
   * @param {string} key
   * @returns {boolean} whether the key is missing or has nothing behind it
   */
  isEmpty(key) {
    return isEmpty(this.values.get(key) ?? null);
  }

  /**
   * @param {string} key
   * @returns {string} a text that is not empty
   * @throws {RuleError}
   */
  text(key) {
    if (!this.has(key)) {
      this.fail(`the key '${key}' is missing`);
    }
    const { node } = locate(this.context, this.values.get(key));
    if (!isScalar(node)) {
      this.fail(`'${key}' has to be a text`, key);
    }
    const text = String(/** @type {import('yaml').Scalar} */ (node).value ?? '');
    if (text.trim() === '' || isEmpty(node)) {
      this.fail(`'${key}' is empty`, key);
    }
    return text;
  }

  /**
   * @param {string} key
   * @returns {string | undefined} undefined if the key is missing
   */
  optionalText(key) {
    return this.has(key) ? this.text(key) : undefined;
  }

  /**
   * @param {string} key
   * @returns {boolean | undefined} undefined if the key is missing
   */
  boolean(key) {
    const text = this.optionalText(key)?.toLowerCase();
    if (text === undefined) {
      return undefined;
    }
    if (['true', 'yes', 'on', 'y'].includes(text)) {
      return true;
    }
    if (['false', 'no', 'off', 'n'].includes(text)) {
      return false;
    }
    return this.fail(`'${key}' is either true or false, not '${text}'`, key);
  }

  /**
   * @param {string} key
   * @returns {string[]} the texts of a list
   */
  texts(key) {
    return this.#list(key).map((item) => this.#itemText(key, item));
  }

  /**
   * @param {string} key
   * @returns {Entry[]} the mappings of a list
   */
  entries(key) {
    return this.#list(key).map((item) => {
      const { node, place } = locate(this.context, item);
      if (!isMap(node)) {
        throw new RuleError(place, this.object, `every item of '${key}' has to be a mapping`);
      }
      const entry = new Entry(this.context, node, place);
      entry.object = this.object;
      return entry;
    });
  }

  /**
   * @param {string} key
   * @returns {Entry} the mapping behind the key
   */
  entry(key) {
    const { node, place } = locate(this.context, this.values.get(key));
    if (!isMap(node)) {
      this.fail(`'${key}' has to be a mapping`, key);
    }
    const entry = new Entry(this.context, /** @type {import('yaml').YAMLMap} */ (node), place);
    entry.object = this.object;
    return entry;
  }

  /**
   * @param {string} key
   * @returns {string | string[]} a text, or the texts of a list
   */
  textOrTexts(key) {
    return isScalar(locate(this.context, this.values.get(key)).node) ? this.text(key) : this.texts(key);
  }

  /**
   * @param {string} key
   * @returns {Row[]} the items of a list: texts, and lists of texts and lists of texts
   */
  rows(key) {
    return this.#list(key).map((item) => this.#textOrList(key, item, (inner) => this.#cell(key, inner)));
  }

  /**
   * @param {string} key
   * @param {unknown} item
   * @returns {Cell}
   */
  #cell(key, item) {
    return this.#textOrList(key, item, (inner) => this.#itemText(key, inner));
  }

  /**
   * @template T
   * @param {string} key
   * @param {unknown} item
   * @param {(item: unknown) => T} read
   * @returns {string | T[]}
   */
  #textOrList(key, item, read) {
    const { node } = locate(this.context, item);
    return isSeq(node) ? node.items.map(read) : this.#itemText(key, item);
  }

  /**
   * @param {string} key
   * @param {unknown} item
   * @returns {string}
   */
  #itemText(key, item) {
    const { node, place } = locate(this.context, item);
    if (isScalar(node) && !isEmpty(node)) {
      return String(node.value ?? '');
    }
    throw new RuleError(place, this.object, `an item of '${key}' is no text`);
  }

  /**
   * @param {string} key
   * @returns {unknown[]}
   */
  #list(key) {
    const { node } = locate(this.context, this.values.get(key));
    if (!isSeq(node)) {
      this.fail(`'${key}' has to be a list`, key);
    }
    return /** @type {import('yaml').YAMLSeq} */ (node).items;
  }
}
