// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Which rules files are shipped, and what they ask for.
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { compareVersions } from '../lib/elf.mjs';
import { UserError } from '../lib/errors.mjs';

/**
 * @typedef {object} RulesRequirements
 * @property {string} engine the newest engine that one of the files asks for
 * @property {{ name: string, version: string, alternatives?: { name: string, version: string }[] }[]} plugins
 */

/**
 * A rules file as it is shipped.
 *
 * @typedef {object} RulesFile
 * @property {string} path
 * @property {string} name in the archive, and so in the folder that falcoctl puts all of them into
 */

/**
 * Every .yaml file in rules/, under its own name, and every one in rules/overlays/, whose name gets the prefix that tells
 * whose it is: `eks.yaml` becomes `k8s_audit_rules_eks.yaml`. (rules/tests/ has events for tests.)
 *
 * @param {string} root the top folder of the repository
 * @returns {RulesFile[]} in order of their names
 * @throws {UserError} two would be the same file
 */
export function findRulesFiles(root) {
  const folders = [
    { folder: join(root, 'rules'), prefix: '' },
    { folder: join(root, 'rules', 'overlays'), prefix: 'k8s_audit_rules_' },
  ];
  const files = folders
    .filter(({ folder }) => existsSync(folder))
    .flatMap(({ folder, prefix }) =>
      readdirSync(folder)
        .filter((file) => file.endsWith('.yaml'))
        .map((file) => ({ path: join(folder, file), name: `${prefix}${file}` })),
    )
    .sort((a, b) => (a.name < b.name ? -1 : 1));
  const twice = files.find(({ name }, i) => files[i + 1]?.name === name);
  if (twice !== undefined) throw new UserError(`two rules files would be called ${twice.name}; rename one`);
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
