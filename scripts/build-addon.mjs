#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Builds build/addon/plugin_addon.node: binding.gyp and native/addon, with node-gyp, without downloading headers.
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, relative } from 'node:path';
import { UserError } from './lib/errors.mjs';
import { createLog, startTimer } from './lib/log.mjs';
import { runAsMain } from './lib/main.mjs';
import { buildPaths, findCommand, repositoryRoot } from './lib/paths.mjs';
import { runOrFail } from './lib/run.mjs';
import { isFresh, readStamp, recipeHash, writeStamp } from './lib/stamp.mjs';

/**
 * Where the addon, and what it is made from, are.
 *
 * @param {string} [root] the top folder of the repository
 */
export function addonPaths(root = repositoryRoot) {
  const paths = buildPaths(root);
  const folder = join(paths.build, 'addon');
  return {
    addon: join(folder, 'plugin_addon.node'),
    binding: join(root, 'binding.gyp'),
    native: join(root, 'native'),
    sources: join(root, 'native', 'addon'),
    stage: join(folder, 'gyp'),
    nodeDir: join(folder, 'node'),
    stamp: join(paths.stamps, 'addon.json'),
    logFile: join(paths.logs, 'addon.log'),
    falcoHeaders: [
      join(paths.sysrootInclude, 'falcosecurity'),
      join(paths.sysroot, 'usr/include/falcosecurity'),
    ],
  };
}

/** @typedef {ReturnType<typeof addonPaths>} AddonPaths */

/**
 * Build the addon if it is not there or what it is made from has changed.
 *
 * @param {string} [root] the top folder of the repository
 * @returns {Promise<string>} path of the addon
 * @throws {UserError} a tool or a header is missing, or a source does not compile
 */
export async function buildAddon(root = repositoryRoot) {
  const log = createLog('addon');
  const paths = addonPaths(root);
  const nodeGyp = resolvePackage(root, 'node-gyp/bin/node-gyp.js');
  const falcoInclude = findFalcoHeaders(paths.falcoHeaders);
  const inputs = [
    paths.binding,
    ...readdirSync(paths.sources)
      .sort()
      .map((name) => join(paths.sources, name)),
    ...['plugin_api.h', 'plugin_types.h'].map((name) => join(falcoInclude, 'plugin', name)),
    resolvePackage(root, 'node-addon-api/package.json'),
  ];
  const contents = inputs.map((file) => [basename(file), readFileSync(file, 'utf8')]);
  // Not the Node.js version: the addon uses the stable ABI of Node-API 8 only.
  const recipe = recipeHash([contents, process.arch, process.platform]);
  if (isFresh(readStamp(paths.stamp), recipe, [paths.addon])) {
    log('up to date');
    return paths.addon;
  }
  requireTools();
  const elapsed = startTimer();
  log(`compiling ${relative(root, paths.sources)} for Node-API 8`);
  rmSync(paths.logFile, { force: true });
  makeStage(paths);
  const nodeDir = findNodeDir(process.execPath) ?? makeNodeDir(root, paths.nodeDir);
  const gyp = [process.execPath, nodeGyp, '-C', paths.stage, `--nodedir=${nodeDir}`];
  const options = { what: 'build the addon', logFile: paths.logFile };
  await runOrFail([...gyp, 'configure', '--', `-Dfalco_include=${falcoInclude}`], options);
  await runOrFail([...gyp, 'build', '--jobs', '2'], options);
  installAddon(join(paths.stage, 'build', 'Release', 'plugin_addon.node'), paths.addon);
  writeStamp(paths.stamp, { recipe, versions: {}, files: [] });
  log(`${relative(root, paths.addon)} done in ${elapsed()}`);
  return paths.addon;
}

/**
 * @param {string} root
 * @param {string} path a file of an npm package
 * @returns {string} its path in node_modules
 */
function resolvePackage(root, path) {
  try {
    return createRequire(join(root, 'package.json')).resolve(path);
  } catch {
    throw new UserError(`the npm package ${path.split('/')[0]} is missing: run npm ci first`);
  }
}

/** @param {string[]} folders candidates for the folder that <plugin/plugin_api.h> is relative to */
function findFalcoHeaders(folders) {
  const found = folders.find((folder) => existsSync(join(folder, 'plugin', 'plugin_api.h')));
  if (found === undefined) {
    throw new UserError(
      `Falco's plugin header is not in ${folders.at(-1)}: run node scripts/bootstrap.mjs first`,
    );
  }
  return realpathSync(found);
}

function requireTools() {
  for (const [tool, debianPackage] of [
    ['g++', 'g++'],
    ['make', 'make'],
    ['python3', 'python3'],
  ]) {
    if (findCommand(tool) === undefined) {
      throw new UserError(`${tool} is missing, node-gyp needs it: apt-get install ${debianPackage}`);
    }
  }
}

/**
 * node-gyp builds into a folder `build` next to binding.gyp, and empties it for some commands. Ours holds much more
 * than the addon, so node-gyp gets a folder of its own, with links to what it reads.
 *
 * @param {AddonPaths} paths
 */
function makeStage({ stage, binding, native }) {
  rmSync(stage, { recursive: true, force: true });
  mkdirSync(stage, { recursive: true });
  for (const target of [binding, native]) {
    symlinkSync(relative(stage, target), join(stage, basename(target)));
  }
}

/**
 * A process may have the old addon in use: it keeps it, because the new one is another file.
 *
 * @param {string} made
 * @param {string} target
 */
function installAddon(made, target) {
  const half = `${target}.${process.pid}`;
  copyFileSync(made, half);
  renameSync(half, target);
}

/**
 * The headers that came with the running Node.js.
 *
 * @param {string} executable
 * @returns {string | undefined} the folder that holds include/node
 */
function findNodeDir(executable) {
  const prefix = dirname(dirname(realpathSync(executable)));
  const needed = ['node_api.h', 'common.gypi'].map((name) => join(prefix, 'include', 'node', name));
  return needed.every((file) => existsSync(file)) ? prefix : undefined;
}

/**
 * A stand-in for a Node.js installation's headers, made of the npm package node-api-headers.
 *
 * @param {string} root
 * @param {string} folder
 * @returns {string} folder
 */
function makeNodeDir(root, folder) {
  const headers = join(dirname(resolvePackage(root, 'node-api-headers/package.json')), 'include');
  const include = join(folder, 'include', 'node');
  rmSync(folder, { recursive: true, force: true });
  cpSync(headers, include, { recursive: true });
  // What node-gyp wants to know of the Node.js build: nothing but the name of a configuration.
  const config =
    "{'target_defaults': {'default_configuration': 'Release', 'configurations': {'Release': {'cflags': ['-O2']}}}}";
  writeFileSync(join(include, 'common.gypi'), `${config}\n`);
  writeFileSync(join(include, 'config.gypi'), "{'target_defaults': {}, 'variables': {}}\n");
  return folder;
}

await runAsMain(import.meta.url, 'build-addon', () => buildAddon());
