// SPDX-License-Identifier: Apache-2.0
// The webhook through real sockets: what is answered, when, and what clients may do without harm.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventOfSize, eventText, listText, names, shortEvent } from '../support/events.ts';
import { breathe, caught, compileDriver, idsOf, init, messagesOf, open, severity } from './support.ts';
import {
  Client,
  PATH,
  Webhook,
  keepAlive,
  loggedPort,
  post,
  requestText,
  serveWith,
  type Answer,
  type Served,
} from './webhook-support.ts';

function list(ids: readonly string[]): string {
  return listText(ids.map((id) => shortEvent(id)));
}

describe('the answer 200', () => {
  test('comes with the call of next_batch that follows the batch with the events, not before', async () => {
    const hook = new Webhook();
    const client = hook.client().send(requestText(shortEvent('a')));
    expect(idsOf(await hook.batch())).toEqual(['a']);
    await breathe(50);
    expect(client.received).toBe('');
    expect(hook.metrics().http_answers_2xx).toBe(1);
    hook.poll();
    await breathe(50);
    expect(client.statuses).toEqual([200]);
    expect(client.received).toMatch(/\r\n\r\nok\n$/);
  });

  test.each([1, 255, 256, 257, 400, 512, 1000])(
    'of a list of %i events comes behind the last batch',
    async (count) => {
      const hook = new Webhook();
      const client = hook.client().send(requestText(list(names(count))));
      while (hook.events.length < count) {
        await hook.batch();
        await breathe(8);
        expect(client.received).toBe('');
      }
      await hook.until('the answer', () => client.statuses.length > 0);
      expect(client.statuses).toEqual([200]);
      await hook.idle();
      expect(idsOf(hook.events)).toEqual(names(count));
    },
  );

  test('is given to requests whose events share a batch, and to those with bad elements between good ones', async () => {
    const hook = new Webhook();
    const bodies = [list(['a', 'b']), `[${shortEvent('c')}, 1, ${shortEvent('d')}]`, `x\n${shortEvent('e')}`];
    const answers = bodies.map((body) => post(hook.port, body));
    expect((await hook.settle('all answers', Promise.all(answers))).map(({ status }) => status)).toEqual([
      200, 200, 200,
    ]);
    expect(idsOf(hook.events).sort()).toEqual(['a', 'b', 'c', 'd', 'e']);
    expect(hook.metrics()).toMatchObject({
      events_delivered: 5,
      events_dropped_not_audit: 1,
      events_dropped_invalid_json: 1,
      http_answers_2xx: 3,
      http_answers_4xx: 0,
    });
  });

  test('a body of eleven megabytes is taken whole', async () => {
    const hook = new Webhook();
    const ids = names(50);
    const body = listText(ids.map((id) => eventOfSize(220_000, id)));
    expect((await hook.exchange(body)).status).toBe(200);
    expect(idsOf(hook.events)).toEqual(ids);
  });

  test('a limit above 64 MiB holds', async () => {
    const hook = new Webhook({ webhookMaxBatchSize: 100_000_000, webhookMaxWaiting: 120_000_000 });
    const body = Buffer.alloc(66 << 20, ' ');
    body.write(shortEvent('large'), body.length - 200);
    expect((await hook.exchange(body)).status).toBe(200);
    expect(idsOf(hook.events)).toEqual(['large']);
  });
});

