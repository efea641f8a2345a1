// SPDX-License-Identifier: Apache-2.0
// http:// in open_params: requests, their answers, and when those are sent.
import * as os from 'node:os';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { EVERY_EVENT, WEBHOOK, drain, post, webhook } from '../support/drive';
import { eventOfSize, idsOf, listText, names, shortEvent } from '../support/events';
import { type FakeRequest, Host } from '../support/host';
import { type Event, Wasm } from '../support/wasm';

const a = shortEvent('a');
const b = shortEvent('b');

/** The answer that was sent, or null. */
function sentBy(queued: ReturnType<Host['send']>): number | null {
  return queued.sent ? queued.answer!.status : null;
}

describe('200 comes after delivery', () => {
  test('with the call after the one that handed the events over', () => {
    const wasm = webhook();
    const queued = wasm.host.send({ body: listText([a, b]) });
    expect(idsOf(wasm.nextBatch() as Event[])).toEqual(['a', 'b']);
    expect(sentBy(queued)).toBeNull();
    expect(wasm.nextBatch()).toBe('timeout');
    expect(sentBy(queued)).toBe(200);
    expect(wasm.metrics()).toMatchObject({ http_answers_2xx: 1, http_answers_4xx: 0 });
  });

  test('before the plugin waits for the next request', () => {
    const wasm = webhook();
    const queued = wasm.host.send({ body: a });
    wasm.nextBatch();
    const sentAtWait: (number | null)[] = [];
    wasm.host.onWait = () => sentAtWait.push(sentBy(queued));
    wasm.nextBatch();
    expect(sentAtWait[0]).toBe(200);
  });

  test('for several requests in one batch', () => {
    const wasm = webhook();
    const queued = names(5).map((id) => wasm.host.send({ body: shortEvent(id) }));
    expect(idsOf(wasm.nextBatch() as Event[])).toEqual(names(5));
    expect(queued.map(sentBy)).toEqual([null, null, null, null, null]);
    wasm.nextBatch();
    expect(queued.map(sentBy)).toEqual([200, 200, 200, 200, 200]);
  });

  test('for one request over several batches, behind the last of them', () => {
    const wasm = webhook();
    const queued = wasm.host.send({ body: listText(names(600).map((id) => shortEvent(id))) });
    for (const size of [256, 256, 88]) {
      expect(wasm.nextBatch()).toHaveLength(size);
      expect(sentBy(queued)).toBeNull();
    }
    wasm.nextBatch();
    expect(sentBy(queued)).toBe(200);
  });

  test.each([255, 256, 257, 512])('for a list of %i events, without another request', (count) => {
    const wasm = webhook();
    const queued = wasm.host.send({ body: listText(names(count).map((id) => shortEvent(id))) });
    for (let left = count; left > 0; left -= 256) {
      expect(wasm.nextBatch()).toHaveLength(Math.min(left, 256));
      expect(sentBy(queued)).toBeNull();
    }
    expect(wasm.nextBatch()).toBe('timeout');
    expect(sentBy(queued)).toBe(200);
  });

  test('for a list whose last event fills the batch with its bytes', () => {
    const wasm = webhook();
    const queued = wasm.host.send({ body: listText(names(6).map((id) => eventOfSize(200_000, id))) });
    expect(wasm.nextBatch()).toHaveLength(6);
    expect(sentBy(queued)).toBeNull();
    wasm.nextBatch();
    expect(sentBy(queued)).toBe(200);
  });

  test('a request that ends in one batch and one that goes on in the next', () => {
    const wasm = webhook();
    const queued = ['x', 'y', 'z'].map((prefix) =>
      wasm.host.send({ body: listText(names(200, prefix).map((id) => shortEvent(id))) }),
    );
    const answers: (number | null)[][] = [];
    for (let i = 0; i < 4; i++) {
      wasm.nextBatch();
      answers.push(queued.map(sentBy));
    }
    expect(answers).toEqual([
      [null, null, null],
      [200, null, null],
      [200, 200, null],
      [200, 200, 200],
    ]);
  });

  test('a request with good and bad elements is 200 when the good ones are delivered', () => {
    const { status, ids, text } = post(`[${a},{x:1},5,${b}]`);
    expect([status, ids, text]).toEqual([200, ['a', 'b'], 'ok\n']);
  });

  test('ten thousand small requests: each event once, each answer 200', () => {
    const wasm = webhook();
    const queued = names(10_000).map((id) => wasm.host.send({ body: shortEvent(id) }));
    // The queue of the test host is searched from its start.
    const ids: string[] = [];
    for (let done = 0; done < queued.length;) {
      const batch = wasm.nextBatch();
      if (batch !== 'timeout') ids.push(...idsOf(batch as Event[]));
      while (done < queued.length && queued[done].sent) {
        wasm.host.requests.shift();
        done++;
      }
    }
    expect(ids).toEqual(names(10_000));
    expect(queued.every((request) => sentBy(request) === 200)).toBe(true);
    expect(wasm.metrics()).toMatchObject({ http_answers_2xx: 10_000, events_delivered: 10_000 });
  });
});

