// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PrivateApt } from './apt.mjs';
import { runOrFail } from './run.mjs';
import { isFresh, makeWorkFolder, readStamp, recipeHash, replaceFolder, writeStamp } from './stamp.mjs';
import { crossSysroot } from './target.mjs';

/** Debian's packages whose static archives and headers the plugin is linked of. */
const packages = ['libssl-dev', 'libc-ares-dev', 'zlib1g-dev'];

/** Raise it when the code below makes something else out of the same packages. */
const revision = 1;

/**
 * Bring Debian's static OpenSSL, c-ares and zlib for another processor into `build/cross/<arch>/sysroot`: the release's own,
 * with its security patches. The machine's packages are neither seen nor touched.
 *
 * @param {import('./target.mjs').Target} target
 * @param {import('./paths.mjs').BuildPaths} paths
 * @param {{ log: import('./log.mjs').Log, force: boolean }} options
 * @throws {import('./errors.mjs').UserError}
 */
export async function bootstrapCross(target, paths, { log, force }) {
  const step = `cross-${target.arch}`;
  const stampFile = join(paths.stamps, `${step}.json`);
  const recipe = recipeHash({ revision, packages, debian: target.names.debian });
  const folder = crossSysroot(target, paths);
  const libraries = join(folder, 'usr', 'lib', target.names.multiarch);
  const products = ['libssl.a', 'libcrypto.a', 'libcares.a', 'libz.a'].map((file) => join(libraries, file));
  const done = readStamp(stampFile);
  if (!force && done !== undefined && isFresh(done, recipe, products)) {
    log(`up to date (${Object.values(done.versions).join(', ')})`);
    return;
  }
  const logFile = join(paths.logs, `${step}.log`);
  rmSync(logFile, { force: true });
  const aptFolder = makeWorkFolder(paths.apt, step);
  const apt = new PrivateApt(aptFolder, { architecture: target.names.debian, logFile });
  await apt.updateFromRelease('deb', log);
  const work = makeWorkFolder(paths.work, step);
  const root = join(work, 'root');
  mkdirSync(root);
  /** @type {Record<string, string>} */
  const versions = {};
  for (const name of packages) {
    const archives = await apt.downloadAlone(name);
    const file = readdirSync(archives).find((each) => each.startsWith(`${name}_`)) ?? name;
    await runOrFail(['dpkg-deb', '-x', join(archives, file), root], { what: `unpack ${file}`, logFile });
    versions[name] = decodeURIComponent(file).split('_')[1] ?? 'unknown';
  }
  replaceFolder(root, folder, work);
  writeStamp(stampFile, { recipe, versions, files: [] });
  rmSync(aptFolder, { recursive: true, force: true });
  rmSync(work, { recursive: true, force: true });
  log(`OpenSSL, c-ares and zlib for ${target.arch} are in ${relative(process.cwd(), folder) || '.'}`);
}
