// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Documents that are written by a script, and checked by CI.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseCommandLine } from './command-line.mjs';
import { UserError } from './errors.mjs';
import { repositoryRoot } from './paths.mjs';

/**
 * Formats Markdown as the repository has it.
 *
 * @param {string} name of the document, in docs/
 * @param {string} text
 */
export async function formatDocument(name, text) {
  // Only now: its package is there after npm ci alone.
  const { format, resolveConfig } = await import('prettier');
  return format(text, { ...(await resolveConfig(join(repositoryRoot, 'docs', name))), parser: 'markdown' });
}

/**
 * Writes a document of docs/, or checks that it is as it should be.
 *
 * @param {string} tool what messages begin with
 * @param {string} name of the document, in docs/
 * @param {string} wanted its text
 * @param {{ check: boolean, how: string }} options `how` is the command that writes it
 * @throws {UserError} `check` is set and the document is not up to date
 */
export function keepDocument(tool, name, wanted, { check, how }) {
  const file = join(repositoryRoot, 'docs', name);
  const shown = relative(process.cwd(), file);
  if (existsSync(file) && readFileSync(file, 'utf8') === wanted) {
    console.log(`${tool}: ${shown} is up to date`);
  } else if (check) {
    throw new UserError(`${shown} is not up to date: run ${how}`);
  } else {
    writeFileSync(file, wanted);
    console.log(`${tool}: ${shown} written`);
  }
}

/**
 * Reads a command line without operands. `--help` prints the usage.
 *
 * @template {import('node:util').ParseArgsConfig['options']} T
 * @param {string[]} args
 * @param {T} options
 * @param {string} usage
 * @throws {UserError} with the usage
 */
export function readOptions(args, options, usage) {
  const own = /** @type {const} */ ({ check: { type: 'boolean' }, help: { type: 'boolean', short: 'h' } });
  return parseCommandLine({ args, options: { ...own, ...options } }, usage).values;
}
