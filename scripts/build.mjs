#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Builds the plugin from nothing: npm's packages, what the bootstrap brings, the WASM, its C, the .so.
// usage: node scripts/build.mjs [--arch x64|arm64] [variant …]   (default: this machine's processor; release; see `variants`)
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createHash } from 'node:crypto';
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { buildInfoHeader } from './lib/build-info.mjs';
import { componentsOf } from './lib/components.mjs';
import { parseCommandLine } from './lib/command-line.mjs';
import { UserError } from './lib/errors.mjs';
import { createLog, startTimer } from './lib/log.mjs';
import { runAsMain } from './lib/main.mjs';
import { buildPaths, repositoryRoot } from './lib/paths.mjs';
import { runOrFail } from './lib/run.mjs';
import { sourcePackages } from './lib/source-packages.mjs';
import { isFresh, readStamp, recipeHash, writeStamp } from './lib/stamp.mjs';
import { toolchainVersions } from './lib/system.mjs';
import { crossSysroot, depsFolder, targetOf } from './lib/target.mjs';

const log = createLog('build');
const paths = buildPaths();
const generated = join(paths.build, 'generated');
export const wasmFile = join(paths.build, 'k8saudit.wasm');
const symbols = 'symbols/libk8saudit-ts.so';
/** The plugin that ships, as it is before its symbol table is taken out. */
export const symbolsFile = join(paths.build, symbols);

/**
 * @typedef {object} Identity
 * @property {string} name
 * @property {number} pluginId
 * @property {string} version
 */

/** @typedef {import('./lib/target.mjs').Target} Target */

/**
 * @typedef {object} Variant
 * @property {string} output the .so, relative to build/, or to build/<arch>/ for another processor
 * @property {string} purpose
 * @property {(manifest: { name: string, version: string, falco: { pluginId: number, dropIn: Identity } }) => Identity} identity
 * @property {string[]} options of cmake
 * @property {string} [symbols] the same file with its symbol table, for profilers, as `output`
 */

/** @param {{ name: string, version: string, falco: { pluginId: number } }} manifest */
const ownIdentity = ({ name, version, falco }) => ({ name, version, pluginId: falco.pluginId });

/** @type {Record<string, Variant>} */
export const variants = {
  release: {
    output: 'libk8saudit-ts.so',
    purpose: 'the plugin',
    identity: ownIdentity,
    options: [],
    symbols,
  },
  'drop-in': {
    output: 'drop-in/libk8saudit.so',
    purpose: 'the same under the identity of the official k8saudit',
    identity: ({ falco }) => falco.dropIn,
    options: [],
  },
  sanitized: {
    output: 'asan/libk8saudit-ts.so',
    purpose: 'with AddressSanitizer and UndefinedBehaviorSanitizer',
    identity: ownIdentity,
    options: ['-DSANITIZE=ON'],
  },
  small: {
    output: 'small/libk8saudit-ts.so',
    purpose: 'with 24 MiB for the WASM, so that large events make it trap',
    identity: ownIdentity,
    options: ['-DWASM_MAX_PAGES=384'],
  },
  'small-sanitized': {
    output: 'small-asan/libk8saudit-ts.so',
    purpose: 'with 24 MiB for the WASM and the sanitizers',
    identity: ownIdentity,
    options: ['-DSANITIZE=ON', '-DWASM_MAX_PAGES=384'],
  },
};

/**
 * The contents of files, for a recipe.
 *
 * @param {string} folder relative to the repository
 * @param {(name: string) => boolean} wanted
 */
function contentsOf(folder, wanted) {
  return readdirSync(join(repositoryRoot, folder), { recursive: true, encoding: 'utf8' })
    .filter(wanted)
    .sort()
    .map((name) => [name, readFileSync(join(repositoryRoot, folder, name), 'utf8')]);
}

/** @param {string} path relative to the repository */
function contentOf(path) {
  return readFileSync(join(repositoryRoot, path), 'utf8');
}

/**
 * Does a step unless its stamp says that it is done.
 *
 * @param {string} name
 * @param {unknown} recipe everything that decides the result
 * @param {string[]} products
 * @param {() => Promise<void>} make
 */
async function step(name, recipe, products, make) {
  const stamp = join(paths.stamps, `${name}.json`);
  const hash = recipeHash(recipe);
  if (isFresh(readStamp(stamp), hash, products)) return;
  const timer = startTimer();
  await make();
  writeStamp(stamp, { recipe: hash, versions: {}, files: [] });
  log(`${name}: done in ${timer()}`);
}

/**
 * Runs a program of npm's packages with this Node.
 *
 * @param {string} script relative to node_modules
 * @param {string[]} args
 * @param {string} what
 */
