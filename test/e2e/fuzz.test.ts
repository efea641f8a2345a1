// SPDX-License-Identifier: Apache-2.0
// The fuzzer over the whole .so with AddressSanitizer and UndefinedBehaviorSanitizer. `npm run fuzz -- --iterations
// 10000000 --jobs 2` is the same for longer.
import { expect, test } from 'vitest';
import { fuzz } from '../../scripts/fuzz.mjs';
import { buildPaths } from '../../scripts/lib/paths.mjs';

const { build } = buildPaths();

test('a million mutated events: no finding, no leak, no trap', async () => {
  const result = await fuzz({
    plugin: `${build}/asan/libk8saudit-ts.so`,
    iterations: 1_000_000,
    jobs: 2,
    seed: 7000,
    log: () => {},
  });
  expect(result.inputs).toBeGreaterThanOrEqual(1_000_000);
  expect(result.metrics['traps']).toBe(0);
});

test('the same in so little memory that it traps: every trap is recovered from', async () => {
  const result = await fuzz({
    plugin: `${build}/small-asan/libk8saudit-ts.so`,
    config: '{"maxEventSize": 67108864, "webhookMaxBatchSize": 67108864}',
    iterations: 300_000,
    jobs: 2,
    seed: 9000,
    trapsExpected: true,
    log: () => {},
  });
  expect(result.inputs).toBeGreaterThanOrEqual(300_000);
});
