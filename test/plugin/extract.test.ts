// SPDX-License-Identifier: Apache-2.0
// plugin_extract_fields as libsinsp calls it: one field or many a call, our own events and those of a capture, and
// what is no event of ours. That the values are right is test/unit's business; here it is that they are the same.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { auditEvent, eventText, listText, shortEvent } from '../support/events.ts';
import type { Extracted, FieldValue, PluginEvent, PluginState } from '../support/plugin.ts';
import { OF_OWN_EVENTS } from '../support/remembered.ts';
import { Workspace, lines } from '../support/workspace.ts';
import {
  type Reader,
  allFields,
  compileDriver,
  init,
  load,
  open,
  pluginFile,
  realEvents,
} from './support.ts';

const FIELDS = allFields(load());
/** Bytes in front of the payload in an event. */
const HEADER = 38;

function byField(extracted: readonly Extracted[]): Record<string, FieldValue> {
  return Object.fromEntries(extracted.map(({ field, value }) => [field, value]));
}

/** Reads real events and calls `use` for each while its batch is there. */
function withRealEvents(use: (reader: Reader, event: PluginEvent) => void): number {
  const reader = open(new Workspace().write('real.jsonl', lines(realEvents())));
  let count = 0;
  while (!reader.ended) {
    for (const event of reader.poll()) {
      use(reader, event);
      count++;
    }
  }
  return count;
}

describe('of real events', () => {
  test('all fields in one call are what one call each gives, in either order, and again', () => {
    const seen = new Set<string>();
    const count = withRealEvents(({ state }, event) => {
      const together = byField(state.extract(event, FIELDS));
      expect(byField(state.extract(event, FIELDS, { separately: true }))).toEqual(together);
      expect(byField(state.extract(event, FIELDS, { offsets: true }))).toEqual(together);
      const backwards = [...FIELDS].reverse();
      expect(byField(state.extract(event, backwards, { separately: true, offsets: true }))).toEqual(together);
      FIELDS.filter((field) => together[field] !== null).forEach((field) => seen.add(field));
    });
    expect(count).toBeGreaterThan(50);
    expect(seen.size).toBeGreaterThan(30);
  });

  test('an event by its address gives what its bytes give as a foreign event, in this state and in another', () => {
    const other = init();
    const fields = FIELDS.filter((field) => !OF_OWN_EVENTS.test(field));
    withRealEvents(({ state }, event) => {
      const own = byField(state.extract(event, fields, { separately: true }));
      expect(byField(state.extractForeign(event.payload, fields))).toEqual(own);
      expect(byField(other.extractForeign(event.payload, fields, { separately: true }))).toEqual(own);
      expect(other.eventToString(other.foreignEvent(event.payload))).toBe(state.eventToString(event));
      // The foreign one has not taken the place of our own.
      expect(byField(state.extract(event, fields))).toEqual(own);
    });
  });

  test('each value offset points at the value in the event, or is 0, 0', () => {
    let pointing = 0;
    withRealEvents(({ state }, event) => {
      for (const separately of [true, false]) {
        for (const { field, value, offsets } of state.extract(event, FIELDS, { separately, offsets: true })) {
          const values = value === null ? [] : [value].flat();
          if (values.length === 0) continue;
          // One field a call: an offset for each value. Many: one for each field.
          expect(offsets, field).toHaveLength(separately ? values.length : 1);
          offsets?.forEach(({ start, length }, i) => {
            if (start === 0) return expect(length, field).toBe(0);
            const value = values[i];
            pointing++;
            // A number or an address stands there in another way.
            if (typeof value === 'string') expectPointsAt(event, start, length, value, field);
          });
        }
      }
    });
    expect(pointing).toBeGreaterThan(1000);
  });
});

