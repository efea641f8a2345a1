#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// `npm run publish:oci -- REGISTRY/REPO`: pushes what `npm run package` made, with crane, and signs it with cosign.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseCommandLine } from './lib/command-line.mjs';
import { UserError } from './lib/errors.mjs';
import { createLog } from './lib/log.mjs';
import { runAsMain } from './lib/main.mjs';
import { buildPaths, findCommand, repositoryRoot } from './lib/paths.mjs';
import { run, runOrFail } from './lib/run.mjs';
import { makeIndex, parsePlace, repositoryOf } from './package/index-file.mjs';
import { floatingTags } from './package/tags.mjs';

const log = createLog('publish');
const logFile = join(buildPaths().logs, 'publish.log');
const usage = `usage: npm run publish:oci -- REGISTRY/REPO [options]
  Pushes REGISTRY/REPO/plugin/<name> and REGISTRY/REPO/ruleset/<name>, tagged with the version; then moves the tags
  X, X.Y and latest, unless a newer version has them or this is a pre-release. A version is never overwritten.
  --dist FOLDER         what npm run package made (default dist)
  --keyless             sign by digest with cosign, by the identity that it finds (in a workflow: the workflow's)
  --key FILE            sign by digest with cosign and this private key
  --no-transparency-log do not record the signature in a public log (with --key)
  --index FILE          write the index for falcoctl that fits this place
  --public-key FILE     what that index names to check the signatures with; without it: package.json's workflow,
                        if --keyless is given
  --plain-http          the registry speaks no TLS
Credentials are those of crane and cosign: crane auth login, or Docker's configuration.`;

/**
 * @typedef {object} Options
 * @property {string} dist folder
 * @property {import('./package/index-file.mjs').Place} place
 * @property {boolean} plainHttp
 * @property {'none' | 'keyless' | { key: string, isLogged: boolean }} signing
 * @property {string} [index] path
 * @property {string} [publicKey] path
 */

/** Where each program comes from, if it is missing. */
const programs = {
  crane: 'go install github.com/google/go-containerregistry/cmd/crane@latest',
  cosign: 'go install github.com/sigstore/cosign/v3/cmd/cosign@latest',
};

/** @param {keyof typeof programs} name */
function need(name) {
  const path = findCommand(name);
  if (path === undefined) {
    throw new UserError(`${name} is not on the PATH: install it, for example with ${programs[name]}`);
  }
  return path;
}

/**
 * What is pushed must be what was packed.
 *
 * @param {string} dist
 * @throws {UserError} a file is not what SHA256SUMS says
 */
function checkSums(dist) {
  const file = join(dist, 'SHA256SUMS');
  if (!existsSync(file)) throw new UserError(`there is no ${file}: run npm run package first`);
  for (const line of readFileSync(file, 'utf8').split('\n').filter(Boolean)) {
    const [sum, name = ''] = line.split('  ');
    const path = join(dist, name);
    const content = existsSync(path) ? readFileSync(path) : Buffer.alloc(0);
    if (createHash('sha256').update(content).digest('hex') !== sum) {
      throw new UserError(`${path} is not what SHA256SUMS says: run npm run package again`);
    }
  }
}

/** One repository of the registry. */
class Repository {
  #crane = need('crane');

  /** @param {string} reference without tag @param {Options} options */
  constructor(reference, options) {
    this.reference = reference;
    this.options = options;
  }

  /** @param {string[]} args */
  #run(args) {
    const insecure = this.options.plainHttp ? ['--insecure'] : [];
    return run([this.#crane, ...args, ...insecure], { logFile });
  }

  /** @param {string[]} args @param {string} what */
  async #must(args, what) {
    const { code, output } = await this.#run(args);
    if (code !== 0) throw new UserError(`cannot ${what}: ${lastLine(output)} (log: ${logFile})`);
    return lastLine(output);
  }

  /** @returns {Promise<string[]>} none also if there is no such repository yet */
  async tags() {
    const { code, output } = await this.#run(['ls', this.reference]);
    if (code === 0) return output.trim().split('\n');
    // Registries answer a repository that is not there in one of these ways.
    if (/NAME_UNKNOWN|NAME_INVALID|NOT_FOUND|404|DENIED/.test(output)) return [];
    throw new UserError(`cannot list the tags of ${this.reference}: ${lastLine(output)} (log: ${logFile})`);
  }

