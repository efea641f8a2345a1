// SPDX-License-Identifier: Apache-2.0
// Each limit of the webhook: what its status is, which counter tells of it, and that a good client is served next to
// the one that is at the limit.
import { describe, expect, test } from 'vitest';
import { shortEvent } from '../support/events.ts';
import { breathe, idsOf } from './support.ts';
import { type Client, PATH, Webhook, requestText } from './webhook-support.ts';

/** A head that announces so many bytes. */
function head(length: number, headers: string[] = []): string {
  return requestText('', headers).replace('Length: 0', `Length: ${length}`);
}

const CHUNKED = requestText('').replace('Content-Length: 0', 'Transfer-Encoding: chunked');

/** A body with one event that has exactly this size. */
function bodyOf(size: number, id: string): string {
  return shortEvent(id).padEnd(size, ' ');
}

async function answered(hook: Webhook, client: Client, count = 1): Promise<number[]> {
  await hook.until('the answer', () => client.statuses.length >= count || client.isClosed);
  return client.statuses;
}

async function closed(hook: Webhook, client: Client): Promise<void> {
  await hook.until('the end of the connection', () => client.isClosed);
}

async function expectServed(hook: Webhook, id: string): Promise<void> {
  expect((await hook.exchange(shortEvent(id))).status).toBe(200);
}

describe('the size of a body', () => {
  test('above the limit by its announced length: 413 before a byte of it is sent', async () => {
    const hook = new Webhook({ webhookMaxBatchSize: 4096 });
    const client = hook.client().send(head(4097));
    expect(await answered(hook, client)).toEqual([413]);
    expect(hook.metrics()).toMatchObject({ http_answers_4xx: 1, http_held: 0 });
    await expectServed(hook, 'next');
  });

  test('at the limit is taken, in one piece and in chunks', async () => {
    const hook = new Webhook({ webhookMaxBatchSize: 4096 });
    expect((await hook.exchange(bodyOf(4096, 'a'))).status).toBe(200);
    expect((await hook.exchange('', { chunks: [bodyOf(4000, 'b'), ' '.repeat(96)] })).status).toBe(200);
    expect(idsOf(hook.events)).toEqual(['a', 'b']);
  });

  test('above the limit in chunks: 413 while more is coming, and the connection ends', async () => {
    const hook = new Webhook({ webhookMaxBatchSize: 4096 });
    const client = hook.client().send(`${CHUNKED}1001\r\n${' '.repeat(4097)}`);
    expect(await answered(hook, client)).toEqual([413]);
    expect(client.received).toContain('Connection: close\r\n');
    await closed(hook, client);
    expect(hook.metrics().http_answers_4xx).toBe(1);
    await expectServed(hook, 'next');
  });

  test('of a refused request is read and thrown away, so that the next request on the connection is understood', async () => {
    const hook = new Webhook();
    const client = hook.client().send(requestText('x'.repeat(500_000), [], 'POST /other'));
    client.send(requestText(shortEvent('a')));
    expect(await answered(hook, client, 2)).toEqual([404, 200]);
    expect(client.isClosed).toBe(false);
    const large = hook.client().send(requestText('x'.repeat(3_000_000), [], 'POST /other'));
    expect(await answered(hook, large)).toEqual([404]);
    expect(large.received).toContain('Connection: close\r\n');
  });

  test('of a refused request with Expect: 100-continue is not waited for', async () => {
    const hook = new Webhook({ webhookMaxBatchSize: 4096 });
    const client = hook.client().send(head(5000, ['Expect: 100-continue']));
    expect(await answered(hook, client)).toEqual([413]);
    expect(client.received).toContain('Connection: close\r\n');
    await closed(hook, client);
  });
});

describe('the size of the headers', () => {
  function padded(size: number): string {
    const text = requestText(shortEvent('a'), ['X-Pad: ']);
    const [start = ''] = text.split(/(?<=\r\n\r\n)/);
    return text.replace('X-Pad: ', `X-Pad: ${'y'.repeat(size - start.length)}`);
  }

  test('at the limit is taken, one byte more is answered 431', async () => {
    const hook = new Webhook({ webhookMaxHeaderSize: 2048 });
    const good = hook.client().send(padded(2048));
    expect(await answered(hook, good)).toEqual([200]);
    const bad = hook.client().send(padded(2049));
    expect(await answered(hook, bad)).toEqual([431]);
    await closed(hook, bad);
    expect(hook.metrics()).toMatchObject({ http_answers_2xx: 1, http_answers_4xx: 1 });
  });

  test.each([
    ['an endless request line', `POST /${'x'.repeat(5000)}`],
    ['an endless header', `POST ${PATH} HTTP/1.1\r\nX: ${'y'.repeat(5000)}`],
    ['endless headers', `POST ${PATH} HTTP/1.1\r\n${'X: y\r\n'.repeat(2000)}`],
  ])('%s is cut off at the limit', async (_, bytes) => {
    const hook = new Webhook({ webhookMaxHeaderSize: 2048 });
    const client = hook.client().send(bytes);
    expect(await answered(hook, client)).toEqual([431]);
    await closed(hook, client);
    await hook.idle();
    expect(hook.metrics()).toMatchObject({ http_answers_4xx: 1, http_held: 0 });
  });
});

