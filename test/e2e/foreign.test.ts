// SPDX-License-Identifier: Apache-2.0
// The plugin for the other processor (on x86-64: arm64) in an emulator of it, with that processor's own libsinsp,
// against the plugin for this one: the same values, the same alerts, and a webhook that works.
//
// emulated.test.ts runs the plugin tests there. What runs natively only, and why:
// - test/unit: the WASM in Node. It is the same file for all processors; its C is what all of this compares.
// - test/host: the tests of the host and of the rules' flattening. The host itself runs below.
// - the sanitized variants: the emulator lays out memory where the sanitizers want theirs.
// - the benchmarks and budgets: an emulator's instructions say nothing of a processor's.
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';

import { buildForeign } from '../../scripts/build-foreign.mjs';
import { hostPaths, sysrootCommand } from '../../scripts/build-host.mjs';
import { fuzz } from '../../scripts/fuzz.mjs';
import { buildPaths, repositoryRoot } from '../../scripts/lib/paths.mjs';
import { otherTarget, targetOf } from '../../scripts/lib/target.mjs';
import { compileDriver } from '../plugin/support.ts';
import { flattenRules } from '../host/fixtures.ts';
import { sortLines } from '../host/support.ts';
import { Workspace } from '../support/workspace.ts';
import { makeClient, makeHost, secureWebhook } from './support.ts';

const { build } = buildPaths();
const native = targetOf();
const foreign = otherTarget();
const pluginOf = { [native.arch]: join(build, 'libk8saudit-ts.so') };
const conformance = join(repositoryRoot, '..', 'shared', 'conformance');
const EVENTS = 20_000;
const LIST = 400;

interface Field {
  name: string;
  arg?: { isRequired?: boolean; isIndex?: boolean; isKey?: boolean };
}

beforeAll(async () => {
  pluginOf[foreign.arch] = (await buildForeign()).plugin;
}, 600_000);

/** Every field; those that take an index or a key, with one of each. */
function allFields(): string {
  const fields = JSON.parse(readFileSync(join(build, 'generated', 'fields.json'), 'utf8')) as Field[];
  return fields
    .flatMap(({ name, arg }) => [
      ...(arg?.isRequired ? [] : [name]),
      ...(arg?.isIndex ? [`${name}[0]`, `${name}[1]`] : []),
      ...(arg?.isKey ? [`${name}[/verb]`, `${name}[/requestObject/spec]`, `${name}[app]`] : []),
    ])
    .join(',');
}

/** Runs the libsinsp host of a processor to the end of the events. */
function runOn(target: typeof native, args: string[]) {
  const [program = '', ...first] = sysrootCommand(
    hostPaths(repositoryRoot, target).program,
    repositoryRoot,
    target,
  );
  const { status, stdout, stderr } = spawnSync(
    program,
    [...first, '--plugin', pluginOf[target.arch], ...args],
    { encoding: 'utf8', maxBuffer: 512 << 20 },
  );
  return { status, stderr, ...sortLines(stdout) };
}

describe(`the plugin for ${foreign.arch}`, () => {
  test('keeps the promises about the file', () => {
    const script = join(repositoryRoot, 'scripts', 'check-artifact.mjs');
    const said = execFileSync(process.execPath, [script, pluginOf[foreign.arch]], { encoding: 'utf8' });
    expect(said.match(/^ {2}ok /gm)).toHaveLength(8);
  });

  const logs = [
    join(repositoryRoot, 'examples', 'attack.jsonl'),
    join(repositoryRoot, 'native', 'fuzz', 'seeds.jsonl'),
    ...['events.jsonl', 'edge.jsonl'].map((name) => join(conformance, name)),
  ];
  test.each(logs)('gives every field of %s the same value', (log) => {
    if (!existsSync(log)) {
      process.stderr.write(`!!! ${log} is not there: its fields are NOT compared\n`);
      return;
    }
    const args = ['--open', log, '--fields', allFields()];
    const expected = runOn(native, args);
    const got = runOn(foreign, args);
    expect(got.stderr).not.toMatch(/trap/i);
    expect(got.fields.length).toBeGreaterThan(5);
    // Not the time: an event without one gets that of its arrival.
    const valuesOf = ({ fields }: typeof got) => fields.map((line) => [line.num, line.fields]);
    expect(valuesOf(got)).toEqual(valuesOf(expected));
  });

  test('raises the alerts of the sample log', () => {
    const workspace = new Workspace();
    const rules = workspace.write('rules.json', JSON.stringify(flattenRules()));
    const args = ['--open', join(repositoryRoot, 'examples', 'attack.jsonl'), '--rules', rules];
    const expected = runOn(native, args);
    const got = runOn(foreign, args);
    expect(got.alerts.length).toBeGreaterThan(20);
    expect(got.alerts).toEqual(expected.alerts);
  });

  test('gives the same values for mutated events', async () => {
    const options = { iterations: 20_000, seed: 31_000, log: () => {} };
    const expected = await fuzz({ ...options, plugin: pluginOf[native.arch] });
    const got = await fuzz({ ...options, plugin: pluginOf[foreign.arch], target: foreign });
    // All but what depends on the time of day and on memory.
    const counts = (result: typeof got) => ({
      ...result,
      metrics: Object.entries(result.metrics).filter(([name]) => !/lag|memory/.test(name)),
      seconds: 0,
      peakKiB: 0,
    });
    expect(counts(got)).toEqual(counts(expected));
    expect(got.metrics['traps']).toBe(0);
  });

  test('serves the webhook over TLS with client certificates: each event is delivered exactly once', async () => {
    const { workspace, open, config, target } = await secureWebhook();
    const host = makeHost({ folder: workspace.path, open, config, target: foreign });
    await host.start();
    const client = makeClient('server', LIST, target);
    for (let list = 0; list < EVENTS / LIST; list++) await client.send();
    expect(await host.end('SIGTERM')).toBe(0);
    expect(client.acknowledged.missingFrom(host.delivered)).toEqual([]);
    expect([host.delivered.total, host.delivered.repeated]).toEqual([EVENTS, 0]);
  });

  test('keeps what it gave out across calls, and works from two threads', () => {
    const workspace = new Workspace();
    const driver = compileDriver(workspace.path, false, foreign.compiler);
    const log = workspace.at('log.jsonl');
    writeFileSync(log, readFileSync(join(repositoryRoot, 'examples', 'attack.jsonl')));
    for (const command of ['lifetime', 'reuse', 'metrics']) {
      const [program = '', ...first] = [...foreign.emulator, driver, pluginOf[foreign.arch], '{}'];
      const { status, stderr } = spawnSync(program, [...first, command, log], { encoding: 'utf8' });
      expect([command, status, stderr]).toEqual([command, 0, '']);
    }
  });
});
