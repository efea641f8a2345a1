// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Writes OCI image layouts as falcoctl's own `registry push` would push them: one config and one layer for each
// platform, and for a plugin always an index over its platforms.
import { createHash } from 'node:crypto';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';

const MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const INDEX = 'application/vnd.oci.image.index.v1+json';

/**
 * @typedef {object} Descriptor
 * @property {string} mediaType
 * @property {string} digest
 * @property {number} size
 * @property {Record<string, string>} [annotations]
 * @property {string} [artifactType]
 * @property {{ architecture: string, os: string }} [platform]
 */

/**
 * What falcoctl reads of an artifact.
 *
 * @typedef {object} ArtifactConfig
 * @property {string} name
 * @property {string} version
 * @property {{ name: string, version: string, alternatives?: { name: string, version: string }[] }[]} [dependencies]
 * @property {{ name: string, version: string }[]} [requirements]
 */

/**
 * @typedef {object} ArtifactFile
 * @property {string} archive path of the .tar.gz
 * @property {string} [architecture] as Go calls it; none for rules
 */

/**
 * @typedef {object} Artifact
 * @property {'plugin' | 'rulesfile'} type
 * @property {ArtifactConfig} config
 * @property {ArtifactFile[]} files one for each platform; one for rules
 * @property {string} source URL of the sources
 * @property {string} created RFC 3339
 */

/**
 * Writes a layout with one artifact, whose tag is its version.
 *
 * @param {string} folder of the layout; what was there is deleted
 * @param {Artifact} artifact
 * @returns {string} digest of what the tag names
 */
export function writeLayout(folder, artifact) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'blobs', 'sha256'), { recursive: true });
  const top = artifact.type === 'plugin' ? writeIndex(folder, artifact) : writeManifests(folder, artifact)[0];
  if (top === undefined) throw new Error('an artifact without files');
  const tag = { 'org.opencontainers.image.ref.name': artifact.config.version };
  const named = { mediaType: top.mediaType, digest: top.digest, size: top.size, annotations: tag };
  const index = { schemaVersion: 2, mediaType: INDEX, manifests: [named] };
  writeFileSync(join(folder, 'index.json'), JSON.stringify(index));
  writeFileSync(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  return top.digest;
}

/**
 * @param {string} folder
 * @param {Artifact} artifact
 * @returns {Descriptor}
 */
function writeIndex(folder, artifact) {
  const manifests = writeManifests(folder, artifact);
  const annotations = { 'org.opencontainers.image.source': artifact.source };
  return putJson(folder, INDEX, { schemaVersion: 2, mediaType: INDEX, manifests, annotations });
}

/**
 * @param {string} folder
 * @param {Artifact} artifact
 * @returns {Descriptor[]}
 */
function writeManifests(folder, { type, config, files, source, created }) {
  const artifactType = `application/vnd.cncf.falco.${type}.config.v1+json`;
  const configBlob = putJson(folder, artifactType, config);
  const annotations = {
    'org.opencontainers.image.created': created,
    'org.opencontainers.image.source': source,
  };
  return files.map(({ archive, architecture }) => {
    const layer = put(folder, `application/vnd.cncf.falco.${type}.layer.v1+tar.gz`, readFileSync(archive));
    layer.annotations = { 'org.opencontainers.image.title': basename(archive) };
    const body = { schemaVersion: 2, mediaType: MANIFEST, config: configBlob, layers: [layer], annotations };
    const manifest = putJson(folder, MANIFEST, body);
    if (architecture === undefined) return manifest;
    return { ...manifest, annotations, artifactType, platform: { architecture, os: 'linux' } };
  });
}

/**
 * @param {string} folder
 * @param {string} mediaType
 * @param {unknown} value
 */
function putJson(folder, mediaType, value) {
  return put(folder, mediaType, Buffer.from(JSON.stringify(value)));
}

/**
 * @param {string} folder
 * @param {string} mediaType
 * @param {Buffer} content
 * @returns {Descriptor}
 */
function put(folder, mediaType, content) {
  const hash = createHash('sha256').update(content).digest('hex');
  writeFileSync(join(folder, 'blobs', 'sha256', hash), content);
  return { mediaType, digest: `sha256:${hash}`, size: content.length };
}
