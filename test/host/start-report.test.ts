// SPDX-License-Identifier: Apache-2.0
// `npm start`: its command line, and what it prints.
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readArguments } from '../../scripts/start/arguments.mjs';
import { parseLine, readAlert } from '../../scripts/start/engine.mjs';
import { printable, Report, type Alert } from '../../scripts/start/report.mjs';
import { rulesFiles } from './fixtures.ts';
import { repositoryRoot, Scratch } from './support.ts';

const scratch = new Scratch();
afterAll(() => scratch.remove());

const sample = join(repositoryRoot, 'examples', 'attack.jsonl');

describe('the arguments', () => {
  const read = (...args: string[]) => readArguments(args, repositoryRoot);

  it('default to the sample attack and our rules', () => {
    expect(read()).toEqual({
      open: sample,
      live: false,
      rules: rulesFiles,
      config: '{}',
      all: false,
      embedded: false,
      json: false,
      help: false,
    });
  });

  it('take files and folders by any path, with options for the plugin', () => {
    const file = scratch.write('a.jsonl', '');
    expect(read(file)).toMatchObject({ open: file, live: false });
    expect(read(`${scratch.path}/./?recursive=true`)).toMatchObject({
      open: `${scratch.path}?recursive=true`,
    });
  });

  it('take URLs as they are', () => {
    expect(read('http://:9765')).toMatchObject({ open: 'http://:9765', live: true });
    expect(read('file:///var/log/audit.log?from=start')).toMatchObject({ live: true });
  });

  it('take several rules files, which replace ours, and a configuration', () => {
    const one = scratch.write('one.yaml', '');
    const two = scratch.write('two.yaml', '');
    const config = '{ "maxEventSize": 5 }';
    const options = read('--rules', one, '--rules', two, '--config', config, '--all', '--json', '--embedded');
    expect(options).toMatchObject({
      rules: [one, two],
      config: '{"maxEventSize":5}',
      all: true,
      json: true,
      embedded: true,
    });
  });

  it.each([
    [['/nowhere/a.jsonl'], 'there is no file or directory /nowhere/a.jsonl'],
    [['?recursive=true'], 'there is no file or directory ?recursive=true'],
    [['/dev/null'], '/dev/null is neither a file nor a directory'],
    [['--rules', '/nowhere.yaml'], 'there is no rules file /nowhere.yaml'],
    [['--rules', '/'], 'there is no rules file /'],
    [['--config', '{'], '--config is not JSON'],
    [['--config', '[]'], '--config has to be a JSON object'],
    [['--colour'], "Unknown option '--colour'"],
    [['--rules'], "Option '--rules <value>' argument missing"],
    [[sample, sample], 'one file, directory or URL at a time, not 2'],
  ])('%j are refused', (args, message) => {
    expect(() => read(...args)).toThrow(message);
  });
});

function record(isTTY = false) {
  const stream = { isTTY, text: '', write: (text: string) => (stream.text += text) };
  return stream;
}

const alert: Alert = {
  time: '2024-05-01T10:00:00.123456789Z',
  rule: 'A rule',
  priority: 'Warning',
  source: 'k8s_audit',
  tags: ['k8s'],
  output: 'Something (user=eve)',
  output_fields: { 'ka.user.name': 'eve' },
};

