// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { existsSync, statSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The top folder of the repository. */
export const repositoryRoot = resolve(dirname(fileURLToPath(import.meta.url)), '..', '..');

/**
 * Where the build keeps what it makes.
 *
 * @param {string} [root] the top folder of the repository
 */
export function buildPaths(root = repositoryRoot) {
  const build = join(root, 'build');
  return {
    build,
    /** packages of Debian's suite forky, unpacked */
    sysroot: join(build, 'sysroot'),
    /** links to those headers of the sysroot that compile against this machine's own libc */
    sysrootInclude: join(build, 'sysroot-include'),
    /** static libraries and their headers, built from Debian's sources: `include/`, `lib/` */
    deps: join(build, 'deps'),
    /** what is linked into plugins for another processor than this machine's: `<arch>/deps/`, `<arch>/sysroot/` */
    cross: join(build, 'cross'),
    /** private apt directories, one per step; gone when the step is done */
    apt: join(build, 'apt'),
    /** half-made things; everything in here may be deleted while no bootstrap runs */
    work: join(build, 'tmp'),
    stamps: join(build, 'stamps'),
    logs: join(build, 'log'),
  };
}

/** @typedef {ReturnType<typeof buildPaths>} BuildPaths */

/**
 * What a processor is called.
 *
 * @typedef {object} Architecture
 * @property {string} debian by Debian, and by Go and OCI images
 * @property {string} machine by `uname -m`
 * @property {string} multiarch by Debian's folders and compilers
 * @property {string} loader file name of glibc's loader
 */

const architectures = /** @type {Record<string, Architecture>} */ ({
  x64: {
    debian: 'amd64',
    machine: 'x86_64',
    multiarch: 'x86_64-linux-gnu',
    loader: 'ld-linux-x86-64.so.2',
  },
  arm64: {
    debian: 'arm64',
    machine: 'aarch64',
    multiarch: 'aarch64-linux-gnu',
    loader: 'ld-linux-aarch64.so.1',
  },
});

/** What plugins are built for, as in `process.arch`. */
export const architectureNames = Object.keys(architectures);

/**
 * @param {string} [arch] as in `process.arch`
 * @returns {Architecture | undefined} undefined for any but x64 and arm64
 */
export function debianArchitecture(arch = process.arch) {
  return architectures[arch];
}

/**
 * Find a program as a shell would.
 *
 * @param {string} command a bare name
 * @param {string} [searchPath] folders, separated as in PATH
 * @returns {string | undefined} its path
 */
export function findCommand(command, searchPath = process.env['PATH'] ?? '') {
  return searchPath
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, command))
    .find((path) => isExecutableFile(path));
}

/** @param {string} path */
function isExecutableFile(path) {
  if (!existsSync(path)) {
    return false;
  }
  const stat = statSync(path);
  return stat.isFile() && (stat.mode & 0o111) !== 0;
}
