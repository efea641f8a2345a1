// SPDX-License-Identifier: Apache-2.0
// bench/scanner with simdjson, which is installed for this if it is missing: what is compared reads the same events.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { beforeAll, expect, test } from 'vitest';
import { buildScanners, timeScanner } from '../../bench/lib/scanner.mjs';
import { repositoryRoot } from '../../scripts/lib/paths.mjs';

const attack = join(repositoryRoot, 'examples', 'attack.jsonl');
const program = join(repositoryRoot, 'build', 'bench', 'bench-simdjson');
const candidates = ['simdjson-dom', 'simdjson-ondemand'] as const;

beforeAll(() => buildScanners(console.log, { withSimdjson: true }));

/** What it says about a kernel that no machine has. */
function refusal(candidate: string, file: string, kernel = 'abacus'): string {
  const args = ['--candidate', candidate, '--events', file, '--kernel', kernel];
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  expect(status).toBe(3);
  return stderr;
}

test.each(candidates)('%s reads all events, with each kernel of this machine', async (candidate) => {
  const [, list] = /no kernel abacus; it has:((?: \w+)+)\n$/.exec(refusal(candidate, attack)) ?? [];
  const kernels = (list ?? '').trim().split(' ');
  expect(kernels).toContain('fallback');
  const own = await timeScanner('k8saudit-ts', { events: attack, passes: 1 });
  for (const kernel of [undefined, ...kernels]) {
    const { about, events, bytes } = await timeScanner(candidate, { events: attack, passes: 1, kernel });
    expect(about).toMatch(new RegExp(`^simdjson \\d+\\.\\d+\\.\\d+, kernel ${kernel ?? kernels[0]}, `));
    expect({ events, bytes }).toEqual({ events: own.events, bytes: own.bytes });
  }
});

test.each(candidates)('%s refuses what is no event', (candidate) => {
  const file = join(repositoryRoot, 'README.md');
  expect(refusal(candidate, file, 'fallback')).toBe(
    `bench-simdjson: ${candidate} does not find an audit event in line 1 of ${file}; only whole, single events can be timed\n`,
  );
});
