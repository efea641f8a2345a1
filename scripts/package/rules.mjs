// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Which rules files are shipped, and what they ask for.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { compareVersions } from '../lib/elf.mjs';
import { UserError } from '../lib/errors.mjs';

/**
 * @typedef {object} RulesRequirements
 * @property {string} engine the newest engine that one of the files asks for
 * @property {{ name: string, version: string, alternatives?: { name: string, version: string }[] }[]} plugins
 */

/**
 * Every .yaml file in rules/ and in its folder overlays/; all lie side by side in the archive, as falcoctl puts them into
 * one folder. (rules/tests/ has events for tests.)
 *
 * @param {string} root the top folder of the repository
 * @returns {string[]} paths, sorted
 * @throws {UserError} two would be the same file
 */
export function findRulesFiles(root) {
  const files = ['rules', 'rules/overlays']
    .map((folder) => join(root, folder))
    .filter((folder) => existsSync(folder))
    .flatMap((folder) => readdirSync(folder).map((name) => join(folder, name)))
    .filter((file) => file.endsWith('.yaml'))
    .sort();
  const names = files.map((file) => basename(file));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new UserError(`two rules files are called ${twice}; rename one`);
  return files;
}

/**
 * What all files together ask of Falco.
 *
 * @param {string[]} files paths
 * @param {{ name: string, version: string }} plugin ours
 * @returns {Promise<RulesRequirements>}
 * @throws {UserError} a file cannot be read, or asks for another version of our plugin than this one
 */
export async function readRequirements(files, plugin) {
  const { parse } = await import('yaml');
  let engine = '0.0.0';
  /** @type {Map<string, RulesRequirements['plugins'][number]>} */
  const plugins = new Map();
  for (const file of files) {
    const items = parse(readFileSync(file, 'utf8'));
    if (!Array.isArray(items)) throw new UserError(`${file} is not a list of rules`);
    for (const item of items) {
      const wanted = engineVersion(item?.required_engine_version);
      if (compareVersions(wanted, engine) > 0) engine = wanted;
      for (const each of item?.required_plugin_versions ?? []) {
        checkOwn(file, each, plugin);
        plugins.set(each.name, newer(plugins.get(each.name), each));
      }
    }
  }
  return { engine, plugins: [...plugins.values()].sort((a, b) => (a.name < b.name ? -1 : 1)) };
}

/**
 * A number is the form of old: 15 means 0.15.0.
 *
 * @param {unknown} wanted
 */
function engineVersion(wanted) {
  return typeof wanted === 'number' ? `0.${wanted}.0` : typeof wanted === 'string' ? wanted : '0.0.0';
}

/**
 * @param {string} file
 * @param {{ name: string, version: string }} required
 * @param {{ name: string, version: string }} plugin
 */
function checkOwn(file, required, plugin) {
  if (required.name === plugin.name && required.version !== plugin.version) {
    throw new UserError(
      `${file} requires ${plugin.name} ${required.version}, but this is ${plugin.version} (package.json): change the rules file`,
    );
  }
}

/**
 * @param {RulesRequirements['plugins'][number] | undefined} a
 * @param {RulesRequirements['plugins'][number]} b
 */
function newer(a, b) {
  return a !== undefined && compareVersions(a.version, b.version) > 0 ? a : b;
}
