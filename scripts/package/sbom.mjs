// SPDX-License-Identifier: Apache-2.0
// @ts-check
// The bill of materials of a plugin, as SPDX 2.3 in JSON.

/**
 * @typedef {object} Product
 * @property {string} name
 * @property {string} version
 * @property {string} platform such as `linux/amd64`
 * @property {string} url of the sources
 * @property {string} file name of the .so
 * @property {string} sha256 of the .so
 * @property {string} created RFC 3339
 */

/** How SPDX calls what a component is to the plugin. */
const relationships = {
  'static library': 'STATIC_LINK',
  source: 'CONTAINS',
  headers: 'BUILD_DEPENDENCY_OF',
  'compiled into the WASM': 'CONTAINS',
};

/**
 * @param {Product} product
 * @param {import('../lib/components.mjs').Component[]} components
 * @returns {unknown} the document, for JSON
 */
export function makeSbom(product, components) {
  const { name, version, platform, url, file, sha256, created } = product;
  const plugin = 'SPDXRef-plugin';
  const packageOf = (/** @type {import('../lib/components.mjs').Component} */ component) => ({
    SPDXID: `SPDXRef-${component.name}`,
    name: component.name,
    versionInfo: component.version,
    downloadLocation: 'NOASSERTION',
    filesAnalyzed: false,
    licenseConcluded: component.licence,
    licenseDeclared: component.licence,
    copyrightText: 'NOASSERTION',
    externalRefs: [
      { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: component.origin },
    ],
  });
  const relate = (/** @type {import('../lib/components.mjs').Component} */ { name, part }) => {
    const [from, to] = part === 'headers' ? [`SPDXRef-${name}`, plugin] : [plugin, `SPDXRef-${name}`];
    return { spdxElementId: from, relationshipType: relationships[part], relatedSpdxElement: to };
  };
  return {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: 'SPDXRef-DOCUMENT',
    name: `${name}-${version}-${platform.replace('/', '-')}`,
    // A name for this document alone: the file's digest is in it.
    documentNamespace: `${url}/sbom/${name}-${version}-${sha256}`,
    creationInfo: { created, creators: [`Tool: ${name}-package-${version}`] },
    documentDescribes: [plugin],
    packages: [
      {
        SPDXID: plugin,
        name,
        versionInfo: version,
        packageFileName: file,
        downloadLocation: url,
        filesAnalyzed: false,
        checksums: [{ algorithm: 'SHA256', checksumValue: sha256 }],
        licenseConcluded: 'Apache-2.0',
        licenseDeclared: 'Apache-2.0',
        copyrightText: 'NOASSERTION',
        primaryPackagePurpose: 'LIBRARY',
      },
      ...components.map(packageOf),
    ],
    relationships: [
      { spdxElementId: 'SPDXRef-DOCUMENT', relationshipType: 'DESCRIBES', relatedSpdxElement: plugin },
      ...components.map(relate),
    ],
  };
}
