// SPDX-License-Identifier: Apache-2.0
// @ts-check
// The command line of `npm start`.
import { existsSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { UserError } from '../lib/errors.mjs';

/** The rules files of this repository, in the order in which Falco is to load them. */
export const RULES = ['k8s_audit_rules.yaml', 'k8s_audit_rules_extended.yaml'];

export const usage = `usage: npm start -- [FILE | DIRECTORY | URL] [options]

Builds everything, reads Kubernetes audit events through the plugin, and prints an alert for every rule that
fires. Without an argument it replays the attack in examples/attack.jsonl.

  FILE, DIRECTORY     audit events to replay to the end: JSON Lines, also compressed with gzip
  file:///path        a file to follow while it grows
  http://host:port/   a webhook for kube-apiserver to send to
  --rules FILE        rules to evaluate instead of both files in rules/; may be given more than once
  --config JSON       the plugin's init_config
  --all               every rule that matches alerts; otherwise, as in Falco, the first one for each event
  --embedded          use the embedded libsinsp host even where Falco is installed
  --json              print alerts and summary as JSON lines
  --help              print this
`;

/**
 * @typedef {object} Arguments
 * @property {string} open what the plugin is to open: an absolute path or a URL
 * @property {boolean} live whether it goes on until Ctrl-C
 * @property {string[]} rules absolute paths of rules files
 * @property {string} config the plugin's init_config, a JSON object as text
 * @property {boolean} all
 * @property {boolean} embedded
 * @property {boolean} json
 * @property {boolean} help
 */

/**
 * Read and check the command line, so that a mistake shows before minutes of building.
 *
 * @param {string[]} args
 * @param {string} root the top folder of the repository
 * @returns {Arguments}
 * @throws {UserError}
 */
export function readArguments(args, root) {
  const { values, positionals } = parse(args);
  if (positionals.length > 1) {
    throw new UserError(
      `one file, directory or URL at a time, not ${positionals.length}: ${positionals.join(' ')}`,
    );
  }
  const rules = values.rules?.map((file) => checkFile(file, 'rules file'));
  const help = values.help === true;
  return {
    ...(help
      ? { open: '', live: false }
      : readInput(positionals[0] ?? join(root, 'examples', 'attack.jsonl'))),
    rules: rules ?? RULES.map((file) => join(root, 'rules', file)),
    config: readConfig(values.config ?? '{}'),
    all: values.all === true,
    embedded: values.embedded === true,
    json: values.json === true,
    help,
  };
}

/** @param {string[]} args */
function parse(args) {
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        rules: { type: 'string', multiple: true },
        config: { type: 'string' },
        all: { type: 'boolean' },
        embedded: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    });
  } catch (error) {
    const message = /** @type {Error} */ (error).message.split('. ')[0];
    throw new UserError(`${message}; npm start -- --help shows what there is`);
  }
}

/**
 * @param {string} input
 * @returns {{ open: string, live: boolean }}
 */
function readInput(input) {
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\//.exec(input)?.[1];
  if (scheme !== undefined) {
    return { open: input, live: true };
  }
  // A path may carry options for the plugin: logs?recursive=true.
  const path = existsSync(input) ? input : input.replace(/\?.*$/s, '');
  const options = input.slice(path.length);
  if (path === '' || !existsSync(path)) {
    throw new UserError(`there is no file or directory ${input}; a URL starts with file:// or http://`);
  }
  const stat = statSync(path);
  if (!stat.isFile() && !stat.isDirectory()) {
    throw new UserError(`${path} is neither a file nor a directory`);
  }
  return { open: `${resolve(path)}${options}`, live: false };
}

/**
 * @param {string} path
 * @param {string} what
 * @returns {string} its absolute path
 */
function checkFile(path, what) {
  if (!existsSync(path) || !statSync(path).isFile()) {
    throw new UserError(`there is no ${what} ${path}`);
  }
  return resolve(path);
}

/**
 * @param {string} text
 * @returns {string}
 */
function readConfig(text) {
  let value;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(`--config is not JSON: ${/** @type {Error} */ (error).message}`);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new UserError(`--config has to be a JSON object such as '{"maxEventSize": 1048576}'`);
  }
  return JSON.stringify(value);
}
