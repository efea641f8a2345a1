// SPDX-License-Identifier: Apache-2.0
// Events that are cut or too large: what is whole is delivered, marked, and no padding hides what rules look for.
import { describe, expect, test } from 'vitest';
import { post } from '../support/drive';
import { auditEvent, eventOfSize, eventText, listText, shortEvent } from '../support/events';
import { Random, stringText, valueText } from '../support/random';
import type { Value } from '../support/wasm';

const MARKER = 'k8saudit.truncated';
const LIMIT = 262_144;
/** Room for everything that these tests send. */
const WIDE = JSON.stringify({ webhookMaxBatchSize: 134_217_728 });

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

interface Outcome {
  payloads: string[];
  counts: Record<string, number>;
  logs: string[];
  status: number | undefined;
  ask(request: string): Value;
}

/** What comes of one body: the payloads, and the fields of the first event. */
function outcome(body: string | Buffer, config = WIDE): Outcome {
  const { wasm, events, status } = post({ body: body as string }, config);
  return {
    payloads: events.map(({ payload }) => payload),
    counts: wasm.counts(),
    // Without the one about the configuration, which allows very large bodies.
    logs: wasm.host.logs
      .filter(({ severity, message }) => severity === 4 && !message.startsWith('webhookMaxWaiting'))
      .map(({ message }) => message),
    status,
    ask: (request) => {
      wasm.selectForeign(events[0].payload);
      return wasm.extract(request);
    },
  };
}

/** The members of a delivered event without the marker, which must be there. */
function salvaged(payload: string): { [key: string]: Json } {
  const { [MARKER]: marker, ...members } = JSON.parse(payload) as { [key: string]: Json };
  expect(marker, payload).toBe(true);
  return members;
}

/** The JSON without the white space between its tokens. */
function compact(text: string): string {
  return text.replaceAll(/"(?:\\.|[^"\\])*"|\s+/g, (match) => (match.startsWith('"') ? match : ''));
}

/** What is kept, without the marker and what closes it, stands at the start of the whole event. */
function expectPrefix(payload: string, whole: string): void {
  salvaged(payload);
  const kept = payload.replace(`"${MARKER}":true,`, '').replace(/[\]}]+$/, '');
  expect(compact(whole).startsWith(kept), payload).toBe(true);
}

const privileged = { name: 'x', image: 'evil', securityContext: { privileged: true } };
const pod = { metadata: { name: 'p' }, spec: { containers: [privileged] } };

