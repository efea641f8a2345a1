#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Builds build/sinsp_host, the small stand-in for Falco: native/sinsp_host against the sysroot's libsinsp.
import { existsSync, mkdirSync, readFileSync, readdirSync, realpathSync, rmSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { UserError } from './lib/errors.mjs';
import { createLog, startTimer } from './lib/log.mjs';
import { runAsMain } from './lib/main.mjs';
import { buildPaths, findCommand, repositoryRoot } from './lib/paths.mjs';
import { ask, runOrFail } from './lib/run.mjs';
import { isFresh, readStamp, recipeHash, writeStamp } from './lib/stamp.mjs';
import { libsinspFolder, targetOf } from './lib/target.mjs';

const libraries = ['sinsp', 'scap', 'jsoncpp'];
const compileFlags = ['-std=c++17', '-O2', '-Wall', '-Wextra', '-Werror'];

/** @typedef {import('./lib/target.mjs').Target} Target */

/**
 * Where the host and what it needs to run are.
 *
 * @param {string} [root] the top folder of the repository
 * @param {Target} [target]
 */
export function hostPaths(root = repositoryRoot, target = targetOf()) {
  const paths = buildPaths(root);
  const sysroot = libsinspFolder(target, paths);
  const libraries = join(sysroot, 'usr', 'lib', target.names.multiarch);
  return {
    sources: join(root, 'native', 'sinsp_host'),
    program: join(paths.build, target.folder, 'sinsp_host'),
    sysdig: join(sysroot, 'usr', 'bin', 'sysdig'),
    objects: join(paths.work, `sinsp_host${target.suffix}`),
    stamp: join(paths.stamps, `sinsp_host${target.suffix}.json`),
    logFile: join(paths.logs, `sinsp_host${target.suffix}.log`),
    libraries,
    loader: join(libraries, target.names.loader),
  };
}

/**
 * The command that runs a program with the sysroot's own loader and libraries.
 *
 * @param {string} program path of the program: hostPaths().program, or one of the sysroot's
 * @param {string} [root] the top folder of the repository
 * @param {Target} [target]
 * @returns {string[]} program and first arguments; append the program's own
 */
export function sysrootCommand(program, root = repositoryRoot, target = targetOf()) {
  const { loader, libraries } = hostPaths(root, target);
  return [...target.emulator, loader, '--library-path', libraries, program];
}

/**
 * Build the host if it is not there or its sources have changed.
 *
 * @param {string} [root] the top folder of the repository
 * @param {Target} [target] the other processor's libsinsp must be there (lib/sysroot.mjs)
 * @returns {Promise<string>} path of the program; see sysrootCommand
 * @throws {UserError} the sysroot or the compiler is missing, or a source does not compile
 */
export async function buildHost(root = repositoryRoot, target = targetOf()) {
  const log = createLog('sinsp_host');
  const paths = hostPaths(root, target);
  const { sysrootInclude } = buildPaths(root);
  const compiler = findCompiler(target);
  const libsinsp = findLibsinsp(paths.libraries);
  const sources = listSources(paths.sources);
  const flags = [
    ...compileFlags,
    ...['-include', join(paths.sources, 'strlcpy.h')],
    ...['falcosecurity', '.', 'jsoncpp'].flatMap((folder) => ['-isystem', join(sysrootInclude, folder)]),
  ];
  const contents = sources.all.map((file) => [basename(file), readFileSync(file, 'utf8')]);
  const recipe = recipeHash([contents, compileFlags, libraries, ask([compiler, '--version']), libsinsp]);
  if (isFresh(readStamp(paths.stamp), recipe, [paths.program])) {
    log('up to date');
    return paths.program;
  }
  const elapsed = startTimer();
  log(`compiling ${relative(root, paths.sources)} against ${libsinsp}`);
  rmSync(paths.logFile, { force: true });
  rmSync(paths.objects, { recursive: true, force: true });
  mkdirSync(paths.objects, { recursive: true });
  const objects = await compileAll(compiler, flags, sources.units, paths);
  mkdirSync(dirname(paths.program), { recursive: true });
  // By path: the compiler must not look for glibc where these lie.
  const files = libraries.map((name) => join(paths.libraries, `lib${name}.so`));
  // The sysroot's libraries want a newer glibc than this machine may have; the sysroot's loader brings it.
  const link = [compiler, '-o', paths.program, ...objects, ...files, '-Wl,--allow-shlib-undefined'];
  await runOrFail(link, { what: 'link the libsinsp host', logFile: paths.logFile });
  rmSync(paths.objects, { recursive: true, force: true });
  writeStamp(paths.stamp, { recipe, versions: { libsinsp }, files: [] });
  log(`${relative(root, paths.program)} done in ${elapsed()}`);
  return paths.program;
}

/**
 * @param {Target} target
 * @returns {string} the C++ compiler's path
 */
function findCompiler({ isNative, compilerCxx }) {
  const name = isNative ? 'g++' : compilerCxx;
  const compiler = findCommand(name);
  if (compiler === undefined) {
    throw new UserError(
      `there is no C++ compiler ${name}: install it (Debian: apt-get install ${name.replace(/^(.*)-g\+\+$/, 'g++-$1').replace('_', '-')})`,
    );
  }
  return compiler;
}

/**
 * @param {string} folder the sysroot's libraries
 * @returns {string} file name of the library, with its version
 */
function findLibsinsp(folder) {
  const library = join(folder, 'libsinsp.so');
  if (!existsSync(library)) {
    throw new UserError(`there is no libsinsp at ${library}: run node scripts/bootstrap.mjs first`);
  }
  return basename(realpathSync(library));
}

/** @param {string} folder */
function listSources(folder) {
  const all = readdirSync(folder)
    .sort()
    .map((name) => join(folder, name));
  return { all, units: all.filter((file) => file.endsWith('.cpp')) };
}

/**
 * Compile every unit, two at a time.
 *
 * @param {string} compiler
 * @param {string[]} flags
 * @param {string[]} units
 * @param {ReturnType<typeof hostPaths>} paths
 * @returns {Promise<string[]>} object files
 */
async function compileAll(compiler, flags, units, { objects, logFile }) {
  const queue = [...units];
  const worker = async () => {
    for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) {
      const command = [compiler, ...flags, '-c', unit, '-o', objectFile(objects, unit)];
      await runOrFail(command, { what: `compile ${basename(unit)}`, logFile });
    }
  };
  await Promise.all([worker(), worker()]);
  return units.map((unit) => objectFile(objects, unit));
}

/**
 * @param {string} folder
 * @param {string} unit
 */
function objectFile(folder, unit) {
  return join(folder, `${basename(unit, '.cpp')}.o`);
}

await runAsMain(import.meta.url, 'build-host', () => buildHost());
