// SPDX-License-Identifier: Apache-2.0
// init_config through plugin_init: what is refused and how it is said, where messages go, states side by side.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { buildPaths } from '../../scripts/lib/paths.mjs';
import { eventOfSize, shortEvent } from '../support/events.ts';
import { Workspace, lines } from '../support/workspace.ts';
import { caught, idsOf, init, load, messagesOf, metricsOf, open, pluginFile, severity } from './support.ts';

describe('what is accepted', () => {
  test.each([
    ['nothing', ''],
    ['no pointer at all', null],
    ['white space', ' \n\t '],
    ['null', 'null'],
    ['an empty object', '{}'],
    ['an object', '{"maxEventSize": 4096}'],
    ['a string that holds an object', JSON.stringify('{"max_event_size": 4096}')],
    ['an empty string', '""'],
    [
      'every key of the official plugins',
      '{"useAsync": true, "sslCertificate": "/x.pem", "webhookMaxBatchSize": 12582912}',
    ],
  ])('%s', (_, config) => {
    const state = init(config);
    expect(state.extractForeign(shortEvent('a'), ['ka.auditid'])[0]?.value).toBe('a');
    expect(state.lastError()).toBe('');
  });

  test('a key without a meaning here is noted at debug, without its value', () => {
    const state = init({ useAsync: false, credentialsFile: '/etc/secret.json', numGoroutines: 4 });
    expect(state.logs.map((message) => message.severity)).toEqual([
      severity.debug,
      severity.debug,
      severity.debug,
    ]);
    const text = state.logs.map(({ message }) => message).join('\n');
    expect(text).toContain('useAsync');
    expect(text).toContain('credentialsFile');
    expect(text).toContain('numGoroutines');
    expect(text).not.toContain('secret');
  });
});

describe('what is refused, with a message that names it', () => {
  test.each([
    ['an unknown key', '{"maxEventSizes": 5}', ['maxEventSizes', 'maxEventSize']],
    ['a wrong type', '{"maxEventSize": "large"}', ['maxEventSize', '"large"', '1024', '67108864']],
    ['a value below the range', '{"max_event_size": 7}', ['max_event_size', '7', '1024']],
    ['a value above the range', '{"webhookMaxBatchSize": 134217729}', ['134217729', '134217728']],
    ['a fraction', '{"maxEventSize": 4096.5}', ['maxEventSize', '4096.5']],
    [
      'one key in both spellings',
      '{"maxEventSize": 4096, "max_event_size": 4096}',
      ['maxEventSize', 'twice'],
    ],
    ['an array', '[1]', ['init_config', 'object']],
    ['a number', '5', ['init_config', 'object']],
    ['no JSON', '{"maxEventSize": ', ['init_config', 'not valid JSON', 'byte']],
    ['text behind the object', '{} {}', ['init_config', 'not valid JSON']],
    ['a string in a string', JSON.stringify(JSON.stringify('{}')), ['init_config', 'string']],
    ['more than a megabyte', `{"profile": "${'x'.repeat(1 << 20)}"}`, ['init_config', '1048576']],
  ])('%s', (_, config, named) => {
    const error = caught(() => init(config));
    expect(error.rc).toBe('failure');
    expect(error.message.startsWith('init_config')).toBe(true);
    for (const word of named) expect(error.message).toContain(word);
    expect(error.logs).toEqual([]);
  });

  test('deep, large and odd texts, without a crash and within the length of a message', () => {
    const texts = [
      '['.repeat(100_000),
      '{"a":'.repeat(50_000),
      `{"${'k'.repeat(500_000)}": 1}`,
      `{"maxEventSize": ${'9'.repeat(300_000)}}`,
      '{"maxEventSize": "\ud800"}',
      '{"max\\u0000EventSize": 1}',
      `"${'\\"'.repeat(1000)}"`,
      '\u{1f600}'.repeat(1000),
    ];
    for (const text of texts) {
      const { message, rc } = caught(() => init(text));
      expect(rc).toBe('failure');
      expect(message).toMatch(/^init_config/);
      expect(Buffer.byteLength(message)).toBeLessThan(1024);
    }
  });

  test('a refusal leaves nothing behind: a good configuration is taken right after it', () => {
    for (let i = 0; i < 50; i++) {
      expect(caught(() => init('{"maxEventSize": 1}')).rc).toBe('failure');
      init('{"maxEventSize": 1024}').destroy();
    }
  });
});

