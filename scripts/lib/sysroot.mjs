// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PrivateApt, readDistribution } from './apt.mjs';
import { UserError } from './errors.mjs';
import { debianArchitecture } from './paths.mjs';
import { runOrFail } from './run.mjs';
import { isFresh, makeWorkFolder, readStamp, recipeHash, replaceFolder, writeStamp } from './stamp.mjs';

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

/**
 * Bring Falco's headers and a real libsinsp (sysdig) into `build/sysroot`, without touching the machine's packages.
 *
 * @param {import('./paths.mjs').BuildPaths} paths
 * @param {{ log: import('./log.mjs').Log, force: boolean }} options
 * @throws {UserError}
 */
export async function bootstrapSysroot(paths, { log, force }) {
  const architecture = debianArchitecture();
  if (architecture === undefined) {
    throw new UserError(`Falco’s packages come for amd64 and arm64, but this is ${process.arch}`);
  }
  const { debian, multiarch, loader } = architecture;
  const stampFile = join(paths.stamps, 'sysroot.json');
  const recipe = recipeHash({ revision, suite, packages, headers, debian });
  const products = [
    join(paths.sysroot, 'usr/bin/sysdig'),
    join(paths.sysroot, 'usr/lib', multiarch, loader),
    ...headers.map((name) => join(paths.sysrootInclude, name)),
  ];
  const done = readStamp(stampFile);
  if (!force && done !== undefined && isFresh(done, recipe, products)) {
    log(`up to date (sysdig ${done.versions['sysdig']})`);
    return;
  }

  const logFile = join(paths.logs, 'sysroot.log');
  const aptFolder = makeWorkFolder(paths.apt, 'sysroot');
  rmSync(logFile, { force: true });
  const apt = new PrivateApt(aptFolder, { architecture: debian, logFile });
  log(`fetching the package lists of Debian ${suite}`);
  await apt.updateFromFirst(readDistribution().mirrors.main, (uri) => [{ type: 'deb', uri, suite }]);
  log(`downloading ${packages.join(', ')} and what they need`);
  const archives = await apt.download(packages);

  const work = makeWorkFolder(paths.work, 'sysroot');
  const root = join(work, 'root');
  const versions = await unpack(archives, root, { log, logFile });
  const library = join(root, 'usr/lib', multiarch);
  const sysdig = [join(library, loader), '--library-path', library, join(root, 'usr/bin/sysdig')];
  await runOrFail([...sysdig, '--version'], { what: 'run the unpacked sysdig', logFile });
  const include = join(work, 'include');
  linkHeaders(root, include, paths);

  replaceFolder(root, paths.sysroot, work);
  replaceFolder(include, paths.sysrootInclude, work);
  writeStamp(stampFile, { recipe, versions, files: [] });
  rmSync(aptFolder, { recursive: true, force: true });
  rmSync(work, { recursive: true, force: true });
  log(`sysdig ${versions['sysdig']} is in ${relative(process.cwd(), paths.sysroot) || '.'}`);
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
