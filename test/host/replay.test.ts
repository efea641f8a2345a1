// SPDX-License-Identifier: Apache-2.0
// What libsinsp asks, recorded in the real one, and replayed by bench/host.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { buildBenchHost, runHost, type HostOptions } from '../../bench/lib/host.mjs';
import { buildLibsinsp, record, runRules, summarizeTrace, writeRules } from '../../bench/lib/libsinsp.mjs';
import type { FlatRule } from '../../scripts/rules/flatten.mjs';
import { flattenRules, rulesFiles } from './fixtures.ts';
import {
  fixtureRule as rule,
  pluginPath,
  repositoryRoot,
  runHost as runSinspHost,
  Scratch,
} from './support.ts';

const scratch = new Scratch();
const attack = join(repositoryRoot, 'examples', 'attack.jsonl');
const ATTACK_EVENTS = 66;
let programs = { host: '', recorder: '' };
let benchHost = '';
let plugin = '';
let extractor = '';

beforeAll(async () => {
  const source = join(repositoryRoot, 'test', 'host', 'fixture_plugin.c');
  plugin = scratch.compile('fixture.so', source);
  extractor = scratch.compile('second.so', source, '-DEXTRACTS_ONLY');
  programs = await buildLibsinsp(() => {});
  benchHost = await buildBenchHost(() => {});
});
afterAll(() => scratch.remove());

/** Records the fixture plugin's events, `more` with what is told besides. @returns the trace's path and its lines */
async function recordFixture(open: string, rules: FlatRule[], more: { extractor?: string } = {}) {
  const trace = join(scratch.path, 'fixture.trace');
  await record(programs, { plugin, rules: scratch.rules(rules), open, ...more }, trace);
  return { trace, lines: readFileSync(trace, 'utf8').trimEnd().split('\n') };
}

const replay = (mode: string, trace: string, options: HostOptions = {}) =>
  runHost(benchHost, mode, { plugin, trace, ...options });

describe('the recorder', () => {
  it('writes down each call, with its argument', async () => {
    const { lines } = await recordFixture('end:a|b', [
      rule('R', 'fix.text = a and fix.key[x/y,z] = "x/y,z"'),
      rule('S', 'fix.text = a or fix.length > 5'),
    ]);
    expect(lines).toEqual([
      'trace 1',
      'plugin fixture 1.2.3',
      'ask fix.text',
      'ask fix.key[x/y,z]',
      // The output is made as text, once, and as JSON, for which libsinsp asks twice.
      'event 1 0 1 0 0 0',
      'ask fix.length',
      'event 2 0 0 2',
      'end 2 8',
    ]);
  });

  it('shows a field that one rule names often once, and one that two rules name twice', async () => {
    const { lines } = await recordFixture('end:c', [
      rule('R', 'fix.text = a or fix.text = b or fix.text startswith d'),
      rule('S', 'fix.text = a'),
    ]);
    expect(lines.filter((line) => line.startsWith('event'))).toEqual(['event 1 0 0']);
  });

  it('lets the host see the plugin inside, with its alerts', async () => {
    const rules = scratch.rules([rule('R', 'fix.length > 1')]);
    const run = { plugin, rules, open: 'end:a|bb|ccc' };
    const inside = await record(programs, run, join(scratch.path, 'inside.trace'));
    const alone = await runRules(programs.host, run);
    expect(inside).toMatchObject({ events: 3, alerts: 2, rules: { R: 2 } });
    expect({ ...inside, cpu_nanoseconds: 0, seconds: 0 }).toEqual({
      ...alone,
      cpu_nanoseconds: 0,
      seconds: 0,
    });
  });

  it('puts the calls of two plugins into one row', async () => {
    const { lines } = await recordFixture(
      'end:a|b',
      [rule('R', 'sec.text = b and fix.length = 1 and sec.length = 1')],
      {
        extractor,
      },
    );
    expect(lines).toEqual([
      'trace 1',
      'plugin fixture 1.2.3',
      'plugin second 1.2.3',
      'ask sec.text',
      'event 1 0',
      'ask fix.length',
      'ask sec.length',
      'ask fix.text',
      'event 2 0 1 2 3 3 3',
      'end 2 7',
    ]);
  });

  it('counts events that nothing is asked of', async () => {
    const { lines } = await recordFixture('end:a|b|c', [rule('R', 'evt.num = 2 and fix.text = b')]);
    expect(lines.slice(2)).toEqual(['ask fix.text', 'event 2 0 0 0 0', 'end 3 4']);
  });
});