function runTool(script, args, what) {
  const tool = join(repositoryRoot, 'node_modules', script);
  return runOrFail([process.execPath, tool, ...args], {
    what,
    cwd: repositoryRoot,
    logFile: join(paths.logs, `${script.split('/')[0]}.log`),
  });
}

/** npm's packages, exactly as the lock file says. */
export function installPackages() {
  const products = [join(repositoryRoot, 'node_modules', 'assemblyscript', 'package.json')];
  return step('packages', [contentOf('package-lock.json'), process.version], products, async () => {
    log('npm ci …');
    await runOrFail(['npm', 'ci', '--no-audit', '--no-fund'], {
      what: 'install the npm packages',
      cwd: repositoryRoot,
      logFile: join(paths.logs, 'npm.log'),
    });
  });
}

/** @param {Target} target */
async function bootstrap({ arch }) {
  // Its own lines tell the progress; only that everything is there is not worth one.
  const script = join(repositoryRoot, 'scripts', 'bootstrap.mjs');
  const child = spawn(process.execPath, [script, '--arch', arch], { stdio: ['ignore', 'pipe', 'inherit'] });
  child.stdout.setEncoding('utf8').on('data', (/** @type {string} */ text) => {
    const news = text.split('\n').filter((line) => line !== '' && !/up to date|done in 0\.\d s/.test(line));
    if (news.length > 0) process.stdout.write(`${news.join('\n')}\n`);
  });
  const status = await new Promise((resolve) => child.on('close', resolve));
  if (status !== 0) throw new UserError('the bootstrap stopped; its message is above');
}

function buildWasm() {
  const recipe = [contentsOf('assembly', (name) => name.endsWith('.ts')), contentOf('asconfig.json')];
  const tools = contentOf('package-lock.json').match(/"node_modules\/(assemblyscript|wabt|binaryen)":[^}]*/g);
  return step('wasm', [recipe, tools, contentOf('scripts/generate.mjs')], wasmProducts(), async () => {
    mkdirSync(generated, { recursive: true });
    // `debug` in asconfig.json adds the functions' names to the WASM, so that its C, and a profile of it, can be read.
    // All other sections stay as they are without it, byte for byte; so does the plugin, which is stripped.
    await runTool('assemblyscript/bin/asc.js', ['--target', 'release'], 'compile assembly/ to WASM');
    const { generate } = await import('./generate.mjs');
    generate(wasmFile, generated);
    const c = join(generated, 'k8saudit.c');
    await runTool('wabt/bin/wasm2c', [wasmFile, '-n', 'k8saudit', '-o', c], 'translate the WASM to C');
  });
}

function wasmProducts() {
  return [
    wasmFile,
    join(generated, 'k8saudit.c'),
    join(generated, 'k8saudit.h'),
    join(generated, 'catalogue.h'),
  ];
}

/** @param {string} name */
function isPluginSource(name) {
  return (
    /^(plugin\.c|runtime\.[ch]|CMakeLists\.txt|exports\.map|(wasm|host)\/)/.test(name) &&
    !/\/?(wasm|host)$/.test(name)
  );
}

/**
 * What of the libraries and the compiler decides how a plugin comes out.
 *
 * @param {Target} target
 */
function librariesOf(target) {
  const cross = target.isNative ? [] : [`cross${target.suffix}.json`];
  const sources = sourcePackages.map(({ name }) => `${name}${target.suffix}.json`);
  const stamps = ['sysroot.json', ...sources, 'llhttp.json', ...cross].map((file) => {
    const { recipe, versions } = readStamp(join(paths.stamps, file)) ?? {};
    return { recipe, versions };
  });
  // OpenSSL, c-ares and zlib are the machine's: their patches are linked in when they come.
  return [stamps, toolchainVersions(target)];
}

/**
 * cmake's definitions for another processor than this machine's.
 *
 * @param {Target} target
 * @returns {Record<string, string>}
 */
function crossDefinitions(target) {
  if (target.isNative) return {};
  const sysroot = join(crossSysroot(target, paths), 'usr');
  return {
    CMAKE_SYSTEM_NAME: 'Linux',
    CMAKE_SYSTEM_PROCESSOR: target.names.machine,
    CMAKE_C_COMPILER: target.compiler,
    LIBRARIES: join(sysroot, 'lib', target.names.multiarch),
    // OpenSSL's and zlib's headers are in part the processor's own.
    INCLUDES: [join(sysroot, 'include', target.names.multiarch), join(sysroot, 'include')].join(';'),
  };
}

/**
 * @param {Variant} variant
 * @param {Target} target
 * @returns {{ output: string, symbols: string | undefined }} paths
 */
function outputsOf({ output, symbols }, { folder }) {
  const at = (/** @type {string} */ file) => join(paths.build, folder, file);
  return { output: at(output), symbols: symbols && at(symbols) };
}

