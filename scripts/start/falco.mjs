// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Falco as the engine of `npm start`: a falco.yaml of our own, and nothing of /etc/falco.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseLine, readAlert } from './engine.mjs';

/**
 * @typedef {object} Plugin
 * @property {string} name
 * @property {string} library absolute path of the shared object
 */

/**
 * The configuration for one run.
 *
 * @param {Plugin} plugin
 * @param {import('./arguments.mjs').Arguments} options
 */
export function falcoConfiguration({ name, library }, { open, config, rules, all }) {
  return {
    load_plugins: [name],
    plugins: [{ name, library_path: library, init_config: JSON.parse(config), open_params: open }],
    rules_files: rules,
    config_files: [],
    watch_config_files: false,
    rule_matching: all ? 'all' : 'first',
    priority: 'debug',
    libs_logger: { enabled: true, severity: 'info' },
    json_output: true,
    json_include_output_property: true,
    json_include_message_property: true,
    json_include_output_fields_property: true,
    json_include_tags_property: true,
    time_format_iso_8601: true,
    buffered_outputs: false,
    stdout_output: { enabled: true },
    syslog_output: { enabled: false },
    webserver: { enabled: false },
    log_stderr: true,
    log_syslog: false,
    log_level: 'info',
  };
}

/**
 * Falco, ready to run.
 *
 * @param {object} setup
 * @param {string} setup.program path of falco
 * @param {string} setup.file where falco.yaml is written
 * @param {Plugin} setup.plugin
 * @param {import('./arguments.mjs').Arguments} setup.options
 * @returns {Promise<import('./engine.mjs').Engine>}
 */
export async function prepareFalco({ program, file, plugin, options }) {
  // Only now: the package is there after the build alone.
  const { stringify } = await import('yaml');
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, stringify(falcoConfiguration(plugin, options)));
  return {
    name: 'Falco',
    command: [program, '-c', file, '--disable-source', 'syscall'],
    // Falco prints counts of alerts alone.
    events: () => undefined,
    onLine(line, report) {
      const alert = readAlert(parseLine(line) ?? {});
      if (alert === undefined) {
        report.message(line);
      } else {
        report.alert(alert);
      }
    },
  };
}
