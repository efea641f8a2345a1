#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// `npm run package`: builds the plugin for both processors and writes dist/, everything that a release has. The same
// sources give the same bytes: SOURCE_DATE_EPOCH, or else the time of the commit, is the only time in them.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { build } from './build.mjs';
import { readBuildInfo } from './lib/build-info.mjs';
import { componentsOf, licenceTexts } from './lib/components.mjs';
import { parseCommandLine } from './lib/command-line.mjs';
import { UserError } from './lib/errors.mjs';
import { createLog } from './lib/log.mjs';
import { runAsMain } from './lib/main.mjs';
import { architectureNames, buildPaths, repositoryRoot } from './lib/paths.mjs';
import { ask } from './lib/run.mjs';
import { listFiles, makeWorkFolder } from './lib/stamp.mjs';
import { targetOf } from './lib/target.mjs';
import { packFiles } from './package/archive.mjs';
import { makeIndex, parsePlace } from './package/index-file.mjs';
import { writeLayout } from './package/layout.mjs';
import { findRulesFiles, readRequirements } from './package/rules.mjs';
import { makeSbom } from './package/sbom.mjs';

const log = createLog('package');
const paths = buildPaths();
const usage = `usage: npm run package -- [options]
  --out FOLDER  where to write (default dist)
  --arch ARCH   this processor alone (${architectureNames.join(' or ')}); may be given more than once`;

/**
 * @typedef {object} Manifest package.json
 * @property {string} name
 * @property {string} version
 * @property {string} description
 * @property {string} license
 * @property {{ contact: string, registry: string, signer: string }} falco
 */

/**
 * What all parts of a package need.
 *
 * @typedef {object} Context
 * @property {Manifest} manifest
 * @property {string} out folder
 * @property {string} work folder for half-made things
 * @property {number} epoch seconds since 1970
 * @property {string} created the same as text
 */

/**
 * The one time that goes into a package.
 *
 * @returns {number} seconds since 1970
 * @throws {UserError} there is none
 */
function sourceDate() {
  const text =
    process.env['SOURCE_DATE_EPOCH'] ?? ask(['git', '-C', repositoryRoot, 'log', '-1', '--format=%ct']);
  if (text === undefined || !/^\d{1,11}$/.test(text)) {
    throw new UserError(
      `there is no time for the package: set SOURCE_DATE_EPOCH to seconds since 1970 (this is no git checkout)`,
    );
  }
  return Number(text);
}

/**
 * Makes an empty folder, in place of an older package.
 *
 * @param {string} folder
 * @throws {UserError} something else is there
 */
function clearFolder(folder) {
  const isOurs = existsSync(join(folder, 'SHA256SUMS'));
  if (existsSync(folder) && readdirSync(folder).length > 0 && !isOurs) {
    throw new UserError(
      `${folder} holds something that is not a finished package: delete it, or give another --out`,
    );
  }
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  // So that an interrupted run is known as a package too.
  writeFileSync(join(folder, 'SHA256SUMS'), '');
}

/** @param {string | Buffer} content */
function sha256(content) {
  return createHash('sha256').update(content).digest('hex');
}

/** The plugin for one processor: its archive and its bill of materials.
 *
 * @param {string} arch as in `process.arch`
 * @param {Context} context
 * @returns {Promise<{ archive: string, architecture: string, api: string }>}
 */
async function packPlugin(arch, { manifest, out, work, epoch, created }) {
  const { name, version, falco } = manifest;
  const target = targetOf(arch);
  const [plugin = ''] = await build(['release'], arch);
  const file = `lib${name}.so`;
  const content = readFileSync(plugin);
  const info = readBuildInfo(content);
  const components = componentsOf(target);
  const folder = join(work, arch);
  mkdirSync(folder);
  copyFileSync(plugin, join(folder, file));
  writeFileSync(join(folder, `${name}-licenses.txt`), licenceTexts(components));
  const base = `${name}-${version}-linux-${target.names.machine}`;
  const archive = join(out, `${base}.tar.gz`);
  await packFiles(folder, archive, { epoch, logFile: join(paths.logs, 'package.log') });
  const product = { name, version, platform: info.platform, url: falco.contact, file, created };
  const sbom = makeSbom({ ...product, sha256: sha256(content) }, components);
  writeFileSync(join(out, `${base}.spdx.json`), `${JSON.stringify(sbom, null, 2)}\n`);
  return { archive, architecture: target.names.debian, api: info.api };
}