describe('a cut event', () => {
  const whole = eventText({ requestObject: pod, responseStatus: { code: 201 } });

  test('is delivered with its whole members, wherever it is cut', () => {
    const idBehind = whole.indexOf('"auditID":"a"') + '"auditID":"a"'.length;
    for (let length = 1; length < whole.length; length++) {
      const { payloads, counts, status } = outcome(whole.slice(0, length));
      const isKept = length >= idBehind;
      expect(payloads.length, whole.slice(0, length)).toBe(isKept ? 1 : 0);
      expect(status).toBe(isKept ? 200 : 400);
      expect(counts.events_received).toBe(1);
      if (!isKept) continue;
      expect(counts).toMatchObject({ events_salvaged: 1, events_delivered: 1 });
      expectPrefix(payloads[0], whole);
    }
  });

  test.each([
    ['in a string', '"image":"ev', { name: 'x' }],
    ['behind a string', '"image":"evil"', { name: 'x', image: 'evil' }],
    ['behind a comma', '"image":"evil",', { name: 'x', image: 'evil' }],
    ['in a key', '"ima', { name: 'x' }],
    ['behind a key', '"image"', { name: 'x' }],
    ['behind a colon', '"image":', { name: 'x' }],
    ['behind an open object', '"securityContext":{', { name: 'x', securityContext: {} }],
    ['in a number', '"n":20', { name: 'x' }],
    ['behind a number', '"n":20,', { name: 'x', n: 20 }],
    ['in a literal', '"b":tru', { name: 'x' }],
    ['behind a literal', '"b":true', { name: 'x', b: true }],
    ['in an escape', '"image":"a\\u00', { name: 'x' }],
    ['by garbage', '"b":true\u0001\u00ff', { name: 'x' }],
    ['by a wrong bracket', '"b":[1}', { name: 'x', b: [] }],
  ])('%s', (_, end, container) => {
    const cut = `${eventText().slice(0, -1)},"requestObject":{"spec":{"containers":[{"name":"x",${end}`;
    for (const body of [cut, `${cut}\n`, `${cut}\r\n`, `${cut}[Truncated...]`, `${cut}[Truncated...]\n`]) {
      const { payloads } = outcome(body);
      expect(salvaged(payloads[0]), body).toMatchObject({
        requestObject: { spec: { containers: [container] } },
      });
    }
  });

  test('gives the fields of what is there', () => {
    const { ask } = outcome(whole.slice(0, whole.indexOf(',"responseStatus"')));
    expect(ask('ka.req.pod.containers.privileged')).toEqual(['true']);
    expect(ask('ka.response.code')).toBeNull();
    expect(ask('ka.truncated')).toBe('true');
  });

  test('does not take what stands behind it with it, in every form', () => {
    const cut = whole.slice(0, whole.indexOf('"evil"'));
    const [a, b] = [shortEvent('b'), shortEvent('c')];
    const ids = (body: string): string[] =>
      outcome(body).payloads.map((payload) => (JSON.parse(payload) as { auditID: string }).auditID);
    expect(ids([a, cut, b].join('\n'))).toEqual(['b', 'a', 'c']);
    expect(ids([a, `${cut}[Truncated...]`, b].join('\n'))).toEqual(['b', 'a', 'c']);
    expect(ids(listText([a, b, cut]).slice(0, -2))).toEqual(['b', 'c', 'a']);
    expect(ids(`[${a},${b},${cut}`)).toEqual(['b', 'c', 'a']);
    expect(ids(`${listText([a, cut]).slice(0, -2)}\n${b}`)).toEqual(['b', 'a', 'c']);
  });

  test('whose broken place is in the middle of a list costs only what stands behind that place', () => {
    const broken = whole.replace('201', '2x');
    const { payloads, counts } = outcome(listText([shortEvent('b'), broken, shortEvent('c')]));
    expect(payloads).toHaveLength(3);
    expect(salvaged(payloads[1])).toEqual(auditEvent({ requestObject: pod, responseStatus: {} }));
    expect(counts).toMatchObject({ events_received: 3, events_salvaged: 1, events_delivered: 3 });
  });

  test('says where it was cut, without its text', () => {
    const { logs } = outcome(whole.slice(0, 200));
    expect(logs).toEqual([
      expect.stringMatching(
        /^invalid JSON: the text ends before the value does at byte 200 of the body of a webhook request; .*ka\.truncated/,
      ),
    ]);
  });

  test('without an auditID is dropped and counted', () => {
    const { payloads, counts, logs } = outcome('{"kind":"Event","verb":"get","a":"');
    expect(payloads).toEqual([]);
    expect(counts).toMatchObject({ events_received: 1, events_dropped_without_id: 1 });
    expect(logs[0]).toMatch(
      /^a cut event without an auditID \(the text ends before the value does\) at byte 34/,
    );
  });

  test.each([
    '{"kind":"Pod","auditID":"x","a":"',
    '{"auditID":"x","a":"',
    '{"kind":"Event","apiVersion":"v1","auditID":"x","a":',
  ])('that is none of the audit API is invalid as before: %s', (body) => {
    expect(outcome(body)).toMatchObject({ payloads: [], counts: { events_dropped_invalid_json: 1 } });
  });

  test('in a list needs no kind', () => {
    const { payloads } = outcome(listText(['{"auditID":"x","verb":"get","a":"']).slice(0, -2));
    expect(salvaged(payloads[0])).toEqual({ auditID: 'x', verb: 'get' });
  });

  test('is marked once, also when it is cut again', () => {
    const { payloads } = outcome(`{"${MARKER}":true,${shortEvent('a').slice(1, -1)},"x":"`);
    expect(payloads[0].split(MARKER)).toHaveLength(2);
  });
});

