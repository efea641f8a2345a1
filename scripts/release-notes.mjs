#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Prints what CHANGELOG.md says of the version in package.json, or of the one that is given.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from './lib/errors.mjs';
import { runAsMain } from './lib/main.mjs';
import { repositoryRoot } from './lib/paths.mjs';

/**
 * @param {string} changelog
 * @param {string} version
 * @returns {string | undefined} undefined: there is nothing about it
 */
export function notesOf(changelog, version) {
  const sections = changelog.split(/^## /m).slice(1);
  const section = sections.find((text) => text.split(/[\s\n]/, 1)[0] === version);
  const body = section?.slice(section.indexOf('\n')).trim();
  return body === '' ? undefined : body;
}

/** @param {string[]} args */
async function main([
  version = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8')).version,
]) {
  const notes = notesOf(readFileSync(join(repositoryRoot, 'CHANGELOG.md'), 'utf8'), version);
  if (notes === undefined) throw new UserError(`CHANGELOG.md says nothing of ${version}`);
  console.log(notes);
}

await runAsMain(import.meta.url, 'release-notes', main);
