#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// `npm run bench`: measures the plugin, and others beside it.
import { createLog } from './lib/log.mjs';
import { runAsMain } from './lib/main.mjs';
import { buildBenchHost } from '../bench/lib/host.mjs';

await runAsMain(import.meta.url, 'bench', async () => {
  const log = createLog('bench');
  await buildBenchHost(log);
});