describe('what is told without asking the WASM', () => {
  // The one after the other: what one lacks must not be lacking in the next.
  const spec = { hostNetwork: true };
  const events = [
    eventText({ requestObject: { spec } }),
    eventText({}),
    eventText({ responseObject: { metadata: { name: 'made' } } }),
    eventText({ requestObject: { spec } }).replace('"requestObject"', String.raw`"request\u004fbject"`),
    eventText({ requestObject: null, responseObject: null }),
    eventText({ requestObject: 'text', responseObject: 7 }),
    eventText({ requestObject: {}, responseObject: { metadata: null } }),
    eventText({ requestObject: { spec }, responseObject: { metadata: { name: 'made' } } }),
  ];
  const expected = [
    ['true', null],
    [null, null],
    [null, 'made'],
    ['true', null],
    [null, null],
    [null, null],
    [null, null],
    ['true', 'made'],
  ];
  const asked = ['ka.verb', 'ka.req.pod.host_network', 'ka.resp.name', 'ka.req.container.host_network'];

  test.each([false, true])('bodies and places that are there and not there (twice: %s)', (isTwice) => {
    const reader = open(new Workspace().write('bodies.jsonl', lines(events)));
    const found: FieldValue[][] = [];
    const foreign: FieldValue[][] = [];
    while (!reader.ended) {
      for (const event of reader.poll()) {
        if (isTwice) reader.state.extract(event, asked, { separately: true });
        const [verb, network, name, same] = reader.state.extract(event, asked, { separately: true });
        expect([verb?.value, same?.value]).toEqual(['get', network?.value]);
        found.push([network?.value ?? null, name?.value ?? null]);
        const other = reader.state.extractForeign(event.payload, asked, { separately: true });
        foreign.push([other[1]?.value ?? null, other[2]?.value ?? null]);
      }
    }
    expect(found).toEqual(expected);
    expect(foreign).toEqual(expected);
  });
});

function expectPointsAt(
  event: PluginEvent,
  start: number,
  length: number,
  value: string,
  field: string,
): void {
  expect(start, field).toBeGreaterThanOrEqual(HEADER);
  expect(start + length, field).toBeLessThanOrEqual(event.len);
  const text = event.payload.subarray(start - HEADER, start - HEADER + length).toString();
  if (text === value) return;
  const isString = event.payload[start - HEADER - 1] === 0x22;
  expect(isString ? JSON.parse(`"${text}"`) : JSON.stringify(JSON.parse(text)), field).toBe(value);
}