  /** @param {string} tag */
  digest(tag) {
    return this.#must(
      ['digest', `${this.reference}:${tag}`],
      `ask for the digest of ${this.reference}:${tag}`,
    );
  }

  /** @param {string} layout @param {string} tag */
  push(layout, tag) {
    return this.#must(['push', layout, `${this.reference}:${tag}`], `push ${this.reference}:${tag}`);
  }

  /** @param {string} from tag @param {string} to tag */
  tag(from, to) {
    return this.#must(['tag', `${this.reference}:${from}`, to], `tag ${this.reference} as ${to}`);
  }

  /**
   * Signs what a digest names, in both forms: falcoctl before 0.13 knows the old one alone.
   *
   * @param {string} digest
   */
  async sign(digest) {
    const { signing, plainHttp } = this.options;
    if (signing === 'none') return;
    const key = signing === 'keyless' ? [] : ['--key', signing.key];
    const unlogged =
      signing === 'keyless' || signing.isLogged ? [] : ['--tlog-upload=false', '--use-signing-config=false'];
    const registry = plainHttp ? ['--allow-http-registry'] : [];
    const cosign = need('cosign');
    for (const form of [['--new-bundle-format=false', '--use-signing-config=false'], []]) {
      const argv = [cosign, 'sign', '--yes', ...key, ...new Set([...form, ...unlogged]), ...registry];
      await runOrFail([...argv, `${this.reference}@${digest}`], { what: `sign ${this.reference}`, logFile });
    }
  }
}

/** @param {string} text */
function lastLine(text) {
  return text.trim().split('\n').at(-1) ?? '';
}

/**
 * Pushes one artifact with all its tags.
 *
 * @param {'plugin' | 'rulesfile'} type
 * @param {{ name: string, version: string }} manifest
 * @param {Options} options
 */
async function publish(type, { name, version }, options) {
  const layout = join(options.dist, type === 'plugin' ? 'plugin.oci' : 'rules.oci');
  const { digest } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')).manifests[0];
  const { registry } = options.place;
  const repository = new Repository(`${registry}/${repositoryOf(options.place, type, name)}`, options);
  const present = await repository.tags();
  const floating = floatingTags(version, present);
  if (floating === undefined) throw new UserError(`"${version}" is no version: X.Y.Z or X.Y.Z-pre`);
  if (present.includes(version) && (await repository.digest(version)) !== digest) {
    throw new UserError(
      `${repository.reference}:${version} is there already, with other content: raise the version in package.json`,
    );
  }
  await repository.push(layout, version);
  const pushed = await repository.digest(version);
  if (pushed !== digest)
    throw new UserError(`${repository.reference} has ${pushed}, but ${digest} was pushed`);
  // Signed before anybody who follows a tag finds it.
  await repository.sign(digest);
  for (const tag of floating) await repository.tag(version, tag);
  log(`${repository.reference}@${digest}: ${[version, ...floating].join(', ')}`);
}

/**
 * @param {string[]} args
 * @returns {Options | undefined} undefined: only help was asked for
 * @throws {UserError}
 */
function readArguments(args) {
  const flag = /** @type {const} */ ({ type: 'boolean', default: false });
  const text = /** @type {const} */ ({ type: 'string' });
  const options = {
    dist: text,
    keyless: flag,
    key: text,
    'no-transparency-log': flag,
    index: text,
    'public-key': text,
    'plain-http': flag,
    help: { ...flag, short: 'h' },
  };
  const { values, positionals } = parseCommandLine({ args, options, allowPositionals: true }, usage);
  if (values['help']) return undefined;
  const place = positionals.length === 1 ? parsePlace(positionals[0] ?? '') : undefined;
  if (place === undefined) throw new UserError(`one REGISTRY/REPO is needed, in lower case\n${usage}`);
  if (values['keyless'] && values['key']) throw new UserError('--keyless and --key exclude each other');
  const path = (/** @type {'dist' | 'key' | 'index' | 'public-key'} */ name) =>
    values[name] ? resolve(values[name]) : undefined;
  const key = path('key');
  const isLogged = !values['no-transparency-log'];
  return {
    dist: path('dist') ?? join(repositoryRoot, 'dist'),
    place,
    plainHttp: values['plain-http'] === true,
    signing: values['keyless'] ? 'keyless' : key === undefined ? 'none' : { key, isLogged },
    index: path('index'),
    publicKey: path('public-key'),
  };
}

/** @param {string[]} args */
async function main(args) {
  const options = readArguments(args);
  if (options === undefined) {
    console.log(usage);
    return;
  }
  const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));
  checkSums(options.dist);
  // The plugin first: the rules depend on it.
  await publish('plugin', manifest, options);
  await publish('rulesfile', manifest, options);
  if (options.index === undefined) return;
  const { signing, publicKey } = options;
  const isUnlogged = typeof signing === 'object' && !signing.isLogged;
  const signer =
    publicKey !== undefined
      ? { key: publicKey, ignoreTransparencyLog: isUnlogged }
      : signing === 'keyless'
        ? { workflow: manifest.falco.signer }
        : undefined;
  writeFileSync(options.index, await makeIndex(manifest, options.place, signer));
  log(`ready: ${options.index}`);
}

await runAsMain(import.meta.url, 'publish', main);
