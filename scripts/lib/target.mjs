// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { join } from 'node:path';
import { UserError } from './errors.mjs';
import { architectureNames, debianArchitecture } from './paths.mjs';

/**
 * The processor that a plugin is built for, and what builds for it.
 *
 * @typedef {object} Target
 * @property {string} arch as in `process.arch`
 * @property {import('./paths.mjs').Architecture} names
 * @property {boolean} isNative whether it is this machine's own
 * @property {string} compiler command of the C compiler
 * @property {string} compilerCxx command of the C++ compiler
 * @property {string} strip command
 * @property {string[]} emulator what to put before the command of a program of this processor's
 * @property {string} suffix of the names of stamps, logs and work folders: empty for this machine's own
 * @property {string} folder where the plugins go, relative to build/: empty for this machine's own
 */

/**
 * @param {string} [arch] as in `process.arch`
 * @returns {Target}
 * @throws {UserError} there is no build for it
 */
export function targetOf(arch = process.arch) {
  const names = debianArchitecture(arch);
  if (names === undefined) {
    throw new UserError(`there is no build for "${arch}"; there are ${architectureNames.join(' and ')}`);
  }
  const isNative = arch === process.arch;
  const prefix = isNative ? '' : `${names.multiarch}-`;
  return {
    arch,
    names,
    isNative,
    compiler: isNative ? 'cc' : `${prefix}gcc`,
    compilerCxx: `${prefix}g++`,
    strip: `${prefix}strip`,
    emulator: isNative ? [] : [`qemu-${names.machine}-static`, '-L', `/usr/${names.multiarch}`],
    suffix: isNative ? '' : `-${arch}`,
    folder: isNative ? '' : arch,
  };
}

/** @returns {Target} the processor that is not this machine's */
export function otherTarget() {
  return targetOf(process.arch === 'arm64' ? 'x64' : 'arm64');
}

/**
 * Where the libraries are that are built from source for a target.
 *
 * @param {Target} target
 * @param {import('./paths.mjs').BuildPaths} paths
 * @returns {string} a folder with `include/` and `lib/`
 */
export function depsFolder({ arch, isNative }, paths) {
  return isNative ? paths.deps : join(paths.cross, arch, 'deps');
}

/**
 * Where Debian's packages for another processor are unpacked.
 *
 * @param {Target} target
 * @param {import('./paths.mjs').BuildPaths} paths
 */
export function crossSysroot({ arch }, paths) {
  return join(paths.cross, arch, 'sysroot');
}

/**
 * Where a real libsinsp, with all that it needs, is unpacked.
 *
 * @param {Target} target
 * @param {import('./paths.mjs').BuildPaths} paths
 */
export function libsinspFolder({ arch, isNative }, paths) {
  return isNative ? paths.sysroot : join(paths.cross, arch, 'libsinsp');
}
