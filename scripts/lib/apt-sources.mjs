// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * One entry of apt's configuration.
 *
 * @typedef {object} AptSource
 * @property {string[]} types `deb`, `deb-src`
 * @property {string[]} uris
 * @property {string[]} suites
 * @property {string[]} components empty for a flat repository
 * @property {string} signedBy value of Signed-By, empty if there is none
 */

/**
 * Read apt's one-line format: `deb [option=value …] URI suite component …`.
 *
 * @param {string} text
 * @returns {AptSource[]} the entries that are not commented out; lines that are no entry are left out
 */
export function parseOneLineSources(text) {
  return text.split('\n').flatMap((line) => {
    const entry = /^\s*(deb|deb-src)\s+(?:\[([^\]]*)\]\s*)?([^#]+)/.exec(line);
    if (entry === null) {
      return [];
    }
    const [, type = '', options = '', rest = ''] = entry;
    const [uri, suite, ...components] = words(rest);
    if (uri === undefined || suite === undefined) {
      return [];
    }
    const signedBy = words(options).find((option) => option.toLowerCase().startsWith('signed-by='));
    return [
      {
        types: [type],
        uris: [uri],
        suites: [suite],
        components,
        signedBy: signedBy?.slice('signed-by='.length) ?? '',
      },
    ];
  });
}

/**
 * Read apt's deb822 format: stanzas of `Field: value`, parted by empty lines.
 *
 * @param {string} text
 * @returns {AptSource[]} the entries that are enabled and complete
 */
export function parseDeb822Sources(text) {
  return parseStanzas(text)
    .filter((stanza) => !/^(no|false|without|off|disable|0)$/i.test(stanza.get('enabled') ?? 'yes'))
    .map((stanza) => ({
      types: words(stanza.get('types')),
      uris: words(stanza.get('uris')),
      suites: words(stanza.get('suites')),
      components: words(stanza.get('components')),
      signedBy: stanza.get('signed-by') ?? '',
    }))
    .filter(({ types, uris, suites }) => types.length > 0 && uris.length > 0 && suites.length > 0);
}

/**
 * @param {string} text
 * @returns {Map<string, string>[]} lower-case field name → value, its lines joined by a line feed
 */
function parseStanzas(text) {
  /** @type {Map<string, string>[]} */
  const stanzas = [];
  for (const block of text.split(/\n(?:[ \t]*\n)+/)) {
    /** @type {Map<string, string>} */
    const stanza = new Map();
    let last = '';
    for (const line of block.split('\n').filter((each) => !each.startsWith('#'))) {
      const field = /^([A-Za-z0-9-]+):(.*)$/.exec(line);
      if (field !== null) {
        last = (field[1] ?? '').toLowerCase();
        stanza.set(last, (field[2] ?? '').trim());
      } else if (/^\s+\S/.test(line) && last !== '') {
        stanza.set(last, `${stanza.get(last)}\n${line.trim()}`.trim());
      }
    }
    if (stanza.size > 0) {
      stanzas.push(stanza);
    }
  }
  return stanzas;
}

/** @param {string | undefined} text */
function words(text = '') {
  return text.split(/\s+/).filter((word) => word !== '');
}

/**
 * Read the sources of this machine, those files that apt itself would read.
 *
 * @param {string} [etc] apt's configuration folder
 * @returns {AptSource[]}
 */
export function readAptSources(etc = '/etc/apt') {
  const folder = join(etc, 'sources.list.d');
  const names = existsSync(folder) ? readdirSync(folder).sort() : [];
  const files = [join(etc, 'sources.list'), ...names.map((name) => join(folder, name))];
  return files
    .filter((file) => /(^|\/)[A-Za-z0-9_.-]+\.(list|sources)$/.test(file) && existsSync(file))
    .flatMap((file) => {
      const text = readFileSync(file, 'utf8').replaceAll('\r\n', '\n');
      return file.endsWith('.sources') ? parseDeb822Sources(text) : parseOneLineSources(text);
    });
}

/**
 * Where this machine gets Debian from, best guess first. A guess may be wrong (other vendors use Debian's suite names
 * too), so whoever uses it verifies with Debian's keyring and goes on to the next.
 *
 * @typedef {object} DebianMirrors
 * @property {string[]} main URIs that serve the suite itself
 * @property {string[]} updates URIs that serve `<suite>-updates`
 * @property {string[]} security URIs that serve `<suite>-security`
 */

/**
 * @param {AptSource[]} sources
 * @param {string} codename of the running distribution, such as `bookworm`
 * @returns {DebianMirrors}
 */
export function findDebianMirrors(sources, codename) {
  const names = [codename, 'stable', 'oldstable', 'oldoldstable', 'testing', 'unstable', 'sid'];
  const serving = (/** @type {string[]} */ suffixes) =>
    rank(sources, new Set(names.flatMap((name) => suffixes.map((suffix) => name + suffix))));
  return {
    main: serving(['']),
    updates: serving(['-updates']),
    security: serving(['-security', '/updates']),
  };
}

/**
 * @param {AptSource[]} sources
 * @param {Set<string>} suites
 */
function rank(sources, suites) {
  /** @type {Map<string, number>} */
  const scores = new Map();
  for (const source of sources) {
    const serves = source.suites.some((suite) => suites.has(suite.replace(/\/$/, '')));
    if (!serves || !source.components.includes('main')) {
      continue;
    }
    for (const uri of source.uris.filter((each) => !each.startsWith('cdrom:'))) {
      scores.set(uri, Math.max(scores.get(uri) ?? 0, likeness(uri, source.signedBy)));
    }
  }
  return [...scores].sort(([, a], [, b]) => b - a).map(([uri]) => uri);
}

/**
 * How much an entry looks like Debian's own archive.
 *
 * @param {string} uri
 * @param {string} signedBy
 */
function likeness(uri, signedBy) {
  const segments = uri.split('/').filter((segment) => segment !== '');
  const isDebian = (/** @type {string | undefined} */ segment) => /^debian(-security)?$/.test(segment ?? '');
  return (
    (signedBy.includes('debian-archive') ? 4 : 0) +
    (isDebian(segments.at(-1)) ? 2 : 0) +
    (segments.some(isDebian) ? 1 : 0)
  );
}

/**
 * @param {string} uri
 * @returns {string} the same without user name and password, for messages
 */
export function withoutCredentials(uri) {
  return uri.replace(/\/\/[^/@]*@/, '//');
}
