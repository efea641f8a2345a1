// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { PrivateApt, readDistribution } from './apt.mjs';
import { UserError } from './errors.mjs';
import { debianArchitecture } from './paths.mjs';
import { runOrFail } from './run.mjs';
import {
  isFresh,
  listFiles,
  makeWorkFolder,
  readStamp,
  recipeHash,
  replaceFolder,
  writeStamp,
} from './stamp.mjs';

/** Debian's name for the release whose package brings llhttp as C. */
const suite = 'forky';

const name = 'libllhttp-source';

/** The parser as llhttp's generator made it, its helpers, and their header. */
const sources = ['llhttp.c', 'api.c', 'http.c', 'llhttp.h'];

/** Raise it when the code below makes something else out of the same package. */
const revision = 2;

/**
 * Bring the C of llhttp, Node's HTTP parser, into `build/deps/llhttp`. The plugin compiles it with its own code.
 *
 * @param {import('./paths.mjs').BuildPaths} paths
 * @param {{ log: import('./log.mjs').Log, force: boolean }} options
 * @throws {UserError}
 */
export async function bootstrapLlhttp(paths, { log, force }) {
  const stampFile = join(paths.stamps, 'llhttp.json');
  const recipe = recipeHash({ revision, suite, name, sources });
  const target = join(paths.deps, 'llhttp');
  const done = readStamp(stampFile);
  const products = [...sources, 'copyright'].map((file) => join(target, file));
  if (!force && done !== undefined && isFresh(done, recipe, products)) {
    log(`up to date (${done.versions[name]})`);
    return;
  }

  const logFile = join(paths.logs, 'llhttp.log');
  const aptFolder = makeWorkFolder(paths.apt, 'llhttp');
  rmSync(logFile, { force: true });
  const { debian = 'amd64' } = debianArchitecture() ?? {};
  const apt = new PrivateApt(aptFolder, { architecture: debian, logFile });
  log(`fetching the package lists of Debian ${suite}`);
  await apt.updateFromFirst(readDistribution().mirrors.main, (uri) => [{ type: 'deb', uri, suite }]);
  const archives = await apt.downloadAlone(name);

  const work = makeWorkFolder(paths.work, 'llhttp');
  const { archive, version } = findArchive(archives);
  const root = join(work, 'root');
  await runOrFail(['dpkg-deb', '-x', archive, root], { what: `unpack ${name}`, logFile });
  const made = join(work, 'llhttp');
  collect(root, made);
  replaceFolder(made, target, work);
  writeStamp(stampFile, { recipe, versions: { [name]: version }, files: [] });
  rmSync(aptFolder, { recursive: true, force: true });
  rmSync(work, { recursive: true, force: true });
  log(`llhttp ${version} is in ${relative(process.cwd(), target)}`);
}

/**
 * @param {string} folder with the one .deb file
 * @returns {{ archive: string, version: string }}
 */
function findArchive(folder) {
  const file = readdirSync(folder).find((each) => each.startsWith(`${name}_`) && each.endsWith('.deb'));
  if (file === undefined) {
    throw new UserError(`${name} came without its .deb file; run the bootstrap again`);
  }
  const [, version = 'unknown'] = decodeURIComponent(file).split('_');
  return { archive: join(folder, file), version };
}

/**
 * Gather the sources and the licence, wherever the package has them.
 *
 * @param {string} root the unpacked package
 * @param {string} folder made here
 */
function collect(root, folder) {
  mkdirSync(folder);
  const files = listFiles(root);
  for (const source of [...sources, 'copyright']) {
    const found = files.find((file) => file.endsWith(`/${source}`));
    if (found === undefined || !existsSync(join(root, found))) {
      throw new UserError(`Debian ${suite}’s ${name} no longer brings ${source}`);
    }
    copyFileSync(join(root, found), join(folder, source));
  }
}