describe('value offsets', () => {
  const text = eventText({
    verb: 'create',
    user: { username: 'j\\u00fcrgen "x"', groups: ['one', 'two', 'three'] },
    objectRef: { resource: 'pods', name: 'n' },
    requestURI: '/a?command=ls&command=id',
    requestObject: {
      spec: { containers: [{ name: 'c0', image: 'reg:5000/a/b:1', command: ['sh', '-c'] }, { name: 'c1' }] },
    },
  }).replace('j\\\\u00fcrgen', 'j\\u00fcrgen');

  function offsetsOf(state: PluginState, event: PluginEvent, fields: string[], separately = true) {
    return state.extract(event, fields, { separately, offsets: true }).map(({ offsets }) => offsets);
  }

  /** Where a raw text stands in the event. */
  function at(raw: string, from = 0): { start: number; length: number } {
    const index = Buffer.from(text).indexOf(raw, from);
    expect(index).toBeGreaterThan(0);
    return { start: HEADER + index, length: Buffer.byteLength(raw) };
  }

  test('of scalars and lists, one field a call and many', () => {
    const reader = open(new Workspace().write('a.jsonl', lines([text])));
    const [event] = reader.poll();
    const fields = [
      'ka.verb',
      'ka.user.groups',
      'ka.user.name',
      'ka.req.pod.containers.name',
      'ka.impuser.name',
    ];
    const groups = ['one', 'two', 'three'].map((group) => at(group));
    const names = ['c0', 'c1'].map((name) => at(name));
    const userName = at('j\\u00fcrgen \\"x\\"');
    for (const target of [event!, reader.state.foreignEvent(text)]) {
      expect(offsetsOf(reader.state, target, fields)).toEqual([
        [at('create')],
        groups,
        [userName],
        names,
        null,
      ]);
      expect(offsetsOf(reader.state, target, fields, false)).toEqual([
        [at('create')],
        [groups[0]],
        [userName],
        [names[0]],
        null,
      ]);
    }
  });

  test('of values that do not stand in the event as they are: 0, 0', () => {
    const state = init();
    const event = state.foreignEvent(text);
    const nowhere = { start: 0, length: 0 };
    const computed = [
      'ka.uri.param[command]',
      'ka.req.pod.containers.command',
      'ka.req.container.privileged',
      'ka.req.volume.hostpath[/x]',
      'ka.req.binding.subject.has_name[x]',
    ];
    for (const field of computed) {
      const [extracted] = state.extract(event, [field], { offsets: true });
      if (extracted?.value === null) continue;
      expect(extracted?.offsets, field).toEqual([nowhere]);
    }
    expect(state.values(event, ['ka.uri.param[command]'])).toEqual({ 'ka.uri.param[command]': 'ls' });
  });

  test('an empty string has a place, but no bytes', () => {
    const state = init();
    const empty = state.foreignEvent('{"kind":"Event","auditID":"a","verb":""}');
    const [extracted] = state.extract(empty, ['ka.verb'], { offsets: true });
    expect(extracted?.value).toBe('');
    expect(extracted?.offsets).toHaveLength(1);
    expect(extracted?.offsets?.[0]?.length).toBe(0);
  });
});

describe('which event is asked about', () => {
  test('two events in turn, own and foreign, never mix', () => {
    const reader = open(new Workspace().write('a.jsonl', lines([shortEvent('a'), shortEvent('b')])));
    const [a, b] = reader.poll();
    const state = reader.state;
    const c = state.foreignEvent(shortEvent('c'));
    const d = state.foreignEvent(shortEvent('d'));
    for (let round = 0; round < 3; round++) {
      for (const [event, id] of [
        [a, 'a'],
        [c, 'c'],
        [b, 'b'],
        [d, 'd'],
        [c, 'c'],
        [a, 'a'],
      ] as const) {
        expect(state.values(event!, ['ka.auditid'])).toEqual({ 'ka.auditid': id });
        expect(state.eventToString(event!)).toContain('by ?');
      }
    }
  });

  test('the bytes of an earlier batch, kept by the host, are read as what they are', () => {
    const texts = Array.from({ length: 600 }, (_, i) => shortEvent(`e${i}`, { verb: `v${i}` }));
    const reader = open(new Workspace().write('a.jsonl', lines(texts)));
    const first = reader.poll().map(({ payload, num }) => ({ payload, num }));
    expect(first.length).toBeLessThan(600);
    const [later] = reader.poll();
    const kept = reader.state.foreignEvent(first[0]!.payload, { evtnum: first[0]!.num });
    expect(reader.state.values(kept, ['ka.verb'])).toEqual({ 'ka.verb': 'v0' });
    // With the number of an event of the present batch, too.
    const sameNumber = reader.state.foreignEvent(first[1]!.payload, { evtnum: later!.num });
    expect(reader.state.values(later!, ['ka.verb'])).toEqual({ 'ka.verb': `v${first.length}` });
    expect(reader.state.values(sameNumber, ['ka.verb'])).toEqual({ 'ka.verb': 'v1' });
  });

  test('an event that was changed by the host is read with the change', () => {
    const state = init();
    const { payload } = state.foreignEvent(shortEvent('a', { verb: 'get' }));
    expect(state.extractForeign(payload, ['ka.verb'], { evtnum: 7 })[0]?.value).toBe('get');
    const changed = Buffer.from(payload.toString().replace('"get"', '"put"'));
    expect(state.extractForeign(changed, ['ka.verb'], { evtnum: 7 })[0]?.value).toBe('put');
  });

  test('after close, no event of the source is current any more', () => {
    const reader = open(new Workspace().write('a.jsonl', lines([shortEvent('a')])));
    const [event] = reader.poll();
    expect(reader.state.values(event!, ['ka.auditid'])).toEqual({ 'ka.auditid': 'a' });
    reader.instance.close();
    expect(reader.state.extractForeign(shortEvent('b'), ['ka.auditid'])[0]?.value).toBe('b');
    expect(reader.state.extractForeign('{}', ['ka.auditid'])[0]?.value).toBeNull();
  });
});

