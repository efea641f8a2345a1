// SPDX-License-Identifier: Apache-2.0
// The libsinsp host itself, with a small C plugin.
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { FlatRule } from '../../scripts/rules/flatten.mjs';
import {
  endStarted,
  fixtureRule as rule,
  repositoryRoot,
  runHost,
  Scratch,
  sortLines,
  startHost,
} from './support.ts';

const scratch = new Scratch();
let plugin = '';
let extractor = '';

beforeAll(() => {
  const source = join(repositoryRoot, 'test', 'host', 'fixture_plugin.c');
  plugin = scratch.compile('fixture.so', source);
  extractor = scratch.compile('second.so', source, '-DEXTRACTS_ONLY');
});
afterEach(endStarted);
afterAll(() => scratch.remove());

function runRules(texts: string, rules: FlatRule[], ...more: string[]) {
  return runHost(['--plugin', plugin, '--open', `end:${texts}`, '--rules', scratch.rules(rules), ...more]);
}

describe('arguments', () => {
  it.each([
    [['--nonsense'], "unknown argument '--nonsense'"],
    [['--plugin'], '--plugin wants a value'],
    [[], '--plugin is missing'],
    [['--parse-only'], '--parse-only needs --rules'],
    [['--plugin', 'p', '--rules', 'r', '--fields', 'f'], '--rules and --fields exclude each other'],
    [['--plugin', 'p', '--quiet'], '--quiet leaves out alerts, which only --rules brings'],
    [['--extractor', 'e', '--parse-only', '--rules', 'r'], '--extractor is a second plugin for the events'],
    [['--plugin', 'p', '--extractor-config', '{}'], '--extractor-config is for the plugin that --extractor'],
    [['--plugin', 'p', '--max-events', '-1'], "--max-events wants a whole number, not '-1'"],
    [['--plugin', 'p', '--max-events', '1e3'], "--max-events wants a whole number, not '1e3'"],
    [['--plugin', 'p', '--fields', 'a,,b'], '--fields has an empty field name'],
    [['--plugin', 'p', '--log-level', 'loud'], '--log-level wants one of fatal, critical'],
  ])('%j are refused', (args, message) => {
    const run = runHost(args);
    expect(run.status).toBe(2);
    expect(run.stderr).toContain(message);
  });

  it('are explained by --help', () => {
    const child = startHost(['--help']);
    return expect(once(child, 'exit')).resolves.toEqual([0, null]);
  });
});

describe('failures', () => {
  const fails = (message: string, ...args: string[]) => {
    const run = runHost(args);
    expect(run.stderr).toContain(message);
    expect(run.status).toBe(1);
    expect(run.summary).toBeUndefined();
  };

  it('a plugin that is not there', () => {
    fails('there is no plugin at /nowhere/x.so', '--plugin', '/nowhere/x.so');
  });

  it('a plugin that does not load', () => {
    const text = scratch.write('text.so', 'this is no shared object');
    fails('the plugin does not load', '--plugin', text);
    const empty = scratch.compile('empty.so', scratch.write('empty.c', 'int nothing;\n'));
    fails('plugin_get_required_api_version symbol not implemented', '--plugin', empty);
  });

  it.each([
    [
      '{"number": "one"}',
      'plugin fixture refuses its init_config: error in plugin fixture init config: In <root>["number"]',
    ],
    ['{"unknown": 1}', "'unknown'"],
    ['{"number": ', 'init config is not a valid json'],
    ['{"refuse": "I do not like it"}', 'refused: {"refuse": "I do not like it"}'],
  ])('an init_config that is refused: %s', (config, message) => {
    fails(message, '--plugin', plugin, '--config', config, '--open', 'end:');
  });

  it('open_params that are refused', () => {
    fails(
      "plugin fixture refuses to open 'nowhere': cannot open 'nowhere'",
      '--plugin',
      plugin,
      '--open',
      'nowhere',
    );
  });

  it('a source that fails while it is read: what came before is printed', () => {
    const run = runHost(['--plugin', plugin, '--open', 'fail:a|b', '--fields', 'fix.text']);
    expect(run.status).toBe(1);
    expect(run.fields.map(({ fields }) => fields['fix.text'])).toEqual(['a', 'b']);
    expect(run.stderr).toContain('plugin fixture failed while reading: the texts are broken');
  });

  it.each([
    ['nofield', "there is no field 'nofield'"],
    ['fix.key', "field 'fix.key' cannot be printed: filter 'fix.key': fix.key requires an argument"],
    ['fix.text[1]', "field 'fix.text[1]' cannot be printed"],
  ])('the field %s', (field, message) => {
    fails(message, '--plugin', plugin, '--open', 'end:', '--fields', field);
  });

  it.each([
    ['[', 'is not JSON'],
    ['{}', 'expected an array of rules'],
    ['[1]', 'rule 1: not an object'],
    [
      '[{"rule": "r", "priority": "Notice", "source": "s", "output": "o"}]',
      "rule 1 ('r'): 'condition' has to be a string",
    ],
  ])('the rules file %s', (text, message) => {
    fails(message, '--rules', scratch.write('bad.json', text), '--parse-only');
  });

  it('a rules file that is not there', () => {
    fails('cannot read the rules file /nowhere/rules.json', '--rules', '/nowhere/rules.json', '--parse-only');
  });

  it('every rule that does not compile, by name', () => {
    const run = runRules('a', [
      rule('fine', 'fix.text = a'),
      rule('no such field', 'fix.text = a and fix.nothing = b'),
      rule('bad syntax', 'fix.text = a and (fix.text = b'),
      rule('bad output', 'fix.text = a', { output: 'x %fix.nothing' }),
      rule('also when disabled', 'fix.nothing = a', { enabled: false }),
    ]);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain("rule 'no such field': the condition does not compile");
    expect(run.stderr).toContain('nonexistent field fix.nothing (at character 17');
    expect(run.stderr).toContain("rule 'bad syntax': the condition does not compile: expected a ')' token");
    expect(run.stderr).toContain(
      "rule 'bad output': the output is not valid: invalid formatting token fix.nothing",
    );
    expect(run.stderr).toContain("rule 'also when disabled'");
    expect(run.stderr).not.toContain("rule 'fine'");
  });
});

