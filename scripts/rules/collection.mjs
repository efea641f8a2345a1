// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Collects lists, macros and rules over all files, in order, with Falco's ways to change what came before.
import { appendException, completeException, readExceptions } from './exceptions.mjs';
import { readOverride } from './override.mjs';
import { checkEngineVersion, readPluginRequirements } from './versions.mjs';

/** @typedef {import('./document.mjs').Entry} Entry */
/** @typedef {import('./exceptions.mjs').Exception} Exception */
/** @typedef {import('./problem.mjs').Notice} Notice */
/** @typedef {import('./problem.mjs').Place} Place */

/**
 * What lists, macros and rules have in common. A macro sees the macros whose `index` is less than its
 * `visibility`: those that were there when it was last changed.
 *
 * @typedef {object} Definition
 * @property {string} name
 * @property {string} object for messages
 * @property {Place} place of the last definition or change
 * @property {string} file of the definition
 * @property {number} index when it was first defined
 * @property {number} visibility when it was last changed
 */

/** @typedef {Definition & { items: string[] }} List */
/** @typedef {Definition & { condition: string }} Macro */

/**
 * @typedef {object} RuleParts
 * @property {string} condition
 * @property {string} output
 * @property {string} desc
 * @property {string} priority as Falco writes it
 * @property {string} source
 * @property {boolean} enabled
 * @property {Set<string>} tags
 * @property {Exception[]} exceptions
 */

/** @typedef {Definition & RuleParts} Rule */

const priorities = ['Emergency', 'Alert', 'Critical', 'Error', 'Warning', 'Notice', 'Informational', 'Debug'];

const appendable = ['condition', 'output', 'desc', 'tags', 'exceptions'];
const ignored = ['capture', 'capture_duration', 'warn_evttypes', 'skip-if-unknown-filter'];
const replaceable = [...appendable, 'priority', 'enabled', ...ignored];
const ruleKeys = ['rule', 'source', 'append', 'override', ...replaceable];

const namePatterns = { list: /^[^()"'\s=,]+$/, macro: /^[a-zA-Z]+[a-zA-Z0-9_]*$/ };

export class Collection {
  /** @type {Map<string, List>} */
  lists = new Map();
  /** @type {Map<string, Macro>} */
  macros = new Map();
  /** @type {Map<string, Rule>} */
  rules = new Map();
  /** @type {import('./versions.mjs').PluginRequirement[]} */
  pluginRequirements = [];
  /** @type {Notice[]} */
  notices = [];

  #next = 0;

  /**
   * Take the next entry.
   *
   * @param {Entry} entry
   * @throws {import('./problem.mjs').RuleError}
   */
  add(entry) {
    if (entry.has('required_engine_version')) {
      checkEngineVersion(entry);
    } else if (entry.has('required_plugin_versions')) {
      this.pluginRequirements.push(...readPluginRequirements(entry));
    } else if (entry.has('list')) {
      this.#addList(entry);
    } else if (entry.has('macro')) {
      this.#addMacro(entry);
    } else if (entry.has('rule')) {
      this.#addRule(entry);
    } else {
      this.#notice(entry, `unknown entry with the keys ${entry.keys().join(', ')} is ignored`);
    }
  }

  /**
   * @param {Entry} entry
   * @param {string} message
   * @param {string} [key]
   */
  #notice(entry, message, key = '') {
    this.notices.push({ place: entry.placeOf(key), object: entry.object, message });
  }

  /** @param {Entry} entry */
  #addList(entry) {
    const name = this.#readName(entry, 'list', ['list', 'items', 'append', 'override']);
    const override = readOverride(entry, ['items'], ['items']);
    const items = entry.texts('items');
    const previous = this.lists.get(name);
    if (entry.boolean('append') === true || override?.append.has('items')) {
      const list = previous ?? failNoPrevious(entry);
      list.items = [...list.items, ...items];
      this.#touch(list, entry, 'items');
    } else {
      this.#define(
        this.lists,
        entry,
        { items, ...this.#definition(entry, name, 'items') },
        override !== undefined,
      );
    }
  }

  /** @param {Entry} entry */
  #addMacro(entry) {
    const name = this.#readName(entry, 'macro', ['macro', 'condition', 'append', 'override']);
    const override = readOverride(entry, ['condition'], ['condition']);
    const condition = entry.text('condition');
    const previous = this.macros.get(name);
    if (entry.boolean('append') === true || override?.append.has('condition')) {
      const macro = previous ?? failNoPrevious(entry);
      macro.condition = `${macro.condition} ${condition}`;
      this.#touch(macro, entry, 'condition');
    } else {
      const macro = { condition, ...this.#definition(entry, name, 'condition') };
      this.#define(this.macros, entry, macro, override !== undefined);
    }
  }

  /** @param {Entry} entry */
  #addRule(entry) {
    const name = this.#readName(entry, 'rule', ruleKeys);
    const override = readOverride(entry, appendable, replaceable);
    const previous = this.rules.get(name);
    if (entry.boolean('skip-if-unknown-filter') === true) {
      this.#notice(
        entry,
        "'skip-if-unknown-filter' is ignored: here an unknown field is an error",
        'skip-if-unknown-filter',
      );
    }
    const source = entry.isEmpty('source') ? undefined : entry.text('source');
    if (previous !== undefined && source !== undefined && previous.source !== source) {
      entry.fail(
        `the rule is for the source '${previous.source}' and cannot change to '${source}'`,
        'source',
      );
    }
    if (override !== undefined) {
      const rule = previous ?? failNoPrevious(entry);
      appendParts(rule, entry, override.append);
      replaceParts(rule, entry, override.replace);
      this.#touch(rule, entry, 'condition');
    } else if (entry.boolean('append') === true) {
      const rule = previous ?? failNoPrevious(entry);
      if (!entry.has('condition') && !entry.has('exceptions')) {
        entry.fail("'append: true' needs a 'condition' or 'exceptions' to append");
      }
      appendParts(rule, entry, new Set(['condition', 'exceptions'].filter((key) => entry.has(key))));
      this.#touch(rule, entry, 'condition');
    } else if (!['condition', 'output', 'desc', 'priority'].some((key) => entry.has(key))) {
      (previous ?? failNoPrevious(entry)).enabled = entry.boolean('enabled') ?? failNothing(entry);
    } else {
      this.#define(
        this.rules,
        entry,
        { ...readParts(entry), ...this.#definition(entry, name, 'condition') },
        false,
      );
    }
  }

  /**
   * @param {Entry} entry
   * @param {'list' | 'macro' | 'rule'} kind
   * @param {string[]} keys
   */
  #readName(entry, kind, keys) {
    const name = entry.text(kind);
    entry.object = `${kind} '${name}'`;
    if (kind !== 'rule' && !namePatterns[kind].test(name)) {
      this.#notice(
        entry,
        'a condition cannot contain this name: it has characters that names do not have',
        kind,
      );
    }
    for (const key of entry.keys().filter((key) => !keys.includes(key))) {
      this.#notice(entry, `unknown key '${key}' is ignored`, key);
    }
    return name;
  }

  /**
   * @param {Entry} entry
   * @param {string} name
   * @param {string} key the key whose line stands for the whole
   * @returns {Definition}
   */
  #definition(entry, name, key) {
    const index = this.#next++;
    const place = entry.placeOf(key);
    return { name, object: entry.object, place, file: place.file, index, visibility: index };
  }

  /**
   * Falco lets a later definition replace an earlier one. Across files that is how users change rules; inside
   * one file it can only be a mistake.
   *
   * @template {Definition} T
   * @param {Map<string, T>} definitions
   * @param {Entry} entry
   * @param {T} definition
   * @param {boolean} isReplacement the entry says that it replaces
   */
  #define(definitions, entry, definition, isReplacement) {
    const previous = definitions.get(definition.name);
    if (previous !== undefined && !isReplacement) {
      if (previous.file === definition.file) {
        const where = `line ${previous.place.line}`;
        entry.fail(`is already defined in ${where}; to change it, use 'override'`);
      }
      this.#notice(entry, `replaces the definition in ${previous.file}`);
    }
    definitions.set(definition.name, { ...definition, index: previous?.index ?? definition.index });
  }

  /**
   * @param {Definition} definition
   * @param {Entry} entry
   * @param {string} key
   */
  #touch(definition, entry, key) {
    definition.visibility = this.#next++;
    definition.place = entry.placeOf(key);
  }
}

