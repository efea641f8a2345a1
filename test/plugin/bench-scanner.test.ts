// SPDX-License-Identifier: Apache-2.0
// bench/scanner: what the programs count, and what they say when something is wrong. How fast things are is no test's
// business. simdjson is left out, so that these tests do not need it; the end-to-end tests have it.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildScanners, timeScanner } from '../../bench/lib/scanner.mjs';
import { repositoryRoot } from '../../scripts/lib/paths.mjs';

const folder = mkdtempSync(join(tmpdir(), 'bench-scanner-test-'));
const attack = join(repositoryRoot, 'examples', 'attack.jsonl');
const text = readFileSync(attack, 'utf8');
const ATTACK = { events: 66, bytes: text.length - 66 };
const program = join(repositoryRoot, 'build', 'bench', 'bench-scanner');
const event = text.split('\n')[0];

beforeAll(() => buildScanners(() => {}, { withSimdjson: false }));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function fileOf(content: string): string {
  const file = join(folder, 'events.jsonl');
  writeFileSync(file, content);
  return file;
}

/** The status and what is said. */
function run(...args: string[]): { status: number | null; stderr: string } {
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  return { status, stderr };
}

describe('a candidate', () => {
  test.each(['k8saudit-ts', 'memcpy', 'json-parse'] as const)('%s reads all events', async (candidate) => {
    const result = await timeScanner(candidate, { events: attack, passes: 2, repeat: 2 });
    expect(result).toMatchObject({ candidate, ...ATTACK, passes: 2, repeat: 2 });
    expect(result.nanoseconds).toBeGreaterThanOrEqual(result.least);
  });

  test('ours has no event in what is JSON but no event, in a list, or in what is cut', () => {
    const list = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[${event}]}`;
    for (const line of [
      '{"kind":"Pod"}',
      list,
      event.slice(0, -1),
      event.replace(/"auditID":"[^"]*",/, ''),
    ]) {
      const file = fileOf(`\n${event}\n${line}\n`);
      const { status, stderr } = run('--candidate', 'k8saudit-ts', '--events', file);
      expect([line, status, stderr]).toEqual([
        line,
        3,
        `bench-scanner: k8saudit-ts does not find an audit event in line 3 of ${file}; only whole, single events can be timed\n`,
      ]);
    }
  });

  test('the last line needs no line break', async () => {
    const { events } = await timeScanner('k8saudit-ts', {
      events: fileOf(`${event}\n\n${event}`),
      passes: 1,
    });
    expect(events).toBe(2);
  });
});

describe('what is wrong', () => {
  const usual = ['--candidate', 'memcpy', '--events', attack];

  test.each([
    [[], '--candidate and --events are needed'],
    [['--candidate', 'memcpy'], '--candidate and --events are needed'],
    [['--candidate', 'nobody', '--events', attack], 'there is no candidate nobody'],
    [[...usual, '--passes', '0'], '--passes and --repeat are numbers from 1 to a million'],
    [[...usual, '--repeat', '2000000'], '--passes and --repeat are numbers from 1 to a million'],
    [[...usual, '--passes', 'many'], 'a number is expected behind --passes'],
    [[...usual, '--loud', '1'], 'there is no option --loud'],
  ])('%j: %s', (args, problem) => {
    const { status, stderr } = run(...args);
    expect(status).toBe(2);
    expect(stderr.split('\n').slice(0, 2)).toEqual([
      `bench-scanner: ${problem}`,
      expect.stringContaining('usage: bench-scanner --candidate NAME'),
    ]);
    expect(stderr).toContain('k8saudit-ts, memcpy\n');
  });

  test.each([
    ['k8saudit-ts', 'k8saudit-ts has one kernel; leave --kernel away'],
    ['memcpy', 'memcpy has one kernel; leave --kernel away'],
  ])('a kernel for %s', (candidate, problem) => {
    const { status, stderr } = run('--candidate', candidate, '--events', attack, '--kernel', 'haswell');
    expect([status, stderr]).toEqual([3, `bench-scanner: ${problem}\n`]);
  });

  test('a file that is not there, or empty', () => {
    const missing = join(folder, 'missing');
    expect(run('--candidate', 'memcpy', '--events', missing)).toEqual({
      status: 3,
      stderr: `bench-scanner: cannot read ${missing}: No such file or directory; --events names a file of audit events, one a line\n`,
    });
    const empty = fileOf('\n\n');
    expect(run('--candidate', 'memcpy', '--events', empty)).toEqual({
      status: 3,
      stderr: `bench-scanner: there is no event in ${empty}; --events names a file of audit events, one a line\n`,
    });
  });
});