describe('alerts', () => {
  it('have everything that Falco prints', () => {
    const more = {
      priority: 'Warning',
      output: 'text=%fix.text words=%fix.words length=%fix.length',
      tags: ['a', 'b'],
    };
    const run = runRules('one two', [rule('R', 'fix.words intersects (two)', more)]);
    expect(run.alerts).toEqual([
      {
        time: '2023-11-14T22:13:20.123456789Z',
        evt_num: 1,
        rule: 'R',
        priority: 'Warning',
        source: 'fixture_source',
        tags: ['a', 'b'],
        output: 'text=one two words=(one,two) length=7',
        output_fields: { 'fix.text': 'one two', 'fix.words': ['one', 'two'], 'fix.length': 7 },
      },
    ]);
    expect(run.summary).toMatchObject({ ended: 'end of events', events: 1, alerts: 1, rules: { R: 1 } });
    expect(run.status).toBe(0);
  });

  it('show <NA> for a field without a value, with or without a * in front', () => {
    const run = runRules('|', [
      rule('plain', 'evt.num = 1', { output: 'text=%fix.text' }),
      rule('star', 'evt.num = 1', { output: '*text=%fix.text' }),
    ]);
    expect(run.alerts.map(({ output }) => output)).toEqual(['text=<NA>', 'text=<NA>']);
    expect(run.alerts[0]?.output_fields).toEqual({ 'fix.text': null });
  });

  it('are valid JSON whatever the values are', () => {
    const texts = ['q"\\b', 'tab\tline\nbell\u0007', 'grün 🎉', '\u2028'];
    const run = runRules(texts.join('|'), [rule('R', 'evt.num > 0', { output: '%fix.text' })]);
    expect(run.alerts.map(({ output_fields: fields }) => fields['fix.text'])).toEqual(texts);
    expect(run.alerts.map(({ output }) => output)).toEqual(texts);
  });

  it('come from every rule that matches, in their order, or from the first alone', () => {
    const rules = [
      rule('never', 'fix.text = x'),
      rule('a', 'fix.text = a'),
      rule('off', 'evt.num > 0', { enabled: false }),
      rule('any', 'evt.num > 0'),
    ];
    const names = (run: ReturnType<typeof runHost>) =>
      run.alerts.map((alert) => `${alert.evt_num} ${alert.rule}`);
    const all = runRules('a|b', rules);
    expect(names(all)).toEqual(['1 a', '1 any', '2 any']);
    expect(all.summary?.rules).toEqual({ a: 1, any: 2 });
    const first = runRules('a|b', rules, '--first');
    expect(names(first)).toEqual(['1 a', '2 any']);
    expect(first.summary?.rules).toEqual({ a: 1, any: 1 });
  });

  it('come only from rules for the events of the plugin', () => {
    const run = runRules('a', [
      rule('other', 'proc.name = a', { source: 'syscall' }),
      rule('ours', 'evt.num > 0'),
    ]);
    expect(run.alerts.map(({ rule }) => rule)).toEqual(['ours']);
    expect(run.stderr).toContain("rule 'other' is for another event source and is left out");
  });

  it('are counted and not printed with --quiet', () => {
    const run = runRules('a|b', [rule('any', 'evt.num > 0')], '--quiet');
    expect(run.alerts).toEqual([]);
    expect(run.summary).toMatchObject({ events: 2, alerts: 2, rules: { any: 2 } });
    expect(run.summary?.cpu_nanoseconds).toBeGreaterThan(0);
  });

  it('end with --max-events', () => {
    const run = runRules('a|b|c', [rule('any', 'evt.num > 0')], '--max-events', '2');
    expect(run.summary).toMatchObject({ ended: 'max events', events: 2, alerts: 2 });
  });
});

