// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findDebianMirrors, readAptSources, withoutCredentials } from './apt-sources.mjs';
import { UserError } from './errors.mjs';
import { run } from './run.mjs';

/** Debian's keys, under the names that its package debian-archive-keyring has given them over the years. */
export const debianKeyrings = [
  '/usr/share/keyrings/debian-archive-keyring.gpg',
  '/usr/share/keyrings/debian-archive-keyring.pgp',
];

/** apt speaks the language of the one who reads its output here, and never asks. */
export const aptEnvironment = { ...process.env, LC_ALL: 'C', DEBIAN_FRONTEND: 'noninteractive' };

/**
 * A line of a private sources.list.
 *
 * @typedef {object} PrivateSource
 * @property {'deb' | 'deb-src'} type
 * @property {string} uri
 * @property {string} suite
 */

/**
 * What went wrong in apt, as far as it can be told from what it printed.
 *
 * @typedef {object} AptFailure
 * @property {'space' | 'network' | 'certificate' | 'absent' | 'refused' | 'signature' | 'other'} kind
 * @property {string} detail the line that says so
 */

/** In the order of trust: a refused download, for one, also makes apt say that something is not signed. */
const failurePatterns = /** @type {[AptFailure['kind'], RegExp][]} */ ([
  ['space', /No space left on device|don't have enough free space/],
  [
    'network',
    /Could not (?:resolve|connect)|Temporary failure resolving|(?:Cannot initiate|Unable to make) the connection|Unable to connect|Connection (?:failed|timed out|refused)|Network is unreachable|No route to host/,
  ],
  ['certificate', /Certificate verification failed/],
  ['absent', /does not have a Release file|Failed to fetch .* 404 /],
  ['absent', /Unable to locate package|no installation candidate|unmet dependencies|Unable to find a source/],
  ['refused', /Failed to fetch .* [45]\d\d /],
  ['signature', /NO_PUBKEY|BADSIG|EXPKEYSIG|couldn't be verified|is not signed|Missing key|not get verified/],
]);

/**
 * @param {string} output of an apt-get that failed, in the C locale
 * @returns {AptFailure}
 */
export function explainAptFailure(output) {
  const lines = output.split('\n').map((line) => line.trim());
  for (const [kind, pattern] of failurePatterns) {
    const detail = lines.find((line) => pattern.test(line));
    if (detail !== undefined) {
      return { kind, detail: tidy(detail) };
    }
  }
  const error = lines.findLast((line) => line.startsWith('E:')) ?? lines.findLast((line) => line !== '');
  return { kind: 'other', detail: tidy(error ?? 'apt-get printed nothing') };
}

/** @param {string} line of apt's */
function tidy(line) {
  return withoutCredentials(line.replace(/^[EW]: /, '')).replace(/\.$/, '');
}

/**
 * What to do about a failure.
 *
 * @param {AptFailure} failure
 * @returns {string} half a sentence
 */
export function aptAdvice({ kind }) {
  const advice = {
    network: 'check the network, or the proxy in apt’s configuration, and run it again',
    certificate: 'install the package ca-certificates, or trust the proxy’s certificate, and run it again',
    absent: 'this mirror does not have what is needed: put a full Debian mirror into apt’s configuration',
    refused: 'the mirror, or a proxy on the way, refuses: check apt’s configuration and run it again',
    signature: 'update the package debian-archive-keyring and run it again',
    space: 'make room on the disk and run it again',
    other: 'run it again; if it stays, look into the log',
  };
  return advice[kind];
}

/**
 * The running distribution and where it gets its packages from.
 *
 * @param {string} [osRelease] path of os-release
 * @param {string} [etc] apt's configuration folder
 * @returns {{ codename: string, mirrors: import('./apt-sources.mjs').DebianMirrors }}
 * @throws {UserError} it is not Debian, or apt's configuration names no Debian archive
 */
export function readDistribution(osRelease = '/etc/os-release', etc = '/etc/apt') {
  const text = existsSync(osRelease) ? readFileSync(osRelease, 'utf8') : '';
  const field = (/** @type {string} */ name) => new RegExp(`^${name}="?([^"\n]*)"?$`, 'm').exec(text)?.[1];
  if (field('ID') !== 'debian') {
    const name = field('PRETTY_NAME') ?? 'an unknown system';
    throw new UserError(
      `this is ${name}, but the build needs Debian 12 or newer, for example in a container`,
    );
  }
  const codename = field('VERSION_CODENAME') ?? 'sid';
  const mirrors = findDebianMirrors(readAptSources(etc), codename);
  if (mirrors.main.length === 0) {
    throw new UserError(
      `${etc}/sources.list and ${etc}/sources.list.d name no archive of Debian ${codename} main: add one and run it again`,
    );
  }
  return { codename, mirrors };
}

/** An apt of its own: own lists, own cache, nothing installed. The machine's packages are neither seen nor touched. */
export class PrivateApt {
  /**
   * @param {string} folder an absolute path; empty, and nobody else's
   * @param {{ architecture: string, logFile: string }} options `architecture` is Debian's name for it
   */
  constructor(folder, { architecture, logFile }) {
    this.folder = folder;
    this.logFile = logFile;
    for (const part of ['state/lists/partial', 'cache/archives/partial', 'etc']) {
      mkdirSync(join(folder, part), { recursive: true });
    }
    writeFileSync(join(folder, 'status'), '');
    const settings = {
      'Dir::State': join(folder, 'state'),
      'Dir::State::status': join(folder, 'status'),
      'Dir::Cache': join(folder, 'cache'),
      'Dir::Cache::archives': join(folder, 'cache/archives'),
      'Dir::Etc::sourcelist': join(folder, 'etc/sources.list'),
      'Dir::Etc::sourceparts': '/dev/null',
      'Dir::Etc::preferences': '/dev/null',
      'Dir::Etc::preferencesparts': '/dev/null',
      'APT::Architecture': architecture,
      'APT::Architectures': architecture,
      // Root's apt would otherwise download as user _apt, who may not see this folder.
      'APT::Sandbox::User': 'root',
      'APT::Update::Error-Mode': 'any',
      'APT::Get::List-Cleanup': 'false',
      // A machine whose clock is ahead of or behind the mirror's still builds; signatures are verified all the same.
      'Acquire::Check-Valid-Until': 'false',
      'Acquire::Check-Date': 'false',
      'Acquire::Languages': 'none',
      'Acquire::Retries': '2',
      'Acquire::http::Timeout': '30',
      'Acquire::https::Timeout': '30',
      'Debug::NoLocking': 'true',
    };
    this.options = Object.entries(settings).flatMap(([name, value]) => ['-o', `${name}=${value}`]);
  }

  /**
   * Fetch the package lists and verify their signatures with Debian's keyring.
   *
   * @param {PrivateSource[]} sources
   * @returns {Promise<AptFailure | undefined>} undefined: all is well
   */
  async update(sources) {
    const keyring = debianKeyrings.find((path) => existsSync(path));
    if (keyring === undefined) {
      throw new UserError('Debian’s keyring is missing: install the package debian-archive-keyring');
    }
    const lines = sources.map(({ type, uri, suite }) => {
      const target = type === 'deb' ? 'Packages' : 'Sources';
      return `${type} [signed-by=${keyring} target=${target}] ${uri} ${suite} main\n`;
    });
    writeFileSync(join(this.folder, 'etc/sources.list'), lines.join(''));
    const { code, output } = await this.#aptGet(['update']);
    return code === 0 ? undefined : explainAptFailure(output);
  }

  /**
   * `update` with the first mirror that has, signed by Debian, what is asked for.
   *
   * @param {string[]} mirrors
   * @param {(mirror: string) => PrivateSource[]} sourcesOf
   * @returns {Promise<string>} the mirror
   * @throws {UserError} none has
   */
  async updateFromFirst(mirrors, sourcesOf) {
    /** @type {{ mirror: string, failure: AptFailure } | undefined} */
    let first;
    for (const mirror of mirrors) {
      const failure = await this.update(sourcesOf(mirror));
      if (failure === undefined) {
        return mirror;
      }
      first ??= { mirror, failure };
    }
    if (first === undefined) {
      throw new UserError('apt’s configuration names no Debian archive');
    }
    const { mirror, failure } = first;
    const suites = [...new Set(sourcesOf(mirror).map(({ suite }) => suite))].join(', ');
    throw new UserError(
      `cannot get the package lists of ${suites} from ${withoutCredentials(mirror)}: ${failure.detail}; ${aptAdvice(failure)} (log: ${this.logFile})`,
    );
  }

  /**
   * Fetch the lists of the running release, with its updates and security patches.
   *
   * @param {PrivateSource['type']} type
   * @param {import('./log.mjs').Log} log
   * @throws {UserError}
   */
  async updateFromRelease(type, log) {
    const { codename, mirrors } = readDistribution();
    const [security] = mirrors.security;
    const [updates] = mirrors.updates;
    if (security === undefined) {
      log(`apt’s configuration has no ${codename}-security: what comes lacks the newest security patches`);
    }
    log(`fetching the ${type === 'deb' ? 'package' : 'source'} lists of Debian ${codename}`);
    await this.updateFromFirst(mirrors.main, (main) =>
      [
        { uri: main, suite: codename },
        { uri: updates, suite: `${codename}-updates` },
        { uri: security, suite: `${codename}-security` },
      ].flatMap(({ uri, suite }) => (uri === undefined ? [] : [{ type, uri, suite }])),
    );
  }

  /**
   * Download binary packages and all they depend on.
   *
   * @param {string[]} packages
   * @returns {Promise<string>} the folder that has the .deb files
   * @throws {UserError}
   */
  async download(packages) {
    const install = ['install', '--yes', '--download-only', '--no-install-recommends', ...packages];
    this.#check(await this.#aptGet(install), packages.join(', '));
    return join(this.folder, 'cache/archives');
  }

  /**
   * Download one binary package without what it depends on; apt verifies it.
   *
   * @param {string} name
   * @returns {Promise<string>} the folder that has the .deb file
   * @throws {UserError}
   */
  async downloadAlone(name) {
    const folder = join(this.folder, 'alone');
    mkdirSync(folder, { recursive: true });
    this.#check(await this.#aptGet(['download', name], folder), name);
    return folder;
  }

  /**
   * Download a source package; apt verifies every file.
   *
   * @param {string} name
   * @returns {Promise<string>} the folder that has the .dsc and the archives
   * @throws {UserError}
   */
  async downloadSource(name) {
    const folder = join(this.folder, 'source');
    mkdirSync(folder, { recursive: true });
    this.#check(await this.#aptGet(['source', '--download-only', name], folder), `the source of ${name}`);
    return folder;
  }

  /**
   * @param {string[]} args
   * @param {string} [cwd]
   */
  #aptGet(args, cwd = this.folder) {
    return run(['apt-get', ...this.options, ...args], { cwd, env: aptEnvironment, logFile: this.logFile });
  }

  /**
   * @param {{ code: number, output: string }} result
   * @param {string} what
   */
  #check({ code, output }, what) {
    if (code !== 0) {
      const failure = explainAptFailure(output);
      throw new UserError(
        `cannot download ${what}: ${failure.detail}; ${aptAdvice(failure)} (log: ${this.logFile})`,
      );
    }
  }
}