describe('our rules on the sample log', () => {
  const trace = join(scratch.path, 'ours.trace');
  const rules = join(scratch.path, 'ours.json');
  const ours = (mode: string, options: HostOptions = {}) =>
    runHost(benchHost, mode, { plugin: pluginPath(), open: attack, trace, ...options });

  beforeAll(async () => {
    writeRules(rulesFiles, rules);
    const { events } = await record(programs, { plugin: pluginPath(), rules, open: attack }, trace);
    expect(events).toBe(ATTACK_EVENTS);
  });

  it('ask little more than one field for each rule and event', () => {
    const { plugins, events, calls, repeats, asked } = summarizeTrace(readFileSync(trace, 'utf8'));
    expect(plugins).toEqual([expect.stringMatching(/^k8saudit-ts \d/)]);
    expect(asked).toContain('ka.target.resource');
    expect(events).toBe(ATTACK_EVENTS);
    expect(calls / events / flattenRules().length).toBeLessThan(1.5);
    expect(repeats).toBeGreaterThan(0);
    expect(repeats).toBeLessThan(calls);
  });

  it('give the same values batch by batch, inline, hashed, and round by round', async () => {
    const { calls } = summarizeTrace(readFileSync(trace, 'utf8'));
    const inline = await ours('inline');
    expect(inline).toMatchObject({ events: ATTACK_EVENTS, calls, failures: 0 });
    const { values, mark } = inline;
    expect(values).toBeGreaterThan(0);
    const extraction = await ours('extraction', { warm: 1, rounds: 3 });
    expect(extraction).toMatchObject({ calls: 3 * calls, values: 3 * values, mark: 3 * mark });
    const { fields } = await ours('values');
    const sum = (of: string) =>
      fields.reduce((all: number, field: Record<string, number>) => all + field[of], 0);
    expect([sum('calls'), sum('values'), sum('mark')]).toEqual([calls, values, mark]);
    expect(await ours('rss', { events: 2 * ATTACK_EVENTS })).toMatchObject({ calls: 2 * calls });
  });

  it('ask what --fields asks: a trace of every field gives the same hashes', async () => {
    const fields = ['ka.verb', 'ka.uri.param[command]', 'ka.user.groups', 'ka.sourceips[0]'];
    const text = ['trace 1', 'plugin k8saudit-ts 9', ...fields.map((field) => `ask ${field}`)];
    for (let event = 1; event <= ATTACK_EVENTS; event++) text.push(`event ${event} 0 1 2 3`);
    text.push(`end ${ATTACK_EVENTS} ${4 * ATTACK_EVENTS}`, '');
    const each = scratch.write('each.trace', text.join('\n'));
    const byTrace = await ours('values', { trace: each });
    const byList = await ours('values', { trace: undefined, fields });
    expect(byTrace['fields']).toEqual(byList['fields']);
  });

  it('alert as without a recorder, one rule an event', async () => {
    const plain = runSinspHost(['--plugin', pluginPath(), '--open', attack, '--rules', rules, '--first']);
    const recorded = await record(programs, { plugin: pluginPath(), rules, open: attack }, trace);
    expect(recorded.rules).toEqual(plain.summary?.rules);
    expect(recorded.alerts).toBe(new Set(plain.alerts.map((alert) => alert.evt_num)).size);
  });
});

describe('rules that ask a plugin json', () => {
  it('can be asked of ours', () => {
    const file = scratch.write(
      'json.yaml',
      `- {rule: R, desc: d, priority: debug, source: k8s_audit, output: "%jevt.value[/a]",
         condition: "jevt.value[/stage] = x and jevt.rawtime exists and ka.verb = get"}`,
    );
    const to = join(scratch.path, 'json.json');
    writeRules(file, to);
    expect(JSON.parse(readFileSync(to, 'utf8'))[0].condition).toContain('jevt.value[/stage] = x');
    writeRules(file, to, { withoutJson: true });
    const [{ condition, output }] = JSON.parse(readFileSync(to, 'utf8'));
    expect(condition).toContain('ka.value[/stage] = x and ka.auditid exists and ka.verb = get');
    expect(output).toBe('%ka.value[/a]');
  });
});