/**
 * @param {Entry} entry
 * @returns {never}
 */
function failNoPrevious(entry) {
  return entry.fail('is changed here, but was not defined before; check the name and the order of the files');
}

/**
 * @param {Entry} entry
 * @returns {never}
 */
function failNothing(entry) {
  return entry.fail("has neither 'condition', 'output', 'desc' and 'priority' nor 'enabled'");
}

/**
 * @param {Entry} entry
 * @returns {RuleParts}
 */
function readParts(entry) {
  return {
    condition: entry.text('condition'),
    output: entry.text('output').trim(),
    desc: entry.text('desc').trim(),
    priority: readPriority(entry),
    source: entry.isEmpty('source') ? 'syscall' : entry.text('source'),
    enabled: entry.boolean('enabled') ?? true,
    tags: new Set(entry.has('tags') ? entry.texts('tags') : []),
    exceptions: readWholeExceptions(entry),
  };
}

/** @param {Entry} entry */
function readPriority(entry) {
  const text = entry.text('priority').toLowerCase();
  const wanted = text === 'info' ? 'informational' : text;
  const priority = priorities.find((name) => name.toLowerCase() === wanted);
  return priority ?? entry.fail(`'${text}' is no priority: there are ${priorities.join(', ')}`, 'priority');
}

/** @param {Entry} entry */
function readWholeExceptions(entry) {
  const exceptions = readExceptions(entry).map(completeException);
  const names = exceptions.map(({ name }) => name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  return twice === undefined ? exceptions : entry.fail(`has two exceptions '${twice}'`, 'exceptions');
}

/**
 * @param {Rule} rule
 * @param {Entry} entry
 * @param {Set<string>} keys
 */
function appendParts(rule, entry, keys) {
  for (const key of /** @type {const} */ (['condition', 'output', 'desc'])) {
    if (keys.has(key)) {
      rule[key] = `${rule[key]} ${entry.text(key).trim()}`;
    }
  }
  if (keys.has('tags')) {
    rule.tags = new Set([...rule.tags, ...entry.texts('tags')]);
  }
  if (keys.has('exceptions')) {
    rule.exceptions = readExceptions(entry).reduce(appendException, rule.exceptions);
  }
}

/**
 * @param {Rule} rule
 * @param {Entry} entry
 * @param {Set<string>} keys
 */
function replaceParts(rule, entry, keys) {
  for (const key of /** @type {const} */ (['condition', 'output', 'desc'])) {
    if (keys.has(key)) {
      rule[key] = entry.text(key).trim();
    }
  }
  if (keys.has('priority')) {
    rule.priority = readPriority(entry);
  }
  if (keys.has('enabled')) {
    rule.enabled = entry.boolean('enabled') ?? rule.enabled;
  }
  if (keys.has('tags')) {
    rule.tags = new Set(entry.texts('tags'));
  }
  if (keys.has('exceptions')) {
    rule.exceptions = readWholeExceptions(entry);
  }
}
