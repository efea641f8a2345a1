// SPDX-License-Identifier: Apache-2.0
// @ts-check
import { createHash } from 'node:crypto';
import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  rmdirSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, sep } from 'node:path';

/**
 * What a finished step leaves behind, so that the next run knows that there is nothing to do.
 *
 * @typedef {object} Stamp
 * @property {string} recipe hash of everything that decides the result
 * @property {Record<string, string>} versions package → version that came
 * @property {string[]} files what was installed into a shared folder, relative to it
 */

/**
 * @param {unknown} recipe anything that JSON can write: what decides the result of a step
 * @returns {string} 64 hexadecimal digits
 */
export function recipeHash(recipe) {
  return createHash('sha256').update(JSON.stringify(recipe)).digest('hex');
}

/**
 * @param {string} file
 * @returns {Stamp | undefined} undefined if there is none or it is damaged
 */
export function readStamp(file) {
  try {
    const { recipe, versions, files } = JSON.parse(readFileSync(file, 'utf8'));
    const whole = typeof recipe === 'string' && typeof versions === 'object' && Array.isArray(files);
    return whole ? { recipe, versions, files } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * @param {string} file
 * @param {Stamp} stamp
 */
export function writeStamp(file, stamp) {
  mkdirSync(dirname(file), { recursive: true });
  const half = `${file}.${process.pid}`;
  writeFileSync(half, `${JSON.stringify(stamp, null, 2)}\n`);
  renameSync(half, file);
}

/**
 * @param {Stamp | undefined} stamp
 * @param {string} recipe hash of the recipe as it is now
 * @param {string[]} products paths that the step makes
 * @returns {boolean} whether the step is done: same recipe, and every product is still there
 */
export function isFresh(stamp, recipe, products) {
  return stamp !== undefined && stamp.recipe === recipe && products.every((path) => existsSync(path));
}

/**
 * Make a folder for half-made things, and delete those of runs that failed or were interrupted.
 *
 * @param {string} parent
 * @param {string} name the step
 * @returns {string} path of a new, empty folder
 */
export function makeWorkFolder(parent, name) {
  mkdirSync(parent, { recursive: true });
  for (const entry of readdirSync(parent)) {
    const owner = /^[a-z][a-z0-9-]*\.(\d+)\.[A-Za-z0-9]{6}$/.exec(entry)?.[1];
    if (owner !== undefined && !isAlive(Number(owner))) {
      // What an ended run had started may still be writing there for a moment, hence the retries.
      rmSync(join(parent, entry), { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    }
  }
  return mkdtempSync(join(parent, `${name}.${process.pid}.`));
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === 'EPERM';
  }
}

/**
 * Put a finished folder where it belongs. Whoever looks sees the old one, nothing, or the new one, never half of it.
 *
 * @param {string} made the finished folder, on the same file system
 * @param {string} target
 * @param {string} work a work folder, for what was there before
 */
export function replaceFolder(made, target, work) {
  mkdirSync(dirname(target), { recursive: true });
  if (existsSync(target)) {
    renameSync(target, join(mkdtempSync(join(work, 'old.')), 'folder'));
  }
  renameSync(made, target);
}

/**
 * Every file under a folder.
 *
 * @param {string} folder
 * @returns {string[]} sorted paths relative to it, with forward slashes; folders themselves are left out
 */
export function listFiles(folder) {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((path) => !lstatSync(join(folder, path)).isDirectory())
    .map((path) => path.split(sep).join('/'))
    .sort();
}

/**
 * Copy files into a folder that several packages share, after taking out what the same package put there before.
 *
 * @param {string} from
 * @param {string} into
 * @param {string[]} files relative to `from`
 * @param {string[]} previous relative to `into`
 */
export function installFiles(from, into, files, previous) {
  for (const file of previous) {
    rmSync(join(into, file), { force: true });
  }
  for (const file of files) {
    mkdirSync(dirname(join(into, file)), { recursive: true });
    cpSync(join(from, file), join(into, file));
  }
  for (const folder of new Set(previous.map((file) => dirname(join(into, file))))) {
    if (existsSync(folder) && readdirSync(folder).length === 0) {
      rmdirSync(folder);
    }
  }
}