describe('what is refused', () => {
  const JSON_TYPE = { 'Content-Type': 'application/json' };
  const good = shortEvent('a');

  test.each<[string, number, RegExp, string, object]>([
    ['no body', 400, /no audit event/, '', {}],
    ['an empty list', 400, /no audit event/, listText([]), {}],
    ['no JSON', 400, /invalid JSON.*byte 0/, 'hello', {}],
    ['a cut event without an auditID', 400, /without an auditID/, good.slice(0, 20), {}],
    ['JSON of another kind', 400, /not an audit event/, '{"kind":"Pod"}', {}],
    ['a number', 400, /not an audit event/, '12', {}],
    ['another path', 404, /path/, good, { path: '/k8s-audi' }],
    ['a longer path', 404, /path/, good, { path: `${PATH}/` }],
    ['a path of 2000 bytes', 404, /path/, good, { path: `/${'x'.repeat(2000)}` }],
    ['another method', 405, /POST/, good, { method: 'PUT', headers: JSON_TYPE }],
    ['reading', 405, /POST/, '', { method: 'GET' }],
    ['deleting', 405, /POST/, '', { method: 'DELETE' }],
    ['asking for options', 405, /POST/, '', { method: 'OPTIONS' }],
    ['another type', 415, /application\/json/, good, { headers: { 'Content-Type': 'text/plain' } }],
    ['an unknown encoding', 415, /Content-Encoding/, good, { headers: { 'Content-Encoding': 'br' } }],
    ['a body that is not gzip', 400, /gzip/, good, { headers: { 'Content-Encoding': 'gzip' } }],
    ['a body above webhookMaxBatchSize', 413, /./, ' '.repeat(4097), {}],
    ['chunks above webhookMaxBatchSize', 413, /./, '', { chunks: [' '.repeat(3000), ' '.repeat(3000)] }],
    ['headers above 16 KiB', 431, /./, good, { headers: { 'X-Long': 'y'.repeat(16_384) } }],
  ])('%s: %i', async (_, status, reason, body, options) => {
    const hook = new Webhook({ maxEventSize: 2048, webhookMaxBatchSize: 4096 });
    const answer = await hook.exchange(body, options);
    expect(answer.status).toBe(status);
    expect(answer.text).toMatch(reason);
    expect(answer.headers.allow).toBe(status === 405 ? 'POST' : undefined);
    await hook.idle(2);
    expect(hook.events).toEqual([]);
    expect(hook.metrics()).toMatchObject({ http_answers_4xx: 1, http_answers_2xx: 0, http_answers_5xx: 0 });
    const told = [
      ...messagesOf(hook.state.logs, severity.notice),
      ...messagesOf(hook.state.logs, severity.warning),
    ];
    expect(told.join()).toMatch(/refused/);
    expect((await hook.exchange(shortEvent('next'))).status).toBe(200);
  });

  test.each([
    ['cut', good.slice(0, -1)],
    ['above maxEventSize', eventOfSize(2049, 'a')],
  ])('not an event that is %s: it is delivered with what could be kept', async (_, body) => {
    const hook = new Webhook({ maxEventSize: 2048, webhookMaxBatchSize: 4096 });
    expect((await hook.exchange(body)).status).toBe(200);
    expect(hook.events).toHaveLength(1);
    const event = hook.state.foreignEvent(hook.events[0]!.payload);
    expect(hook.state.values(event, ['ka.auditid', 'ka.truncated'])).toEqual({
      'ka.auditid': 'a',
      'ka.truncated': 'true',
    });
    expect(hook.metrics()).toMatchObject({ events_salvaged: 1, http_answers_2xx: 1 });
  });

  test('without a Content-Type: 415', async () => {
    const hook = new Webhook();
    const text = requestText(shortEvent('a')).replace('Content-Type: application/json\r\n', '');
    const client = hook.client().send(text);
    await hook.until('the answer', () => client.statuses.length > 0);
    expect(client.statuses).toEqual([415]);
  });

  test('nothing that a client may write: types with parameters, a query, any case, absolute URIs', async () => {
    const hook = new Webhook();
    const headers = { 'Content-Type': 'Application/JSON; charset=utf-8' };
    expect((await hook.exchange(shortEvent('a'), { headers })).status).toBe(200);
    expect((await hook.exchange(shortEvent('b'), { path: `${PATH}?timeout=30s` })).status).toBe(200);
    expect((await hook.exchange(shortEvent('c'), { path: `http://any.name${PATH}` })).status).toBe(200);
    expect(
      (await hook.exchange(shortEvent('d'), { headers: { 'Content-Encoding': 'identity' } })).status,
    ).toBe(200);
    expect(idsOf(hook.events)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('HEAD gets an answer without a body, so that the next one on the connection is understood', async () => {
    const hook = new Webhook();
    const client = hook
      .client()
      .send(`HEAD ${PATH} HTTP/1.1\r\nHost: x\r\n\r\n`)
      .send(requestText(shortEvent('a')));
    await hook.until('both answers', () => client.statuses.length === 2);
    const [head = '', next = ''] = client.received.split(/(?=HTTP\/1\.1 200)/);
    expect(head).toMatch(/^HTTP\/1\.1 405 [^]*\r\n\r\n$/);
    expect(head).toContain('Allow: POST\r\n');
    expect(next).toMatch(/^HTTP\/1\.1 200 [^]*\r\n\r\nok\n$/);
  });

  test.each([
    ['a method that is none', 'BREW /k8s-audit HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['no HTTP', 'hello\r\n\r\n'],
    ['zeros', `${'\0'.repeat(1000)}\r\n\r\n`],
    ['TLS', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
    ['a negative length', requestText('').replace('Length: 0', 'Length: -1')],
    ['a length that is no number', requestText('').replace('Length: 0', 'Length: ten')],
    [
      'a chunk of a negative size',
      requestText('').replace('Content-Length: 0', 'Transfer-Encoding: chunked') + '-5\r\nx',
    ],
    [
      'a chunk of 2^64',
      requestText('').replace('Content-Length: 0', 'Transfer-Encoding: chunked') + `1${'0'.repeat(16)}\r\n`,
    ],
    ['an endless header line', `POST ${PATH} HTTP/1.1\r\nX: ${'y'.repeat(200_000)}`],
    ['ten thousand header lines', `POST ${PATH} HTTP/1.1\r\n${'X: y\r\n'.repeat(20_000)}\r\n`],
    [
      'a broken absolute URI',
      'POST http://[::1/k8s-audit HTTP/1.1\r\nContent-Type: application/json\r\n\r\n',
    ],
    ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'],
    ['version 9.9', `POST ${PATH} HTTP/9.9\r\n\r\n`],
  ])('%s ends in a refusal or a closed connection, and the next client is served', async (_, bytes) => {
    const hook = new Webhook();
    const client = hook.client().send(Buffer.from(bytes, 'latin1'));
    await hook.until('the end', () => client.isClosed || client.statuses.length > 0);
    for (const status of client.statuses) expect(status).toBeGreaterThanOrEqual(400);
    expect((await hook.exchange(shortEvent('next'))).status).toBe(200);
    expect(idsOf(hook.events)).toEqual(['next']);
  });
});

describe('connections', () => {
  test('are kept: many requests on one', async () => {
    const hook = new Webhook();
    const agent = keepAlive();
    const ports = new Set<number | undefined>();
    agent.on('free', (socket: { localPort?: number }) => ports.add(socket.localPort));
    for (const id of names(10)) {
      expect((await hook.exchange(shortEvent(id), { agent })).status).toBe(200);
    }
    expect(ports.size).toBe(1);
    expect(idsOf(hook.events)).toEqual(names(10));
  });

  test('are kept after a refusal', async () => {
    const hook = new Webhook();
    const client = hook.client();
    const expected = [400, 200, 404, 200, 405, 200, 415, 200];
    const requests = [
      requestText('x'),
      requestText(shortEvent('a')),
      requestText('x', [], 'POST /other'),
      requestText(shortEvent('b')),
      requestText('x', [], `PUT ${PATH}`),
      requestText(shortEvent('c')),
      requestText('x').replace('application/json', 'text/xml'),
      requestText(shortEvent('d')),
    ];
    for (const [i, request] of requests.entries()) {
      client.send(request);
      await hook.until('an answer', () => client.statuses.length === i + 1);
    }
    expect(client.statuses).toEqual(expected);
    expect(client.isClosed).toBe(false);
  });

  test('pipelined requests are answered in their order, each after its own events', async () => {
    const hook = new Webhook();
    const bodies = ['a', 'b', '', 'c', 'd'].map((id) => requestText(id === '' ? 'bad' : shortEvent(id)));
    const client = hook.client().send(bodies.join(''));
    await hook.until('all answers', () => client.statuses.length === 5);
    expect(client.statuses).toEqual([200, 200, 400, 200, 200]);
    expect(idsOf(hook.events)).toEqual(['a', 'b', 'c', 'd']);
  });

  test('are closed when the client asks for it, and for HTTP 1.0', async () => {
    const hook = new Webhook();
    const closing = hook.client().send(requestText(shortEvent('a'), ['Connection: close']));
    const old = hook.client().send(requestText(shortEvent('b')).replace('HTTP/1.1', 'HTTP/1.0'));
    await hook.until('both ends', () => closing.isClosed && old.isClosed);
    expect(closing.statuses).toEqual([200]);
    expect(old.received).toMatch(/^HTTP\/1\.[01] 200 /);
  });

  test('in bytes: a request that comes one byte at a time does not hold up the others', async () => {
    const hook = new Webhook();
    const slow = hook.client();
    const text = requestText(shortEvent('slow'));
    for (const [i, byte] of [...text].entries()) {
      slow.send(byte);
      await breathe(1);
      if (i % 40 === 0) expect((await hook.exchange(shortEvent(`fast${i}`))).status).toBe(200);
    }
    await hook.until('the slow answer', () => slow.statuses.length === 1);
    expect(slow.statuses).toEqual([200]);
    expect(idsOf(hook.events).filter((id) => id === 'slow')).toEqual(['slow']);
  });

  test('with a half-closed client get their answer', async () => {
    const hook = new Webhook();
    const client = hook.client();
    client.socket.end(requestText(shortEvent('a')));
    await hook.until('the answer', () => client.statuses.length === 1);
    expect(client.statuses).toEqual([200]);
  });

  test('forty at once with twenty-five requests each: every event exactly once, every answer 200', async () => {
    const hook = new Webhook();
    const clients = Array.from({ length: 40 }, async (_, c) => {
      const agent = keepAlive();
      const statuses: number[] = [];
      for (let i = 0; i < 25; i++) {
        const ids = [`${c}-${i}-a`, `${c}-${i}-b`];
        statuses.push((await post(hook.port, list(ids), { agent })).status);
      }
      return statuses;
    });
    const statuses = (await hook.settle('all answers', Promise.all(clients))).flat();
    expect(statuses).toEqual(Array.from({ length: 1000 }, () => 200));
    expect(hook.events).toHaveLength(2000);
    expect(new Set(idsOf(hook.events)).size).toBe(2000);
    expect(hook.metrics()).toMatchObject({ http_answers_2xx: 1000, events_delivered: 2000 });
  });
});

describe('bodies', () => {
  test('in chunks of any size, with a trailer', async () => {
    const hook = new Webhook();
    const chunks = list(['x', 'y']).match(/[^]{1,7}/g) ?? [];
    expect((await hook.exchange('', { chunks })).status).toBe(200);
    const text = list(['a', 'b']);
    const head = requestText('').replace('Content-Length: 0', 'Transfer-Encoding: chunked');
    const body = `${text.length.toString(16)}\r\n${text}\r\n0\r\nX-Trailer: x\r\n\r\n`;
    const client = hook
      .client()
      .send(head + body)
      .send(requestText(shortEvent('c')));
    await hook.until('both answers', () => client.statuses.length === 2);
    expect(client.statuses).toEqual([200, 200]);
    expect(idsOf(hook.events)).toEqual(['x', 'y', 'a', 'b', 'c']);
  });

  test('announced by Expect: 100-continue', async () => {
    const hook = new Webhook();
    const [head = '', body = ''] = requestText(shortEvent('a'), ['Expect: 100-continue']).split(
      /(?<=\r\n\r\n)/,
    );
    const client = hook.client().send(head);
    await hook.until('the word to go on', () => client.statuses.length === 1);
    expect(client.statuses).toEqual([100]);
    client.send(body);
    await hook.until('the answer', () => client.statuses.length === 2);
    expect(client.statuses).toEqual([100, 200]);
  });

  test('that wait for Falco are bounded: above 64 MiB the answer is 429 with Retry-After', async () => {
    const hook = new Webhook();
    const size = 12_000_000;
    const clients = names(7).map((id) => {
      const body = Buffer.alloc(size, ' ');
      body.write(shortEvent(id));
      const request = Buffer.from(requestText('').replace('Length: 0', `Length: ${size}`));
      const client = hook.client().send(request).send(body.subarray(0, -1));
      return { client, last: body.subarray(-1) };
    });
    await hook.until('all but the last bytes', () =>
      clients.every(({ client }) => isSent(client, hook.port)),
    );
    for (const { client, last } of clients) client.send(last);
    await breathe(20);
    await hook.until('all answers', () => clients.every(({ client }) => client.statuses.length === 1));
    const statuses = clients.map(({ client }) => client.statuses[0]);
    expect(statuses.filter((status) => status === 200)).toHaveLength(5);
    expect(statuses.filter((status) => status === 429)).toHaveLength(2);
    const refused = clients.find(({ client }) => client.statuses[0] === 429)?.client;
    expect(refused?.received).toMatch(/\r\nRetry-After: \d+\r\n/);
    expect(hook.metrics()).toMatchObject({ http_answers_2xx: 5, http_answers_4xx: 2, events_delivered: 5 });
    expect((await hook.exchange(shortEvent('again'))).status).toBe(200);
  });

  /** Whether everything that the client has written was read by the other side. */
  function isSent({ socket }: Client, port: number): boolean {
    if (socket.connecting || socket.writableLength > 0) return false;
    const hex = (value: number) => value.toString(16).toUpperCase().padStart(4, '0');
    const here = hex(socket.localPort ?? 0);
    const there = hex(port);
    // Queues of both ends: "… local remote state tx:rx …".
    const ends = readFileSync('/proc/net/tcp', 'utf8')
      .split('\n')
      .map((line) => /:(\w{4}) \w+:(\w{4}) \w\w (\w+:\w+) /.exec(line))
      .filter((m) => m !== null && ((m[1] === here && m[2] === there) || (m[1] === there && m[2] === here)));
    return ends.length === 2 && ends.every((m) => m?.[3] === '00000000:00000000');
  }
});

describe('a client that leaves', () => {
  /** How many times each of these events came; and the next client is served. */
  async function countAfterwards(hook: Webhook, ids: string[]): Promise<number[]> {
    await hook.idle(4);
    expect((await hook.exchange(shortEvent('next'))).status).toBe(200);
    const all = idsOf(hook.events);
    expect(all.at(-1)).toBe('next');
    return ids.map((id) => all.filter((one) => one === id).length);
  }

  // A client that has ended its side may still wait for the answer, so its events are delivered; one whose connection
  // is reset before they are looked at is forgotten, and sends them again if it still cares.
  test.each<[string, (client: Client) => void]>([
    ['by closing', (client) => client.socket.destroy()],
    ['by a reset', (client) => client.socket.resetAndDestroy()],
  ])('%s after its request, before it is read: its events are delivered', async (_, leave) => {
    const hook = new Webhook();
    const clients = names(5).map((id) => hook.client().send(requestText(shortEvent(id))));
    await hook.until('the connections', () => clients.every(({ socket }) => !socket.connecting));
    clients.forEach(leave);
    const counts = await countAfterwards(hook, names(5));
    for (const count of counts) expect(count).toBeLessThanOrEqual(1);
    expect(hook.metrics().traps).toBe(0);
  });

  test.each<[string, (client: Client) => void]>([
    ['by closing', (client) => client.socket.destroy()],
    ['by a reset', (client) => client.socket.resetAndDestroy()],
  ])('%s between the batch and the answer: nothing happens', async (_, leave) => {
    const hook = new Webhook();
    const client = hook.client().send(requestText(shortEvent('a')));
    await hook.batch();
    leave(client);
    await breathe(20);
    expect(await countAfterwards(hook, ['a'])).toEqual([1]);
  });

  test.each<[string, string]>([
    ['in the request line', 'POST /k8s'],
    ['in the headers', requestText('x').slice(0, 60)],
    ['in front of the body', requestText(shortEvent('a')).split(/(?<=\r\n\r\n)/)[0] ?? ''],
    ['in the body', requestText(shortEvent('a')).slice(0, -1)],
    [
      'in a chunk',
      requestText('').replace('Content-Length: 0', 'Transfer-Encoding: chunked') + 'fff\r\n{"kind"',
    ],
    ['in a chunk size', requestText('').replace('Content-Length: 0', 'Transfer-Encoding: chunked') + 'f'],
    ['before it says anything', ''],
  ])('%s: nothing of it is delivered', async (_, bytes) => {
    const hook = new Webhook();
    const clients = [hook.client(), hook.client(), hook.client()];
    clients.forEach((client) => client.send(bytes));
    await hook.idle(4);
    clients[0]?.socket.destroy();
    clients[1]?.socket.resetAndDestroy();
    clients[2]?.socket.end();
    expect(await countAfterwards(hook, ['a'])).toEqual([0]);
    expect(hook.metrics().events_received).toBe(1);
  });

  test('with more requests in the pipe: what came whole may be delivered once, the cut one is not', async () => {
    const hook = new Webhook();
    const client = hook.client();
    client.send(
      ['a', 'b'].map((id) => requestText(shortEvent(id))).join('') +
        requestText(shortEvent('c')).slice(0, -3),
    );
    await hook.delivered(1);
    client.socket.resetAndDestroy();
    const [a, b, c] = await countAfterwards(hook, ['a', 'b', 'c']);
    expect([a, c]).toEqual([1, 0]);
    expect(b).toBeLessThanOrEqual(1);
  });
});

describe('listening', () => {
  test('without a path serves /k8s-audit; a path is served as it is', async () => {
    for (const [url, path] of [
      ['http://127.0.0.1:0', '/k8s-audit'],
      ['http://127.0.0.1:0/', '/'],
      ['http://127.0.0.1:0/a/b', '/a/b'],
      ['http://localhost:0/x', '/x'],
    ] as const) {
      const reader = open(url);
      const port = loggedPort(reader.state.logs.map(({ message }) => message));
      const answer = await reader.settle(
        'the answer',
        post(port, shortEvent('a'), { path, host: 'localhost' }),
      );
      expect(answer.status, url).toBe(200);
    }
  });

  test('on all addresses takes IPv4 and, where there is one, IPv6', async () => {
    const reader = open('http://:0/k8s-audit');
    const port = loggedPort(reader.state.logs.map(({ message }) => message));
    const hosts = hasIpv6() ? ['127.0.0.1', '::1'] : ['127.0.0.1'];
    for (const host of hosts) {
      expect((await reader.settle('the answer', post(port, shortEvent(host), { host }))).status).toBe(200);
    }
    expect(idsOf(reader.events)).toEqual(hosts);
  });

  test('on an IPv6 address in brackets', async () => {
    if (!hasIpv6()) {
      expect(caught(() => open('http://[::1]:0/')).message).toMatch(/cannot listen on \[::1\]/);
      return;
    }
    const reader = open('http://[::1]:0/k8s-audit');
    expect(messagesOf(reader.state.logs, severity.info).join()).toMatch(/http:\/\/\[::1\]:\d+\/k8s-audit/);
    const port = loggedPort(reader.state.logs.map(({ message }) => message));
    expect((await reader.settle('the answer', post(port, shortEvent('a'), { host: '::1' }))).status).toBe(
      200,
    );
    await expect(reader.settle('the refusal', post(port, shortEvent('b')))).rejects.toThrow('ECONNREFUSED');
  });

  function hasIpv6(): boolean {
    return readFileSync('/proc/net/if_inet6', 'utf8').includes('00000000000000000000000000000001');
  }

  test('on a port in use is refused with the reason', async () => {
    const hook = new Webhook();
    const url = `http://127.0.0.1:${hook.port}${PATH}`;
    const error = caught(() => open(url));
    expect(error.rc).toBe('failure');
    expect(error.message).toContain(`cannot listen on 127.0.0.1:${hook.port}: Address already in use`);
    const other = createServer().listen(0, '127.0.0.1');
    onTestFinished(() => void other.close());
    await new Promise((resolve) => other.once('listening', resolve));
    const { port } = other.address() as { port: number };
    expect(caught(() => open(`http://127.0.0.1:${port}/`)).message).toContain('Address already in use');
    expect((await hook.exchange(shortEvent('a'))).status).toBe(200);
  });

  test.each([
    ['an address of another machine', 'http://203.0.113.1:0/', /cannot listen on 203\.0\.113\.1/],
    [
      'a name that does not resolve',
      'http://no-such-host.invalid:0/',
      /cannot listen on no-such-host\.invalid/,
    ],
    ['a port that is none', 'http://:65536/', /65536/],
    ['a user in the URL', 'http://user:secret@:9765/', /user name or password/],
    ['an IPv6 address without brackets', 'http://::1:80/', /brackets/],
    ['a parameter', 'http://:0/?x=1', /unknown parameter "x"/],
  ])('on %s is refused', (_, url, message) => {
    const error = caught(() => open(url));
    expect(error.message).toMatch(message);
    expect(error.message).not.toContain('secret');
  });
});

describe('close', () => {
  /** The statuses of clients once their connection has ended. */
  async function ends(clients: Client[]): Promise<number[][]> {
    for (let i = 0; i < 1000 && clients.some(({ isClosed }) => !isClosed); i++) await breathe();
    return clients.map(({ isClosed, statuses }) => (isClosed ? statuses : [-1]));
  }

  function expectNo200(statuses: number[][]): void {
    for (const one of statuses) expect([[], [503]]).toContainEqual(one);
  }

  test('with events that Falco has, but has not finished: no 200', async () => {
    const hook = new Webhook();
    const clients = names(20).map((id) => hook.client().send(requestText(shortEvent(id))));
    await hook.delivered(20);
    hook.instance.close();
    const statuses = await ends(clients);
    expectNo200(statuses);
    expect(statuses).toContainEqual([503]);
    expect(clients.map(({ received }) => received).join()).not.toMatch(/\bok\b/);
  });

  test('with requests that were not read, half read, or never sent', async () => {
    const hook = new Webhook();
    const half = [requestText(shortEvent('x')).slice(0, -1), 'POST', ''].map((bytes) =>
      hook.client().send(bytes),
    );
    const large = hook.client().send(requestText(list(names(1000))));
    await hook.batch();
    const unread = [requestText(shortEvent('x')), requestText(shortEvent('x')).repeat(3)].map((bytes) =>
      hook.client().send(bytes),
    );
    await breathe(20);
    hook.instance.close();
    expectNo200(await ends([...half, large, ...unread]));
  });

  test('by destroy alone, as a host that gives up does it', async () => {
    const hook = new Webhook();
    const clients = names(3).map((id) => hook.client().send(requestText(shortEvent(id))));
    await hook.delivered(3);
    hook.state.destroy();
    expectNo200(await ends(clients));
  });

  test('frees the port at once: the same URL can be opened again, and nothing of before is there', async () => {
    const hook = new Webhook();
    const url = `http://127.0.0.1:${hook.port}${PATH}`;
    for (const id of names(5)) {
      const lost = hook.client().send(requestText(shortEvent(`lost-${id}`)).repeat(2));
      await hook.batch();
      hook.instance.close();
      expectNo200(await ends([lost]));
      await expect(post(hook.port, 'x')).rejects.toThrow('ECONNREFUSED');
      const instance = hook.state.open(url);
      const answer = post(hook.port, shortEvent(id));
      const events = [];
      for (let calls = 0; events.length === 0 && calls < 500; calls++) {
        events.push(...instance.nextBatch().events);
        await breathe();
      }
      expect(idsOf(events)).toEqual([id]);
      instance.nextBatch();
      expect(((await answer) satisfies Answer).status).toBe(200);
      instance.close();
      Object.assign(hook, { instance: hook.state.open(url) });
    }
  });

  test('with pipelined requests leaves nothing that keeps the next source from waiting', async () => {
    const hook = new Webhook();
    const text = requestText(shortEvent('a'));
    hook.client().send(text.repeat(3));
    await hook.batch();
    hook.instance.close();
    const instance = hook.state.open('http://127.0.0.1:0/');
    const start = process.hrtime.bigint();
    for (let i = 0; i < 10; i++) expect(instance.nextBatch().rc).toBe('timeout');
    // A least, not a most: each call waits 30 ms for events, on a machine of any speed.
    expect(process.hrtime.bigint() - start).toBeGreaterThan(200_000_000n);
  });
});

describe('in a process of its own, that hangs or dies if the plugin does', () => {
  const folder = mkdtempSync(join(tmpdir(), 'k8saudit-driver-'));
  let driver = '';
  beforeAll(() => {
    driver = compileDriver(folder);
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  const serve = (limits = ''): Promise<Served> => serveWith(driver, { limits });

  test('SIGPIPE, left at its default by the host, ends nothing', async () => {
    const served = await serve();
    for (let round = 0; round < 5; round++) {
      const clients = names(10).map((id) =>
        new Client(served.port).send(requestText(shortEvent(id)).repeat(3)),
      );
      await served.until('the connections', () => clients.every(({ socket }) => !socket.connecting));
      // First an end, then a reset: the server's write then raises SIGPIPE.
      for (const { socket } of clients) socket.end();
      await served.polled(round % 2);
      for (const { socket } of clients) socket.resetAndDestroy();
      await served.polled(2);
    }
    expect((await post(served.port, shortEvent('after'))).status).toBe(200);
    await served.until('the event', () => served.output.includes('"auditID":"after"'));
    expect(await served.end()).toBe('status 0');
    expect(served.errors).toBe('');
  });

  test('clients that send without end do not keep next_batch from returning', async () => {
    const served = await serve();
    const chunk = Buffer.alloc(1 << 20, ' ');
    const endless = requestText('').replace('Length: 0', 'Length: 9000000000000000000');
    for (let i = 0; i < 3; i++) {
      const { socket } = new Client(served.port).send(endless);
      const flood = () => {
        while (!socket.destroyed && socket.write(chunk));
      };
      socket.on('drain', flood);
      flood();
    }
    await served.polled(40);
    expect((await post(served.port, shortEvent('between'))).status).toBe(200);
    await served.polled(10);
    expect(await served.end()).toBe('status 0');
  });

  test('a flood of refused requests does not keep next_batch from returning', async () => {
    const served = await serve();
    const bad = requestText('bad').repeat(500);
    const clients = names(4).map(() => {
      const client = new Client(served.port);
      const { socket } = client;
      socket.removeAllListeners('data');
      socket.on('data', () => {
        if (socket.writableLength === 0) socket.write(bad);
      });
      return client.send(bad);
    });
    await served.polled(60);
    expect((await post(served.port, shortEvent('between'))).status).toBe(200);
    clients.forEach(({ socket }) => socket.destroy());
    expect(await served.end()).toBe('status 0');
    expect(served.errors).toBe('');
  });

  test('no free file descriptor: it goes on, says so in the log alone, and accepts again', async () => {
    const served = await serve('ulimit -n 24;');
    const clients = names(60).map(() => new Client(served.port));
    await served.until('the message', () =>
      /^log 3 .*cannot accept.*Too many open files/m.test(served.output),
    );
    await served.polled(50);
    expect(served.errors).toBe('');
    expect(served.output.match(/^log 3/gm)).toHaveLength(1);
    for (const { socket } of clients) socket.destroy();
    expect((await post(served.port, shortEvent('after'))).status).toBe(200);
    expect(await served.end()).toBe('status 0');
    expect(served.errors).toBe('');
  });
});

describe('what a listening plugin says', () => {
  test('names the address, and limits the messages about refusals', async () => {
    const hook = new Webhook();
    expect(messagesOf(hook.state.logs, severity.info)).toEqual([
      `listening for audit events on http://127.0.0.1:${hook.port}${PATH}`,
    ]);
    for (let i = 0; i < 20; i++) expect((await hook.exchange('bad')).status).toBe(400);
    expect(hook.metrics().http_answers_4xx).toBe(20);
    expect(messagesOf(hook.state.logs, severity.notice)).toHaveLength(1);
    expect(hook.state.logs.length).toBeLessThanOrEqual(3);
  });

  test('holds no payload and no header', async () => {
    const hook = new Webhook();
    const headers = { Authorization: 'Bearer topsecret' };
    await hook.exchange(eventText({ verb: 'topsecret' }).slice(0, -1), { headers });
    await hook.exchange('"topsecret"', { headers, path: '/topsecret' });
    const all = init({}).logs.concat(hook.state.logs);
    expect(all.map(({ message }) => message).join()).not.toContain('topsecret');
  });
});