describe('random events, cut at every byte', () => {
  test('give valid JSON, the marker, and the first members', () => {
    const random = new Random(11);
    for (let run = 0; run < 25; run++) {
      const members = Array.from(
        { length: 6 },
        (_, i) => `${stringText(random, 3).slice(0, -1)}${i}":${valueText(random, 4)}`,
      );
      const start = '{"kind":"Event","auditID":"r",';
      const whole = Buffer.from(`${start}"requestObject":${valueText(random, 5)},${members.join(',')}}`);
      for (let length = start.length - 1; length < whole.length; length++) {
        const cut = whole.subarray(0, length);
        const { payloads } = outcome(cut);
        expect(payloads, cut.toString()).toHaveLength(1);
        expectPrefix(payloads[0], whole.toString());
      }
    }
  }, 300_000);
});

/** The JSON of an object with `count` small members, and `more` behind them. */
function padded(count: number, more: string, key = (i: number) => `k${i}`): string {
  const members = Array.from({ length: count }, (_, i) => `"${key(i)}":"${i % 10}"`);
  return `{${[...members, ...(more ? [more] : [])].join(',')}}`;
}

function withBody(requestObject: string, members: Record<string, unknown> = {}): string {
  return eventText({
    ...members,
    requestObject: '@@',
    annotations: { 'authorization.k8s.io/decision': 'allow' },
  }).replace('"@@"', () => requestObject);
}

const spec = `"spec":{"containers":[${JSON.stringify(privileged)}]}`;
const env = (count: number) => Array.from({ length: count }, (_, i) => ({ name: `E${i}`, value: `v${i}` }));
const twice = (text: string, count: number) => text.repeat(count);
const OTHER = { name: 'c', image: 'nginx' };

