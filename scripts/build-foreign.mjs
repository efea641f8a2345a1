#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Builds the plugin for the processor that is not this machine's, and what it takes to run it in an emulator: a real
// libsinsp for that processor, and the host around it.
import { join } from 'node:path';
import { build } from './build.mjs';
import { buildHost } from './build-host.mjs';
import { createLog } from './lib/log.mjs';
import { runAsMain } from './lib/main.mjs';
import { buildPaths } from './lib/paths.mjs';
import { ensureSystem } from './lib/system.mjs';
import { bootstrapForeignLibsinsp } from './lib/sysroot.mjs';
import { otherTarget } from './lib/target.mjs';

/**
 * @returns {Promise<{ plugin: string, target: import('./lib/target.mjs').Target }>} path of the plugin
 * @throws {import('./lib/errors.mjs').UserError} something is missing or does not compile
 */
export async function buildForeign() {
  const target = otherTarget();
  const paths = buildPaths();
  const log = createLog('foreign');
  const [plugin = ''] = await build(['release'], target.arch);
  await ensureSystem(['emulator'], { log, logFile: join(paths.logs, 'system.log') });
  await bootstrapForeignLibsinsp(target, paths, { log, force: false });
  await buildHost(undefined, target);
  return { plugin, target };
}

await runAsMain(import.meta.url, 'build-foreign', buildForeign);
