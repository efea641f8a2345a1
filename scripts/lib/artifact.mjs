// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { compareVersions, glibcNumber, newestGlibc } from './elf.mjs';

/** What a plugin may be, so that it loads into any Falco on any distribution that has glibc 2.34 (2021) or newer. */
export const artifactLimits = {
  exportPrefix: 'plugin_',
  /** without it, Falco does not take the file for a plugin */
  requiredExport: 'plugin_get_required_api_version',
  libraries: /^(libc\.so\.6|libm\.so\.6|ld-linux[a-z0-9_-]*\.so\.\d+)$/,
  glibc: '2.34',
  strippedBytes: 7_000_000,
};

/**
 * Everything about a shared object that the checks look at.
 *
 * @typedef {object} ArtifactFacts
 * @property {import('./elf.mjs').DynamicSymbol[]} symbols
 * @property {{ library: string, version: string }[]} versionNeeds
 * @property {import('./elf.mjs').DynamicSection} dynamic
 * @property {{ type: string, flags: string }[]} segments
 * @property {number} strippedBytes
 */

/**
 * @typedef {object} CheckResult
 * @property {string} name
 * @property {boolean} ok
 * @property {string} figure what was found
 * @property {string} fix what to do if it is not ok
 */

/**
 * @param {ArtifactFacts} facts
 * @param {typeof artifactLimits} [limits]
 * @returns {CheckResult[]} one for each promise, always the same ones in the same order
 */
export function checkArtifact(facts, limits = artifactLimits) {
  const { dynamic } = facts;
  return [
    checkExports(facts, limits),
    checkLibraries(facts, limits),
    checkGlibc(facts, limits),
    {
      name: 'stripped size',
      ok: facts.strippedBytes <= limits.strippedBytes,
      figure: `${megabytes(facts.strippedBytes)} MB of at most ${megabytes(limits.strippedBytes)} MB`,
      fix: 'look for what came in with `nm --size-sort`; link with -Wl,--gc-sections',
    },
    checkStack(facts),
    checkRelro(facts),
    {
      name: 'search paths',
      ok: dynamic.searchPaths.length === 0,
      figure: list(dynamic.searchPaths) || 'none',
      fix: 'link without -rpath (cmake: CMAKE_SKIP_RPATH)',
    },
    {
      name: 'text relocations',
      ok: !dynamic.textRelocations,
      figure: dynamic.textRelocations ? 'there are some' : 'none',
      fix: 'compile everything, also the static libraries, with -fPIC; link with -Wl,-z,text',
    },
  ];
}

/**
 * @param {ArtifactFacts} facts
 * @param {typeof artifactLimits} limits
 * @returns {CheckResult}
 */
function checkExports({ symbols }, { exportPrefix, requiredExport }) {
  const names = symbols.filter(({ defined }) => defined).map(({ name }) => name);
  const strange = names.filter((name) => !name.startsWith(exportPrefix));
  const isPlugin = names.includes(requiredExport);
  const found = `${names.length} symbols`;
  return {
    name: 'exports',
    ok: strange.length === 0 && isPlugin,
    figure:
      strange.length > 0
        ? `${found}, of which ${strange.length} do not start with ${exportPrefix}: ${list(strange)}`
        : `${found}, ${isPlugin ? `all ${exportPrefix}*` : `but no ${requiredExport}`}`,
    fix:
      strange.length > 0
        ? 'hide them: -fvisibility=hidden, -Wl,--exclude-libs,ALL, and a version script with `local: *`'
        : 'give Falco’s functions default visibility and name them in the version script',
  };
}

/**
 * @param {ArtifactFacts} facts
 * @param {typeof artifactLimits} limits
 * @returns {CheckResult}
 */
function checkLibraries({ dynamic }, { libraries }) {
  const strange = dynamic.needed.filter((name) => !libraries.test(name));
  return {
    name: 'libraries',
    ok: strange.length === 0,
    figure: strange.length > 0 ? `needs ${list(strange)}` : list(dynamic.needed) || 'none',
    fix: 'link it statically (build/deps, or the -dev package’s .a file), or do without it',
  };
}

/**
 * @param {ArtifactFacts} facts
 * @param {typeof artifactLimits} limits
 * @returns {CheckResult}
 */
function checkGlibc({ symbols, versionNeeds }, { glibc }) {
  const isTooNew = (/** @type {string} */ version) => {
    const number = glibcNumber(version);
    return number === undefined || compareVersions(number, glibc) > 0;
  };
  const tooNew = versionNeeds.filter(({ version }) => isTooNew(version)).map(({ version }) => version);
  const culprits = symbols
    .filter(({ defined, version }) => !defined && tooNew.includes(version))
    .map(({ name, version }) => `${name}@${version}`);
  return {
    name: 'glibc',
    ok: tooNew.length === 0,
    figure:
      tooNew.length > 0
        ? `needs ${list(culprits.length > 0 ? culprits : tooNew)}, newer than ${glibc}`
        : `needs ${newestGlibc(versionNeeds) ?? 'no version'}, at most ${glibc} is allowed`,
    fix: 'tell the library’s configuration that the function is absent, or build on Debian 12',
  };
}

/**
 * @param {ArtifactFacts} facts
 * @returns {CheckResult}
 */
function checkStack({ segments }) {
  const flags = segments.find(({ type }) => type === 'GNU_STACK')?.flags;
  return {
    name: 'stack',
    // Without the header, the loader makes the host's stack executable.
    ok: flags !== undefined && !flags.includes('E'),
    figure:
      flags === undefined ? 'no GNU_STACK header' : flags.includes('E') ? 'executable' : 'not executable',
    fix: 'link with -Wl,-z,noexecstack; no nested functions, and a .note.GNU-stack section in assembly files',
  };
}

/**
 * @param {ArtifactFacts} facts
 * @returns {CheckResult}
 */
function checkRelro({ segments, dynamic }) {
  const relro = segments.some(({ type }) => type === 'GNU_RELRO');
  return {
    name: 'relro',
    ok: relro && dynamic.bindNow,
    figure: relro ? (dynamic.bindNow ? 'full' : 'partial: symbols are bound lazily') : 'none',
    fix: 'link with -Wl,-z,relro -Wl,-z,now',
  };
}

/** @param {number} bytes */
function megabytes(bytes) {
  return (bytes / 1e6).toFixed(2);
}

/** @param {string[]} names */
function list(names) {
  const shown = 8;
  const more = names.length - shown;
  return names.slice(0, shown).join(', ') + (more > 0 ? ` and ${more} more` : '');
}