/**
 * @param {Identity} identity
 * @param {Variant} variant
 * @param {Target} target
 * @returns {import('./lib/build-info.mjs').BuildInfo}
 */
function infoOf({ name, version }, { options }, target) {
  const { compiler = 'unknown' } = toolchainVersions(target);
  const components = componentsOf(target).map((each) => [each.name, each.version]);
  return {
    name,
    version,
    api: /REQUIRED_API_VERSION "([\d.]+)"/.exec(contentOf('native/plugin.c'))?.[1] ?? 'unknown',
    platform: `linux/${target.names.debian}`,
    compiler: `gcc ${compiler}`,
    wasm: createHash('sha256').update(readFileSync(wasmFile)).digest('hex'),
    options,
    components: Object.fromEntries(components),
  };
}

/** @param {string} name of a variant @param {Target} target */
function buildVariant(name, target) {
  const variant = variants[name];
  if (variant === undefined) {
    throw new UserError(`there is no variant "${name}"; there are ${Object.keys(variants).join(', ')}`);
  }
  const manifest = JSON.parse(contentOf('package.json'));
  const identity = variant.identity(manifest);
  const { output, symbols } = outputsOf(variant, target);
  const contact = manifest.falco.contact;
  const wasm = wasmProducts().map((file) => readFileSync(file).toString('base64'));
  const libraries = librariesOf(target);
  const info = buildInfoHeader(infoOf(identity, variant, target));
  const recipe = [
    contentsOf('native', isPluginSource),
    wasm,
    identity,
    contact,
    variant.options,
    libraries,
    info,
  ];
  const stepName = `${name}${target.suffix}`;
  const out = join(paths.build, 'cmake', stepName);
  // The benchmark of the scanner is linked of the objects that stay there.
  const products = [output, join(out, 'CMakeCache.txt'), ...(symbols === undefined ? [] : [symbols])];
  return step(stepName, recipe, products, async () => {
    log(`${stepName}: compiling ${variant.purpose} …`);
    // cmake keeps the definitions of its first run otherwise.
    rmSync(out, { recursive: true, force: true });
    const infoFolder = join(paths.build, 'info', stepName);
    mkdirSync(infoFolder, { recursive: true });
    writeFileSync(join(infoFolder, 'build_info.h'), info);
    const definitions = {
      PLUGIN_NAME: identity.name,
      PLUGIN_ID: identity.pluginId,
      PLUGIN_VERSION: identity.version,
      PLUGIN_CONTACT: contact,
      BUILD_ROOT: paths.build,
      BUILD_INFO: infoFolder,
      DEPS: depsFolder(target, paths),
      ...crossDefinitions(target),
    };
    const args = Object.entries(definitions).map(([key, value]) => `--CD${key}=${value}`);
    const options = variant.options.map((option) => `--CD${option.slice(2)}`);
    const common = ['--directory', join(repositoryRoot, 'native'), '--out', out, '--log-level', 'warn'];
    await runTool(
      'cmake-js/bin/cmake-js',
      ['compile', ...common, ...args, ...options],
      `compile ${output.slice(repositoryRoot.length + 1)}`,
    );
    const made = join(out, 'Release', `lib${identity.name}.so`);
    putInPlace(made, output);
    if (symbols !== undefined) putInPlace(`${made}.symbols`, symbols);
  });
}

/**
 * Copies a file over another one; a running host keeps the one that it has mapped.
 *
 * @param {string} from
 * @param {string} to
 */
function putInPlace(from, to) {
  mkdirSync(dirname(to), { recursive: true });
  const half = `${to}.${process.pid}`;
  copyFileSync(from, half);
  renameSync(half, to);
}

/**
 * Builds variants of the plugin and everything before them; quick when nothing has changed.
 *
 * @param {string[]} [names] of variants
 * @param {string} [arch] the processor to build for, as in `process.arch`; by default this machine's
 * @returns {Promise<string[]>} paths of the .so files
 * @throws {UserError} something is missing or does not compile
 */
export async function build(names = ['release'], arch = process.arch) {
  const target = targetOf(arch);
  await installPackages();
  await bootstrap(target);
  await buildWasm();
  for (const name of names) await buildVariant(name, target);
  return names.flatMap((name) => variants[name] ?? []).map((variant) => outputsOf(variant, target).output);
}

/** @param {string[]} args */
async function main(args) {
  const options = /** @type {const} */ ({ arch: { type: 'string' } });
  const { values, positionals } = parseCommandLine({ args, options, allowPositionals: true });
  const made = await build(positionals.length > 0 ? positionals : undefined, values.arch);
  for (const file of made) if (existsSync(file)) log(`ready: ${file.slice(repositoryRoot.length + 1)}`);
}

await runAsMain(import.meta.url, 'build', main);