describe('event_to_string', () => {
  test.each([
    [
      'a whole event',
      {
        verb: 'create',
        objectRef: { resource: 'pods', subresource: 'exec', namespace: 'kube-system', name: 'web-0' },
        user: { username: 'alice' },
        responseStatus: { code: 101 },
      },
      'create pods/exec kube-system/web-0 by alice → 101',
    ],
    [
      'an object without a namespace',
      { verb: 'get', objectRef: { resource: 'nodes', name: 'n1' }, user: { username: 'u' } },
      'get nodes n1 by u',
    ],
    ['no object', { verb: 'get', requestURI: '/healthz', user: { username: 'u' } }, 'get /healthz by u'],
    ['nothing but an auditID', { verb: undefined, requestURI: undefined }, '? ? by ?'],
    [
      'line breaks and control characters',
      { verb: 'a\nb\u0007', requestURI: '/\u001b[31m', user: { username: 'x\ty' } },
      'a?b? /?[31m by x?y',
    ],
  ])('of %s', (_, members, line) => {
    const reader = open(new Workspace().write('a.jsonl', lines([eventText(members)])));
    const [event] = reader.poll();
    expect(reader.state.eventToString(event!)).toBe(line);
    expect(reader.state.eventToString(reader.state.foreignEvent(eventText(members)))).toBe(line);
  });

  test('is one short line for parts of any length, cut between characters', () => {
    const state = init();
    const long = '€'.repeat(5000);
    const ref = { resource: long, subresource: long, namespace: long, name: long };
    const event = eventText({
      verb: long,
      objectRef: ref,
      user: { username: long },
      responseStatus: { code: long },
    });
    const line = state.eventToString(state.foreignEvent(event));
    expect(Buffer.byteLength(line)).toBeLessThan(2048);
    expect(line).not.toContain('\ufffd');
    expect(line).toMatch(/^€+ €+\/€+ €+\/€+ by €+ → €+$/);
  });

  test('of what is no audit event', () => {
    const state = init();
    for (const payload of ['', 'x', '{}', '[]', '{"kind":"Pod"}']) {
      expect(state.eventToString(state.foreignEvent(payload))).toMatch(/^\(.*no.* audit event\)$/);
    }
  });
});

