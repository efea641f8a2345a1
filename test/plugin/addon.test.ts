// SPDX-License-Identifier: Apache-2.0
// The addon itself, with a small C plugin that is compiled here.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import {
  Plugin,
  runInThread,
  type LogMessage,
  type PluginError,
  type PluginEvent,
  type PluginState,
} from '../support/plugin.ts';
import { compilePlugin } from './support.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const addonPath = join(root, 'build', 'addon', 'plugin_addon.node');
const folder = mkdtempSync(join(tmpdir(), 'addon-test-'));
const fixture = join(folder, 'fixture.so');
const pluginId = 999;
const noThread = 2n ** 64n - 1n;

beforeAll(() => compilePlugin(fixture));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `use` with a fresh state and destroys it. */
function withState<T>(use: (state: PluginState) => T, config?: string | null): T {
  const state = new Plugin(fixture).init(config);
  try {
    return use(state);
  } finally {
    state.destroy();
  }
}

function caught(call: () => unknown): PluginError {
  try {
    call();
  } catch (error) {
    return error as PluginError;
  }
  throw new Error('nothing was thrown');
}

function living(): { states: unknown; instances: unknown } {
  return withState((state) => {
    const metrics = state.metrics();
    const value = (name: string) => metrics.find((metric) => metric.name === name)?.value;
    return { states: value('states'), instances: value('instances') };
  });
}

describe('loading', () => {
  test('all that the plugin says of itself', () => {
    const plugin = new Plugin(fixture);
    expect(plugin.name()).toBe('fixture');
    expect(plugin.description()).toBe('a plugin for tests');
    expect(plugin.contact()).toBe('nobody');
    expect(plugin.version()).toBe('1.2.3');
    expect(plugin.requiredApiVersion()).toBe('3.11.0');
    expect(plugin.id()).toBe(pluginId);
    expect(plugin.eventSource()).toBe('fixture_source');
    expect(plugin.initSchema()).toEqual({ text: '{"type":"object"}', json: { type: 'object' } });
    expect(plugin.extractSources()).toEqual(['fixture_source', 'another']);
    expect(plugin.extractEventTypes()).toEqual([322]);
    expect(plugin.fields()[1]).toEqual({ name: 'fix.words', type: 'string', desc: 'd', isList: true });
    expect(withState((state) => state.extractEventTypes())).toEqual([322, 402]);
  });

  test('only the symbols that are there', () => {
    const { symbols } = new Plugin(fixture);
    expect(symbols).toContain('plugin_extract_fields');
    expect(symbols).toContain('plugin_get_metrics');
    expect(symbols).not.toContain('plugin_parse_event');
    expect(symbols).toHaveLength(22);
  });

  test('a file that is not there, or is no library', () => {
    const text = join(folder, 'text.so');
    writeFileSync(text, 'not ELF');
    expect(() => new Plugin(join(folder, 'missing.so'))).toThrow(/cannot load the plugin .*missing\.so/);
    expect(() => new Plugin(text)).toThrow(/cannot load the plugin .*text\.so: .*/);
    expect(() => new Plugin('a\0b')).toThrow('must not contain a NUL character');
  });

  test('a library that is no plugin, and a plugin that lacks what every plugin needs', () => {
    const source = join(folder, 'other.c');
    writeFileSync(source, 'int something(void); int something(void) { return 1; }\n');
    compilePlugin(join(folder, 'other.so'), source);
    expect(() => new Plugin(join(folder, 'other.so'))).toThrow('is not a Falco plugin');

    writeFileSync(
      source,
      'const char *plugin_get_name(void); const char *plugin_get_name(void) { return 0; }\n',
    );
    compilePlugin(join(folder, 'part.so'), source);
    const part = new Plugin(join(folder, 'part.so'));
    expect(part.symbols).toEqual(['plugin_get_name']);
    expect(part.name()).toBe('');
    expect(part.id()).toBe(0);
    expect(part.initSchema()).toBeNull();
    expect(part.extractSources()).toEqual([]);
    expect(() => part.version()).toThrow('has no version');
    expect(() => part.init()).toThrow('does not export plugin_get_required_api_version');
  });

  test('a plugin that requires a newer API than the header has', () => {
    const source = join(folder, 'newer.c');
    copyFileSync(join(root, 'test', 'plugin', 'fixture_plugin.c'), source);
    execFileSync('sed', ['-i', 's/"3\\.11\\.0"/"3.99.0"/', source]);
    compilePlugin(join(folder, 'newer.so'), source);
    expect(() => new Plugin(join(folder, 'newer.so')).init()).toThrow(
      'the plugin requires API 3.99.0, this host speaks 3.',
    );
  });
});