describe('states side by side', () => {
  test('each with its own configuration, source, current event and counters', () => {
    const workspace = new Workspace();
    const sizes = [1024, 2048, 4096, 8192];
    const file = workspace.write(
      'a.jsonl',
      lines([1000, 2000, 4000, 8000].map((n) => eventOfSize(n, `s${n}`))),
    );
    const readers = sizes.map((maxEventSize) => open(file, { maxEventSize }));
    const events = readers.map((reader) => reader.drain());
    expect(events.map(idsOf)).toEqual(sizes.map(() => ['s1000', 's2000', 's4000', 's8000']));
    expect(readers.map((reader) => reader.metrics().events_salvaged)).toEqual([3, 2, 1, 0]);

    // Interleaved questions, as two inspectors would ask them.
    const foreign = readers.map((reader, i) => reader.state.foreignEvent(shortEvent(`f${i}`)));
    for (let round = 0; round < 3; round++) {
      readers.forEach((reader, i) => {
        expect(reader.state.values(foreign[i]!, ['ka.auditid'])).toEqual({ 'ka.auditid': `f${i}` });
      });
    }
    readers[0]?.state.destroy();
    readers.slice(1).forEach((reader, i) => {
      expect(reader.state.values(foreign[i + 1]!, ['ka.auditid'])).toEqual({ 'ka.auditid': `f${i + 1}` });
    });
  });

  test('forty at once', () => {
    const states = Array.from({ length: 40 }, () => init());
    const foreign = states.map((state, i) => state.foreignEvent(shortEvent(`n${i}`)));
    states.forEach((state, i) => {
      expect(state.values(foreign[i]!, ['ka.auditid'])).toEqual({ 'ka.auditid': `n${i}` });
      expect(metricsOf(state).traps).toBe(0);
    });
  });
});

describe('messages', () => {
  test('go to the log function with their severity: info, warning, notice', () => {
    const workspace = new Workspace();
    const file = workspace.write('a.jsonl', lines(['{"kind":"Event"', shortEvent('a'), '{"kind":"Pod"}']));
    const reader = open(file);
    expect(idsOf(reader.drain())).toEqual(['a']);
    const warnings = messagesOf(reader.state.logs, severity.warning);
    expect(warnings).toHaveLength(2);
    expect(warnings[0]).toContain('a cut event without an auditID');
    expect(warnings[0]).toContain(file);
    expect(warnings[1]).toContain('not an audit event');
    expect(reader.state.logs).toHaveLength(2);

    const follower = init();
    follower.open(`file://${workspace.at('later.log')}`);
    expect(messagesOf(follower.logs, severity.notice)).toEqual([
      expect.stringContaining('does not exist yet'),
    ]);
    const hook = init();
    hook.open('http://127.0.0.1:0/');
    expect(messagesOf(hook.logs, severity.info)).toEqual([
      expect.stringContaining('listening for audit events'),
    ]);
  });

  test('hold no line break and no secret, whatever a name holds', () => {
    const workspace = new Workspace();
    const file = workspace.write('line\nbreak\x1b[31m.log', 'not json\n');
    const reader = open(file);
    reader.drain();
    expect(reader.state.logs).toHaveLength(1);
    // eslint-disable-next-line no-control-regex -- that is what must not be there
    expect(reader.state.logs[0]?.message).not.toMatch(/[\x00-\x1f\x7f]/);
    const secret = 'Bearer abcdef';
    const invalid = open(workspace.write('s.log', `{"kind":"Event","token":"${secret}\\q"}\n`));
    invalid.drain();
    expect(invalid.state.logs.map(({ message }) => message).join()).not.toContain(secret);
  });

  test('never go to stdout or stderr', () => {
    const workspace = new Workspace();
    const file = workspace.write('a.jsonl', lines(['not json', shortEvent('a'), '{"kind":"Pod"}']));
    const run = spawnSync(
      process.execPath,
      ['-e', TOUR, addonFile(), pluginFile(), pluginFile('small'), file],
      {
        encoding: 'utf8',
        timeout: 30_000,
      },
    );
    expect({ ...run, output: undefined, pid: 0 }).toMatchObject({ status: 0, stdout: '', stderr: '' });
  });
});

