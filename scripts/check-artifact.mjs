#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
//
// Proves what we promise about the plugin as a file: node scripts/check-artifact.mjs [path.so …]
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { checkArtifact } from './lib/artifact.mjs';
import {
  parseDynamicSection,
  parseDynamicSymbols,
  parseMachine,
  parseSegments,
  parseVersionNeeds,
} from './lib/elf.mjs';
import { UserError } from './lib/errors.mjs';
import { architectureNames, buildPaths, findCommand } from './lib/paths.mjs';
import { ask } from './lib/run.mjs';
import { targetOf } from './lib/target.mjs';

/**
 * @param {string} file a shared object
 * @returns {import('./lib/artifact.mjs').ArtifactFacts}
 * @throws {UserError} it is none
 */
function readFacts(file) {
  const readelf = (/** @type {string} */ option) => {
    const text = ask(['readelf', '-W', option, file]);
    if (text === undefined) {
      throw new UserError(`${file} is not a shared object that readelf can read; build it anew`);
    }
    return text;
  };
  return {
    symbols: parseDynamicSymbols(readelf('--dyn-syms')),
    versionNeeds: parseVersionNeeds(readelf('-V')),
    dynamic: parseDynamicSection(readelf('-d')),
    segments: parseSegments(readelf('-l')),
    strippedBytes: strippedSize(file),
  };
}

/**
 * @param {string} file
 * @returns {number} bytes that it would have without debugging information and static symbols
 */
function strippedSize(file) {
  const strip = stripFor(file);
  const folder = mkdtempSync(join(tmpdir(), 'k8saudit-ts-'));
  try {
    const stripped = join(folder, 'stripped.so');
    if (ask([strip, '-o', stripped, file]) === undefined) {
      throw new UserError(`${strip} cannot read ${file}; build it anew`);
    }
    return statSync(stripped).size;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/**
 * @param {string} file
 * @returns {string} the strip that knows its processor
 */
function stripFor(file) {
  const machine = parseMachine(ask(['readelf', '-W', '-h', file]) ?? '');
  const names = architectureNames
    .map((arch) => targetOf(arch))
    .find(({ names }) => names.machine === machine);
  return names?.strip ?? 'strip';
}

/**
 * Check one file and say what was found.
 *
 * @param {string} file
 * @returns {string[]} what failed and how to mend it
 */
function report(file) {
  const results = checkArtifact(readFacts(file));
  console.log(file);
  for (const { name, ok, figure } of results) {
    console.log(`  ${ok ? 'ok    ' : 'FAILED'} ${name.padEnd(16)} ${figure}`);
  }
  return results
    .filter(({ ok }) => !ok)
    .map(({ name, figure, fix }) => `${file}: ${name}: ${figure}\n    → ${fix}`);
}

/**
 * @param {string[]} args paths; none: what the build makes
 * @returns {string[]} files to check
 * @throws {UserError} there is nothing to check
 */
function chooseFiles(args) {
  const { build } = buildPaths();
  const normal = join(build, 'libk8saudit-ts.so');
  const folders = ['', ...architectureNames].map((folder) => join(build, folder));
  const others = folders.flatMap((folder) => [
    join(folder, 'libk8saudit-ts.so'),
    join(folder, 'drop-in', 'libk8saudit.so'),
  ]);
  const built = others.filter((file) => file !== normal && existsSync(file));
  const files = args.length > 0 ? args : [normal, ...built];
  const absent = files.find((file) => !existsSync(file));
  if (absent !== undefined) {
    throw new UserError(`${absent} does not exist${args.length > 0 ? '' : '; run: npm run build'}`);
  }
  return files.map((file) => relative(process.cwd(), file));
}

/** @param {string[]} args */
function main(args) {
  for (const tool of ['readelf', 'strip']) {
    if (findCommand(tool) === undefined) {
      throw new UserError(`${tool} is missing; install the package binutils`);
    }
  }
  const failures = chooseFiles(args).flatMap(report);
  if (failures.length > 0) {
    throw new UserError(`${failures.length} of the checks failed:\n  ${failures.join('\n  ')}`);
  }
}

try {
  main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) {
    throw error;
  }
  console.error(`check-artifact: ${error.message}`);
  process.exitCode = 1;
}
