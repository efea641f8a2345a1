#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// `npm run lint`: TypeScript and AssemblyScript by eslint, prettier and tsc, C by clang-format, SPDX lines.
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { installPackages } from './build.mjs';
import { findCommand, repositoryRoot } from './lib/paths.mjs';

/** @param {string[]} argv */
function succeeds(argv) {
  const [program = '', ...args] = argv;
  return (
    spawnSync(program, args, { cwd: repositoryRoot, stdio: ['ignore', 'inherit', 'inherit'] }).status === 0
  );
}

/** @param {string} script relative to node_modules @param {string[]} args */
function tool(script, args) {
  return succeeds([process.execPath, join(repositoryRoot, 'node_modules', script), ...args]);
}

/** The files that git knows, or would add, whose names match. @param {RegExp} name */
function files(name) {
  const { stdout } = spawnSync('git', ['ls-files', '-co', '--exclude-standard'], {
    cwd: repositoryRoot,
    encoding: 'utf8',
  });
  return stdout.split('\n').filter((file) => name.test(file));
}

function clangFormat() {
  if (findCommand('clang-format') === undefined && process.getuid?.() === 0) {
    succeeds(['apt-get', 'update', '-qq']);
    succeeds(['apt-get', 'install', '-y', '-qq', '--no-install-recommends', 'clang-format']);
  }
  if (findCommand('clang-format') === undefined) {
    console.error('lint: clang-format is missing; install it with: apt-get install clang-format');
    return false;
  }
  return succeeds(['clang-format', '--dry-run', '-Werror', ...files(/^(bench|native|test)\/.*\.(c|h|cpp)$/)]);
}

function spdx() {
  const without = files(/\.(ts|mjs|c|h|cpp|py)$|^\.ci\/run$/).filter(
    (file) =>
      !readFileSync(join(repositoryRoot, file), 'utf8').slice(0, 200).includes('SPDX-License-Identifier'),
  );
  for (const file of without) console.error(`lint: ${file} has no SPDX-License-Identifier line at its top`);
  return without.length === 0;
}

await installPackages();
/** @type {[string, () => boolean][]} */
const checks = [
  ['eslint', () => tool('eslint/bin/eslint.js', ['.', '--max-warnings', '0'])],
  ['prettier', () => tool('prettier/bin/prettier.cjs', ['--check', '--log-level', 'warn', '.'])],
  ['tsc', () => tool('typescript/bin/tsc', ['-p', '.'])],
  ['clang-format', clangFormat],
  ['SPDX', spdx],
];
const failed = checks.filter(([, check]) => !check()).map(([name]) => name);
if (failed.length > 0) {
  console.error(`lint: ${failed.join(', ')} found something; npm run format mends what prettier says`);
  process.exit(1);
}
console.log('lint: nothing to say');
