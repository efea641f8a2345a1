#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// `npm start`: builds everything, reads audit events through the plugin, prints the alerts. Works in a fresh
// clone, so nothing here needs an npm package before the build has run.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { UserError } from './lib/errors.mjs';
import { buildPaths, findCommand, repositoryRoot } from './lib/paths.mjs';
import { readArguments, usage } from './start/arguments.mjs';
import { prepareEmbedded } from './start/embedded.mjs';
import { runEngine } from './start/engine.mjs';
import { prepareFalco } from './start/falco.mjs';
import { Report } from './start/report.mjs';

/** @param {string[]} args */
async function main(args) {
  const options = readArguments(args, repositoryRoot);
  if (options.help) {
    process.stdout.write(usage);
    return;
  }
  process.stdout.on('error', onClosedOutput);
  const report = new Report({ json: options.json, stdout: process.stdout, stderr: process.stderr });
  const falco = options.embedded ? undefined : findCommand('falco');
  runStep('build.mjs');
  if (falco === undefined) {
    runStep('build-host.mjs');
  }
  const folder = join(buildPaths().build, 'start');
  const plugin = findPlugin();
  const engine =
    falco === undefined
      ? await prepareEmbedded({
          file: join(folder, 'rules.json'),
          plugin,
          options,
          notice: (message) => report.message(message),
        })
      : await prepareFalco({ program: falco, file: join(folder, 'falco.yaml'), plugin, options });
  const from = options.live
    ? `${options.open}; Ctrl-C ends it`
    : relative(process.cwd(), options.open) || '.';
  report.message(`[start] ${engine.name} evaluates ${options.rules.map(shorten).join(', ')} on ${from}`);
  const { seconds, interrupted } = await runEngine(engine, report);
  const reason = interrupted ? 'interrupted' : 'end of the events';
  report.summary({ engine: engine.name, events: engine.events(), seconds, reason });
}

/**
 * Whoever read our output (`| head`) is gone; that is no failure.
 *
 * @param {NodeJS.ErrnoException} error
 */
function onClosedOutput(error) {
  if (error.code !== 'EPIPE') {
    throw error;
  }
  process.exit(0);
}

/**
 * Run a build script; what it prints goes to stderr, because stdout is for alerts.
 *
 * @param {string} script file name in scripts/
 */
function runStep(script) {
  const path = join(repositoryRoot, 'scripts', script);
  const { status, signal } = spawnSync(process.execPath, [path], {
    stdio: ['ignore', 2, 2],
    cwd: repositoryRoot,
  });
  if (signal === 'SIGINT' || status === 130) {
    process.exit(130);
  }
  if (status !== 0) {
    throw new UserError(`the build stopped in scripts/${script}; its message is above`);
  }
}

/** @returns {import('./start/falco.mjs').Plugin & { version: string }} */
function findPlugin() {
  const { name, version } = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));
  const library = join(buildPaths().build, `lib${name}.so`);
  if (!existsSync(library)) {
    throw new UserError(`the build has not made ${library}; run npm run build and look at its messages`);
  }
  return { name, version, library };
}

/** @param {string} path */
function shorten(path) {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  if (!(error instanceof UserError)) {
    throw error;
  }
  process.stderr.write(`start: ${error.message}\n`);
  process.exitCode = 1;
}