describe('the number of connections', () => {
  async function connected(hook: Webhook, count: number): Promise<void> {
    await hook.until(`${count} connections`, () => hook.metrics().http_connections === count);
  }

  test('at the limit, the one that has been idle for the longest time makes room', async () => {
    const hook = new Webhook({ webhookMaxConnections: 3 });
    const clients = [];
    for (const count of [1, 2, 3]) {
      clients.push(hook.client());
      await connected(hook, count);
      await new Promise((resolve) => setTimeout(resolve, 300));
      await hook.idle(20);
    }
    const [first, ...others] = clients;
    const fourth = hook.client().send(requestText(shortEvent('a')));
    expect(await answered(hook, fourth)).toEqual([200]);
    await closed(hook, first!);
    expect(others.map(({ isClosed }) => isClosed)).toEqual([false, false]);
    expect(hook.metrics()).toMatchObject({ http_connections: 3, http_connections_accepted: 4 });
  });

  test('at the limit, with a body coming on each: the new one is closed, the others go on', async () => {
    const hook = new Webhook({ webhookMaxConnections: 2 });
    const text = requestText(bodyOf(5000, 'a'));
    const [first, rest] = [text.slice(0, -5), text.slice(-5)];
    const clients = [hook.client().send(first), hook.client().send(first)];
    await hook.until('both bodies', () => (hook.metrics().http_held ?? 0) >= 10_000);
    const third = hook.client().send(requestText(shortEvent('b')));
    await closed(hook, third);
    expect(third.statuses).toEqual([]);
    expect(hook.metrics().http_connections_turned_away).toBeGreaterThanOrEqual(1);
    clients[0]?.send(rest);
    clients[1]?.send(rest);
    for (const client of clients) expect(await answered(hook, client)).toEqual([200]);
  });
});

describe('time', () => {
  const QUICK = { webhookHeaderTimeout: 1, webhookRequestTimeout: 2, webhookIdleTimeout: 1 };

  test.each<[string, string, number[]]>([
    ['a client that says nothing is closed without an answer', '', []],
    ['a head that does not end is answered 408', 'POST /k8s', [408]],
    ['a body that does not end is answered 408', head(100) + '{', [408]],
    ['a chunk that does not end is answered 408', `${CHUNKED}ff\r\n{`, [408]],
  ])('%s, and counted', async (_, bytes, statuses) => {
    const hook = new Webhook(QUICK);
    const client = hook.client();
    if (bytes !== '') client.send(bytes);
    await closed(hook, client);
    expect(client.statuses).toEqual(statuses);
    await hook.idle();
    expect(hook.metrics()).toMatchObject({ http_timeouts: 1, http_held: 0 });
    await expectServed(hook, 'next');
  });

  test('one byte now and then does not help', async () => {
    const hook = new Webhook(QUICK);
    const client = hook.client();
    const drip = setInterval(() => client.send('y'), 100);
    client.send(`POST ${PATH} HTTP/1.1\r\nX: `);
    await closed(hook, client);
    clearInterval(drip);
    expect(client.statuses).toEqual([408]);
  });

  test('an idle connection is closed, and not counted as slow', async () => {
    const hook = new Webhook(QUICK);
    const client = hook.client().send(requestText(shortEvent('a')));
    expect(await answered(hook, client)).toEqual([200]);
    await closed(hook, client);
    expect(client.statuses).toEqual([200]);
    expect(hook.metrics().http_timeouts).toBe(0);
  });

  test('in which Falco does not call is not held against clients', async () => {
    const hook = new Webhook(QUICK);
    const text = requestText(shortEvent('a'));
    const slow = [text.slice(0, 20), text.slice(0, -3), text].map((part) => hook.client().send(part));
    await hook.until('the connections', () => hook.metrics().http_connections === 3);
    await new Promise((resolve) => setTimeout(resolve, 4000));
    slow[0]?.send(text.slice(20));
    slow[1]?.send(text.slice(-3));
    for (const client of slow) expect(await answered(hook, client)).toEqual([200]);
    expect(hook.metrics().http_timeouts).toBe(0);
  });
});