describe('waiting', () => {
  test('is one turn of the loop, of at most 30 ms', () => {
    const wasm = webhook();
    expect(wasm.nextBatch()).toBe('timeout');
    expect(wasm.host.waits).toEqual([30]);
  });

  test('is none where the batch before has left something', () => {
    const wasm = webhook();
    const body = names(300).map((id) => shortEvent(id));
    wasm.host.send({ body: listText(body) });
    wasm.host.send({ body: a });
    const sizes = Array.from({ length: 4 }, () => wasm.nextBatch()).map((batch) => batch.length);
    // 256 events are a batch; the end of a request that took two batches ends the second, too.
    expect(sizes).toEqual([256, 44, 1, 'timeout'.length]);
    expect(wasm.host.waits).toEqual([30, 0, 0, 30]);
  });

  test('is over when a request comes, also if it is refused', () => {
    const wasm = webhook();
    wasm.host.send({ body: 'not json' });
    expect(wasm.nextBatch()).toBe('timeout');
    expect(wasm.host.waits).toEqual([30]);
  });

  test('a request that comes during the wait is in this batch', () => {
    const wasm = webhook();
    wasm.host.onWait = (milliseconds) => {
      if (milliseconds > 0) wasm.host.send({ body: a });
    };
    expect(idsOf(wasm.nextBatch() as Event[])).toEqual(['a']);
  });
});