describe('a second plugin, which only extracts', () => {
  it('has its fields in rules and outputs, beside those of the first', () => {
    const rules = scratch.rules([
      rule('R', 'fix.text = a or sec.length > 1', { output: '%fix.text %sec.key[k]' }),
    ]);
    const args = ['--plugin', plugin, '--extractor', extractor, '--open', 'end:a|b|cc', '--rules', rules];
    expect(runHost(args).alerts.map(({ output }) => output)).toEqual(['a k', 'cc k']);
  });

  it('has its fields printed', () => {
    const args = ['--plugin', plugin, '--extractor', extractor, '--fields', 'sec.words,fix.length'];
    const run = runHost([...args, '--open', 'end:one two']);
    expect(run.fields.map(({ fields }) => fields)).toEqual([
      { 'sec.words': ['one', 'two'], 'fix.length': '7' },
    ]);
    expect(run.stderr).toContain('info: second: starting\n');
  });

  it('gets its own configuration, or refuses it', () => {
    const run = runHost([
      '--plugin',
      plugin,
      '--extractor',
      extractor,
      '--extractor-config',
      '{"refuse": "no"}',
    ]);
    expect(run.status).toBe(1);
    expect(run.stderr).toContain(
      'plugin second refuses its init_config: could not initialize plugin: refused: ',
    );
  });

  it('is no source of events, and has to be there', () => {
    expect(runHost(['--plugin', extractor, '--open', 'end:']).stderr).toContain(
      'plugin second is not a source of events',
    );
    const nowhere = runHost(['--plugin', plugin, '--extractor', '/nowhere/x.so']);
    expect(nowhere.stderr).toContain('there is no plugin at /nowhere/x.so');
  });
});

describe('fields', () => {
  it('are printed for every event, lists as arrays, nothing as null', () => {
    const fields = 'fix.text,fix.words,fix.length,fix.key[a,b],evt.num,evt.plugininfo';
    const run = runHost(['--plugin', plugin, '--open', 'end:one two||x', '--fields', fields]);
    expect(run.fields.map(({ num }) => num)).toEqual([1, 2, 3]);
    expect(run.fields.map(({ fields }) => fields)).toEqual([
      {
        'fix.text': 'one two',
        'fix.words': ['one', 'two'],
        'fix.length': '7',
        'fix.key[a,b]': 'a,b',
        'evt.num': '1',
        'evt.plugininfo': 'event number 1',
      },
      {
        'fix.text': null,
        'fix.words': null,
        'fix.length': '0',
        'fix.key[a,b]': 'a,b',
        'evt.num': '2',
        'evt.plugininfo': 'event number 2',
      },
      {
        'fix.text': 'x',
        'fix.words': ['x'],
        'fix.length': '1',
        'fix.key[a,b]': 'a,b',
        'evt.num': '3',
        'evt.plugininfo': 'event number 3',
      },
    ]);
    expect(run.fields[2]?.time).toBe('2023-11-14T22:13:20.123456791Z');
  });
});

describe('values that are no UTF-8', () => {
  it.each([
    ['a byte that starts nothing', '%80a%FF', '\ufffda\ufffd'],
    ['a cut character', 'a%E2%82', 'a\ufffd\ufffd'],
    ['a cut character, then text', '%F0%9F%8Ea', '\ufffd\ufffd\ufffda'],
    ['overlong forms', '%C0%AF%E0%80%AF%F0%80%80%AF', '\ufffd'.repeat(9)],
    ['a surrogate', '%ED%A0%80', '\ufffd'.repeat(3)],
    ['too large a number', '%F4%90%80%80%F5%80%80%80', '\ufffd'.repeat(8)],
    [
      'the first and last of each length',
      '%01%7F%C2%80%DF%BF%E0%A0%80%EF%BF%BF%F0%90%80%80%F4%8F%BF%BF',
      '\u0001\u007f\u0080\u07ff\u0800\uffff\u{10000}\u{10ffff}',
    ],
  ])('%s', (_, text, expected) => {
    const run = runHost(['--plugin', plugin, '--open', `end:${text}`, '--fields', 'fix.text']);
    expect(run.fields.map(({ fields }) => fields['fix.text'])).toEqual([expected]);
  });

  it('leave an alert valid, too', () => {
    const run = runRules('a%FFb', [rule('R', 'evt.num > 0')]);
    expect(run.alerts.map(({ output }) => output)).toEqual(['text=a\ufffdb']);
    expect(run.alerts[0]?.output_fields).toEqual({ 'fix.text': 'a\ufffdb' });
  });
});