describe('bytes in memory', () => {
  const ROOM = { webhookMaxWaiting: 2_100_000, webhookMaxBatchSize: 800_000 };
  const whole = bodyOf(700_000, 'a');

  /** Two bodies that are not complete: there is no room for a third. */
  async function filled(hook: Webhook, missing: number): Promise<[Client, Client]> {
    const fill = (): Client => hook.client().send(head(700_000) + whole.slice(0, -missing));
    const clients: [Client, Client] = [fill(), fill()];
    const held = 2 * (700_000 - missing);
    await hook.until('both bodies', () => (hook.metrics().http_held ?? 0) >= held);
    return clients;
  }

  test('without room for an announced length: 429 with Retry-After before the body; later there is room', async () => {
    const hook = new Webhook(ROOM);
    const clients = await filled(hook, 1);
    const third = hook.client().send(head(750_000));
    expect(await answered(hook, third)).toEqual([429]);
    expect(third.received).toMatch(/\r\nRetry-After: \d+\r\n/);
    for (const client of clients) {
      client.send(whole.slice(-1));
      expect(await answered(hook, client)).toEqual([200]);
    }
    await hook.idle();
    expect(hook.metrics()).toMatchObject({ http_held: 0, http_answers_4xx: 1 });
    expect((await hook.exchange(bodyOf(750_000, 'b'))).status).toBe(200);
  });

  test('the body that comes most slowly makes room for the next one', async () => {
    const hook = new Webhook({ ...ROOM, webhookMaxWaiting: 2_000_000 });
    const slow = hook.client().send(head(800_000) + 'x'.repeat(799_999));
    const slower = hook.client().send(head(800_000) + 'x'.repeat(500_000));
    await hook.until('both bodies', () => (hook.metrics().http_held ?? 0) >= 1_299_999);
    const start = Date.now();
    await hook.until('more than a second', () => Date.now() - start > 1700);
    expect((await hook.exchange(bodyOf(750_000, 'quick'))).status).toBe(200);
    expect(await answered(hook, slower)).toEqual([408]);
    expect(slow.isClosed).toBe(false);
    expect(hook.metrics().http_timeouts).toBe(1);
  });

  test('heads that do not end make room for good clients', async () => {
    const hook = new Webhook({
      webhookMaxWaiting: 1_048_576,
      webhookMaxBatchSize: 1024,
      webhookMaxHeaderSize: 65_536,
    });
    const start = `POST ${PATH} HTTP/1.1\r\nX: ${'y'.repeat(60_000)}`;
    const clients = Array.from({ length: 16 }, () => hook.client().send(start));
    await hook.until('the heads', () => (hook.metrics().http_held ?? 0) >= 16 * 60_000);
    const since = Date.now();
    await hook.until('more than a second', () => Date.now() - since > 1700);
    const headers = { 'X-Pad': 'z'.repeat(4000) };
    expect((await hook.exchange(shortEvent('good'), { headers })).status).toBe(200);
    expect(clients.some(({ statuses }) => statuses.includes(408))).toBe(true);
    expect(clients.every(({ statuses }) => statuses.includes(408))).toBe(false);
  });

  test('the answer to chunks without room is 429', async () => {
    const hook = new Webhook(ROOM);
    const clients = await filled(hook, 1000);
    const third = hook.client().send(`${CHUNKED}${(750_000).toString(16)}\r\n${'x'.repeat(750_000)}`);
    expect(await answered(hook, third)).toEqual([429]);
    expect(clients.map(({ isClosed }) => isClosed)).toEqual([false, false]);
    expect(hook.metrics().http_held).toBeLessThanOrEqual(2_100_000);
  });

  test('what is held is given back, whatever becomes of the requests', async () => {
    const hook = new Webhook(ROOM);
    const shapes = [
      'POST /k8s',
      head(9000) + 'x',
      `${CHUNKED}fff\r\nx`,
      requestText('bad'),
      '\0\0\0',
      head(5e6),
    ];
    const clients = shapes.map((bytes) => hook.client().send(bytes));
    await hook.idle(10);
    for (const client of clients) client.socket.destroy();
    await hook.until('nothing held', () => hook.metrics().http_connections === 0);
    expect(hook.metrics().http_held).toBe(0);
    await breathe();
    await expectServed(hook, 'next');
  });
});