describe('refusals', () => {
  const json = { 'Content-Type': 'application/json' };

  test.each([
    ['another path', { path: '/', body: a }, 404],
    ['a path below', { path: '/k8s-audit/x', body: a }, 404],
    ['a longer path', { path: '/k8s-auditx', body: a }, 404],
    ['a very long path', { path: `/${'x'.repeat(100_000)}`, body: a }, 404],
    ['GET', { method: 'GET', body: '' }, 405],
    ['GET of another path', { method: 'GET', path: '/', body: '' }, 404],
    ['PUT', { method: 'PUT', body: a }, 405],
    ['no content type', { headers: {}, body: a }, 415],
    ['another content type', { headers: { 'Content-Type': 'text/plain' }, body: a }, 415],
    ['a shorter content type', { headers: { 'Content-Type': 'json' }, body: a }, 415],
    ['an empty content type', { headers: { 'Content-Type': '' }, body: a }, 415],
    [
      'a very long content type',
      { headers: { 'Content-Type': 'application/json;'.padEnd(5000, 'x') }, body: a },
      415,
    ],
    ['another encoding', { headers: { ...json, 'Content-Encoding': 'br' }, body: a }, 415],
    ['two encodings', { headers: { ...json, 'Content-Encoding': 'gzip, gzip' }, body: a }, 415],
    ['an empty encoding', { headers: { ...json, 'Content-Encoding': '' }, body: a }, 415],
    ['a very long encoding', { headers: { ...json, 'Content-Encoding': 'gzip'.padEnd(5000) }, body: a }, 415],
    ['a path with half an escape', { path: '/k8s-audit%', body: a }, 404],
    ['a path that is escaped twice', { path: '/k8s%252daudit', body: a }, 404],
    ['an empty body', { body: '' }, 400],
    ['white space', { body: ' \n ' }, 400],
    ['garbage', { body: 'not json' }, 400],
    ['bytes', { body: Buffer.from([0, 255, 254, 10, 0]) }, 400],
    ['an empty list', { body: listText([]) }, 400],
    ['an empty array', { body: '[]' }, 400],
    ['another object', { body: '{"kind":"Pod"}' }, 400],
    ['a cut event without an auditID', { body: a.slice(0, 20) }, 400],
  ] as const)('%s', (_, request, expected) => {
    const { status, ids, wasm, text } = post({ ...request });
    expect([status, ids]).toEqual([expected, []]);
    expect(text).toMatch(/^[ -~]+\n$/);
    expect(wasm.metrics()).toMatchObject({ http_answers_2xx: 0, http_answers_4xx: 1, http_answers_5xx: 0 });
  });

  test.each([
    ['charset', { 'Content-Type': 'application/json; charset=utf-8' }],
    ['capitals', { 'CONTENT-TYPE': 'Application/JSON' }],
    ['identity', { ...json, 'content-encoding': 'identity' }],
    ['Identity with a space behind it', { ...json, 'content-encoding': 'Identity ' }],
  ])('not for %s', (_, headers) => {
    expect(post({ headers, body: a })).toMatchObject({ status: 200, ids: ['a'] });
  });

  test.each([
    ['not json', 'bad request: invalid JSON: unexpected character at byte 0\n'],
    ['', 'bad request: the body holds no audit event\n'],
    [listText([]), 'bad request: the body holds no audit event\n'],
    [' {"kind":"Pod"}', 'bad request: not an audit event (an Event of audit.k8s.io) at byte 1\n'],
    ['{"kind":"Pod"', 'bad request: invalid JSON: the text ends before the value does at byte 13\n'],
    ['{"kind":"Pod","a":"\n"}', 'bad request: invalid JSON: control character in a string at byte 19\n'],
    ['{"kind":"Pod","a":"\\x"}', 'bad request: invalid JSON: invalid escape in a string at byte 19\n'],
    [
      '{"kind":"Event"',
      'bad request: a cut event without an auditID (the text ends before the value does) at byte 15\n',
    ],
    ['5\n{"x":tru}', 'bad request: not an audit event (an Event of audit.k8s.io) at byte 0\n'],
  ])('400 for %j says why', (body, text) => expect(post(body)).toMatchObject({ status: 400, text }));

  test('200 for events above maxEventSize and cut ones: they are delivered', () => {
    const config = '{"maxEventSize": 2000}';
    const large = eventOfSize(2001, 'x');
    for (const body of [large, listText([large, large]), listText([large, '5']), a.slice(0, -5)]) {
      expect(post(body, config).status).toBe(200);
    }
  });

  test('are sent at once, and do not wait for the good requests around them', () => {
    const wasm = webhook();
    const queued = [a, 'garbage', b].map((body) => wasm.host.send({ body }));
    const ids = idsOf(wasm.nextBatch() as Event[]);
    expect(queued.map(sentBy)).toEqual([null, 400, null]);
    ids.push(...idsOf(drain(wasm).events));
    expect(ids).toEqual(['a', 'b']);
    expect(queued.map(sentBy)).toEqual([200, 400, 200]);
  });

  test('a body that cannot be read is 503: it is to be sent again', () => {
    const host = new Host();
    host.imports.httpBody = () => 0;
    const wasm = webhook('', host);
    const queued = host.send({ body: a });
    expect(drain(wasm).events).toEqual([]);
    expect(sentBy(queued)).toBe(503);
    expect(wasm.metrics()).toMatchObject({ http_answers_5xx: 1, http_answers_4xx: 0 });
  });

  test('the text of a refusal holds nothing of the body, path or headers', () => {
    const secret = 'c2VjcmV0';
    const requests: FakeRequest[] = [
      { body: `{"kind":"${secret}"}` },
      { body: secret },
      { path: `/${secret}`, body: a },
      { headers: { 'Content-Type': secret }, body: a },
      { headers: { 'Content-Type': 'application/json', 'Content-Encoding': secret }, body: a },
    ];
    for (const request of requests) {
      const { text, wasm } = post(request);
      expect(text).not.toContain(secret);
      expect(JSON.stringify(wasm.host.logs)).not.toContain(secret);
    }
  });

  test('twenty thousand of them take no memory', () => {
    const wasm = webhook();
    const refuse = (count: number): number => {
      for (let i = 0; i < count; i += 50) {
        for (const body of ['garbage', '', '{"kind":"Pod"}', listText([])]) wasm.host.send({ body });
        for (let j = 0; j < 46; j++) wasm.host.send({ path: '/x', body: '' });
        while (!wasm.host.requests.every(({ sent }) => sent)) expect(wasm.nextBatch()).toBe('timeout');
        wasm.host.requests.length = 0;
      }
      return wasm.memoryBytes;
    };
    const before = refuse(20_000);
    expect(refuse(20_000)).toBe(before);
  });
});

