#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
//
// Brings everything that npm does not: node scripts/bootstrap.mjs [--arch <arch>] [--only <step>] [--force]
import { join } from 'node:path';
import { bootstrapCross } from './lib/cross.mjs';
import { parseCommandLine } from './lib/command-line.mjs';
import { UserError } from './lib/errors.mjs';
import { bootstrapLlhttp } from './lib/llhttp.mjs';
import { createLog, startTimer } from './lib/log.mjs';
import { architectureNames, buildPaths } from './lib/paths.mjs';
import { endAll } from './lib/run.mjs';
import { bootstrapSource } from './lib/source-build.mjs';
import { sourcePackages } from './lib/source-packages.mjs';
import { ensureSystem } from './lib/system.mjs';
import { bootstrapSysroot } from './lib/sysroot.mjs';
import { targetOf } from './lib/target.mjs';

/** @typedef {import('./lib/system.mjs').Requirement['kind']} Kind */
/** @typedef {import('./lib/target.mjs').Target} Target */

/** @typedef {{ log: import('./lib/log.mjs').Log, force: boolean, target: Target }} StepOptions */

/**
 * @typedef {object} Step
 * @property {string} name
 * @property {boolean} byDefault whether it belongs to a run without --only
 * @property {Kind[]} kinds what of the machine it needs, installed first where that is allowed
 * @property {(options: StepOptions) => Promise<void>} [run]
 */

const paths = buildPaths();

/** @type {Step[]} */
const steps = [
  { name: 'tools', byDefault: false, kinds: ['tool', 'optional'] },
  { name: 'system', byDefault: true, kinds: ['tool', 'library', 'keyring', 'optional'] },
  {
    name: 'sysroot',
    byDefault: true,
    kinds: ['keyring'],
    run: (options) => bootstrapSysroot(paths, options),
  },
  {
    name: 'llhttp',
    byDefault: true,
    kinds: ['tool', 'keyring'],
    run: (options) => bootstrapLlhttp(paths, options),
  },
  {
    name: 'cross',
    byDefault: true,
    kinds: ['cross', 'keyring'],
    run: ({ target, ...options }) => bootstrapCross(target, paths, options),
  },
  ...sourcePackages.map((source) => ({
    name: source.name,
    byDefault: true,
    kinds: /** @type {Kind[]} */ (['tool', 'library', 'keyring']),
    run: (/** @type {StepOptions} */ options) => bootstrapSource(source, paths, options),
  })),
];

const usage = `usage: node scripts/bootstrap.mjs [--arch ${architectureNames.join('|')}] [--only ${steps.map(({ name }) => name).join('|')}] [--force]

Brings what the build needs and npm does not have. What is already there is left alone.
  --arch <arch>  for plugins that run on this processor, instead of this machine's
  --only <step>  this step alone; may be given more than once
  --force        do it again even if it is up to date, for example to get newer security patches`;

/**
 * @param {string[]} args
 * @returns {{ chosen: Step[], force: boolean, target: Target } | undefined} undefined: only help was asked for
 * @throws {UserError} the arguments make no sense
 */
function readArguments(args) {
  const options = /** @type {const} */ ({
    arch: { type: 'string' },
    only: { type: 'string', multiple: true },
    force: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
  });
  const { arch, only, force, help } = parseCommandLine({ args, options }, usage).values;
  const unknown = only?.find((name) => steps.every((step) => step.name !== name));
  if (unknown !== undefined) {
    throw new UserError(`there is no step ${JSON.stringify(unknown)}\n${usage}`);
  }
  const target = targetOf(arch);
  const chosen = steps
    .filter(({ name, byDefault }) => only?.includes(name) ?? byDefault)
    .filter(({ name }) => name !== 'cross' || !target.isNative);
  if (!help && chosen.length === 0) {
    throw new UserError(`the step cross is for another processor: give --arch\n${usage}`);
  }
  return help ? undefined : { chosen, force, target };
}

/**
 * @param {Step} step
 * @param {{ force: boolean, target: Target }} options
 */
async function runStep({ name, kinds, run }, options) {
  const log = createLog(name);
  const elapsed = startTimer();
  const logFile = join(paths.logs, 'system.log');
  await ensureSystem(kinds, { log, logFile });
  await run?.({ log, ...options });
  log(`done in ${elapsed()}`);
}

/** @param {string[]} args */
async function main(args) {
  const request = readArguments(args);
  if (request === undefined) {
    console.log(usage);
    return;
  }
  for (const step of request.chosen) {
    await runStep(step, request);
  }
}

for (const [signal, code] of /** @type {const} */ ([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
])) {
  process.once(signal, () => {
    endAll();
    console.error('bootstrap: interrupted; run it again to go on');
    process.exit(code);
  });
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) {
    throw error;
  }
  console.error(`bootstrap: ${error.message}`);
  process.exitCode = 1;
}