describe('foreign events that are none of ours', () => {
  const good = auditEvent({ auditID: 'good' });

  /** A whole event in libscap's packed layout. */
  function rawEvent(
    payload: Buffer,
    { type = 322, nparams = 2, lengths = [4, payload.length], cut = 0 }: RawOptions = {},
  ): Buffer {
    const header = Buffer.alloc(HEADER);
    header.writeUInt16LE(type, 20);
    header.writeUInt32LE(nparams, 22);
    header.writeUInt32LE(lengths[0]!, 26);
    header.writeUInt32LE(lengths[1]!, 30);
    const whole = Buffer.concat([header, payload]);
    const event = whole.subarray(0, whole.length - cut);
    event.writeUInt32LE(event.length, 16);
    return event;
  }

  interface RawOptions {
    type?: number;
    nparams?: number;
    lengths?: number[];
    cut?: number;
  }

  const text = Buffer.from(JSON.stringify(good));

  test.each<[string, Buffer]>([
    ['another type', rawEvent(text, { type: 2 })],
    ['the largest type', rawEvent(text, { type: 65535 })],
    ['no parameters', rawEvent(text, { nparams: 0 })],
    ['three parameters', rawEvent(text, { nparams: 3 })],
    ['a header and nothing else', rawEvent(Buffer.alloc(0), { cut: 12, lengths: [4, 0] })],
    ['an event that ends in its lengths', rawEvent(Buffer.alloc(0), { cut: 6, lengths: [4, 0] })],
    ['a payload length above the event', rawEvent(text, { lengths: [4, text.length + 1] })],
    ['a payload length of 4 GiB', rawEvent(text, { lengths: [4, 0xffffffff] })],
    ['a payload length that wraps', rawEvent(text, { lengths: [4, 0xffffffda] })],
    ['a plugin id of eight bytes', rawEvent(text, { lengths: [8, text.length] })],
    ['an empty payload', rawEvent(Buffer.alloc(0))],
    ['a payload that is cut', rawEvent(text.subarray(0, text.length - 1))],
    ['a payload of zeros', rawEvent(Buffer.alloc(4096))],
    ['a payload of brackets', rawEvent(Buffer.alloc(60_000, '['))],
    ['a payload of quotes', rawEvent(Buffer.alloc(60_001, '"'))],
    ['text behind the event', rawEvent(Buffer.concat([text, text]))],
    ['a list of events', rawEvent(Buffer.from(listText([JSON.stringify(good)])))],
    ['an event without an auditID', rawEvent(Buffer.from(JSON.stringify({ ...good, auditID: undefined })))],
    ['an event of another API', rawEvent(Buffer.from(JSON.stringify({ ...good, apiVersion: 'v1' })))],
  ])('%s: no field has a value, and the next event is read', (_, bytes) => {
    const state = init();
    const before = state.foreignEvent(JSON.stringify(good));
    expect(state.values(before, ['ka.auditid'])).toEqual({ 'ka.auditid': 'good' });
    const event = state.rawEvent(bytes);
    for (const options of [{}, { separately: true, offsets: true }]) {
      const values = state.extract(event, FIELDS, options).map(({ value }) => value);
      expect(new Set(values)).toEqual(new Set([null]));
    }
    expect(state.eventToString(event)).toMatch(/no.* audit event/);
    expect(state.values(before, ['ka.auditid'])).toEqual({ 'ka.auditid': 'good' });
    expect(state.logs).toEqual([]);
  });

  test('bytes behind the payload do not belong to it', () => {
    const state = init();
    const event = rawEvent(Buffer.concat([text, Buffer.from('garbage')]), { lengths: [4, text.length] });
    expect(state.values(state.rawEvent(event), ['ka.auditid'])).toEqual({ 'ka.auditid': 'good' });
  });

  test('every cut of an event, and every byte changed, end without a crash', () => {
    const state = init();
    const fields = ['ka.auditid', 'ka.user.groups', 'ka.uri.param[x]', 'ka.value[/user]', 'ka.response.code'];
    for (let length = 0; length <= text.length; length++) {
      const id = state.extractForeign(text.subarray(0, length), fields)[0]?.value;
      expect(id).toBe(length === text.length ? 'good' : null);
    }
    for (let i = 0; i < text.length; i++) {
      const changed = Buffer.from(text);
      changed[i] = (changed[i]! + 1 + (i % 255)) & 0xff;
      state.extractForeign(changed, fields, { offsets: true, separately: true });
    }
    expect(state.extractForeign(text, fields)[0]?.value).toBe('good');
  });
});