describe('open and close', () => {
  test.each([
    ['http://:9765/k8s-audit', '', 9765, '/k8s-audit'],
    ['http://:9765', '', 9765, '/k8s-audit'],
    ['http://:9765', '', 9765, '/k8s-audit?timeout=30s'],
    ['http://:9765', '', 9765, '/k8s%2Daudit'],
    ['http://127.0.0.1:80/a/b', '127.0.0.1', 80, '/a/b'],
    ['http://host.example/x', 'host.example', 80, '/x'],
    ['http://[::1]:9765/x', '::1', 9765, '/x'],
    ['HTTP://:9765/x', '', 9765, '/x'],
    ['http://:9765/', '', 9765, '/'],
    ['http://:9765/a%20b', '', 9765, '/a%20b'],
    ['unix:///run/audit.sock', '/run/audit.sock', -1, '/k8s-audit'],
    ['unix:///run/a%20b.sock?path=/x', '/run/a b.sock', -1, '/x'],
  ])('%s', (params, address, port, path) => {
    const wasm = new Wasm().init().open(params);
    expect(wasm.host.listening).toMatchObject({ address, port, tls: undefined });
    const queued = wasm.host.send({ path, body: a });
    expect(idsOf(drain(wasm).events)).toEqual(['a']);
    expect(sentBy(queued)).toBe(200);
    wasm.close();
    expect(wasm.host.listening).toBeUndefined();
  });

  test('says where it listens, with the port that port 0 became', () => {
    const log = (params: string) => new Wasm().init().open(params).host.logs;
    const info = (message: string) => [{ severity: 6, message }];
    expect(log('http://:0/x')).toEqual(info('listening for audit events on http://:40000/x'));
    expect(log('http://[::1]:9765')).toEqual(
      info('listening for audit events on http://[::1]:9765/k8s-audit'),
    );
    expect(log('unix:///run/audit.sock')).toEqual(
      info('listening for audit events on unix:///run/audit.sock, path /k8s-audit'),
    );
  });

  test.each([
    ['unix:///run/x.sock', 0o660],
    ['unix:///run/x.sock?mode=0600', 0o600],
    ['unix:///run/x.sock?mode=777', 0o777],
    ['unix:///run/x.sock?mode=0', 0],
  ])('%s has the permissions %o', (params, mode) => {
    expect(new Wasm().init().open(params).host.listening?.mode).toBe(mode);
  });

  test('a second opening forgets what was open before', () => {
    const wasm = webhook();
    wasm.host.send({ body: a });
    expect(wasm.open('http://:9766/x').host.listening?.port).toBe(9766);
    expect(wasm.host.openFiles).toBe(0);
  });

  test('a port that cannot be had is refused', () => {
    expect(() => new Wasm().init().open('http://127.0.0.1:1/x')).toThrow(
      'cannot listen on 127.0.0.1:1: EACCES',
    );
    expect(os.constants.errno.EACCES).toBeGreaterThan(0);
  });

  test('close in the middle of a request: it stays without an answer, for the server to give 503', () => {
    const wasm = webhook();
    const queued = wasm.host.send({ body: listText(names(300).map((id) => shortEvent(id))) });
    wasm.nextBatch();
    wasm.close();
    expect(queued.answer).toBeUndefined();
    expect(wasm.nextBatch()).toBe('end');
  });

  test('a webhook is never done: no progress', () => {
    const wasm = webhook();
    post(a);
    expect([wasm.exports.progress(), wasm.text(wasm.exports.progressText())]).toEqual([0, '']);
  });
});

