// SPDX-License-Identifier: Apache-2.0
// @ts-check
// The embedded libsinsp host as the engine of `npm start`.
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { hostPaths, sysrootCommand } from '../build-host.mjs';
import { parseLine, readAlert } from './engine.mjs';

/**
 * The host, ready to run.
 *
 * @param {object} setup
 * @param {string} setup.file where the flattened rules are written
 * @param {import('./falco.mjs').Plugin & { version: string }} setup.plugin
 * @param {import('./arguments.mjs').Arguments} setup.options
 * @param {(message: string) => void} setup.notice takes what is worth knowing about the rules
 * @returns {Promise<import('./engine.mjs').Engine>}
 * @throws {import('../lib/errors.mjs').UserError} the rules cannot be used
 */
export async function prepareEmbedded({ file, plugin, options, notice }) {
  // Only now: its package is there after the build alone.
  const { flatten, readSources } = await import('../rules/flatten.mjs');
  const { formatNotice } = await import('../rules/problem.mjs');
  const { rules, notices } = flatten(readSources(options.rules), { plugins: [plugin] });
  notices.map(formatNotice).forEach(notice);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, JSON.stringify(rules));
  /** @type {number | undefined} */
  let events;
  return {
    name: 'the embedded libsinsp host',
    command: [
      ...sysrootCommand(hostPaths().program),
      ...['--plugin', plugin.library, '--config', options.config, '--open', options.open],
      ...['--rules', file, '--progress', ...(options.all ? [] : ['--first'])],
    ],
    events: () => events,
    onLine(line, report) {
      const object = parseLine(line) ?? {};
      const alert = readAlert(object);
      if (alert !== undefined) {
        report.alert(alert);
      } else if (object['progress'] !== undefined && !options.live) {
        report.progress(/** @type {import('./report.mjs').Progress} */ (object['progress']));
      } else if (object['summary'] !== undefined) {
        events = /** @type {{ events: number }} */ (object['summary']).events;
      }
    },
  };
}