describe('init and destroy', () => {
  test('the configuration arrives as it is; without one, what libsinsp passes', () => {
    const configOf = (config?: string | null) =>
      withState((state) => state.extractForeign('', ['fix.config'])[0]?.value, config);
    expect(configOf('{"a": "ü"}')).toBe('{"a": "ü"}');
    expect(configOf('')).toBe('');
    expect(configOf(undefined)).toBe('{}');
    expect(configOf(null)).toBe('<null>');
  });

  test('a refusal throws the plugin’s message, and destroys the state that came with it', () => {
    const logged: LogMessage[] = [];
    const error = caught(() => new Plugin(fixture).init('refuse', (message) => logged.push(message)));
    expect(error.message).toBe("configuration 'refuse' refused");
    expect(error.rc).toBe('failure');
    expect(logged.map(({ message }) => message)).toEqual(['starting', 'refuse', 'ending']);
    expect(error.logs).toEqual(logged);
    expect(caught(() => new Plugin(fixture).init('refuse without state')).message).toContain(
      'neither a state',
    );
    expect(caught(() => new Plugin(fixture).init('forget rc')).message).toContain(
      'left its return code unset',
    );
    expect(living()).toEqual({ states: 1, instances: 0 });
  });

  test('log messages are collected, with a component or none', () => {
    const heard: LogMessage[] = [];
    const state = new Plugin(fixture).init('cfg', (message) => heard.push(message));
    expect(state.logs).toEqual([
      { severity: 6, component: null, message: 'starting' },
      { severity: 7, component: 'part', message: 'cfg' },
    ]);
    state.open('1').close();
    state.destroy();
    expect(state.logs.slice(2)).toEqual([
      { severity: 8, component: 'part', message: 'closed' },
      { severity: 8, component: 'part', message: 'ending' },
    ]);
    expect(heard).toEqual(state.logs);
  });

  test('nothing is usable after destroy, which may be called twice and closes what is open', () => {
    const state = new Plugin(fixture).init();
    const instance = state.open('2');
    const event = instance.nextBatch().events[0]!;
    const foreign = state.foreignEvent('x');
    state.destroy();
    state.destroy();
    expect(() => state.open('1')).toThrow('the plugin state was destroyed');
    expect(() => state.listOpenParams()).toThrow('destroyed');
    expect(() => state.metrics()).toThrow('destroyed');
    expect(() => state.lastError()).toThrow('destroyed');
    expect(() => state.extractEventTypes()).toThrow('destroyed');
    expect(() => state.extract(foreign, ['fix.payload'])).toThrow('destroyed');
    expect(() => state.eventToString(foreign)).toThrow('destroyed');
    expect(() => state.extract(event, ['fix.payload'])).toThrow('the event is gone');
    expect(() => instance.nextBatch()).toThrow('the instance was closed');
    expect(() => instance.progress()).toThrow('closed');
    instance.close();
    expect(living()).toEqual({ states: 1, instances: 0 });
  });

  test('states and instances that nobody destroys go with the garbage', async () => {
    setFlagsFromString('--expose-gc');
    const collect = runInNewContext('gc') as () => void;
    (() => {
      for (let i = 0; i < 10; i++) {
        new Plugin(fixture).init().open('1').nextBatch();
      }
    })();
    for (let turn = 0; turn < 50 && living().states !== 1; turn++) {
      collect();
      await new Promise((resolve) => setImmediate(resolve));
    }
    expect(living()).toEqual({ states: 1, instances: 0 });
  });

  test('a process may end with everything open', () => {
    const script = `
      const addon = require(${JSON.stringify(addonPath)});
      const state = addon.init(addon.load(${JSON.stringify(fixture)}), null);
      globalThis.kept = [state, addon.nextBatch(addon.open(state, '3'))];
      console.log(globalThis.kept[1].events.length);`;
    expect(execFileSync(process.execPath, ['-e', script], { encoding: 'utf8' })).toBe('2\n');
  });
});

