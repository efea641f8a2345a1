// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { existsSync } from 'node:fs';
import { aptAdvice, aptEnvironment, debianKeyrings, explainAptFailure } from './apt.mjs';
import { UserError } from './errors.mjs';
import { debianArchitecture, findCommand } from './paths.mjs';
import { ask, run } from './run.mjs';
import { targetOf } from './target.mjs';

/**
 * Something that the machine itself must have. Exactly one of `command` and `files` is there.
 *
 * @typedef {object} Requirement
 * @property {string} name as a person would call it
 * @property {string} package Debian's package that brings it
 * @property {'tool' | 'library' | 'keyring' | 'optional' | 'test' | 'e2e' | 'bench' | 'simdjson' | 'cross' | 'emulator'} kind
 *   `optional`: tests want it, and do without; `test` and `e2e`: those tests need it; `bench`: the benchmark and the
 *   budgets do; `simdjson`: the benchmark of the scanner does; `cross`: a build for the other processor does,
 *   `emulator`: running it does
 * @property {string} [command] program on the PATH
 * @property {string[]} [files] one of them has to exist
 */

const { multiarch = '' } = debianArchitecture() ?? {};
const header = (/** @type {string} */ name) => [`/usr/include/${name}`, `/usr/include/${multiarch}/${name}`];
const archive = (/** @type {string} */ name) => [`/usr/lib/${multiarch}/${name}`, `/usr/lib/${name}`];

/** The processor that is not this machine's. */
const other = process.arch === 'arm64' ? 'x64' : 'arm64';
const {
  multiarch: otherTriple = '',
  debian: otherDebian = '',
  machine: otherMachine = '',
} = debianArchitecture(other) ?? {};

/** @type {Requirement[]} */
export const requirements = [
  { name: 'a C compiler', package: 'gcc', kind: 'tool', command: 'cc' },
  { name: 'a C++ compiler', package: 'g++', kind: 'tool', command: 'c++' },
  { name: 'make', package: 'make', kind: 'tool', command: 'make' },
  { name: 'cmake', package: 'cmake', kind: 'tool', command: 'cmake' },
  { name: 'python3 (for node-gyp)', package: 'python3', kind: 'tool', command: 'python3' },
  { name: 'readelf', package: 'binutils', kind: 'tool', command: 'readelf' },
  { name: 'strip', package: 'binutils', kind: 'tool', command: 'strip' },
  { name: 'dpkg-source', package: 'dpkg-dev', kind: 'tool', command: 'dpkg-source' },
  { name: 'jq', package: 'jq', kind: 'optional', command: 'jq' },
  { name: 'openssl', package: 'openssl', kind: 'test', command: 'openssl' },
  { name: 'curl', package: 'curl', kind: 'test', command: 'curl' },
  {
    name: 'Go (for a client that is kube-apiserver’s own code)',
    package: 'golang-go',
    kind: 'e2e',
    command: 'go',
  },
  { name: 'a registry', package: 'docker-registry', kind: 'e2e', command: 'docker-registry' },
  {
    name: 'Python’s venv (for moto, which plays AWS)',
    package: 'python3-venv',
    kind: 'e2e',
    files: [10, 11, 12, 13, 14].map((minor) => `/usr/lib/python3.${minor}/ensurepip/__init__.py`),
  },
  {
    name: 'the authorities’ certificates (for Go’s modules)',
    package: 'ca-certificates',
    kind: 'e2e',
    files: ['/etc/ssl/certs/ca-certificates.crt'],
  },
  { name: 'valgrind', package: 'valgrind', kind: 'bench', command: 'valgrind' },
  { name: 'simdjson', package: 'libsimdjson-dev', kind: 'simdjson', files: header('simdjson.h') },
  { name: 'the C library’s headers', package: 'libc6-dev', kind: 'library', files: header('stdio.h') },
  { name: 'OpenSSL’s headers', package: 'libssl-dev', kind: 'library', files: header('openssl/ssl.h') },
  { name: 'libssl.a', package: 'libssl-dev', kind: 'library', files: archive('libssl.a') },
  { name: 'libcrypto.a', package: 'libssl-dev', kind: 'library', files: archive('libcrypto.a') },
  { name: 'c-ares’ headers', package: 'libc-ares-dev', kind: 'library', files: header('ares.h') },
  { name: 'libcares.a', package: 'libc-ares-dev', kind: 'library', files: archive('libcares.a') },
  { name: 'zlib’s headers', package: 'zlib1g-dev', kind: 'library', files: header('zlib.h') },
  { name: 'libz.a', package: 'zlib1g-dev', kind: 'library', files: archive('libz.a') },
  {
    name: 'simde’s headers',
    package: 'libsimde-dev',
    kind: 'library',
    files: header('simde/wasm/simd128.h'),
  },
  {
    name: `a C compiler for ${otherDebian}`,
    // x86_64 has a hyphen in names of packages.
    package: `gcc-${otherTriple.replace('_', '-')}`,
    kind: 'cross',
    command: `${otherTriple}-gcc`,
  },
  {
    name: `the C library for ${otherDebian}`,
    package: `libc6-dev-${otherDebian}-cross`,
    kind: 'cross',
    files: [`/usr/${otherTriple}/include/stdio.h`],
  },
  {
    name: `a C++ compiler for ${otherDebian}`,
    package: `g++-${otherTriple.replace('_', '-')}`,
    kind: 'emulator',
    command: `${otherTriple}-g++`,
  },
  {
    name: `an emulator of ${otherMachine}`,
    package: 'qemu-user-static',
    kind: 'emulator',
    command: `qemu-${otherMachine}-static`,
  },
  { name: 'Debian’s keyring', package: 'debian-archive-keyring', kind: 'keyring', files: debianKeyrings },
];

