// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join, relative } from 'node:path';
import { PrivateApt } from './apt.mjs';
import { newestGlibc, parseVersionNeeds } from './elf.mjs';
import { UserError } from './errors.mjs';
import { debianArchitecture } from './paths.mjs';
import { runOrFail } from './run.mjs';
import {
  installFiles,
  isFresh,
  listFiles,
  makeWorkFolder,
  readStamp,
  recipeHash,
  writeStamp,
} from './stamp.mjs';
import { toolchainVersions } from './system.mjs';
import { crossSysroot, depsFolder, targetOf } from './target.mjs';

/** @typedef {import('./source-packages.mjs').SourcePackage} SourcePackage */
/** @typedef {import('./target.mjs').Target} Target */

/** Raise it when the code below makes something else out of the same recipe. */
const revision = 2;

/** Small, hidden from the host, and hardened: these libraries read what strangers send. */
const cflags = [
  '-O2',
  '-fPIC',
  '-fvisibility=hidden',
  '-ffunction-sections',
  '-fdata-sections',
  '-fstack-protector-strong',
  '-D_FORTIFY_SOURCE=2',
].join(' ');

/**
 * Build one of Debian's source packages, with Debian's patches, and install it into `build/deps`, or into that folder of another target.
 *
 * @param {SourcePackage} source
 * @param {import('./paths.mjs').BuildPaths} paths
 * @param {{ log: import('./log.mjs').Log, force: boolean, target?: Target }} options
 * @throws {UserError}
 */