describe('sourcing', () => {
  test('open suggestions and a refused open', () =>
    withState((state) => {
      expect(state.listOpenParams()).toEqual([{ value: '2', desc: 'two batches' }]);
      const error = caught(() => state.open('fail'));
      expect(error.message).toBe("cannot open 'fail'");
      expect(error.rc).toBe('failure');
      expect(state.lastError()).toBe("cannot open 'fail'");
      // as libscap does
      expect(state.logs.at(-1)?.message).toBe('closed nothing');
    }));

  test('batches until the end, with numbers, times and ids as a host sees them', () =>
    withState((state) => {
      const instance = state.open('2');
      const before = BigInt(Date.now()) * 1_000_000n - 1_000_000n;
      const first = instance.nextBatch();
      expect(first.rc).toBe('success');
      expect(first).not.toHaveProperty('error');
      const [a, b] = first.events;
      expect(a).toMatchObject({ num: 1, tid: noThread, type: 322, nparams: 2, len: 43, pluginId });
      expect(a!.payload.toString()).toBe('a,b,c');
      expect(a!.ts).toBeGreaterThan(before);
      expect(a!.ts).toBeLessThan(before + 60_000_000_000n);
      expect(b).toMatchObject({ num: 2, tid: noThread, len: 38, pluginId, ts: 1234567890123456789n });
      expect(b!.payload).toHaveLength(0);
      expect(instance.nextBatch().events.map(({ num }) => num)).toEqual([3, 4]);
      expect(instance.nextBatch()).toEqual({ rc: 'eof', events: [] });
      instance.close();
      // libsinsp counts from the start for each capture
      expect(state.open('1').nextBatch().events[0]!.num).toBe(1);
    }));

  test('the other ways for a batch to be', () =>
    withState((state) => {
      expect(state.open('idle').nextBatch()).toEqual({ rc: 'timeout', events: [] });
      expect(state.open('failing').nextBatch()).toEqual({
        rc: 'failure',
        events: [],
        error: 'the source broke',
      });
      const late = state.open('late').nextBatch();
      expect([late.rc, late.events.length]).toEqual(['eof', 2]);
    }));

  test('what libscap refuses', () =>
    withState((state) => {
      expect(() => state.open('empty').nextBatch()).toThrow('success without an event');
      expect(() => state.open('malformed').nextBatch()).toThrow('malformed plugin event: 44 bytes');
      expect(() => state.open('other id').nextBatch()).toThrow(
        'unexpected plugin id 1000 in an event of plugin 999',
      );
    }));

  test('progress', () =>
    withState((state) => {
      const instance = state.open('3');
      expect(instance.progress()).toEqual({ percent: 0, text: null });
      instance.nextBatch();
      expect(instance.progress()).toEqual({ percent: 33.33, text: '1 of 3' });
      expect(() => state.open('idle').progress()).toThrow('left the percentage unset');
    }));

  test('events are gone with the next batch, and with their instance', () =>
    withState((state) => {
      const instance = state.open('2');
      const old = instance.nextBatch().events[0]!;
      expect(state.values(old, ['fix.payload'])).toEqual({ 'fix.payload': 'a,b,c' });
      const current = instance.nextBatch().events[0]!;
      expect(() => state.extract(old, ['fix.payload'])).toThrow('the event is gone');
      expect(state.eventToString(current)).toBe('fixture_source 3: a,b,c');
      instance.close();
      expect(() => state.eventToString(current)).toThrow('the event is gone');
      expect(current.payload.toString()).toBe('a,b,c');
    }));
});