describe('padding hides nothing: an event above maxEventSize is delivered with', () => {
  // prettier-ignore
  const PADDINGS: [name: string, event: () => string][] = [
    ['labels', () => withBody(`{"metadata":{"labels":${padded(100_000, '')}},${spec}}`)],
    ['annotations', () => withBody(`{"metadata":{"annotations":${padded(100_000, '')}},${spec}}`)],
    ['one annotation', () => withBody(`{"metadata":{"annotations":{"a":"${twice('x', 1_000_000)}"}},${spec}}`)],
    ['managedFields', () => withBody(`{"metadata":{"managedFields":[${padded(50_000, '')}]},${spec}}`)],
    ['the last applied configuration', () => withBody(`{"metadata":{"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"${twice('x', 1_000_000)}"}},${spec}}`)],
    ['100,000 small members of the body', () => withBody(padded(100_000, spec))],
    ['small members of the spec', () => withBody(`{"spec":${padded(100_000, spec.slice(8, -1))}}`)],
    ['small members of the container', () => withBody(`{"spec":{"containers":[${padded(50_000, '"securityContext":{"privileged":true}')}]}}`)],
    ['small members of the security context', () => withBody(`{"spec":{"containers":[{"securityContext":${padded(50_000, '"privileged":true')}}]}}`)],
    ['one key over and over', () => withBody(padded(100_000, spec, () => 'k'))],
    ['a key that fields read, over and over', () => withBody(padded(100_000, spec, () => 'name'))],
    ['environment variables', () => withBody(JSON.stringify({ spec: { containers: [{ env: env(20_000), ...privileged }] } }))],
    ['20,000 containers', () => withBody(JSON.stringify({ spec: { containers: [...Array<unknown>(20_000).fill(OTHER), privileged] } }))],
    ['20,000 containers that differ', () => withBody(JSON.stringify({ spec: { containers: [...env(20_000), privileged, ...env(20_000)] } }))],
    ['containers with a privileged: false', () => withBody(JSON.stringify({ spec: { containers: [...Array<unknown>(20_000).fill({ securityContext: { privileged: false } }), privileged] } }))],
    ['init containers', () => withBody(JSON.stringify({ spec: { initContainers: env(20_000), containers: [privileged] } }))],
    ['volumes', () => withBody(JSON.stringify({ spec: { volumes: env(20_000), containers: [privileged] } }))],
    ['deep nesting', () => withBody(`{"x":${twice('[', 200_000)}${twice(']', 200_000)},${spec}}`)],
    ['deep nesting of objects', () => withBody(`{"x":${twice('{"a":', 100_000)}1${twice('}', 100_000)},${spec}}`)],
    ['deep nesting of keys that fields read', () => withBody(`{"metadata":${twice('{"spec":', 100_000)}1${twice('}', 100_000)},${spec}}`)],
    ['a wide tree of keys that fields read', () => withBody(`{"metadata":${tree(6)},${spec}}`)],
    ['a string of escapes', () => withBody(`{"x":"${twice('\\u00e9\\n\\ud83d\\ude00\\"', 50_000)}",${spec}}`)],
    ['a string of long characters', () => withBody(`{"x":"${twice('é中😀', 100_000)}",${spec}}`)],
    ['a million numbers', () => withBody(`{"x":[${twice('1,', 999_999)}1],${spec}}`)],
    ['a huge number', () => withBody(`{"x":${twice('1', 500_000)},${spec}}`)],
    ['white space', () => withBody(`{"x":${twice(' ', 500_000)}1,${spec}}`)],
    ['a huge key', () => withBody(`{"${twice('k', 500_000)}":1,${spec}}`)],
    ['many huge keys', () => withBody(padded(1000, spec, (i) => `${i}${twice('k', 1000)}`))],
    ['long keys', () => withBody(padded(10_000, spec, (i) => `${i}${twice('k', 200)}`))],
    ['a value in the place of the metadata', () => withBody(`{"metadata":[${twice('[1],', 200_000)}1],${spec}}`)],
    ['padding in the response', () => withBody(`{${spec}}`, { responseObject: { metadata: { labels: JSON.parse(padded(50_000, '')) as unknown } } })],
    ['padding in user.extra', () => withBody(`{${spec}}`, { user: { username: 'u', extra: { a: env(20_000) } } })],
    ['padding in the groups', () => withBody(`{${spec}}`, { user: { username: 'u', groups: env(60_000).map(({ name }) => name) } })],
    ['padding in requestURI', () => withBody(`{${spec}}`, { requestURI: `/api?${twice('x', 500_000)}` })],
    ['padding in userAgent', () => withBody(`{${spec}}`, { userAgent: twice('u', 500_000) })],
    ['padding everywhere', () => withBody(`{"metadata":{"labels":${padded(50_000, '')}},"data":${padded(50_000, '')},${spec}}`, { requestURI: twice('x', 300_000), userAgent: twice('u', 300_000), user: { username: 'u', extra: { a: env(20_000) } }, responseObject: { a: env(20_000) } })],
  ];

  /** Objects in objects, each member under a key that fields read. */
  function tree(depth: number): string {
    if (depth === 0) return '1';
    const keys = ['spec', 'metadata', 'name', 'rules', 'data', 'securityContext', 'volumes', 'verbs'];
    return `{${keys.map((key) => `"${key}":${tree(depth - 1)}`).join(',')}}`;
  }

  test.each(PADDINGS)('%s', (_, make) => {
    const event = make();
    expect(Buffer.byteLength(event)).toBeGreaterThan(LIMIT);
    // The second limit is below the first step's result, so that every step has to be gone.
    for (const maxEventSize of [LIMIT, 8192, 1_000_000]) {
      const config = JSON.stringify({ maxEventSize, webhookMaxBatchSize: 134_217_728 });
      const { payloads, counts, ask, status } = outcome(event, config);
      expect([payloads.length, status]).toEqual([1, 200]);
      if (Buffer.byteLength(event) > maxEventSize) {
        expect(Buffer.byteLength(payloads[0])).toBeLessThanOrEqual(maxEventSize);
        salvaged(payloads[0]);
        expect(counts).toMatchObject({ events_received: 1, events_salvaged: 1, events_delivered: 1 });
        expect(ask('ka.truncated')).toBe('true');
      }
      expect(ask('ka.req.pod.containers.privileged'), payloads[0].slice(0, 3000)).toContain('true');
      expect([ask('ka.auditid'), ask('ka.verb'), ask('ka.stage'), ask('ka.auth.decision')]).toEqual([
        'a',
        'get',
        'ResponseComplete',
        'allow',
      ]);
    }
  });

  test('containers, volumes and rules that are long in all that fields read', () => {
    const long = Array.from({ length: 40 }, (_, i) => `${i}${'y'.repeat(300)}`);
    const context = { procMount: long[0], capabilities: { add: long } };
    const container = { name: long[0], image: long[1], command: long, args: long, securityContext: context };
    const ports = Array.from({ length: 40 }, (_, hostPort) => ({
      hostPort,
      containerPort: 80,
      name: long[0],
    }));
    const containers = Array.from({ length: 40 }, () => ({ ...container, ports }));
    const volumes = long.map((name) => ({ name, hostPath: { path: name }, flexVolume: { driver: name } }));
    const rules = long.map(() => ({ apiGroups: long, resources: long, verbs: long, nonResourceURLs: long }));
    const star = { apiGroups: ['*'], resources: ['*'], verbs: ['*'] };
    const { ask, payloads } = outcome(
      eventText({
        requestObject: {
          rules: [...rules, star, ...rules],
          spec: {
            volumes,
            ephemeralContainers: containers,
            initContainers: containers,
            containers: [...containers, privileged, ...containers],
          },
        },
        responseObject: { metadata: { name: 'r' }, spec: { containers, volumes } },
      }),
    );
    expect(payloads[0].length).toBeGreaterThan(16_384);
    expect(ask('ka.req.pod.containers.privileged')).toEqual(['true']);
    expect(ask('ka.req.role.rules.verbs')).toContain('*');
    expect(ask('ka.resp.name')).toBe('r');
  });

  test('what is asked of a smaller event, with 1024 bytes for it', () => {
    const event = withBody(padded(1000, spec), {
      user: { username: 'alice' },
      objectRef: { resource: 'pods', name: 'p' },
    });
    const { ask } = outcome(event, '{"maxEventSize":1024}');
    expect([ask('ka.auditid'), ask('ka.user.name'), ask('ka.target.resource')]).toEqual([
      'a',
      'alice',
      'pods',
    ]);
    expect(ask('ka.req.pod.containers.privileged')).toEqual(['true']);
  });
});