export async function bootstrapSource(source, paths, { log, force, target = targetOf() }) {
  const { name, archives, headers } = source;
  const prefix = depsFolder(target, paths);
  const step = `${name}${target.suffix}`;
  const stampFile = join(paths.stamps, `${step}.json`);
  const products = [
    ...archives.map((file) => join(prefix, 'lib', file)),
    ...headers.map((file) => join(prefix, 'include', file)),
    join(prefix, 'licenses', name),
  ];
  const recipe = sourceRecipe(source, toolchainVersions(target), target);
  const done = readStamp(stampFile);
  if (!force && done !== undefined && isFresh(done, recipe, products)) {
    log(`up to date (${done.versions[name]})`);
    return;
  }
  // configure refuses such folders too, but less clearly.
  if (/[\s\\"#$&'`]/.test(paths.build)) {
    throw new UserError(
      `${name} cannot be built in ${paths.build}: move the checkout to a path without spaces and quotes`,
    );
  }

  const logFile = join(paths.logs, `${step}.log`);
  rmSync(logFile, { force: true });
  const work = makeWorkFolder(paths.work, step);
  const { version, folder } = await fetchSource(name, work, paths, { log, logFile });
  log(`building ${name} ${version}${target.isNative ? '' : ` for ${target.arch}`}`);
  const stage = join(work, 'stage');
  const sysroot = crossSysroot(target, paths);
  await build(source, { folder, stage, prefix, logFile, target, sysroot });
  const staged = join(stage, prefix);
  mkdirSync(join(staged, 'licenses'));
  copyFileSync(join(folder, 'debian', 'copyright'), join(staged, 'licenses', name));
  const files = keptFiles(source, staged);
  await tryToLink(source, staged, { log, logFile, target, sysroot });

  // Until the last file is in place, a stamp that no recipe matches remembers what to take out.
  const previous = done?.files ?? [];
  writeStamp(stampFile, { recipe: '', versions: {}, files: [...new Set([...previous, ...files])] });
  installFiles(staged, prefix, files, previous);
  writeStamp(stampFile, { recipe, versions: { [name]: version }, files });
  rmSync(work, { recursive: true, force: true });
  log(`${name} ${version} is in ${relative(process.cwd(), prefix) || '.'}`);
}

/**
 * @param {SourcePackage} source
 * @param {Record<string, string>} toolchain
 * @param {Target} [target]
 * @returns {string} hash of all that decides what comes out, but for the version that Debian has today
 */
export function sourceRecipe(
  { name, files, commands, archives, headers, links },
  toolchain,
  target = targetOf(),
) {
  const search = searchOptions(target, '<sysroot>');
  const steps = commands({
    prefix: '<prefix>',
    stage: '<stage>',
    jobs: 1,
    cflags,
    host: hostOf(target),
    search,
  });
  return recipeHash({ revision, name, files, steps, archives, headers, links, toolchain });
}

/**
 * @param {string} name
 * @param {string} work
 * @param {import('./paths.mjs').BuildPaths} paths
 * @param {{ log: import('./log.mjs').Log, logFile: string }} options
 * @returns {Promise<{ version: string, folder: string }>} the unpacked, patched source
 */
async function fetchSource(name, work, paths, { log, logFile }) {
  const { debian = 'amd64' } = debianArchitecture() ?? {};
  const aptFolder = makeWorkFolder(paths.apt, name);
  const apt = new PrivateApt(aptFolder, { architecture: debian, logFile });
  await apt.updateFromRelease('deb-src', log);
  const downloads = await apt.downloadSource(name);
  const description = readdirSync(downloads).find((file) => file.endsWith('.dsc'));
  if (description === undefined) {
    throw new UserError(`the source of ${name} came without its .dsc file (log: ${logFile})`);
  }
  const folder = join(work, 'source');
  const what = `unpack the source of ${name}`;
  await runOrFail(['dpkg-source', '-x', join(downloads, description), folder], { what, logFile });
  rmSync(aptFolder, { recursive: true, force: true });
  const version = /^[^_]+_(.+)\.dsc$/.exec(decodeURIComponent(description))?.[1] ?? 'unknown';
  return { version, folder };
}

/** @param {Target} target */
function hostOf({ isNative, names }) {
  return isNative ? [] : [`--host=${names.multiarch}`];
}

/**
 * Where the static archives for another processor are.
 *
 * @param {Target} target
 * @param {string} sysroot
 */
function librariesIn({ names }, sysroot) {
  return join(sysroot, 'usr', 'lib', names.multiarch);
}

/**
 * @param {Target} target
 * @param {string} sysroot
 */
function searchOptions(target, sysroot) {
  if (target.isNative) {
    return [];
  }
  const includes = [join(sysroot, 'usr', 'include'), join(sysroot, 'usr', 'include', target.names.multiarch)];
  return [
    `CPPFLAGS=${includes.map((folder) => `-isystem ${folder}`).join(' ')}`,
    `LDFLAGS=-L${librariesIn(target, sysroot)}`,
  ];
}

/**
 * @param {SourcePackage} source
 * @param {{ folder: string, stage: string, prefix: string, logFile: string, target: Target, sysroot: string }} places
 */
async function build({ files = {}, commands }, { folder, stage, prefix, logFile, target, sysroot }) {
  for (const [file, text] of Object.entries(files)) {
    writeFileSync(join(folder, file), text);
  }
  // Flags and make's own variables in the caller's environment must not reach the build.
  const clean = { PATH: process.env['PATH'] ?? '', HOME: process.env['HOME'] ?? '/', LC_ALL: 'C' };
  // Without the map, the name of the work folder would get into the archives, and differ each time.
  const flags = `${cflags} -ffile-prefix-map=${folder}=.`;
  const jobs = availableParallelism();
  const search = searchOptions(target, sysroot);
  const context = { prefix, stage, jobs, cflags: flags, host: hostOf(target), search };
  for (const { what, argv, env = {} } of commands(context)) {
    await runOrFail(argv, { what, cwd: folder, env: { ...clean, ...env }, logFile, timeoutMs: 20 * 60_000 });
  }
}

/**
 * @param {SourcePackage} source
 * @param {string} staged
 * @returns {string[]} headers, archives and the licence, relative to `staged`
 */
function keptFiles({ name, archives, headers }, staged) {
  const wanted = [...archives.map((file) => `lib/${file}`), ...headers.map((file) => `include/${file}`)];
  const absent = wanted.filter((file) => !existsSync(join(staged, file)));
  if (absent.length > 0) {
    throw new UserError(`${name} was built, but without ${absent.join(', ')}`);
  }
  return [
    ...listFiles(join(staged, 'include')).map((file) => `include/${file}`),
    ...wanted.slice(0, archives.length),
    `licenses/${name}`,
  ];
}

/**
 * Prove that the archives link into a shared object, which is what they are for and what Debian's own do not.
 *
 * @param {SourcePackage} source
 * @param {string} staged
 * @param {{ log: import('./log.mjs').Log, logFile: string, target: Target, sysroot: string }} options
 */
async function tryToLink({ name, archives, links }, staged, { log, logFile, target, sysroot }) {
  const library = join(staged, 'lib', 'trial.so');
  const argv = [
    ...[
      target.compiler,
      '-shared',
      '-o',
      library,
      '-Wl,-Bsymbolic',
      '-Wl,-z,text',
      '-Wl,--no-undefined',
      '-Wl,--whole-archive',
    ],
    ...archives.map((file) => join(staged, 'lib', file)),
    ...(target.isNative ? [] : [`-L${librariesIn(target, sysroot)}`]),
    ...['-Wl,--no-whole-archive', '-Wl,--exclude-libs,ALL', ...links.map((file) => `-l:${file}`)],
  ];
  await runOrFail(argv, { what: `link ${name} into a shared object`, logFile });
  const what = 'read the trial link';
  const needs = parseVersionNeeds(await runOrFail(['readelf', '-W', '-V', library], { what, logFile }));
  log(`links into a shared object that needs glibc ${newestGlibc(needs) ?? '(no version)'}`);
}