/**
 * The rules: their archive and layout.
 *
 * @param {Context} context
 */
async function packRules({ manifest, out, work, epoch, created }) {
  const { name, version, falco } = manifest;
  const files = findRulesFiles(repositoryRoot);
  const { engine, plugins } = await readRequirements(
    files.map(({ path }) => path),
    manifest,
  );
  const folder = join(work, 'rules');
  mkdirSync(folder);
  for (const { path, name: shipped } of files) copyFileSync(path, join(folder, shipped));
  const archive = join(out, `${name}-rules-${version}.tar.gz`);
  await packFiles(folder, archive, { epoch, logFile: join(paths.logs, 'package.log') });
  const digest = writeLayout(join(out, 'rules.oci'), {
    type: 'rulesfile',
    config: {
      name: `${name}-rules`,
      version,
      dependencies: plugins,
      requirements: [{ name: 'engine_version_semver', version: engine }],
    },
    files: [{ archive }],
    source: falco.contact,
    created,
  });
  log(`rules: ${files.map((file) => file.name).join(', ')}; ${digest}`);
}

/**
 * Writes a whole package.
 *
 * @param {{ out: string, architectures?: string[] }} options
 * @returns {Promise<void>}
 * @throws {UserError} something is missing, does not compile or does not fit together
 */
export async function makePackage({ out, architectures = architectureNames }) {
  const manifest = /** @type {Manifest} */ (
    JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'))
  );
  const epoch = sourceDate();
  const created = new Date(epoch * 1000).toISOString().replace('.000Z', 'Z');
  const place = parsePlace(manifest.falco.registry);
  if (place === undefined) throw new UserError(`package.json: "${manifest.falco.registry}" is no registry`);
  clearFolder(out);
  const work = makeWorkFolder(paths.work, 'package');
  const context = { manifest, out, work, epoch, created };
  const plugins = [];
  for (const arch of architectures) plugins.push(await packPlugin(arch, context));
  const digest = writeLayout(join(out, 'plugin.oci'), {
    type: 'plugin',
    config: {
      name: manifest.name,
      version: manifest.version,
      requirements: [{ name: 'plugin_api_version', version: plugins[0]?.api ?? '' }],
    },
    files: plugins,
    source: manifest.falco.contact,
    created,
  });
  log(`plugin for ${plugins.map(({ architecture }) => architecture).join(' and ')}: ${digest}`);
  await packRules(context);
  const index = await makeIndex(manifest, place, { workflow: manifest.falco.signer });
  writeFileSync(join(out, 'index.yaml'), index);
  const files = listFiles(out).filter((file) => file !== 'SHA256SUMS');
  const sums = files.map((file) => `${sha256(readFileSync(join(out, file)))}  ${file}\n`);
  writeFileSync(join(out, 'SHA256SUMS'), sums.join(''));
  rmSync(work, { recursive: true, force: true });
  log(`ready: ${relative(process.cwd(), out) || '.'}`);
}

/** @param {string[]} args */
async function main(args) {
  const options = /** @type {const} */ ({
    out: { type: 'string' },
    arch: { type: 'string', multiple: true },
    help: { type: 'boolean', short: 'h' },
  });
  const { values } = parseCommandLine({ args, options }, usage);
  if (values.help) console.log(usage);
  else
    await makePackage({
      out: resolve(values.out ?? join(repositoryRoot, 'dist')),
      architectures: values.arch,
    });
}

await runAsMain(import.meta.url, 'package', main);