describe('random events above maxEventSize', () => {
  test('give valid JSON within it, the marker and what tells the event', () => {
    const random = new Random(12);
    const sizes = [1024, 1500, 4000, 20_000];
    let salvages = 0;
    for (let run = 0; run < 600; run++) {
      const keys = ['requestObject', 'responseObject', 'user', 'annotations', 'objectRef', 'sourceIPs', 'x'];
      const wide = () =>
        `[${Array.from({ length: random.below(60) }, () => valueText(random, 4)).join(',')}]`;
      const members = keys.map((key) => `"${key}":${random.below(2) === 0 ? wide() : valueText(random, 6)}`);
      const own = '"kind":"Event","auditID":"r","verb":"get"';
      members.splice(random.below(members.length + 1), 0, own);
      const text = `{${members.join(',')}}`;
      const maxEventSize = random.pick(sizes);
      const { payloads, counts } = outcome(text, JSON.stringify({ maxEventSize }));
      expect(counts, text).toMatchObject({ events_received: 1, events_delivered: 1 });
      if (counts.events_salvaged === undefined) continue;
      salvages++;
      expect(Buffer.byteLength(payloads[0])).toBeLessThanOrEqual(maxEventSize);
      expect(salvaged(payloads[0]), text).toMatchObject({ kind: 'Event', auditID: 'r', verb: 'get' });
    }
    expect(salvages).toBeGreaterThan(200);
  });
});

