// SPDX-License-Identifier: Apache-2.0
// @ts-check
// The index that tells falcoctl where the artifacts are and who signs them.

/**
 * What a signature is checked with: a public key, or the identity of the workflow that signs.
 *
 * @typedef {{ key: string, ignoreTransparencyLog?: boolean } | { workflow: string }} Signer
 */

/**
 * @typedef {object} Place
 * @property {string} registry host, and port if it is not the default
 * @property {string} base path of the repositories, without slashes at its ends
 */

/** What comes behind the base, as in Falco's own registry. */
const kinds = /** @type {const} */ ({ plugin: 'plugin', rulesfile: 'ruleset' });

/**
 * @param {string} text `REGISTRY/REPO`
 * @returns {Place | undefined} undefined: it is none
 */
export function parsePlace(text) {
  const match = /^([A-Za-z0-9.-]+(?::\d+)?|\[[0-9a-f:]+\]:\d+)\/([a-z0-9._-]+(?:\/[a-z0-9._-]+)*)$/.exec(
    text,
  );
  return match === null ? undefined : { registry: match[1] ?? '', base: match[2] ?? '' };
}

/**
 * @param {Place} place
 * @param {'plugin' | 'rulesfile'} type
 * @param {string} name of the plugin
 * @returns {string} path of the artifact's repository in the registry
 */
export function repositoryOf({ base }, type, name) {
  return `${base}/${kinds[type]}/${name}`;
}

/**
 * @param {{ name: string, description: string, license: string, falco: { contact: string } }} manifest package.json
 * @param {Place} place
 * @param {Signer} [signer] none: falcoctl installs without a signature
 * @returns {Promise<string>} YAML
 */
export async function makeIndex(manifest, place, signer) {
  const { stringify } = await import('yaml');
  const { name, description, license, falco } = manifest;
  const entry = (/** @type {'plugin' | 'rulesfile'} */ type) => ({
    name: type === 'plugin' ? name : `${name}-rules`,
    type,
    registry: place.registry,
    repository: repositoryOf(place, type, name),
    ...(signer === undefined ? {} : { signature: { cosign: cosignOf(signer) } }),
    description: type === 'plugin' ? description : `Rules for the plugin ${name}`,
    home: falco.contact,
    keywords: ['audit', 'audit-events', 'audit-log', 'kubernetes'],
    license,
    sources: [falco.contact],
  });
  return `# SPDX-License-Identifier: ${license}\n${stringify([entry('plugin'), entry('rulesfile')])}`;
}

/** @param {Signer} signer */
function cosignOf(signer) {
  if ('key' in signer) return { key: signer.key, 'ignore-tlog': signer.ignoreTransparencyLog ?? false };
  return {
    'certificate-oidc-issuer': 'https://token.actions.githubusercontent.com',
    'certificate-identity-regexp': signer.workflow,
  };
}