/** The metrics of a fixture that has read one event. */
const metricsLine = {
  metrics: { 'fixture.events': 1, 'fixture.load': 0.5 },
  prometheus: expect.stringMatching(/^falcosecurity_plugins_fixture_events_total 1$/m),
};

describe('metrics, progress and messages', () => {
  it('are printed on demand', () => {
    const run = runRules('abc', [], '--metrics', '--progress');
    expect(run.others).toEqual([
      { progress: { percent: 100, text: '3 of 3 bytes', events: 1, alerts: 0 } },
      metricsLine,
    ]);
    expect(runRules('abc', []).others).toEqual([]);
  });

  it('have their severity in front', () => {
    expect(runRules('a', []).stderr).toBe('info: fixture: starting\n');
    const debug = runRules('a', [], '--log-level', 'debug', '--config', '{"number": 5}').stderr;
    expect(debug).toContain('debug: fixture: {"number": 5}\n');
    expect(runRules('a', [], '--log-level', 'warning').stderr).toBe('');
  });
});

describe('a live source', () => {
  it.each(['SIGINT', 'SIGTERM'] as const)('prints at once, and ends in order with %s', async (signal) => {
    const rules = scratch.rules([rule('any', 'evt.num > 0')]);
    const child = startHost(['--plugin', plugin, '--open', 'wait:a', '--rules', rules, '--metrics']);
    const lines: string[] = [];
    const exit = once(child, 'exit');
    const reader = createInterface({ input: child.stdout });
    for await (const line of reader) {
      lines.push(line);
      // The alert is here although the source is still open.
      if (lines.length === 1) {
        child.kill(signal);
      }
    }
    await expect(exit).resolves.toEqual([0, null]);
    const { alerts, others, summary } = sortLines(lines.join('\n'));
    expect(alerts.map(({ rule }) => rule)).toEqual(['any']);
    expect(others).toEqual([metricsLine]);
    expect(summary).toMatchObject({ ended: 'signal', events: 1, alerts: 1 });
  });

  it('reports progress while it waits', async () => {
    const child = startHost(['--plugin', plugin, '--open', 'wait:a', '--progress']);
    const exit = once(child, 'exit');
    const [line] = await once(createInterface({ input: child.stdout }), 'line');
    expect(JSON.parse(line)).toMatchObject({ progress: { percent: 100, events: 1 } });
    child.kill('SIGTERM');
    await exit;
  });

  it('prints the metrics when SIGUSR1 asks for them, and goes on', async () => {
    const child = startHost(['--plugin', plugin, '--open', 'wait:a', '--fields', 'fix.text', '--metrics']);
    const exit = once(child, 'exit');
    const printed = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    expect(JSON.parse((await printed.next()).value)).toMatchObject({ fields: { 'fix.text': 'a' } });
    for (let i = 0; i < 2; i++) {
      child.kill('SIGUSR1');
      const { metrics } = JSON.parse((await printed.next()).value);
      expect(metrics).toEqual({ 'fixture.events': 1, 'fixture.load': 0.5 });
    }
    child.kill('SIGTERM');
    await expect(exit).resolves.toEqual([0, null]);
  });

  it('ends when nobody reads its output any more', async () => {
    const child = startHost(['--plugin', plugin, '--open', 'wait:']);
    const exit = once(child, 'exit');
    await once(child.stderr, 'data');
    child.stdout.destroy();
    await expect(exit).resolves.toEqual([0, null]);
  });
});

describe('--parse-only', () => {
  it('compiles rules without a plugin, on the fields of libsinsp', () => {
    const run = runHost([
      '--parse-only',
      '--rules',
      scratch.rules([rule('R', 'evt.num > 1', { output: '%evt.num' })]),
    ]);
    expect(run.others).toEqual([{ parsed: { rules: 1, enabled: 1, other_source: 0 } }]);
    expect(run.status).toBe(0);
  });

  it('compiles rules with a plugin, without opening it', () => {
    const rules = scratch.rules([
      rule('R', 'fix.text = a', { enabled: false }),
      rule('S', 'x', { source: 'other' }),
    ]);
    const run = runHost(['--parse-only', '--plugin', plugin, '--rules', rules]);
    expect(run.others).toEqual([{ parsed: { rules: 1, enabled: 0, other_source: 1 } }]);
  });
});