describe('extraction', () => {
  test('every type, single and list', () =>
    withState((state) => {
      const event = state.foreignEvent('a,b,c', { ts: 5n });
      const fields = [
        'payload',
        'words',
        'num',
        'numbers',
        'yes',
        'flags',
        'time',
        'span',
        'ip',
        'nets',
        'none',
      ];
      const specs = fields.map((field) => `fix.${field}`);
      const v4 = Buffer.from([10, 0, 0, 1]);
      const v6 = Buffer.from('fe800000000000000000000000000001', 'hex');
      const extracted = state.extract(event, specs, { separately: true });
      expect(extracted.map(({ field }) => field)).toEqual(specs);
      expect(extracted.map(({ value }) => value)).toEqual([
        'a,b,c',
        ['a', 'b', 'c'],
        1n,
        [1n, 2n ** 64n - 1n],
        true,
        [true, false],
        5n,
        5n,
        v4,
        [v4, v6],
        null,
      ]);
      expect(extracted.every(({ offsets }) => offsets === null)).toBe(true);
    }));

  test('one call for all fields, or one call each', () =>
    withState((state) => {
      const event = state.foreignEvent('x');
      expect(state.values(event, ['fix.yes', 'fix.num', 'fix.call'])).toEqual({
        'fix.yes': true,
        'fix.num': 1n,
        'fix.call': '3 fields, id 14, type 9',
      });
      expect(state.values(event, ['fix.num', 'fix.call'], { separately: true })).toEqual({
        'fix.num': 1n,
        'fix.call': '1 fields, id 14, type 9',
      });
      expect(state.extract(event, [])).toEqual([]);
    }));

  test('value offsets: one per value in a call for one field', () =>
    withState((state) => {
      const event = state.foreignEvent('one,,three');
      const options = { separately: true, offsets: true };
      const [words, payload, num] = state.extract(event, ['fix.words', 'fix.payload', 'fix.num'], options);
      expect(words).toEqual({
        field: 'fix.words',
        value: ['one', '', 'three'],
        offsets: [
          { start: 38, length: 3 },
          { start: 42, length: 0 },
          { start: 43, length: 5 },
        ],
      });
      expect(payload!.offsets).toEqual([{ start: 38, length: 10 }]);
      expect(num!.offsets).toBeNull();
    }));

  test('value offsets: one per field in a call for several', () =>
    withState((state) => {
      const event = state.foreignEvent('one,two');
      const extracted = state.extract(event, ['fix.num', 'fix.words'], { offsets: true });
      expect(extracted.map(({ offsets }) => offsets)).toEqual([
        [{ start: 38, length: 3 }],
        [{ start: 42, length: 3 }],
      ]);
    }));

  test('arguments: key, index, either, none', () =>
    withState((state) => {
      const argument = (spec: string) => state.extractForeign('', [spec])[0]!.value;
      expect(argument('fix.key[a b/"é"]')).toBe('present -1 a b/"é"');
      expect(argument('fix.key[]')).toBe('present -1 ');
      expect(argument('fix.key[7]')).toBe('present -1 7');
      expect(argument('fix.index[0]')).toBe('present 0 <null>');
      expect(argument('fix.index[12]')).toBe('present 12 <null>');
      expect(argument('fix.index')).toBe('absent -1 <null>');
      expect(argument('fix.any[3]')).toBe('present 3 3');
      expect(argument('fix.any[03]')).toBe('present -1 03');
      expect(argument('fix.any')).toBe('absent -1 <null>');
    }));

  test('wrong fields and arguments never reach the plugin', () =>
    withState((state) => {
      const event = state.foreignEvent('');
      const refused = (spec: string) => caught(() => state.extract(event, [spec])).message;
      expect(refused('fix.key')).toBe('fix.key requires an argument');
      expect(refused('fix.payload[1]')).toBe('fix.payload takes no argument, not 1');
      expect(refused('fix.index[1')).toBe('fix.index[1 lacks the closing bracket');
      expect(refused('fix.what')).toBe('the plugin has no field fix.what');
      for (const wrong of ['01', '', '-1', 'x', '18446744073709551616']) {
        expect(refused(`fix.index[${wrong}]`)).toContain('needs a number without leading zeros');
      }
    }));

  test('a plugin that fails or answers wrongly', () =>
    withState((state) => {
      const event = state.foreignEvent('x');
      const error = caught(() => state.extract(event, ['fix.error']));
      expect([error.message, error.rc]).toEqual(['cannot extract', 'failure']);
      expect(() => state.extract(event, ['fix.unset'])).toThrow('left res_len of fix.unset unset');
      expect(() => state.extract(event, ['fix.two'])).toThrow('2 values of fix.two, which is no list');
      expect(() => state.extract(event, ['fix.null'])).toThrow('a NULL string for fix.null');
      expect(() => state.extract(event, ['fix.lost'])).toThrow('no memory for the value of fix.lost');
      expect(state.values(event, ['fix.payload'])).toEqual({ 'fix.payload': 'x' });
    }));

  test('events of the addon’s own', () =>
    withState((state) => {
      expect(state.foreignEvent('first').num).toBe(1);
      expect(state.foreignEvent(Buffer.from('second'))).toMatchObject({ num: 2, pluginId, ts: 0n, len: 44 });
      const event = state.foreignEvent('third', { evtnum: 77, ts: 9n, pluginId: 5 });
      expect(event).toMatchObject({ num: 77, pluginId: 5, ts: 9n });
      expect(state.eventToString(event)).toBe('fixture_source 77: third');
      expect(
        state.extractForeign('é\0x', ['fix.payload', 'fix.source', 'fix.owner'], { separately: true }),
      ).toEqual([
        { field: 'fix.payload', value: 'é', offsets: null },
        { field: 'fix.source', value: 'fixture_source', offsets: null },
        { field: 'fix.owner', value: "this host has no state table 'threads'", offsets: null },
      ]);
    }));

  test('events that are malformed on purpose', () =>
    withState((state) => {
      const bytes = Buffer.alloc(30);
      bytes.writeUInt32LE(30, 16);
      const event = state.rawEvent(bytes, { evtnum: 3 });
      expect(state.values(event, ['fix.num', 'fix.payload'], { separately: true })).toEqual({
        'fix.num': 3n,
        'fix.payload': '',
      });
      expect(() => state.rawEvent(bytes.subarray(0, 25))).toThrow('at least 26 bytes, not 25');
      expect(() => state.rawEvent(bytes.subarray(0, 29))).toThrow('says 30 bytes, it has 29');
    }));

  test('what is no handle at all', () =>
    withState((state) => {
      const wrong = [{}, { ref: {} }, { ref: 5 }, { ref: null }] as unknown as PluginEvent[];
      for (const value of wrong) {
        expect(() => state.extract(value, ['fix.num'])).toThrow('expected the handle of a plugin event');
      }
      expect(() => state.foreignEvent(5 as unknown as string)).toThrow('the payload must be a Buffer');
      expect(() => state.open(5 as unknown as string)).toThrow('the open parameters must be a string');
    }));
});

