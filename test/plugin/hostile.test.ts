// SPDX-License-Identifier: Apache-2.0
// Hostile bytes against the plugin with AddressSanitizer and UndefinedBehaviorSanitizer, in a process of its own: it
// neither dies nor leaks, and good clients are served meanwhile.
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shortEvent } from '../support/events.ts';
import {
  Driver,
  LIMITS,
  SHAPES,
  SMUGGLING,
  event,
  expectClean,
  expectServed,
  large,
} from './hostile-support.ts';
import { Client, PATH, Webhook, post, requestText, type Served } from './webhook-support.ts';
import { Authority, postTls } from './tls-support.ts';

describe('two meanings of one request', () => {
  test.each(SMUGGLING)('%s: 400, and the connection ends', async (_, bytes) => {
    const hook = new Webhook();
    // What a smuggler would have answered as a request of its own.
    const client = hook.client().send(Buffer.from(bytes + requestText(event), 'latin1'));
    await hook.until('the end', () => client.isClosed);
    expect(client.statuses).toEqual([400]);
    await hook.idle();
    expect(hook.events).toEqual([]);
    expect(hook.metrics()).toMatchObject({ http_answers_4xx: 1, http_held: 0 });
  });

  test.each([
    ['CONNECT', 'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n', 404],
    ['Upgrade', requestText('', ['Connection: Upgrade', 'Upgrade: websocket'], 'GET /none'), 404],
    [
      'Upgrade to HTTP/2',
      requestText('', ['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c'], 'GET /none'),
      404,
    ],
    ['a method of WebDAV', requestText('', [], `PROPFIND ${PATH}`), 405],
  ])(
    '%s is a request as any other: the next one on the connection is understood',
    async (_, bytes, status) => {
      const hook = new Webhook();
      const client = hook.client().send(bytes + requestText(shortEvent('a')));
      await hook.until('both answers', () => client.statuses.length === 2);
      expect(client.statuses).toEqual([status, 200]);
    },
  );

  test('an event POSTed with Upgrade is taken', async () => {
    const hook = new Webhook();
    const client = hook.client().send(requestText(shortEvent('a'), ['Connection: Upgrade', 'Upgrade: h2c']));
    await hook.until('the answer', () => client.statuses.length === 1);
    expect(client.statuses).toEqual([200]);
  });

  test('line breaks behind a body are not a request', async () => {
    const hook = new Webhook();
    const client = hook
      .client()
      .send(`${requestText(shortEvent('a'))}\r\n\r\n${requestText(shortEvent('b'))}`);
    await hook.until('both answers', () => client.statuses.length === 2);
    expect(client.statuses).toEqual([200, 200]);
  });
});

describe('with the sanitizers', () => {
  let driver: Driver;
  beforeAll(() => {
    driver = new Driver();
  });
  afterAll(() => driver.remove());

  function serve(config: object, url?: string): Promise<Served> {
    return driver.serve(config, url === undefined ? {} : { url });
  }

  test('every shape, in pieces of every kind, from clients that stay, end, reset and stall', async () => {
    const running = await serve(LIMITS);
    for (let round = 0; round < 4; round++) {
      const clients = SHAPES.map((bytes, i) => {
        const client = new Client(running.port);
        const buffer = Buffer.from(bytes, 'latin1');
        const cut = Math.floor((buffer.length * ((i * 7 + round * 13) % 29)) / 29);
        client.send(buffer.subarray(0, cut));
        setTimeout(() => {
          if (!client.socket.destroyed) client.send(buffer.subarray(cut));
        }, 30);
        return client;
      });
      await running.polled(5);
      for (const [i, { socket }] of clients.entries()) {
        if ((i + round) % 4 === 0) socket.end();
        if ((i + round) % 4 === 1) socket.resetAndDestroy();
        if ((i + round) % 4 === 2) socket.destroy();
      }
      await expectServed(() => post(running.port, shortEvent(`good${round}`)));
    }
    await expectClean(running);
  });

  test('gzip bombs, cut and damaged gzip', async () => {
    const running = await serve(LIMITS);
    const bomb = gzipSync(Buffer.alloc(200_000_000, ' '));
    const good = gzipSync(shortEvent('zipped'));
    const headers = { 'Content-Encoding': 'gzip' };
    for (const [body, status] of [
      [bomb, 413],
      [good.subarray(0, -5), 400],
      [Buffer.concat([good.subarray(0, 20), Buffer.alloc(30)]), 400],
      [Buffer.concat([good, Buffer.from('trailing')]), 400],
      [good, 200],
    ] as const) {
      expect((await post(running.port, body, { headers })).status).toBe(status);
    }
    await expectClean(running);
  });

  test('the end, with requests in every state', async () => {
    const running = await serve({ ...LIMITS, webhookMaxConnections: 200 });
    const clients = SHAPES.map((bytes) => new Client(running.port).send(Buffer.from(bytes, 'latin1')));
    await running.until('the connections', () => clients.every(({ socket }) => !socket.connecting));
    await expectClean(running);
  });

  test('over TLS: wrong handshakes, ends in every place, and what is not encrypted', async () => {
    const authority = new Authority();
    const root = authority.make({ name: 'root' });
    const other = authority.make({ name: 'other' });
    const server = authority.make({ names: 'DNS:localhost', by: root });
    const client = authority.make({ name: 'api', by: root });
    const config = {
      ...LIMITS,
      sslCertificate: authority.write('server.pem', server.certificate + server.key),
      clientCa: authority.write('root.pem', root.certificate),
    };
    const running = await serve(config, `https://127.0.0.1:0${PATH}`);
    authority.close();
    const port = running.port;
    const send = (body: string, identity?: typeof client): Promise<{ status: number }> =>
      postTls(port, body, { ca: root.certificate, ...(identity === undefined ? {} : { client: identity }) });
    for (let round = 0; round < 3; round++) {
      const plain = SHAPES.slice(0, 12).map((bytes) => new Client(port).send(Buffer.from(bytes, 'latin1')));
      const wrong = [send(event, other), send(event), send('bad', client), send(large, client)];
      await Promise.allSettled(wrong);
      for (const [i, { socket }] of plain.entries()) {
        if (i % 2 === 0) socket.resetAndDestroy();
      }
      await expectServed(() => send(shortEvent(`good${round}`), client));
    }
    await expectClean(running);
  });
});
