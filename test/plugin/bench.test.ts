// SPDX-License-Identifier: Apache-2.0
// bench/host, the program that measures: what it counts, and what it says when something is wrong. How fast things
// are is no test's business.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FORTY } from '../../bench/lib/fields.mjs';
import {
  EMPTY_FIELD,
  buildBenchHost,
  buildEmptyPlugin,
  buildFloorPlugin,
  hostArguments,
  runHost,
  type HostOptions,
  type HostResult,
} from '../../bench/lib/host.mjs';
import { workload, workloads, writeWorkload } from '../../bench/lib/workloads.mjs';
import { compilePlugin, open, pluginFile, repositoryRoot } from './support.ts';

const folder = mkdtempSync(join(tmpdir(), 'bench-test-'));
const attack = join(repositoryRoot, 'examples', 'attack.jsonl');
const ATTACK_EVENTS = 66;
let program = '';
const fixture = join(folder, 'fixture.so');

beforeAll(async () => {
  program = await buildBenchHost(() => {});
  compilePlugin(fixture);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ours = (mode: string, options: HostOptions) =>
  runHost(program, mode, { plugin: pluginFile(), open: attack, ...options });
const fixed = (mode: string, options: HostOptions) =>
  runHost(program, mode, { plugin: fixture, open: '3', ...options });
const hashes = ({ fields }: HostResult): Record<string, string> =>
  Object.fromEntries(fields.map(({ name, hash }: Record<string, string>) => [name, hash]));

describe('our plugin', () => {
  test('is described', async () => {
    const { plugin, version, source, fields } = await ours('describe', {});
    expect([plugin, source]).toEqual(['k8saudit-ts', 'k8s_audit']);
    expect(version).toMatch(/^\d+\.\d+\.\d+$/);
    expect(fields).toContainEqual(expect.objectContaining({ name: 'ka.verb' }));
  });

  test('is read to the end, in as many rounds as wanted; those that warm up do not count', async () => {
    const once = await ours('sourcing', {});
    expect(once).toMatchObject({ mode: 'sourcing', rounds: 1, events: ATTACK_EVENTS, values: 0 });
    const more = await ours('sourcing', { warm: 2, rounds: 3 });
    expect(more).toMatchObject({ rounds: 3, events: 3 * ATTACK_EVENTS, bytes: 3 * once['bytes'] });
    expect(more['nanoseconds']).toBeGreaterThan(0);
    expect(more['cpuNanoseconds']).toBeGreaterThan(0);
    expect(await ours('sourcing', { events: 10 })).toMatchObject({ events: 10 });
  });

  test('gives the same values inline, batch by batch, and where they are hashed', async () => {
    const options = { fields: FORTY };
    const inline = await ours('inline', options);
    const extraction = await ours('extraction', options);
    const { fields } = await ours('values', options);
    const sum = (of: string) =>
      fields.reduce((all: number, field: Record<string, number>) => all + field[of], 0);
    expect(inline).toMatchObject({ events: ATTACK_EVENTS, calls: 40 * ATTACK_EVENTS, failures: 0 });
    for (const each of [extraction, { values: sum('values'), mark: sum('mark') }]) {
      expect(each).toMatchObject({ values: inline['values'], mark: inline['mark'] });
    }
    expect(sum('valueBytes')).toBeGreaterThan(sum('values'));
    expect(inline['values']).toBeGreaterThan(10 * ATTACK_EVENTS);
  });

  test('is asked again as often as wanted', async () => {
    const options = { fields: ['ka.verb', 'ka.user.groups'] };
    const once = await ours('extraction', options);
    const often = await ours('extraction', { ...options, repeat: 4 });
    expect(often['calls']).toBe(4 * once['calls']);
    expect(often['mark']).toBe(4 * once['mark']);
    expect(once['mark']).toBeGreaterThan(0);
  });

  test('has the same values for events of another capture', async () => {
    const options = { fields: FORTY };
    const own = await ours('extraction', options);
    const foreign = await ours('extraction', { ...options, foreign: 1 });
    expect(own['values']).toBeGreaterThan(10 * ATTACK_EVENTS);
    expect(foreign['values']).toBe(own['values']);
  });

  test('has values that depend on field, argument and event, and on nothing else', async () => {
    const fields = ['ka.verb', 'ka.stage', 'ka.uri.param[command]', 'ka.uri.param[container]', 'ka.verb'];
    const result = await ours('values', { fields });
    const found = result['fields'].map(({ hash }: { hash: string }) => hash);
    expect(found[4]).toBe(found[0]);
    expect(new Set(found).size).toBe(4);
    expect(hashes(await ours('values', { fields }))).toEqual(hashes(result));
    expect(hashes(await ours('values', { fields, events: 65 }))['ka.verb']).not.toBe(found[0]);
  });

  test('is loaded, and watched while it reads', async () => {
    const load = await ours('load', {});
    expect(load).toMatchObject({ events: 1 });
    for (const step of ['load', 'init', 'open', 'firstEvent'])
      expect(load[`${step}Nanoseconds`]).toBeGreaterThan(0);
    const { events, resident, peak } = await ours('rss', { events: 200, samples: 10, fields: ['ka.verb'] });
    expect([events, resident.length]).toEqual([200, 10]);
    expect(Math.max(...resident)).toBeLessThanOrEqual(peak + (1 << 20));
    const empty = await runHost(program, 'rss', {});
    expect(empty['peak']).toBeGreaterThan(0);
    expect(empty['peak']).toBeLessThan(peak);
  });

  test('runs on one processor alone', async () => {
    const { cpuNanoseconds } = await ours('sourcing', { cpu: 0 });
    expect(cpuNanoseconds).toBeGreaterThan(0);
    await expect(ours('sourcing', { cpu: 1000 })).rejects.toThrow(/processor 1000 alone/);
  });

  test('delivers each sound event of every workload', async () => {
    for (const load of workloads) {
      const data = writeWorkload(load, 300_000, folder);
      const { events } = await ours('sourcing', { open: data.file });
      if (load.name !== 'garbage') expect(events, load.name).toBe(data.sound);
      else expect(events).toBeGreaterThanOrEqual(data.sound);
    }
  });

  test('counts each line of the garbage once', () => {
    const data = writeWorkload(workload('garbage'), 300_000, folder);
    const reader = open(data.file);
    const ids = new Set(reader.readToEnd().map(({ payload }) => payload.toString()));
    expect(ids.size).toBe(reader.events.length);
    const { events_salvaged: salvaged, ...metrics } = reader.metrics();
    const dropped = Object.entries(metrics)
      .filter(([name]) => name.startsWith('events_dropped_'))
      .reduce((sum, [, count]) => sum + count, 0);
    expect(reader.events.length).toBe(data.sound + salvaged);
    expect(dropped).toBeGreaterThan(0);
    expect(reader.events.length + dropped).toBeGreaterThanOrEqual(data.lines);
  });
});

describe('the fixture plugin', () => {
  test('has its headers set right and its events numbered from 1 on', async () => {
    const { events, bytes, batches } = await fixed('sourcing', {});
    expect([events, bytes, batches]).toEqual([6, 15, 3]);
    const result = await fixed('values', { fields: ['fix.source', 'fix.call', 'fix.num'] });
    // "fixture_source" and "1 fields, id 14, type 9", six times.
    const sizes = result['fields'].map(({ valueBytes }: { valueBytes: number }) => valueBytes);
    expect(sizes[0]).toBe(6 * 'fixture_source'.length);
    expect(sizes[1]).toBe(6 * '1 fields, id 14, type 9'.length);
    const again = await fixed('values', { fields: ['fix.num'], open: '2' });
    expect(hashes(again)['fix.num']).not.toBe(hashes(result)['fix.num']);
  });

  test('gives values of all types, lists, and arguments of both kinds', async () => {
    const fields = ['fix.words', 'fix.numbers', 'fix.flags', 'fix.time', 'fix.nets', 'fix.none'];
    const args = ['fix.key[a,b/c]', 'fix.index[7]', 'fix.any[08]', 'fix.any[8]', 'fix.index'];
    const result = await fixed('values', { fields: [...fields, ...args], open: '1' });
    const counts = result['fields'].map((each: Record<string, number>) => [
      each['values'],
      each['valueBytes'],
    ]);
    // Two events: "a,b,c" and "".
    expect(counts.slice(0, 6)).toEqual([
      [3, 3],
      [4, 32],
      [4, 4 * 4],
      [2, 16],
      [4, 40],
      [0, 0],
    ]);
    const text = (value: string) => [2, 2 * value.length];
    expect(counts.slice(6)).toEqual([
      text('present -1 a,b/c'),
      text('present 7 <null>'),
      text('present -1 08'),
      text('present 8 8'),
      text('absent -1 <null>'),
    ]);
  });

  test('may fail in a call, which is counted', async () => {
    const result = await fixed('inline', { fields: ['fix.error', 'fix.yes'] });
    expect(result).toMatchObject({ calls: 12, failures: 6, values: 6 });
  });

  test('is asked of copies of its events where they are foreign', async () => {
    for (const [foreign, given] of [
      [0, 6],
      [1, 0],
    ]) {
      const result = await fixed('inline', { fields: ['fix.yes', 'fix.given'], repeat: 2, foreign });
      expect(result, `foreign: ${foreign}`).toMatchObject({ calls: 24, values: 2 * (6 + given) });
    }
  });

  test('may end its source together with the last events', async () => {
    expect(await fixed('sourcing', { open: 'late', rounds: 2 })).toMatchObject({ events: 4, rounds: 2 });
  });

  test('may bring fields to the events of another', async () => {
    const both = { extractor: fixture, fields: ['ka.verb', 'fix.source'] };
    expect(await ours('inline', both)).toMatchObject({ calls: 2 * ATTACK_EVENTS, values: 2 * ATTACK_EVENTS });
    const config = await ours('values', {
      extractor: fixture,
      extractorConfig: 'mine',
      fields: ['fix.config'],
    });
    expect(config['fields'][0]).toMatchObject({ valueBytes: 4 * ATTACK_EVENTS });
  });
});

test('a plugin that does nothing shows what the host itself costs', async () => {
  const extractor = await buildEmptyPlugin(() => {});
  const result = await ours('extraction', { extractor, fields: [EMPTY_FIELD], repeat: 100 });
  const calls = 100 * ATTACK_EVENTS;
  expect(result).toMatchObject({ calls, values: calls, mark: calls * 'v'.charCodeAt(0) });
});

test('the floor reads and copies each line', async () => {
  const { plugin } = await buildFloorPlugin(() => {});
  // Longer than a read, and than what a batch takes.
  const lines = ['x'.repeat(300_000), '', 'y', 'z'.repeat(2_000_000), 'w'];
  const file = join(folder, 'floor.txt');
  writeFileSync(file, [...lines, 'no line'].join('\n'));
  const bytes = lines.join('').length;
  const result = await runHost(program, 'sourcing', { plugin, open: file, warm: 1, rounds: 2 });
  expect(result).toMatchObject({ plugin: 'floor', events: 2 * 5, bytes: 2 * bytes });
  const missing = runHost(program, 'sourcing', { plugin, open: '/nothing' });
  await expect(missing).rejects.toThrow('floor cannot open /nothing: No such file or directory');
});

describe('what is wrong is said', () => {
  const cases: [string, () => Promise<unknown>, RegExp][] = [
    ['no file', () => ours('sourcing', { plugin: '/nothing.so' }), /cannot load the plugin: \/nothing\.so/],
    ['no plugin', () => ours('sourcing', { plugin: 'libm.so.6' }), /libm\.so\.6 is no Falco plugin/],
    [
      'no such option',
      () => runHost(program, 'sourcing', { nothing: 1 } as HostOptions),
      /there is no option --nothing/,
    ],
    ['no such mode', () => ours('nothing', {}), /there is no mode nothing/],
    ['no plugin named', () => runHost(program, 'sourcing', {}), /which plugin\?/],
    ['a refused configuration', () => ours('sourcing', { config: '{"x":1}' }), /refused .*unknown key "x"/],
    [
      'a refusal without state',
      () => fixed('sourcing', { config: 'refuse without state' }),
      /gave no reason/,
    ],
    ['a refusal with one', () => fixed('sourcing', { config: 'refuse' }), /configuration 'refuse' refused/],
    [
      'a source that is not there',
      () => ours('sourcing', { open: '/nothing.jsonl' }),
      /cannot open \/nothing\.jsonl/,
    ],
    [
      'a source that refuses',
      () => fixed('sourcing', { open: 'fail' }),
      /cannot open fail: cannot open 'fail'/,
    ],
    [
      'a source that breaks',
      () => fixed('sourcing', { open: 'failing' }),
      /fixture failed.*the source broke/,
    ],
    ['an empty batch', () => fixed('sourcing', { open: 'empty' }), /a batch without events/],
    ['a silent source', () => fixed('sourcing', { open: 'idle' }), /no event in 1000 calls/],
    ["another's event", () => fixed('sourcing', { open: 'other id' }), /made an event of plugin 1000/],
    [
      'an unknown field',
      () => ours('inline', { fields: ['ka.nothing'] }),
      /no plugin has a field ka\.nothing/,
    ],
    ['no fields', () => ours('inline', {}), /which fields\?/],
    ['a missing argument', () => ours('inline', { fields: ['ka.uri.param'] }), /needs an argument/],
    ['an argument too much', () => ours('inline', { fields: ['ka.verb[x]'] }), /has to be left out/],
    ['a word for an index', () => ours('inline', { fields: ['ka.sourceips[x]'] }), /has to be an index/],
    ['memory without events', () => ours('rss', {}), /over how many events/],
  ];
  test.each(cases)('%s', async (_, run, message) => {
    await expect(run()).rejects.toThrow(message);
  });

  test('options become arguments', () => {
    expect(
      hostArguments({ extractorConfig: '{}', fields: ['a', 'b[c]'], events: 5, config: '', open: undefined }),
    ).toEqual(['--extractor-config', '{}', '--fields', 'a,b[c]', '--events', '5']);
  });
});

describe('npm run bench', () => {
  const script = join(repositoryRoot, 'scripts', 'bench.mjs');
  const run = (...args: string[]) => spawnSync(process.execPath, [script, ...args], { encoding: 'utf8' });

  test('measures two plugins, and writes all numbers', () => {
    const json = join(folder, 'report.json');
    const plugins = ['--plugin', pluginFile(), '--against', pluginFile('drop-in')];
    const { status, stdout, stderr } = run(
      ...plugins,
      '--quick',
      '--runs',
      '1',
      '--only',
      'values,load',
      '--json',
      json,
    );
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toContain('mixed: 100 of 100 fields have the same values');
    expect(stdout).toMatch(/^load: dlopen and init .*reached$/m);
    const report = JSON.parse(readFileSync(json, 'utf8'));
    expect(report.candidates).toEqual([
      expect.stringMatching(/^k8saudit-ts /),
      expect.stringMatching(/^k8saudit /),
    ]);
    expect(Object.keys(report.sections)).toEqual(['values', 'load']);
    expect(report.sections.load.raw[1].results).toHaveLength(1);
  });

  test('replays what rules ask, and runs them in whole libsinsp', () => {
    const rules = join(folder, 'rules.yaml');
    const one = 'rule: R, desc: d, output: "%ka.uri", priority: info, source: k8s_audit';
    writeFileSync(rules, `- {${one}, condition: ka.verb = create and ka.target.resource = pods}\n`);
    const json = join(folder, 'replay.json');
    const plugins = ['--plugin', pluginFile(), '--against', pluginFile('drop-in'), '--against-rules', rules];
    const few = ['--quick', '--runs', '1', '--only', 'replay,whole', '--json', json];
    const { status, stdout, stderr } = run(...plugins, ...few);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    expect(stdout).toMatch(/mixed, drop-in and other: (\d+) of \1 requests have the same values/);
    const { sections, verdicts } = JSON.parse(readFileSync(json, 'utf8'));
    const { figures } = sections.replay;
    expect(figures['replay.calls']).toBe(figures['replay.other.calls']);
    expect(figures['replay.calls']).toBeLessThan(figures['replay.own.calls']);
    const alerts = sections.whole.raw.mixed.outcomes.map(
      ({ results }: { results: { alerts: number }[] }) => results[0]?.alerts,
    );
    expect(new Set(alerts.slice(1)).size).toBe(1);
    expect(alerts[1]).toBeGreaterThan(0);
    const measured = verdicts.filter(({ result }: { result: string }) => result !== 'not measured');
    expect(measured).toHaveLength(4);
  });

  test('says what it cannot do', () => {
    const cases: [string[], string][] = [
      [['--only', 'nothing'], "there is no part 'nothing'"],
      [['--runs', '0'], '--runs wants a whole number from 1 on'],
      [['--against-json', fixture], '--against-json is a second plugin'],
      [['--against-rules', attack], '--against-rules are rules for the plugin that --against names'],
      [['--against', pluginFile(), '--against-rules', '/nothing.yaml'], 'there are no rules /nothing.yaml'],
      [['--nothing'], "Unknown option '--nothing'"],
      [['--plugin', '/nothing.so'], 'there is no plugin /nothing.so'],
      [['--plugin', pluginFile(), '--against', attack], 'invalid ELF header'],
    ];
    for (const [args, message] of cases) {
      const { status, stderr } = run(...args);
      expect([status, stderr], args.join(' ')).toEqual([1, expect.stringContaining(message)]);
      expect(stderr).toMatch(/^bench: /);
    }
    expect(run('--help').stdout).toContain('--against SO');
  });
});