describe('an event above maxEventSize', () => {
  const config = '{"maxEventSize":2000}';

  test('of exactly the limit is delivered as it is, one byte more makes it smaller', () => {
    const [exact, above] = [eventOfSize(2000, 'a'), eventOfSize(2001, 'a')];
    expect(outcome(exact, config).payloads).toEqual([exact]);
    const { payloads, counts } = outcome(above, config);
    expect(salvaged(payloads[0])).toMatchObject({ kind: 'Event', auditID: 'a' });
    expect(counts).toMatchObject({ events_salvaged: 1, events_delivered: 1 });
  });

  test('keeps all but the noise when that is enough', () => {
    const rest = { metadata: { name: 'p', labels: { a: 'b' } }, spec: { x: [1, { y: null }] } };
    const noisy = { ...rest, metadata: { ...rest.metadata, managedFields: [{ a: 'x'.repeat(3000) }] } };
    const { payloads } = outcome(eventText({ requestObject: noisy, responseObject: noisy }), config);
    expect(salvaged(payloads[0])).toEqual(auditEvent({ requestObject: rest, responseObject: rest }));
  });

  test('keeps the request whole when the response is the padding', () => {
    const requestObject = { metadata: { labels: { a: 'b'.repeat(1000) } } };
    const responseObject = { metadata: { name: 'n', labels: { a: 'x'.repeat(3000) } } };
    const { payloads } = outcome(eventText({ requestObject, responseObject }), config);
    expect(salvaged(payloads[0])).toEqual(
      auditEvent({ requestObject, responseObject: { metadata: { name: 'n' } } }),
    );
  });

  test.each([
    ['é', 'é'],
    ['😀', '😀'],
    ['\\u00e9', 'é'],
    ['\\ud83d\\ude00', '😀'],
    ['\\n', '\n'],
    ['\\\\', '\\'],
  ])('cuts a string of %s between two of them', (written, character) => {
    for (const before of ['', 'a', 'ab', 'abc', 'abcd', 'abcde', 'abcdef']) {
      const text = eventText({ userAgent: '@@' }).replace('@@', () => before + written.repeat(3000));
      const { userAgent } = salvaged(outcome(text, config).payloads[0]) as { userAgent: string };
      expect(userAgent.slice(0, before.length)).toBe(before);
      expect(userAgent.slice(before.length).replaceAll(character, '')).toBe('');
      expect(userAgent.length).toBeGreaterThan(before.length);
    }
  });

  test('that is cut too', () => {
    const text = withBody(`{${spec},"x":"${'y'.repeat(5000)}"`);
    const { payloads, ask } = outcome(text.slice(0, -5), config);
    expect(payloads).toHaveLength(1);
    expect(ask('ka.req.pod.containers.privileged')).toEqual(['true']);
  });

  test('with a body that is broken inside keeps what stands behind the body', () => {
    const body = `{"a":{"b":1},"x":[tru],"y":"${'y'.repeat(3000)}"}`;
    const { payloads } = outcome(`{"requestObject":${body},"kind":"Event","auditID":"a"}`, config);
    expect(salvaged(payloads[0])).toEqual({
      requestObject: { a: { b: 1 }, x: [] },
      kind: 'Event',
      auditID: 'a',
    });
  });

  test('without an auditID is dropped and counted', () => {
    const { payloads, counts, logs } = outcome(`{"kind":"Event","verb":"${'v'.repeat(3000)}"}`, config);
    expect(payloads).toEqual([]);
    expect(counts).toMatchObject({ events_received: 1, events_dropped_without_id: 1 });
    expect(logs[0]).toMatch(/^an oversized event without an auditID at byte 0/);
  });

  test('says so, and what to do', () => {
    expect(outcome(eventOfSize(2001, 'a'), config).logs).toEqual([
      'an event of 2001 bytes, above maxEventSize (2000) at byte 0 of the body of a webhook request; it is delivered ' +
        'with less, marked by ka.truncated: raise maxEventSize, or log less (omitManagedFields in the audit policy)',
    ]);
  });

  test('is the same every time', () => {
    const event = withBody(padded(3000, spec));
    expect(outcome(event, config).payloads).toEqual(outcome(event, config).payloads);
  });
});

