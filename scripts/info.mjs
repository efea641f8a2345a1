#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Says what is in a plugin: `npm run info -- path.so [--json]`. It reads the file and runs nothing of it.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { readBuildInfo } from './lib/build-info.mjs';
import { parseCommandLine } from './lib/command-line.mjs';
import { UserError } from './lib/errors.mjs';
import { runAsMain } from './lib/main.mjs';
import { buildPaths } from './lib/paths.mjs';

const MAX_FILE = 256 << 20;

/**
 * @param {string} file
 * @throws {UserError} it is not there, or holds no information
 */
function readPlugin(file) {
  if (!existsSync(file) || !statSync(file).isFile()) throw new UserError(`${file} is not a file`);
  if (statSync(file).size > MAX_FILE) throw new UserError(`${file} is too large for a plugin`);
  try {
    return readBuildInfo(readFileSync(file));
  } catch (error) {
    throw new UserError(`${file}: ${error instanceof Error ? error.message : error}`);
  }
}

/**
 * @param {import('./lib/build-info.mjs').BuildInfo} info
 * @returns {string[]} lines
 */
function describeInfo({ name, version, api, platform, compiler, wasm, options, components }) {
  const rows = [
    ['plugin', `${name} ${version}`],
    ['plugin API', api],
    ['platform', platform],
    ['compiler', compiler],
    ['WASM', `sha256:${wasm}`],
    ['options', options.join(' ') || 'none: a release'],
    ...Object.entries(components).map(([component, text]) => [component, text]),
  ];
  return rows.map(([key = '', value = '']) => `${key.padEnd(20)} ${value}`);
}

/** @param {string[]} args */
async function main(args) {
  const options = /** @type {const} */ ({ json: { type: 'boolean' } });
  const { values, positionals } = parseCommandLine({ args, options, allowPositionals: true });
  const files = positionals.length > 0 ? positionals : [join(buildPaths().build, 'libk8saudit-ts.so')];
  for (const file of files) {
    const info = readPlugin(file);
    if (values.json) console.log(JSON.stringify(info));
    else console.log([file, ...describeInfo(info).map((line) => `  ${line}`)].join('\n'));
  }
}

await runAsMain(import.meta.url, 'info', main);
