// SPDX-License-Identifier: Apache-2.0
import { defineConfig } from 'vitest/config';

// The layers: unit (the WASM in Node), plugin (the .so through the addon), host (the .so in a real libsinsp); and e2e,
// which scripts/test.mjs runs on demand because it takes minutes.
export default defineConfig({
  test: {
    include: [process.env['E2E'] ? 'test/e2e/**/*.test.ts' : 'test/{unit,plugin,host}/**/*.test.ts'],
    testTimeout: process.env['E2E'] ? 600_000 : 60_000,
    hookTimeout: 60_000,
    // The long tests load both cores of a small machine themselves, and measure: one at a time.
    maxWorkers: process.env['E2E'] ? 1 : 2,
  },
});