describe('arguments', () => {
  test('of any length and content are only looked up', () => {
    const state = init();
    const event = state.foreignEvent(
      eventText({ requestURI: '/?a=1&%C3%BC=2', sourceIPs: ['10.0.0.1', '::1'] }),
    );
    const keys = ['a', '', 'ü', 'x'.repeat(100_000), '/', '~', '~2', '/~', '%', '\u{1f600}', 'a\u0001'];
    for (const key of keys) {
      const values = state.values(event, [
        `ka.uri.param[${key}]`,
        `ka.value[${key}]`,
        `ka.req.volume.hostpath[${key}]`,
      ]);
      expect(values[`ka.uri.param[${key}]`]).toBe(key === 'a' ? '1' : key === 'ü' ? '2' : null);
    }
    expect(state.values(event, ['ka.sourceips', 'ka.sourceips[1]', 'ka.sourceips[2]'])).toEqual({
      'ka.sourceips': ['10.0.0.1', '::1'],
      'ka.sourceips[1]': ['::1'],
      'ka.sourceips[2]': null,
    });
    for (const index of [2n ** 31n, 2n ** 32n, 2n ** 32n + 1n, 2n ** 63n, 2n ** 64n - 1n]) {
      const field = `ka.sourceips[${index}]`;
      // The greatest number is libsinsp's "no index".
      const expected = index === 2n ** 64n - 1n ? ['10.0.0.1', '::1'] : null;
      expect(state.values(event, [field])).toEqual({ [field]: expected });
    }
  });

  test('one field asked a thousand times in a call', () => {
    const state = init();
    const event = state.foreignEvent(eventText({ user: { groups: ['a', 'b'] } }));
    const many = Array.from({ length: 1000 }, () => 'ka.user.groups');
    const extracted = state.extract(event, many, { offsets: true });
    expect(extracted).toHaveLength(1000);
    expect(new Set(extracted.map(({ value }) => JSON.stringify(value)))).toEqual(new Set(['["a","b"]']));
  });
});

describe('pointers', () => {
  const folder = mkdtempSync(join(tmpdir(), 'k8saudit-driver-'));
  let driver = '';
  beforeAll(() => {
    driver = compileDriver(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  function drive(command: string, argument: string, config = '{}', variant = 'release'): string {
    return execFileSync(driver, [pluginFile(variant), config, command, argument], {
      encoding: 'utf8',
      timeout: 30_000,
    });
  }

  test('to values stay until the next event is asked about, to events until the next batch', () => {
    const file = new Workspace().write('real.jsonl', lines(realEvents()));
    expect(drive('lifetime', file)).toMatch(/^\d\d+ events, \d{4,} values$/m);
  });

  test('also when one event has many megabytes of values', () => {
    const rules = Array.from({ length: 300 }, (_, i) => ({
      verbs: ['get'],
      resources: [`${i}${'r'.repeat(9000)}`],
    }));
    const requestObject = { rules, data: { x: 'y'.repeat(3_000_000) } };
    const file = new Workspace().write('large.jsonl', lines([shortEvent('a', { requestObject })]));
    expect(drive('lifetime', file, '{"maxEventSize": 16777216}')).toMatch(/^1 events/m);
  });

  test('stay when each event of a batch makes the WASM trap between two fields', () => {
    let requestObject: unknown = 'x'.repeat(300_000);
    for (let level = 0; level < 100; level++) requestObject = { a: requestObject };
    const large = { verb: 'get', requestURI: '/x', requestObject };
    const events = ['a', 'b', 'c'].map((id) => shortEvent(id, large));
    const output = drive(
      'traps',
      new Workspace().write('a.jsonl', lines(events)),
      '{"maxEventSize": 1000000}',
      'small',
    );
    expect(output.match(/^log 3 internal error/gm)).toHaveLength(3);
    expect(output).toMatch(/^3 events$/m);
  });

  test('another event at the same address with the same number is another event', () => {
    const payloads = [shortEvent('one'), shortEvent('two'), '{}', shortEvent('six')];
    expect(drive('reuse', payloads.join('\n')).trimEnd().split('\n')).toEqual([
      'one',
      'two',
      '(none)',
      'six',
    ]);
  });
});