/**
 * @param {Requirement[]} wanted
 * @param {{ hasCommand: (name: string) => boolean, hasFile: (path: string) => boolean }} machine
 * @returns {Requirement[]} those that the machine does not have
 */
export function findMissing(wanted, { hasCommand, hasFile }) {
  return wanted.filter(({ command, files = [] }) =>
    command === undefined ? !files.some(hasFile) : !hasCommand(command),
  );
}

/**
 * @param {Requirement[]} missing
 * @returns {string[]} Debian's packages, sorted, each once
 */
export function packagesOf(missing) {
  return [...new Set(missing.map((each) => each.package))].sort();
}

/**
 * @param {Requirement[]} missing
 * @returns {string} what a person has to type
 */
export function installCommand(missing) {
  const packages = packagesOf(missing).join(' ');
  return `sudo apt-get update && sudo apt-get install -y --no-install-recommends ${packages}`;
}

/**
 * The sentence for a machine on which nothing can be installed from here.
 *
 * @param {Requirement[]} missing
 * @param {boolean} hasApt whether there is an apt-get
 * @returns {string}
 */
export function missingMessage(missing, hasApt) {
  const names = missing.map((each) => each.name).join(', ');
  if (!hasApt) {
    return `missing: ${names}, and this machine has no apt-get; install the counterparts of ${packagesOf(missing).join(', ')}`;
  }
  return `missing: ${names}, and this user may not install packages; run: ${installCommand(missing)}`;
}

/**
 * Make sure that the machine has what a step needs; install it where that is allowed.
 *
 * @param {Requirement['kind'][]} kinds
 * @param {{ log: import('./log.mjs').Log, logFile: string }} options
 * @throws {UserError} something is missing and cannot be installed
 */
export async function ensureSystem(kinds, { log, logFile }) {
  const wanted = requirements.filter(({ kind }) => kinds.includes(kind));
  const missing = findMissing(wanted, thisMachine);
  const required = missing.filter(({ kind }) => kind !== 'optional');
  const hasApt = thisMachine.hasCommand('apt-get');
  const privilege = hasApt && missing.length > 0 ? findPrivilege() : undefined;
  if (missing.length > 0 && privilege !== undefined) {
    await install(missing, privilege, { log, logFile });
  } else if (required.length > 0) {
    throw new UserError(missingMessage(required, hasApt));
  } else if (missing.length > 0) {
    log(`without ${missing.map(({ name }) => name).join(', ')}: ${installCommand(missing)} brings it`);
  }
}

const thisMachine = {
  hasCommand: (/** @type {string} */ name) => findCommand(name) !== undefined,
  hasFile: (/** @type {string} */ path) => existsSync(path),
};

/**
 * @returns {string[] | undefined} what to put before a command that only root may run; undefined: there is no way
 */
function findPrivilege() {
  if (process.getuid?.() === 0) {
    return [];
  }
  return ask(['sudo', '-n', 'true']) === undefined
    ? undefined
    : ['sudo', '-n', 'DEBIAN_FRONTEND=noninteractive', 'LC_ALL=C'];
}

/**
 * @param {Requirement[]} missing
 * @param {string[]} privilege
 * @param {{ log: import('./log.mjs').Log, logFile: string }} options
 */
async function install(missing, privilege, { log, logFile }) {
  const packages = packagesOf(missing);
  const aptGet = (/** @type {string[]} */ ...args) =>
    run([...privilege, 'apt-get', '-o', 'DPkg::Lock::Timeout=120', ...args], {
      env: aptEnvironment,
      logFile,
    });
  log(`installing ${packages.join(', ')}`);
  // A broken third-party source must not stop us, so only the installation decides; but it does not know why the
  // lists are missing, so the reason is kept.
  const update = await aptGet('update');
  const result = await aptGet('install', '--yes', '--no-install-recommends', ...packages);
  const left = findMissing(missing, thisMachine).filter(({ kind }) => kind !== 'optional');
  if (left.length > 0) {
    const failure = explainAptFailure(
      update.output.includes('Failed to fetch') ? update.output : result.output,
    );
    throw new UserError(
      `cannot install ${packagesOf(left).join(', ')}: ${failure.detail}; ${aptAdvice(failure)} (log: ${logFile})`,
    );
  }
  if (result.code !== 0) {
    log(`apt-get could not install all of it, but nothing that is needed is missing (log: ${logFile})`);
  }
}

/**
 * What of this machine decides how compiled things come out.
 *
 * @param {import('./target.mjs').Target} [target]
 * @returns {Record<string, string>}
 */
export function toolchainVersions({ arch, compiler, isNative, names } = targetOf()) {
  const packages = isNative
    ? ['libc6-dev', 'libssl-dev', 'libc-ares-dev', 'zlib1g-dev']
    : [`libc6-dev-${names.debian}-cross`];
  return {
    architecture: arch,
    compiler: ask([compiler, '-dumpfullversion', '-dumpversion']) ?? 'unknown',
    packages: ask(['dpkg-query', '-W', '-f', '${Package} ${Version};', ...packages]) ?? 'unknown',
  };
}