describe('limits', () => {
  test('those of the server are handed to it', () => {
    const limits = (config: string) => webhook(config).host.listening;
    expect(limits('')).toMatchObject({
      ...{ maxConnections: 256, maxHead: 16_384, maxHeld: 67_108_864 },
      ...{ headTime: 10_000, requestTime: 30_000, idleTime: 180_000 },
    });
    const config = {
      ...{ webhookMaxConnections: 7, webhookMaxHeaderSize: 2000, webhookMaxWaiting: 2_000_000 },
      webhookMaxBatchSize: 100_000,
      ...{ webhookHeaderTimeout: 300, webhookRequestTimeout: 3600, webhookIdleTimeout: 86_400 },
    };
    expect(limits(JSON.stringify(config))).toMatchObject({
      ...{ maxConnections: 7, maxHead: 2000, maxHeld: 2_000_000 },
      ...{ headTime: 300_000, requestTime: 3_600_000, idleTime: 86_400_000 },
    });
  });

  test('one body of the greatest size has room, whatever webhookMaxWaiting says', () => {
    const { host } = webhook('{"webhookMaxBatchSize": 134217728, "webhookMaxWaiting": 1048576}');
    expect(host.listening?.maxHeld).toBe(134_217_728 + 1_048_576);
    expect(host.logs.slice(1)).toEqual([
      {
        severity: 4,
        message: 'webhookMaxWaiting is taken as 135266304, so that one body of webhookMaxBatchSize has room',
      },
    ]);
  });

  test('of a body: an announced one is refused before it is read, one in chunks when it has come', () => {
    const config = '{"webhookMaxBatchSize": 5000}';
    const text = 'the body is larger than webhookMaxBatchSize allows\n';
    for (const isChunked of [false, true]) {
      expect(post({ body: eventOfSize(5000, 'a'), isChunked }, config)).toMatchObject({ status: 200 });
      const large = post({ body: eventOfSize(5001, 'a'), isChunked }, config);
      expect(large).toMatchObject({ status: 413, text, ids: [] });
      expect(large.wasm.host.requests[0].maxBody).toBe(isChunked ? 5000 : 0);
      expect(large.wasm.metrics()).toMatchObject({ http_answers_4xx: 1, bytes_received: 0 });
    }
  });

  test.each([false, true])('of bytes in memory: 429, whether in chunks: %s', (isChunked) => {
    const wasm = webhook();
    wasm.host.room = 50;
    const queued = wasm.host.send({ body: a, isChunked });
    expect(drain(wasm).events).toEqual([]);
    expect(queued.answer).toEqual({ status: 429, text: 'no room for the body now; send it again\n' });
    expect(wasm.counts()).toEqual({ http_answers_4xx: 1, http_refused_no_room: 1 });
    const messages = wasm.host.logs.map(({ severity, message }) => [severity, message]);
    expect(messages[1]).toEqual([
      4,
      'refused a webhook request with 429: no room for the body now; send it again',
    ]);
    wasm.host.room = Infinity;
    wasm.host.send({ body: a });
    expect(idsOf(drain(wasm).events)).toEqual(['a']);
  });

  test('more requests at once than connections: the rest waits in the server', () => {
    const wasm = webhook('{"webhookMaxConnections": 3}');
    const queued = names(10).map((id) => wasm.host.send({ body: shortEvent(id) }));
    expect(idsOf(drain(wasm).events)).toEqual(names(10));
    expect(queued.map(sentBy)).toEqual(Array(10).fill(200));
  });
});

