#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// `npm test`: builds everything and runs the tests that need no server. `npm run test:e2e`: the long ones.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build } from './build.mjs';
import { UserError } from './lib/errors.mjs';
import { createLog } from './lib/log.mjs';
import { buildPaths, repositoryRoot } from './lib/paths.mjs';
import { ensureSystem } from './lib/system.mjs';

/**
 * @param {string} script relative to the repository
 * @param {string[]} args
 * @param {NodeJS.ProcessEnv} [env]
 */
function run(script, args, env = process.env) {
  const { status } = spawnSync(process.execPath, [join(repositoryRoot, script), ...args], {
    cwd: repositoryRoot,
    stdio: ['ignore', 'inherit', 'inherit'],
    env,
  });
  if (status !== 0) process.exit(status ?? 1);
}

const isE2e = process.argv[2] === 'e2e';
const filters = process.argv.slice(isE2e ? 3 : 2);
try {
  await ensureSystem(isE2e ? ['test', 'e2e'] : ['test'], {
    log: createLog('test'),
    logFile: join(buildPaths().logs, 'system.log'),
  });
  await build(['release', 'drop-in', 'small', 'small-sanitized', ...(isE2e ? ['sanitized'] : [])]);
} catch (error) {
  if (!(error instanceof UserError)) throw error;
  console.error(`test: ${error.message}`);
  process.exit(1);
}
run('scripts/build-addon.mjs', []);
run('scripts/build-host.mjs', []);
const env = isE2e ? { ...process.env, E2E: '1' } : process.env;
// For CI: the counts as JSON, beside the readable report.
const report = process.env['REPORT'];
const reporters = report ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : [];
run('node_modules/vitest/vitest.mjs', ['run', ...reporters, ...filters], env);
