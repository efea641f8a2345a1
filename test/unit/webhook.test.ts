// SPDX-License-Identifier: Apache-2.0
// http:// in open_params: requests, their answers, and when those are sent.
import * as os from 'node:os';
import { describe, expect, test } from 'vitest';
import { WEBHOOK, drain, post, webhook } from '../support/drive';
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
  test('without a request: the loop turns once without waiting, once for at most 30 ms', () => {
    const wasm = webhook();
    expect(wasm.nextBatch()).toBe('timeout');
    expect(wasm.host.waits).toEqual([0, 30]);
  });

  test('with a request there is no wait', () => {
    const wasm = webhook();
    wasm.host.send({ body: a });
    wasm.nextBatch();
    expect(wasm.host.waits).toEqual([0]);
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
    ['a compressed body', { headers: { ...json, 'Content-Encoding': 'gzip' }, body: a }, 415],
    ['an empty body', { body: '' }, 400],
    ['white space', { body: ' \n ' }, 400],
    ['garbage', { body: 'not json' }, 400],
    ['bytes', { body: Buffer.from([0, 255, 254, 10, 0]) }, 400],
    ['an empty list', { body: listText([]) }, 400],
    ['an empty array', { body: '[]' }, 400],
    ['another object', { body: '{"kind":"Pod"}' }, 400],
    ['a cut event', { body: a.slice(0, -1) }, 400],
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
  ])('not for %s', (_, headers) => {
    expect(post({ headers, body: a })).toMatchObject({ status: 200, ids: ['a'] });
  });

  test.each([
    ['not json', 'bad request: invalid JSON: unexpected character at byte 0\n'],
    ['', 'bad request: the body holds no audit event\n'],
    [listText([]), 'bad request: the body holds no audit event\n'],
    [' {"kind":"Pod"}', 'bad request: not an audit event (an Event of audit.k8s.io) at byte 1\n'],
    ['{"kind":"Event"', 'bad request: invalid JSON: the text ends before the value does at byte 15\n'],
    ['{"kind":"Event","a":"\n"}', 'bad request: invalid JSON: control character in a string at byte 21\n'],
    ['{"kind":"Event","a":"\\x"}', 'bad request: invalid JSON: invalid escape in a string at byte 21\n'],
    ['5\n{"x":tru}', 'bad request: not an audit event (an Event of audit.k8s.io) at byte 0\n'],
  ])('400 for %j says why', (body, text) => expect(post(body)).toMatchObject({ status: 400, text }));

  test('413 when every element is above maxEventSize, 400 when there are other faults', () => {
    const config = '{"maxEventSize": 2000}';
    const large = eventOfSize(2001, 'x');
    expect(post(large, config)).toMatchObject({
      status: 413,
      text: 'bad request: an event of 2001 bytes, above maxEventSize (2000) at byte 0\n',
    });
    expect(post(listText([large, large]), config).status).toBe(413);
    expect(post(listText([large, '5']), config).status).toBe(400);
    expect(post(listText([large, a]), config).status).toBe(200);
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
    const before = refuse(2000);
    expect(refuse(20_000)).toBe(before);
  });
});

describe('open and close', () => {
  test.each([
    ['http://:9765/k8s-audit', '', 9765, '/k8s-audit'],
    ['http://:9765', '', 9765, '/k8s-audit'],
    ['http://127.0.0.1:80/a/b', '127.0.0.1', 80, '/a/b'],
    ['http://host.example/x', 'host.example', 80, '/x'],
    ['http://[::1]:9765/x', '::1', 9765, '/x'],
    ['HTTP://:9765/x', '', 9765, '/x'],
    ['http://:9765/', '', 9765, '/'],
    ['http://:9765/a%20b', '', 9765, '/a b'],
  ])('%s', (params, address, port, path) => {
    const wasm = new Wasm().init().open(params);
    expect(wasm.host.listening).toEqual({ address, port, maxBody: 12_582_912 });
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

  test('the limit of a body is handed to the server', () => {
    expect(webhook('{"webhookMaxBatchSize": 5000}').host.listening?.maxBody).toBe(5000);
    expect(WEBHOOK).toContain('9765');
  });
});