describe('an event below maxEventSize', () => {
  const config = JSON.stringify({ maxEventSize: 67_108_864, webhookMaxBatchSize: 134_217_728 });

  test.each([
    ['in the body', `{"x":[${'1,'.repeat(300_000)}1],${spec}}`, {}],
    ['outside of it', `{${spec}}`, { user: { username: 'u', extra: { a: Array<number>(300_000).fill(1) } } }],
  ])('with more values than a tape takes %s is made smaller', (_, body, members) => {
    const { ask, counts } = outcome(withBody(body, members), config);
    expect(ask('ka.req.pod.containers.privileged')).toEqual(['true']);
    expect(ask('ka.truncated')).toBe('true');
    expect(counts).toMatchObject({ events_salvaged: 1, events_delivered: 1 });
  });

  // The densest that there is; the body itself is a value, too.
  test.each([
    ['numbers', '[', '1', ']'],
    ['strings', '[', '""', ']'],
    ['arrays', '[', '[]', ']'],
    ['objects', '[', '{}', ']'],
    ['arrays of arrays', '[', '[[]]', ']'],
    ['members', '{', '"":0', '}'],
  ])('may have as many values as a tape takes, and none more: %s', (_, open, value, close) => {
    const each = value === '[[]]' ? 2 : 1;
    const bodyOf = (values: number): string =>
      `${open}${Array(Math.floor((values - 1) / each))
        .fill(value)
        .join()}${close}`;
    for (const [values, salvages] of [
      [262_144, undefined],
      [262_144 + each, 1],
    ] as const) {
      const { counts } = outcome(withBody(bodyOf(values)), config);
      expect(counts.events_delivered).toBe(1);
      expect(counts.events_salvaged, `${values} values`).toBe(salvages);
    }
  });

  // What looks like values without being any, on both sides of the bound that is tried first.
  test.each([
    ['commas in a string', `"${','.repeat(300_000)}"`],
    ['brackets in a string', `"${'[{'.repeat(150_000)}"`],
    ['as many values as a tape takes', `[${'1,'.repeat(262_130)}1]`],
    ['600 KB of text', `"${'x'.repeat(600_000)}"`],
  ])('with %s in the body is as it came', (_, x) => {
    const event = withBody(`{"x":${x},"y":"${'y'.repeat(600_000)}",${spec}}`);
    const { ask, payloads } = outcome(event, config);
    expect(payloads).toEqual([event]);
    expect(ask('ka.req.pod.containers.privileged')).toEqual(['true']);
    expect(ask('ka.truncated')).toBe('false');
  });

  test('nested deeper than is looked at hides nothing, and is as it came', () => {
    const event = withBody(`{"x":${'['.repeat(1000)}${']'.repeat(1000)},${spec}}`);
    const { ask, payloads } = outcome(event, config);
    expect(payloads).toEqual([event]);
    expect(ask('ka.req.pod.containers.privileged')).toEqual(['true']);
    expect(ask('ka.truncated')).toBe('false');
  });
});

describe("kube-apiserver's own truncation", () => {
  test('is delivered as it is, and ka.truncated tells', () => {
    const event = eventText({ annotations: { 'audit.k8s.io/truncated': 'true' } });
    const { payloads, ask, counts } = outcome(event);
    expect(payloads).toEqual([event]);
    expect(ask('ka.truncated')).toBe('true');
    expect(counts.events_salvaged).toBeUndefined();
  });

  test.each([
    [{}, 'false'],
    [{ annotations: { 'audit.k8s.io/truncated': 'false' } }, 'false'],
    [{ annotations: { 'audit.k8s.io/truncated': true } }, 'false'],
    [{ annotations: null }, 'false'],
    [{ [MARKER]: false }, 'false'],
    [{ [MARKER]: 'true' }, 'false'],
    [{ [MARKER]: true }, 'true'],
  ])('%j: %s', (members, value) => expect(outcome(eventText(members)).ask('ka.truncated')).toBe(value));
});
