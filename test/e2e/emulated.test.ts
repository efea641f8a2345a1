// SPDX-License-Identifier: Apache-2.0
// The plugin tests on the other processor, in an emulator: its Node loads the plugin that was cross-built for it.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';

import { buildPaths, repositoryRoot } from '../../scripts/lib/paths.mjs';
import { notThere } from '../../scripts/test-emulated.mjs';

const files = readdirSync(join(repositoryRoot, 'test', 'plugin')).filter((file) => file.endsWith('.test.ts'));

test('what cannot run there is a short list of files that there are', () => {
  expect(Object.keys(notThere).filter((file) => !files.includes(file))).toEqual([]);
  expect(files.length).toBeGreaterThan(Object.keys(notThere).length);
});

test('all other plugin tests pass there', { timeout: 2_400_000 }, () => {
  const report = join(buildPaths().build, 'e2e', 'emulated.json');
  const { status } = spawnSync(process.execPath, [join(repositoryRoot, 'scripts', 'test-emulated.mjs')], {
    stdio: ['ignore', 'inherit', 'inherit'],
    env: { ...process.env, REPORT: report },
  });
  expect(existsSync(report)).toBe(true);
  const { numFailedTests, numPassedTests, testResults } = JSON.parse(readFileSync(report, 'utf8'));
  expect({ status, numFailedTests }).toEqual({ status: 0, numFailedTests: 0 });
  expect(testResults).toHaveLength(files.length - Object.keys(notThere).length);
  expect(numPassedTests).toBeGreaterThan(300);
});
