// SPDX-License-Identifier: Apache-2.0
// @ts-check

// What binutils' readelf prints (`-W`, C locale), as data. Every function is pure.

/**
 * @typedef {object} DynamicSection
 * @property {string[]} needed names of the libraries that the loader has to find (DT_NEEDED)
 * @property {string[]} searchPaths DT_RPATH and DT_RUNPATH
 * @property {boolean} bindNow all symbols are resolved at loading
 * @property {boolean} textRelocations the loader has to write into code
 */

/**
 * @param {string} text of `readelf -W -d`
 * @returns {DynamicSection}
 */
export function parseDynamicSection(text) {
  const entries = [...text.matchAll(/^\s*0x[0-9a-f]+\s+\((\w+)\)\s+(.*)$/gm)].map(
    ([, tag = '', value = '']) => ({
      tag,
      value: value.trim(),
    }),
  );
  const bracketed = (/** @type {string[]} */ tags) =>
    entries.filter(({ tag }) => tags.includes(tag)).map(({ value }) => /\[(.*)\]/.exec(value)?.[1] ?? value);
  const hasFlag = (/** @type {string} */ name, /** @type {string} */ flag) =>
    entries.some(({ tag, value }) => tag === name && value.split(/\s+/).includes(flag));
  const has = (/** @type {string} */ name) => entries.some(({ tag }) => tag === name);
  return {
    needed: bracketed(['NEEDED']),
    searchPaths: bracketed(['RPATH', 'RUNPATH']),
    bindNow: has('BIND_NOW') || hasFlag('FLAGS', 'BIND_NOW') || hasFlag('FLAGS_1', 'NOW'),
    textRelocations: has('TEXTREL') || hasFlag('FLAGS', 'TEXTREL'),
  };
}

/**
 * @param {string} text of `readelf -W -h`
 * @returns {string | undefined} the processor, as `uname -m` calls it; undefined for one that we do not build for
 */
export function parseMachine(text) {
  const machine = /^\s*Machine:\s+(.*?)\s*$/m.exec(text)?.[1] ?? '';
  return { 'Advanced Micro Devices X86-64': 'x86_64', AArch64: 'aarch64' }[machine];
}

/**
 * @param {string} text of `readelf -W -l`
 * @returns {{ type: string, flags: string }[]} program headers; flags as letters without blanks, such as `RW`
 */
export function parseSegments(text) {
  const row = /^\s+([A-Z][A-Z0-9_]*)\s+(?:0x[0-9a-f]+\s+){5}([RWE ]{3})\s+(?:0x)?[0-9a-f]+\s*$/gm;
  return [...text.matchAll(row)].map(([, type = '', flags = '']) => ({
    type,
    flags: flags.replaceAll(' ', ''),
  }));
}

/**
 * @typedef {object} DynamicSymbol
 * @property {string} name without its version
 * @property {string} version such as `GLIBC_2.34`, empty if there is none
 * @property {boolean} defined here, and not in a library
 */

/**
 * @param {string} text of `readelf -W --dyn-syms`
 * @returns {DynamicSymbol[]} those that other objects see or have to bring
 */
export function parseDynamicSymbols(text) {
  const row =
    /^\s+\d+:\s+[0-9a-f]+\s+(?:0x[0-9a-f]+|\d+)\s+\w+\s+(GLOBAL|WEAK|UNIQUE)\s+\w+\s+(?:\[.*?\]\s+)?(\w+)\s+(\S+)/gm;
  return [...text.matchAll(row)].map(([, , index = '', symbol = '']) => {
    const [name = '', version = ''] = symbol.split(/@@?/);
    return { name, version, defined: index !== 'UND' };
  });
}

/**
 * @param {string} text of `readelf -W -V`
 * @returns {{ library: string, version: string }[]} the symbol versions that libraries have to have
 */
export function parseVersionNeeds(text) {
  const needs = [];
  let library = '';
  for (const line of text.split('\n')) {
    library = /\bFile:\s+(\S+)/.exec(line)?.[1] ?? library;
    const version = /\bName:\s+(\S+)\s+Flags:/.exec(line)?.[1];
    // Definitions, the versions that the file itself has, are printed with the name behind the flags.
    if (version !== undefined) {
      needs.push({ library, version });
    }
  }
  return needs;
}

/**
 * Compare two dotted version numbers.
 *
 * @param {string} a
 * @param {string} b
 * @returns {number} negative, zero or positive, as for `sort`
 */
export function compareVersions(a, b) {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number));
  for (let i = 0; i < Math.max(left?.length ?? 0, right?.length ?? 0); i++) {
    const difference = (left?.[i] ?? 0) - (right?.[i] ?? 0);
    if (difference !== 0) {
      return difference;
    }
  }
  return 0;
}

/**
 * @param {string} version of a symbol
 * @returns {string | undefined} `2.34` of `GLIBC_2.34`; undefined for anything else, also for GLIBC_PRIVATE
 */
export function glibcNumber(version) {
  return /^GLIBC_(\d+(?:\.\d+)*)$/.exec(version)?.[1];
}

/**
 * @param {{ version: string }[]} needs
 * @returns {string | undefined} the newest glibc that is asked for, such as `2.34`
 */
export function newestGlibc(needs) {
  return needs
    .flatMap(({ version }) => glibcNumber(version) ?? [])
    .sort(compareVersions)
    .at(-1);
}