describe('heads', () => {
  test('are judged before the bodies in front of them are read', () => {
    const wasm = webhook();
    wasm.host.send({ body: listText(names(600).map((id) => shortEvent(id))) });
    wasm.nextBatch();
    const behind = ['/healthz', '/nowhere', '/k8s-audit'].map((path) =>
      wasm.host.send({ path, method: 'GET', body: '' }),
    );
    const body = wasm.host.send({ body: shortEvent('last') });
    wasm.nextBatch();
    expect(behind.map(sentBy)).toEqual([200, 404, 405]);
    expect(sentBy(body)).toBeNull();
    expect(idsOf(drain(wasm).events).at(-1)).toBe('last');
  });

  test('a body is asked for once its head was found good, never before', () => {
    const wasm = webhook();
    const queued = ['/k8s-audit', '/x'].map((path) => wasm.host.send({ path, body: a }));
    drain(wasm);
    expect(queued.map(({ maxBody }) => maxBody)).toEqual([12_582_912, 0]);
  });
});

describe('after a trap', () => {
  const listOf = (count: number, prefix: string) =>
    listText(names(count, prefix).map((id) => shortEvent(id)));

  test('a request that was handed over in part goes on, whatever the server offers before it', () => {
    for (const isPacked of [false, true]) {
      const wasm = webhook();
      const slow = wasm.host.send({ body: listOf(700, 'slow'), isSlow: true });
      const headers = {
        'Content-Type': 'application/json',
        'Content-Encoding': isPacked ? 'gzip' : 'identity',
      };
      const body = listOf(600, 'part');
      const part = wasm.host.send({ headers, body: isPacked ? gzipSync(body) : body });
      const ids = idsOf(wasm.nextBatch() as Event[]);
      expect(ids).toEqual(names(256, 'part'));
      wasm.host.complete(slow);
      let next = wasm.successor(EVERY_EVENT, WEBHOOK);
      for (let i = 0; i < 5; i++) {
        ids.push(...idsOf(next.nextBatch() as Event[]));
        next = next.successor(EVERY_EVENT, WEBHOOK);
      }
      ids.push(...idsOf(drain(next).events));
      expect(ids).toEqual([...names(600, 'part'), ...names(700, 'slow')]);
      expect([slow, part].map(sentBy)).toEqual([200, 200]);
    }
  });

  test('a request that was handed over in part and is gone does not spoil the others', () => {
    const wasm = webhook();
    const gone = wasm.host.send({ body: listOf(600, 'gone') });
    wasm.nextBatch();
    wasm.host.requests.splice(wasm.host.requests.indexOf(gone), 1);
    const next = wasm.successor(EVERY_EVENT, WEBHOOK);
    expect(next.nextBatch()).toBe('timeout');
    next.host.send({ body: listOf(600, 'x') });
    expect(idsOf(drain(next).events)).toEqual(names(600, 'x'));
  });
});

describe('a request over several batches ends the last of them', () => {
  test('and its answer leaves before anything else comes, when its last event was the last of a batch', () => {
    const wasm = webhook();
    const list = wasm.host.send({ body: listText(names(256).map((id) => shortEvent(id))) });
    const next = wasm.host.send({ body: a });
    expect(wasm.nextBatch()).toHaveLength(256);
    expect(wasm.nextBatch()).toBe('timeout');
    expect([sentBy(list), sentBy(next)]).toEqual([200, null]);
    expect(idsOf(wasm.nextBatch() as Event[])).toEqual(['a']);
  });

  test('so that a kill does not make another request come again with it', () => {
    const wasm = webhook();
    wasm.host.send({ body: listText(names(300, 'x').map((id) => shortEvent(id))) });
    wasm.host.send({ body: listText(names(10, 'y').map((id) => shortEvent(id))) });
    expect(drain(wasm).sizes).toEqual([256, 44, 10]);
  });

  test('also after a trap', () => {
    const wasm = webhook();
    wasm.host.send({ body: listText(names(300, 'x').map((id) => shortEvent(id))) });
    wasm.host.send({ body: listText(names(10, 'y').map((id) => shortEvent(id))) });
    wasm.nextBatch();
    expect(drain(wasm.successor('', WEBHOOK)).sizes).toEqual([44, 10]);
  });
});