test('metrics of every type', () =>
  withState((state) => {
    expect(state.metrics()).toEqual([
      { name: 'states', monotonic: false, valueType: 'u32', value: 1 },
      { name: 'instances', monotonic: false, valueType: 'u32', value: 0 },
      { name: 's32', monotonic: true, valueType: 's32', value: -1 },
      { name: 'u64', monotonic: true, valueType: 'u64', value: 2n ** 64n - 1n },
      { name: 's64', monotonic: true, valueType: 's64', value: -2n },
      { name: 'd', monotonic: true, valueType: 'd', value: 0.1 },
      { name: 'f', monotonic: true, valueType: 'f', value: 0.5 },
      { name: 'i', monotonic: true, valueType: 'i', value: -3 },
    ]);
  }));

describe('a plugin in a thread of its own', () => {
  const fields = ['fix.words', 'fix.num', 'fix.yes'];

  test('reads to the end, and comes to the same result each time', async () => {
    const options = { extract: fields, rounds: 3 };
    const reports = await Promise.all([
      runInThread(fixture, 'cfg', '2', options),
      runInThread(fixture, 'cfg', '2', options),
    ]);
    for (const report of reports) {
      // 4 events a round: words have 3, 0, 3, 0 values, the two others one each
      expect(report).toMatchObject({ batches: 9, events: 12, timeouts: 0, payloadBytes: 30, values: 42 });
      expect(report).toMatchObject({ failures: 0, eof: true });
      expect(report.metrics).toContainEqual({ name: 's32', monotonic: true, valueType: 's32', value: -1 });
      expect(report.logs.map(({ message }) => message)).toEqual([
        'starting',
        'cfg',
        'closed',
        'closed',
        'closed',
        'ending',
      ]);
      expect(report.digest).toMatch(/^[0-9a-f]{16}$/);
    }
  });

  test('reads so many batches; the digest tells results apart', async () => {
    const one = await runInThread(fixture, null, '1000000', { batches: 2, extract: ['fix.num'] });
    expect(one).toMatchObject({ batches: 2, events: 4, eof: false });
    const other = await runInThread(fixture, null, '1000000', { batches: 2, extract: ['fix.yes'] });
    expect(other.digest).not.toBe(one.digest);
  });

  test('counts refused extractions, and rejects what cannot go on', async () => {
    expect(await runInThread(fixture, null, '1', { extract: ['fix.error'] })).toMatchObject({ failures: 2 });
    await expect(runInThread(fixture, null, 'failing')).rejects.toThrow('the source broke');
    await expect(runInThread(fixture, null, 'fail')).rejects.toThrow("cannot open 'fail'");
    await expect(runInThread(fixture, 'refuse', '1')).rejects.toThrow("configuration 'refuse' refused");
    await expect(runInThread(fixture, null, 'idle', { maxIdle: 10 })).rejects.toThrow(
      'no event and no end in 11',
    );
    expect(() => runInThread(fixture, null, '1', { extract: ['fix.what'] })).toThrow('no field fix.what');
    expect(living()).toEqual({ states: 1, instances: 0 });
  });
});
