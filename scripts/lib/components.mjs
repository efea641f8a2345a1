// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What of others is in a plugin, with versions and licences: for the build information, the SBOM and the licence texts.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UserError } from './errors.mjs';
import { buildPaths, repositoryRoot } from './paths.mjs';
import { ask } from './run.mjs';
import { sourcePackages } from './source-packages.mjs';
import { readStamp } from './stamp.mjs';
import { crossSysroot, depsFolder, libsinspFolder, targetOf } from './target.mjs';

/**
 * Something that is linked or compiled into a plugin.
 *
 * @typedef {object} Component
 * @property {string} name
 * @property {string} version
 * @property {string} licence SPDX expression
 * @property {string} origin package URL
 * @property {'static library' | 'source' | 'headers' | 'compiled into the WASM'} part
 * @property {string[]} texts paths of the files with its licence
 */

/** Debian's packages that every plugin is made with, in so far as the machine has them. */
const debianPackages = /** @type {const} */ ([
  { name: 'c-ares', binary: 'libc-ares-dev', licence: 'MIT', part: 'static library', foreign: true },
  { name: 'openssl', binary: 'libssl-dev', licence: 'Apache-2.0', part: 'static library', foreign: true },
  { name: 'zlib', binary: 'zlib1g-dev', licence: 'Zlib', part: 'static library', foreign: true },
  { name: 'simde', binary: 'libsimde-dev', licence: 'MIT', part: 'headers', foreign: false },
]);

const npmPackages = /** @type {const} */ ([
  { name: 'assemblyscript', files: ['LICENSE', 'NOTICE'], part: 'compiled into the WASM' },
  { name: 'wabt', files: ['LICENSE'], part: 'source' },
]);

/**
 * @param {import('./target.mjs').Target} [target] of the plugin
 * @param {string} [root] the top folder of the repository, in which the plugin has been built
 * @returns {Component[]} in order of their names
 * @throws {UserError} something is not there
 */
export function componentsOf(target = targetOf(), root = repositoryRoot) {
  const paths = buildPaths(root);
  const components = [
    ...debianPackages.map(({ binary, foreign, ...rest }) =>
      debianComponent({ ...rest, binary }, foreign && !target.isNative ? target : undefined, paths),
    ),
    ...sourcePackages.map(({ name, licence }) => {
      const version = stampedVersion(join(paths.stamps, `${name}${target.suffix}.json`), name);
      const texts = [join(depsFolder(target, paths), 'licenses', name)];
      const origin = debianUrl(name, version, 'source');
      return { name, version, licence, origin, part: /** @type {const} */ ('static library'), texts };
    }),
    llhttp(paths),
    pluginHeader(paths),
    ...npmPackages.map(({ name, files, part }) => npmComponent({ name, files: [...files], part }, root)),
  ];
  return components.sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * @param {{ name: string, binary: string, licence: string, part: Component['part'] }} wanted
 * @param {import('./target.mjs').Target | undefined} foreign set: the unpacked package for that processor
 * @param {import('./paths.mjs').BuildPaths} paths
 * @returns {Component}
 */
function debianComponent({ name, binary, licence, part }, foreign, paths) {
  const version =
    foreign === undefined
      ? need(ask(['dpkg-query', '-W', '-f', '${Version}', binary]), `Debian's package ${binary}`)
      : stampedVersion(join(paths.stamps, `cross${foreign.suffix}.json`), binary);
  const root = foreign === undefined ? '/' : crossSysroot(foreign, paths);
  const texts = [join(root, 'usr', 'share', 'doc', binary, 'copyright')];
  return { name, version, licence, origin: debianUrl(binary, version), part, texts };
}

/**
 * @param {import('./paths.mjs').BuildPaths} paths
 * @returns {Component}
 */
function llhttp(paths) {
  const binary = 'libllhttp-source';
  const version = stampedVersion(join(paths.stamps, 'llhttp.json'), binary);
  const texts = [join(paths.deps, 'llhttp', 'copyright')];
  return {
    name: 'llhttp',
    version,
    licence: 'MIT',
    origin: debianUrl(binary, version),
    part: 'source',
    texts,
  };
}

/**
 * Falco's header with the plugin API.
 *
 * @param {import('./paths.mjs').BuildPaths} paths
 * @returns {Component}
 */
function pluginHeader(paths) {
  const binary = 'libfalcosecurity0-dev';
  const version = stampedVersion(join(paths.stamps, 'sysroot.json'), binary);
  const texts = [join(libsinspFolder(targetOf(), paths), 'usr', 'share', 'doc', binary, 'copyright')];
  const origin = debianUrl(binary, version);
  return { name: 'falcosecurity-libs', version, licence: 'Apache-2.0', origin, part: 'headers', texts };
}

/**
 * @param {{ name: string, files: string[], part: Component['part'] }} wanted
 * @param {string} root
 * @returns {Component}
 */
function npmComponent({ name, files, part }, root) {
  const folder = join(root, 'node_modules', name);
  const manifest = join(folder, 'package.json');
  const text = existsSync(manifest) ? readFileSync(manifest, 'utf8') : undefined;
  const { version, license } = JSON.parse(need(text, `npm's package ${name}`));
  const texts = files.map((file) => join(folder, file));
  return { name, version, licence: license, origin: `pkg:npm/${name}@${version}`, part, texts };
}

/**
 * @param {string} stamp
 * @param {string} name
 */
function stampedVersion(stamp, name) {
  return need(readStamp(stamp)?.versions[name], name);
}

/**
 * @param {string} name
 * @param {string} version
 * @param {'source'} [arch] of a source package
 */
function debianUrl(name, version, arch) {
  return `pkg:deb/debian/${name}@${encodeURIComponent(version)}${arch === undefined ? '' : `?arch=${arch}`}`;
}

/**
 * @template T
 * @param {T | undefined} value
 * @param {string} what
 */
function need(value, what) {
  if (value === undefined) {
    throw new UserError(`${what} is not there, but the plugin is built with it; run npm run build`);
  }
  return value;
}

/**
 * The licences of all components, as one text.
 *
 * @param {Component[]} components
 * @returns {string}
 * @throws {UserError} a licence is not there
 */
export function licenceTexts(components) {
  const parts = components.map(({ name, version, licence, part, texts }) => {
    const title = `${name} ${version} (${licence}; ${part})`;
    const bodies = texts.map((file) =>
      need(existsSync(file) ? readFileSync(file, 'utf8') : undefined, `the licence of ${name}, ${file},`),
    );
    return [title, '='.repeat(title.length), '', ...bodies.map((body) => body.trimEnd()), ''].join('\n');
  });
  const head = [
    'The plugin k8saudit-ts is under the Apache License 2.0, which stands at the end. It contains what follows;',
    'nothing of it was changed but what Debian patches. What glibc and the compiler add at linking is under their',
    'licences with the exceptions for linked programs.',
  ].join('\n');
  const own = readFileSync(join(repositoryRoot, 'LICENSE'), 'utf8').trimEnd();
  return [head, ...parts, `k8saudit-ts\n===========\n\n${own}\n`].join('\n\n');
}
