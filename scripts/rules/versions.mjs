// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What a rules file requires: the version of Falco's rule engine, and plugins.
import { RuleError } from './problem.mjs';

/** @typedef {import('./document.mjs').Entry} Entry */
/** @typedef {import('./problem.mjs').Place} Place */
/** @typedef {{ name: string, version: string }} PluginVersion */

/** The engine of Falco 0.43, the version that libsinsp 0.23 belongs to. */
export const engineVersion = '0.58.0';

/**
 * @param {string} text
 * @returns {[number, number, number] | undefined} undefined if it is no version of the form x.y.z
 */
export function parseVersion(text) {
  const match = /^(\d{1,9})\.(\d{1,9})\.(\d{1,9})(?:[-+][0-9A-Za-z.+-]+)?$/.exec(text);
  return match === null ? undefined : [Number(match[1]), Number(match[2]), Number(match[3])];
}

/**
 * Falco's rule: the same major version, and not older.
 *
 * @param {string} version
 * @param {string} required
 * @returns {boolean} false also if one of them is no version
 */
export function isCompatible(version, required) {
  const has = parseVersion(version);
  const wants = parseVersion(required);
  if (has === undefined || wants === undefined || has[0] !== wants[0]) {
    return false;
  }
  return has[1] !== wants[1] ? has[1] > wants[1] : has[2] >= wants[2];
}

/**
 * Check an entry `required_engine_version`.
 *
 * @param {Entry} entry
 * @throws {RuleError} it is no version, or a newer one than ours
 */
export function checkEngineVersion(entry) {
  const key = 'required_engine_version';
  entry.object = key;
  const text = entry.text(key);
  const required = /^\d{1,9}$/.test(text) ? `0.${text}.0` : text;
  if (parseVersion(required) === undefined) {
    entry.fail(`'${text}' is neither a number nor a version x.y.z`, key);
  }
  if (!isCompatible(engineVersion, required)) {
    entry.fail(`the rules want engine version ${required}; this is ${engineVersion}, as in Falco 0.43`, key);
  }
}

/**
 * One required plugin, or one of its alternatives.
 *
 * @typedef {object} PluginRequirement
 * @property {Place} place
 * @property {PluginVersion[]} alternatives the first is the one that is named first
 */

/**
 * Read an entry `required_plugin_versions`.
 *
 * @param {Entry} entry
 * @returns {PluginRequirement[]}
 * @throws {RuleError}
 */
export function readPluginRequirements(entry) {
  entry.object = 'required_plugin_versions';
  return entry.entries('required_plugin_versions').map((item) => {
    const others = item.has('alternatives') ? item.entries('alternatives') : [];
    const alternatives = [item, ...others].map(readPluginVersion);
    const names = alternatives.map(({ name }) => name);
    const twice = names.find((name, i) => names.indexOf(name) !== i);
    if (twice !== undefined) {
      item.fail(`plugin '${twice}' is named more than once`);
    }
    return { place: item.place, alternatives };
  });
}

/**
 * @param {Entry} item
 * @returns {PluginVersion}
 */
function readPluginVersion(item) {
  const name = item.text('name');
  const version = item.text('version');
  if (parseVersion(version) === undefined) {
    item.fail(`'${version}' of plugin '${name}' is no version x.y.z`, 'version');
  }
  return { name, version };
}

/**
 * Check that every required plugin, or one of its alternatives, is there.
 *
 * @param {PluginRequirement[]} requirements
 * @param {PluginVersion[]} plugins what is loaded
 * @throws {RuleError}
 */
export function checkPlugins(requirements, plugins) {
  for (const { place, alternatives } of requirements) {
    const required = alternatives.find(({ name }) => plugins.some((plugin) => plugin.name === name));
    if (required === undefined) {
      const wanted = alternatives.map(({ name, version }) => `${name} (${version} or later)`).join(' or ');
      const there = plugins.map(({ name, version }) => `${name} ${version}`).join(', ') || 'none';
      const problem = `the rules want the plugin ${wanted}; loaded: ${there}`;
      throw new RuleError(place, 'required_plugin_versions', problem);
    }
    const version = plugins.find(({ name }) => name === required.name)?.version ?? '';
    if (!isCompatible(version, required.version)) {
      const problem = `plugin ${required.name} ${version} is not compatible with version ${required.version}`;
      throw new RuleError(place, 'required_plugin_versions', problem);
    }
  }
}
