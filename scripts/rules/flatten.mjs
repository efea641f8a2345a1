#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Flattens Falco rules files: every rule becomes one condition without macros, lists and exceptions, which
// the libsinsp host (native/sinsp_host) can compile as it stands.
//
//   node scripts/rules/flatten.mjs [--plugin NAME:VERSION]… [--output FILE] RULES.yaml…
import { readFileSync, realpathSync, writeFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { UserError } from '../lib/errors.mjs';
import { Collection } from './collection.mjs';
import { readEntries } from './document.mjs';
import { Expander } from './expand.mjs';
import { formatNotice } from './problem.mjs';
import { checkPlugins } from './versions.mjs';

/** @typedef {import('./document.mjs').Source} Source */
/** @typedef {import('./problem.mjs').Notice} Notice */
/** @typedef {import('./versions.mjs').PluginVersion} PluginVersion */

/**
 * @typedef {object} FlatRule
 * @property {string} rule its name
 * @property {string} desc
 * @property {string} priority as Falco writes it: Emergency, Alert, Critical, Error, Warning, Notice,
 *   Informational or Debug
 * @property {string} source
 * @property {string} condition a filter without macros and lists
 * @property {string} output
 * @property {string[]} tags sorted
 * @property {boolean} enabled
 */

/**
 * Flatten rules files that Falco would read in this order.
 *
 * @param {Source[]} sources
 * @param {{ plugins?: PluginVersion[] }} [options] `plugins`: what is loaded; without it,
 *   `required_plugin_versions` is not checked
 * @returns {{ rules: FlatRule[], notices: Notice[] }} rules in the order of their first definition
 * @throws {import('./problem.mjs').RuleError} the first thing that is wrong
 */
export function flatten(sources, { plugins } = {}) {
  const collection = new Collection();
  for (const entry of sources.flatMap(readEntries)) {
    collection.add(entry);
  }
  if (plugins !== undefined) {
    checkPlugins(collection.pluginRequirements, plugins);
  }
  const expander = new Expander(collection);
  for (const name of collection.macros.keys()) {
    expander.checkMacro(name);
  }
  const rules = [...collection.rules.values()].map((rule) => ({
    rule: rule.name,
    desc: rule.desc,
    priority: rule.priority,
    source: rule.source,
    condition: expander.rule(rule),
    output: rule.output,
    tags: [...rule.tags].sort(),
    enabled: rule.enabled,
  }));
  return { rules, notices: [...collection.notices, ...expander.notices] };
}

/**
 * Read rules files.
 *
 * @param {string[]} files
 * @returns {Source[]}
 * @throws {UserError} a file cannot be read
 */
export function readSources(files) {
  return files.map((name) => {
    try {
      return { name, text: readFileSync(name, 'utf8') };
    } catch (error) {
      const reason =
        /** @type {NodeJS.ErrnoException} */ (error).code === 'ENOENT' ? 'there is no such file' : error;
      throw new UserError(`cannot read the rules file ${name}: ${reason}`);
    }
  });
}

/**
 * @param {string} text NAME:VERSION
 * @returns {PluginVersion}
 */
function parsePlugin(text) {
  const [name = '', version = '', ...rest] = text.split(':');
  if (name === '' || version === '' || rest.length > 0) {
    throw new UserError(`--plugin wants NAME:VERSION, not '${text}'`);
  }
  return { name, version };
}

/** @param {string[]} args */
function main(args) {
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: { plugin: { type: 'string', multiple: true }, output: { type: 'string' } },
  });
  if (positionals.length === 0) {
    throw new UserError('usage: flatten.mjs [--plugin NAME:VERSION]… [--output FILE] RULES.yaml…');
  }
  const plugins = values.plugin?.map(parsePlugin);
  const { rules, notices } = flatten(readSources(positionals), plugins === undefined ? {} : { plugins });
  for (const notice of notices) {
    process.stderr.write(`${formatNotice(notice)}\n`);
  }
  const json = `${JSON.stringify(rules, null, 2)}\n`;
  if (values.output === undefined) {
    process.stdout.write(json);
  } else {
    writeFileSync(values.output, json);
  }
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(realpathSync(process.argv[1])).href) {
  try {
    main(process.argv.slice(2));
  } catch (error) {
    const code = /** @type {NodeJS.ErrnoException} */ (error).code ?? '';
    if (!(error instanceof UserError) && !code.startsWith('ERR_PARSE_ARGS')) {
      throw error;
    }
    process.stderr.write(`flatten: ${/** @type {Error} */ (error).message}\n`);
    process.exitCode = 1;
  }
}
