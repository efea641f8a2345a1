// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PrivateApt, readDistribution } from './apt.mjs';
import { UserError } from './errors.mjs';
import { runOrFail } from './run.mjs';
import { isFresh, makeWorkFolder, readStamp, recipeHash, replaceFolder, writeStamp } from './stamp.mjs';
import { libsinspFolder, targetOf } from './target.mjs';

/** Debian's name for the release that has a libsinsp which speaks the plugin API we are written for. */
const suite = 'forky';

const packages = ['sysdig', 'libfalcosecurity0-dev'];

/**
 * The headers that Falco's libraries are compiled against. The rest of the sysroot's include folder belongs to a newer
 * libc than the machine's, and must never be mixed with it.
 */
const headers = ['falcosecurity', 'jsoncpp', 're2', 'absl', 'tbb', 'oneapi', 'uthash.h'];

/** Raise it when the code below makes something else out of the same packages. */
const revision = 1;

/** @typedef {{ log: import('./log.mjs').Log, force: boolean }} Options */

/**
 * Bring Falco's headers and a real libsinsp (sysdig) into `build/sysroot`, without touching the machine's packages.
 *
 * @param {import('./paths.mjs').BuildPaths} paths
 * @param {Options} options
 * @throws {UserError}
 */
export async function bootstrapSysroot(paths, options) {
  const target = targetOf();
  const { multiarch, loader } = target.names;
  const links = headers.map((name) => join(paths.sysrootInclude, name));
  await bringLibsinsp(target, paths, { ...options, products: links }, async (root, work, logFile) => {
    const unpacked = join(root, 'usr/lib', multiarch);
    const sysdig = [join(unpacked, loader), '--library-path', unpacked, join(root, 'usr/bin/sysdig')];
    await runOrFail([...sysdig, '--version'], { what: 'run the unpacked sysdig', logFile });
    const include = join(work, 'include');
    linkHeaders(root, include, paths);
    replaceFolder(include, paths.sysrootInclude, work);
  });
}

/**
 * Bring a real libsinsp for another processor into `build/cross/<arch>/libsinsp`, for tests in an emulator.
 *
 * @param {import('./target.mjs').Target} target
 * @param {import('./paths.mjs').BuildPaths} paths
 * @param {Options} options
 * @throws {UserError}
 */
export function bootstrapForeignLibsinsp(target, paths, options) {
  return bringLibsinsp(target, paths, { ...options, products: [] }, async () => {});
}

/**
 * @param {import('./target.mjs').Target} target
 * @param {import('./paths.mjs').BuildPaths} paths
 * @param {Options & { products: string[] }} options `products`: what `finish` makes
 * @param {(root: string, work: string, logFile: string) => Promise<void>} finish done with the unpacked packages
 */
async function bringLibsinsp(target, paths, { log, force, products }, finish) {
  const { debian, multiarch, loader } = target.names;
  const step = `sysroot${target.suffix}`;
  const folder = libsinspFolder(target, paths);
  const stampFile = join(paths.stamps, `${step}.json`);
  const recipe = recipeHash({ revision, suite, packages, headers, debian });
  const all = [join(folder, 'usr/bin/sysdig'), join(folder, 'usr/lib', multiarch, loader), ...products];
  const done = readStamp(stampFile);
  if (!force && done !== undefined && isFresh(done, recipe, all)) {
    log(`up to date (sysdig ${done.versions['sysdig']})`);
    return;
  }

  const logFile = join(paths.logs, `${step}.log`);
  const aptFolder = makeWorkFolder(paths.apt, step);
  rmSync(logFile, { force: true });
  const apt = new PrivateApt(aptFolder, { architecture: debian, logFile });
  log(`fetching the package lists of Debian ${suite}`);
  await apt.updateFromFirst(readDistribution().mirrors.main, (uri) => [{ type: 'deb', uri, suite }]);
  log(`downloading ${packages.join(', ')} and what they need`);
  const archives = await apt.download(packages);

  const work = makeWorkFolder(paths.work, step);
  const root = join(work, 'root');
  const versions = await unpack(archives, root, { log, logFile });
  await finish(root, work, logFile);
  replaceFolder(root, folder, work);
  writeStamp(stampFile, { recipe, versions, files: [] });
  rmSync(aptFolder, { recursive: true, force: true });
  rmSync(work, { recursive: true, force: true });
  log(`sysdig ${versions['sysdig']} is in ${relative(process.cwd(), folder) || '.'}`);
}

/**
 * @param {string} archives folder of .deb files
 * @param {string} root made here
 * @param {{ log: import('./log.mjs').Log, logFile: string }} options
 * @returns {Promise<Record<string, string>>} package → version
 */
async function unpack(archives, root, { log, logFile }) {
  const files = readdirSync(archives).filter((name) => name.endsWith('.deb'));
  log(`unpacking ${files.length} packages`);
  mkdirSync(root, { recursive: true });
  /** @type {Record<string, string>} */
  const versions = {};
  for (const file of files.sort()) {
    await runOrFail(['dpkg-deb', '-x', join(archives, file), root], { what: `unpack ${file}`, logFile });
    const [name = file, version = ''] = decodeURIComponent(file).split('_');
    versions[name] = version;
  }
  return versions;
}

/**
 * @param {string} root the unpacked packages
 * @param {string} include made here, to be moved to `paths.sysrootInclude`
 * @param {import('./paths.mjs').BuildPaths} paths
 */
function linkHeaders(root, include, paths) {
  mkdirSync(include);
  const target = relative(paths.sysrootInclude, join(paths.sysroot, 'usr/include'));
  for (const name of headers) {
    if (!existsSync(join(root, 'usr/include', name))) {
      throw new UserError(`Debian ${suite}’s libfalcosecurity0-dev no longer brings usr/include/${name}`);
    }
    symlinkSync(join(target, name), join(include, name));
  }
}