function addonFile(): string {
  return join(buildPaths().build, 'addon', 'plugin_addon.node');
}

/** A process of its own that makes the plugin say everything it can: refusals, bad input, bad requests, traps. */
const TOUR = `
  const [, addon, release, small, file] = process.argv;
  const native = require(addon);
  const { connect } = require('node:net');
  const tryTo = (call) => { try { return call(); } catch { return undefined; } };
  async function tour(path) {
    const library = native.load(path);
    tryTo(() => native.init(library, '{"x": 1}'));
    const state = native.init(library, '{"useAsync": true, "webhookMaxBatchSize": 4096, "maxEventSize": 67108864}');
    for (const params of ['', 'x://y', '/nowhere', 'http://:99999', '/dev/null', 'http://300.1.1.1:1/']) {
      tryTo(() => native.open(state, params));
    }
    const read = (params, calls) => {
      const instance = native.open(state, params);
      for (let i = 0; i < calls; i++) native.nextBatch(instance);
      native.close(instance);
    };
    read(file, 3);
    read('file://' + file + '?from=start', 2);
    read('file:///nowhere.log', 1);
    const hook = native.open(state, 'http://127.0.0.1:0/a');
    const port = /:(\\d+)\\//.exec(native.drainLogs(state).map((m) => m.message).join())[1];
    const sockets = [
      'GARBAGE\\r\\n\\r\\n', 'GET /b HTTP/1.1\\r\\n\\r\\n', 'POST /a HTTP/1.1\\r\\nContent-Length: 99999999\\r\\n\\r\\nxx',
      'POST /a HTTP/1.1\\r\\nContent-Length: x\\r\\n\\r\\n', 'POST /a HTTP/1.1\\r\\nX: ' + 'y'.repeat(99999) + '\\r\\n\\r\\n',
      'POST /a HTTP/1.1\\r\\nContent-Type: application/json\\r\\nContent-Length: 8\\r\\n\\r\\nnot json',
      'POST /a HTTP/1.1\\r\\nTransfer-Encoding: chunked\\r\\n\\r\\nzzz\\r\\n', 'BREW /a HTTP/9.9\\r\\n\\r\\n', '\\0\\0\\0\\0',
    ].map((text) => connect(port, '127.0.0.1').on('error', () => {}).on('data', () => {}).end(text, 'latin1'));
    for (let i = 0; i < 20; i++) {
      native.nextBatch(hook);
      await new Promise(setImmediate);
    }
    sockets.forEach((socket) => socket.resetAndDestroy());
    const event = Buffer.from('{"kind":"Event","auditID":"a","requestObject":"' + 'x'.repeat(12000000) + '"}');
    const fields = native.fieldSet([{ id: 0, name: 'ka.auditid', type: 9, isList: false }]);
    tryTo(() => native.extract(state, native.foreignEvent(state, event).ref, fields, true, true));
    native.destroy(state);
  }
  tour(release).then(() => tour(small));
`;

test('the same library loaded by two names is initialised on its own', () => {
  expect(load().name()).toBe('k8saudit-ts');
  expect(load('small').name()).toBe('k8saudit-ts');
  const [one, two] = [init({ maxEventSize: 1024 }), init({ maxEventSize: 1024 }, 'small')];
  expect(one.extractForeign(shortEvent('one'), ['ka.auditid'])[0]?.value).toBe('one');
  expect(two.extractForeign(shortEvent('two'), ['ka.auditid'])[0]?.value).toBe('two');
});