describe('what is wrong is said', () => {
  const some = () => [rule('R', 'fix.text = a')];
  const traceOf = (...lines: string[]) => scratch.write('broken.trace', ['trace 1', ...lines, ''].join('\n'));
  const open = { open: 'end:a' };

  it.each<[string, () => Promise<unknown>, RegExp]>([
    [
      'no plugin for the recorder',
      () =>
        record(programs, { plugin: '/nowhere.so', rules: scratch.rules(some()), open: 'end:' }, '/dev/null'),
      /^cannot load the plugin: \/nowhere\.so/,
    ],
    [
      'an extractor in place of a source',
      () => record(programs, { plugin: extractor, rules: scratch.rules(some()), open: 'end:' }, '/dev/null'),
      /second\.so makes no events: RECORDER_PLUGIN is a source/,
    ],
    [
      'no environment',
      () =>
        runRules(programs.host, { plugin: programs.recorder, rules: scratch.rules(some()), open: 'end:' }),
      /^the recorder wants RECORDER_PLUGIN/,
    ],
    [
      'a trace that cannot be written',
      () => record(programs, { plugin, rules: scratch.rules(some()), open: 'end:' }, '/nowhere/x.trace'),
      /^cannot write the trace \/nowhere\/x\.trace: No such file/,
    ],
    [
      'what the plugin inside refuses',
      () => record(programs, { plugin, rules: scratch.rules(some()), open: 'nowhere' }, '/dev/null'),
      /^plugin fixture refuses to open 'nowhere': cannot open 'nowhere'/,
    ],
    [
      'no trace there',
      () => replay('inline', '/nowhere.trace', open),
      /^cannot read the trace .*No such file/,
    ],
    ['no trace at all', () => replay('inline', plugin, open), /is no trace of calls, or of another version/],
    ['an empty file', () => replay('inline', scratch.write('empty', ''), open), /ends early, behind line 0/],
    [
      'a trace without its end',
      () => replay('inline', traceOf('plugin fixture 1', 'ask fix.text', 'event 1 0'), open),
      /ends early, behind line 4: record it again/,
    ],
    [
      'a trace that ends within a line',
      () => replay('inline', scratch.write('cut', 'trace 1\nplugin fixture 1\nend 1 0'), open),
      /ends early, behind line 3/,
    ],
    [
      'a trace of another plugin',
      () => replay('inline', traceOf('plugin other 2.0', 'end 0 0'), open),
      /was made with a plugin other 2\.0, and this one is fixture: record its own/,
    ],
    [
      'a trace of two plugins',
      () => replay('inline', traceOf('plugin fixture 1', 'plugin second 1.2', 'end 0 0'), open),
      /also has calls of a plugin second 1\.2: --extractor names its \.so file/,
    ],
    [
      'a trace of one plugin for two',
      () => replay('inline', traceOf('plugin fixture 1', 'end 0 0'), { ...open, extractor }),
      /has no calls of a plugin second: it was made without/,
    ],
    [
      'a field that is not there',
      () => replay('inline', traceOf('plugin fixture 1', 'ask fix.none', 'end 0 0'), open),
      /no plugin has a field fix\.none/,
    ],
    [
      'a call of what was not named',
      () => replay('inline', traceOf('plugin fixture 1', 'event 1 0', 'end 1 1'), open),
      /line 3 of the trace .*: a call asks what no line before names/,
    ],
    [
      'events out of order',
      () => replay('inline', traceOf('plugin fixture 1', 'event 2', 'event 2', 'end 2 0'), open),
      /line 4 .*: its event comes too late/,
    ],
    [
      'a number that is none',
      () => replay('inline', traceOf('plugin fixture 1', 'event x', 'end 1 0'), open),
      /line 3 .*: a number is wrong/,
    ],
    [
      'a count that does not fit',
      () => replay('inline', traceOf('plugin fixture 1', 'event 1', 'end 1 5'), open),
      /line 4 .*: it counts otherwise than the lines before/,
    ],
    [
      'words behind the end',
      () => replay('inline', traceOf('plugin fixture 1', 'end 1 0', 'event 2'), open),
      /line 4 .*: it stands behind the end/,
    ],
    [
      'a line of another kind',
      () => replay('inline', traceOf('calls 5'), open),
      /line 2 .*: it is not understood/,
    ],
    [
      'a longer source',
      () =>
        replay('inline', traceOf('plugin fixture 1', 'ask fix.text', 'event 1 0', 'end 1 1'), {
          open: 'end:a|b',
        }),
      /the source has more than the 1 events of the trace/,
    ],
    [
      'a shorter source',
      () => replay('extraction', traceOf('plugin fixture 1', 'ask fix.text', 'event 2 0', 'end 2 1'), open),
      /the source has 1 events, and the trace .* 2: it is not the one that was recorded/,
    ],
    [
      'fields besides a trace',
      () => replay('inline', traceOf('plugin fixture 1', 'end 0 0'), { ...open, fields: ['fix.text'] }),
      /--fields and --trace exclude each other/,
    ],
    [
      'a trace for a mode that asks nothing',
      () => replay('sourcing', traceOf('plugin fixture 1', 'ask fix.text', 'end 0 0'), open),
      /the mode sourcing asks nothing/,
    ],
  ])('%s', async (_, run, message) => {
    await expect(run()).rejects.toThrow(message);
  });
});