describe('the report', () => {
  const make = (options: { json?: boolean; isTTY?: boolean; colour?: boolean } = {}) => {
    const [stdout, stderr] = [record(), record(options.isTTY)];
    const { json = false, colour = false } = options;
    return { stdout, stderr, report: new Report({ json, colour, stdout, stderr }) };
  };
  const end = { engine: 'Falco', events: 3, seconds: 1.25, reason: 'end of the events' };

  it('prints alerts and a summary by priority and rule', () => {
    const { stdout, report } = make();
    report.alert({ ...alert, rule: 'Another', priority: 'Notice' });
    report.alert(alert);
    report.alert(alert);
    report.summary(end);
    expect(stdout.text).toBe(`\
2024-05-01T10:00:00.123Z  Notice         Another
    Something (user=eve)
2024-05-01T10:00:00.123Z  Warning        A rule
    Something (user=eve)
2024-05-01T10:00:00.123Z  Warning        A rule
    Something (user=eve)

3 events, 3 alerts in 1.3 s (end of the events)
  Warning             2
          2  A rule
  Notice              1
          1  Another
`);
  });

  it('leaves out the number of events where it is not known', () => {
    const { stdout, report } = make();
    report.alert(alert);
    report.summary({ ...end, events: undefined });
    expect(stdout.text).toContain('\n1 alert in 1.3 s');
  });

  it('colours priorities on demand', () => {
    const { stdout, report } = make({ colour: true });
    report.alert(alert);
    expect(stdout.text).toContain('\u001b[33mWarning      \u001b[0m  \u001b[1mA rule\u001b[0m');
  });

  it('prints JSON lines on demand', () => {
    const { stdout, report } = make({ json: true });
    report.alert(alert);
    report.summary(end);
    const [first = '', second = '', ...rest] = stdout.text.split('\n');
    expect(JSON.parse(first)).toEqual(alert);
    expect(JSON.parse(second)).toEqual({
      summary: {
        engine: 'Falco',
        events: 3,
        alerts: 1,
        priorities: { Warning: 1 },
        rules: [{ rule: 'A rule', priority: 'Warning', count: 1 }],
        seconds: 1.25,
        ended: 'end of the events',
      },
    });
    expect(rest).toEqual(['']);
  });

  it('lets nothing from outside control the terminal', () => {
    expect(printable('a\u001b[31mb\r\nc\u0085\u202ed\u0007 ü🎉')).toBe(
      'a\\u001b[31mb\\u000d\\u000ac\\u0085\\u202ed\\u0007 ü🎉',
    );
    const { stdout, stderr, report } = make();
    report.alert({ ...alert, time: 'a\u001bb', rule: 'a\u001bb', output: 'a\u001bb' });
    report.message('a\u001bb');
    report.summary(end);
    expect(stdout.text + stderr.text).not.toContain('\u001b');
  });

  it('shows progress on a terminal alone, and clears it before other lines', () => {
    const progress = { percent: 50, text: '1 of 2 MB', events: 7 };
    const quiet = make();
    quiet.report.progress(progress);
    expect(quiet.stderr.text).toBe('');
    const { stderr, report } = make({ isTTY: true });
    report.progress(progress);
    expect(stderr.text).toBe('\r\u001b[K1 of 2 MB, 7 events, 0 alerts');
    report.message('hello');
    report.message('again');
    expect(stderr.text).toBe('\r\u001b[K1 of 2 MB, 7 events, 0 alerts\r\u001b[Khello\nagain\n');
  });
});

describe('the output of Falco', () => {
  it('is read in the form of old and new versions', () => {
    const common = {
      time: alert.time,
      rule: 'A rule',
      priority: 'Warning',
      source: 'k8s_audit',
      tags: ['k8s'],
    };
    const prefixed = '10:00:00.123456789: Warning Something (user=eve)';
    const fields = { 'ka.user.name': 'eve' };
    expect(readAlert({ ...common, output: prefixed, output_fields: fields, hostname: 'h' })).toEqual(alert);
    const message = 'Something (user=eve)';
    expect(readAlert({ ...common, output: prefixed, message, output_fields: fields })).toEqual(alert);
    expect(readAlert({ ...common, output: message })).toEqual({ ...alert, output_fields: {} });
    expect(readAlert({ summary: {} })).toBeUndefined();
  });

  it('may have lines that are no JSON', () => {
    expect(['Events detected: 5', '{broken', ''].map(parseLine)).toEqual([undefined, undefined, undefined]);
    expect(parseLine('{"a": 1}')).toEqual({ a: 1 });
  });
});
