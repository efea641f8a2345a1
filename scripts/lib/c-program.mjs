// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { UserError } from './errors.mjs';
import { startTimer } from './log.mjs';
import { buildPaths, findCommand, repositoryRoot } from './paths.mjs';
import { ask, runOrFail } from './run.mjs';
import { isFresh, readStamp, recipeHash, writeStamp } from './stamp.mjs';
import { targetOf } from './target.mjs';

/**
 * A program in C11 of the tools; with the flags for it, a shared object.
 *
 * @typedef {object} CProgram
 * @property {string} output path below build/, or below build/<arch>/ for another processor
 * @property {string[]} folders of its sources and headers, relative to the repository; every .c file is compiled
 * @property {string[]} [flags] of the compiler, besides those that all have
 * @property {string[]} [libraries] for the linker, such as `-ldl`
 * @property {import('./target.mjs').Target} [target]
 */

const commonFlags = ['-std=c11', '-D_GNU_SOURCE', '-Wall', '-Wextra', '-Werror', '-O2', '-g'];

/**
 * Compiles a program against Falco's plugin header, unless it is there and nothing has changed.
 *
 * @param {CProgram} program
 * @param {(message: string) => void} log
 * @param {string} [root] the top folder of the repository
 * @returns {Promise<string>} its path
 * @throws {UserError} there is no compiler or no header, or it does not compile
 */
export async function buildCProgram(
  { output, folders, flags = [], libraries = [], target = targetOf() },
  log,
  root = repositoryRoot,
) {
  const { build, sysroot, stamps, logs } = buildPaths(root);
  const program = join(build, target.folder, output);
  const include = join(sysroot, 'usr', 'include', 'falcosecurity');
  const wanted = target.isNative ? 'gcc' : target.compiler;
  const compiler = findCommand(wanted);
  if (compiler === undefined) {
    throw new UserError(`there is no C compiler ${wanted}: install it with apt-get`);
  }
  if (!existsSync(join(include, 'plugin', 'plugin_api.h'))) {
    throw new UserError(`Falco's plugin header is not in ${include}: run node scripts/bootstrap.mjs first`);
  }
  const paths = folders.map((folder) => join(root, folder));
  const files = paths.flatMap((folder) =>
    readdirSync(folder)
      .filter((file) => /\.[ch]$/.test(file))
      .sort()
      .map((file) => join(folder, file)),
  );
  const allFlags = [...commonFlags, ...flags];
  const contents = files.map((file) => [relative(root, file), readFileSync(file, 'utf8')]);
  const recipe = recipeHash([contents, allFlags, libraries, ask([compiler, '--version'])]);
  const name = `${output.replaceAll('/', '-')}${target.suffix}`;
  const stamp = join(stamps, `${name}.json`);
  if (isFresh(readStamp(stamp), recipe, [program])) {
    return program;
  }
  const elapsed = startTimer();
  mkdirSync(dirname(program), { recursive: true });
  const units = files.filter((file) => file.endsWith('.c'));
  const includes = paths.flatMap((folder) => ['-I', folder]);
  // Renamed into place: somebody else may build and run it at the same time.
  const half = `${program}.${process.pid}`;
  await runOrFail(
    [compiler, ...allFlags, ...includes, '-isystem', include, '-o', half, ...units, ...libraries],
    { what: `compile ${relative(root, program)}`, logFile: join(logs, `${name}.log`) },
  );
  renameSync(half, program);
  writeStamp(stamp, { recipe, versions: {}, files: [] });
  log(`${relative(root, program)} done in ${elapsed()}`);
  return program;
}
