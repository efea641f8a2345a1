// SPDX-License-Identifier: Apache-2.0
// A short run of the fuzzer (npm run fuzz; test/e2e/fuzz.test.ts has the long one) over the whole .so with the
// sanitizers, in so little memory that it traps now and then.
import { expect, test } from 'vitest';
import { fuzz } from '../../scripts/fuzz.mjs';
import { buildPaths } from '../../scripts/lib/paths.mjs';

test('mutated events leave the plugin standing, and it recovers from traps', async () => {
  const result = await fuzz({
    plugin: `${buildPaths().build}/small-asan/libk8saudit-ts.so`,
    config: '{"maxEventSize": 16777216}',
    iterations: 50_000,
    trapsExpected: true,
    log: () => {},
  });
  expect(result.inputs).toBeGreaterThanOrEqual(50_000);
  expect(result.delivered).toBeGreaterThan(1000);
  expect(result.values).toBeGreaterThan(10_000);
});
