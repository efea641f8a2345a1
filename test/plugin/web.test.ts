// SPDX-License-Identifier: Apache-2.0
// The HTTP client of native/host against real servers, with the sanitizers.
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { connect, createServer as createSocketServer, type AddressInfo, type Socket } from 'node:net';
import type { Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { headerOf, parseAuthorization, verify, type WireRequest } from '../e2e/aws/sigv4.ts';
import { Authority, type Identity } from './tls-support.ts';
import { FAILURE, PHASE, WebDriver, compileWebDriver, sumOf, type Outgoing } from './web-support.ts';

const folder = mkdtempSync(join(tmpdir(), 'k8saudit-web-'));
let program = '';
let authority: Authority;
let ca: Identity;
let caFile = '';
const servers: NetServer[] = [];
const sockets = new Set<Socket>();
const drivers: WebDriver[] = [];

beforeAll(() => {
  program = compileWebDriver(folder);
  authority = new Authority();
  ca = authority.make({ name: 'authority' });
  caFile = authority.write('ca.pem', ca.certificate);
}, 300_000);

afterEach(async () => {
  for (const driver of drivers.splice(0)) await driver.finish();
  for (const socket of sockets) socket.destroy();
  for (const server of servers.splice(0)) server.close();
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
  authority.close();
});

function drive(environment: Record<string, string> = {}): WebDriver {
  const driver = new WebDriver(program, environment);
  drivers.push(driver);
  return driver;
}

async function listen<T extends NetServer>(server: T, host = '127.0.0.1'): Promise<T & { port: number }> {
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.once('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  servers.push(server);
  return Object.assign(server, { port: (server.address() as AddressInfo).port });
}

const serve = (listener: RequestListener): Promise<Server & { port: number }> =>
  listen(createServer(listener));

function serveTls(identity: Identity, listener: RequestListener, options: object = {}) {
  return listen(createTlsServer({ cert: identity.certificate, key: identity.key, ...options }, listener));
}

const isBodyThere = ({ available }: { available: number }) => available > 0;

async function bodyOf(request: IncomingMessage): Promise<string> {
  let text = '';
  for await (const part of request) text += String(part);
  return text;
}

describe('what is sent', () => {
  test('method, path as it is, headers and body', async () => {
    const seen: object[] = [];
    const server = await serve(async (request, response) => {
      const { method, url, headers } = request;
      seen.push({ method, url, headers, body: await bodyOf(request) });
      response.end('{}');
    });
    const driver = drive();
    for (const method of ['GET', 'PUT', 'POST', 'PATCH', 'DELETE']) {
      const handle = await driver.send({
        method,
        url: `http://127.0.0.1:${server.port}/a/../b//c%2Fd?x=%20&a`,
        headers: ['x-one: 1', 'content-type: application/json'],
        body: method === 'GET' ? '' : `{"a": "${'x'.repeat(5000)}"}`,
      });
      expect(await driver.end(handle)).toMatchObject({ phase: PHASE.complete, status: 200, available: 2 });
      await driver.close(handle);
    }
    expect(seen).toHaveLength(5);
    for (const [i, method] of ['GET', 'PUT', 'POST', 'PATCH', 'DELETE'].entries()) {
      expect(seen[i]).toMatchObject({ method, url: '/a/../b//c%2Fd?x=%20&a' });
      const { headers, body } = seen[i] as { headers: Record<string, string>; body: string };
      expect(headers).toMatchObject({ 'x-one': '1', 'content-type': 'application/json' });
      expect(headers).toMatchObject({ 'user-agent': 'k8saudit-ts', host: `127.0.0.1:${server.port}` });
      expect(headers).not.toHaveProperty('expect');
      expect(body).toHaveLength(method === 'GET' ? 0 : 5009);
    }
  });

  test.each([
    ['ftp://host/', 'failed'],
    ['file:///etc/passwd', 'failed'],
    ['', 'failed'],
    ['http://', 'failed'],
    ['http://ho st/', 'failed'],
  ])('what is no URL: %s', async (url) => {
    const driver = drive();
    const answer = await driver.trySend({ url });
    if (/^\d+$/.test(answer)) {
      expect(await driver.end(Number(answer))).toMatchObject({ phase: PHASE.failed, failure: FAILURE.other });
      expect(await driver.problem(Number(answer))).not.toBe('');
    } else {
      expect(answer).toMatch(/^-\d+ \w/);
    }
  });

  test('what cannot be sent is refused with a reason, and leaves nothing', async () => {
    const driver = drive();
    const url = 'http://127.0.0.1:1/';
    expect(await driver.trySend({ url: `${url}${'x'.repeat(10_000)}` })).toBe('-22 the URL cannot be sent');
    expect(await driver.trySend({ url: 'http://a\0b/' })).toBe('-22 the URL cannot be sent');
    expect(await driver.trySend({ url, headers: ['a: b\rc: d'] })).toBe('-22 a header cannot be sent');
    expect(await driver.trySend({ url, headers: ['a: b\0'] })).toBe('-22 a header cannot be sent');
    expect(await driver.trySend({ url, method: 'TRACE' })).toMatch(/^-22 there is no such method/);
    expect(await driver.trySend({ url, method: 'PUT', body: 'x'.repeat((1 << 20) + 1) })).toMatch(
      /too long$/,
    );
    expect(await driver.trySend({ url, signing: 'x'.repeat(5000) })).toMatch(/^-22 the signature's scope/);
  });

  test('requests at once are bounded', async () => {
    const server = await serve(() => {});
    const driver = drive();
    let refusal = '';
    for (let i = 0; i < 200 && refusal === ''; i++) {
      const answer = await driver.trySend({ url: `http://127.0.0.1:${server.port}/` });
      if (answer.startsWith('-')) refusal = answer;
    }
    expect(refusal).toMatch(/^-24 /); // EMFILE
  });
});

describe('what comes', () => {
  test('status, headers, the last of several, and a body in parts', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(
        418,
        [
          ['X-Many', 'one'],
          ['x-many', 'two'],
          ['Empty', ''],
        ].flat(),
      );
      response.write('first');
      setTimeout(() => response.end(' second'), 100);
    });
    const driver = drive();
    const handle = await driver.send({ url: `http://127.0.0.1:${server.port}/` });
    expect(await driver.status(handle)).toEqual({ phase: 0, status: 0, failure: 0, available: 0 });
    expect(await driver.header(handle, 'x-many')).toBeUndefined();
    expect(await driver.until(handle, isBodyThere)).toMatchObject({ phase: PHASE.body, status: 418 });
    expect(await driver.read(handle, 3)).toBe('fir');
    expect(await driver.end(handle)).toMatchObject({ phase: PHASE.complete, status: 418, available: 9 });
    expect(await driver.read(handle)).toBe('st second');
    expect(await driver.read(handle)).toBe('');
    expect(await driver.header(handle, 'X-MANY')).toBe('two');
    expect(await driver.header(handle, 'empty')).toBe('');
    expect(await driver.header(handle, 'absent')).toBeUndefined();
  });

  test('waiting ends with news, and news are told once', async () => {
    const server = await serve((_request, response) => response.end());
    const driver = drive();
    const handle = await driver.send({ url: `http://127.0.0.1:${server.port}/` });
    while ((await driver.wait(1000)) === 0);
    expect((await driver.status(handle)).phase).toBe(PHASE.complete);
    expect(await driver.wait(1)).toBe(0);
  });

  test.each([
    [
      'with trailers',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\nX-Sum: 1\r\n\r\n',
    ],
    ['behind others', 'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody'],
    ['that the end of the connection ends', 'HTTP/1.1 200 OK\r\n\r\nbody'],
    ['of HTTP/1.0', 'HTTP/1.0 200 OK\n\nbody'],
  ])('an answer %s', async (_, bytes) => {
    const server = await listen(createSocketServer((socket) => socket.once('data', () => socket.end(bytes))));
    const driver = drive();
    const handle = await driver.send({ url: `http://127.0.0.1:${server.port}/` });
    expect(await driver.end(handle)).toMatchObject({ phase: PHASE.complete, status: 200 });
    expect(await driver.read(handle)).toBe('body');
  });

  test('a redirect is an answer', async () => {
    const server = await serve((_request, response) => {
      response.writeHead(301, { Location: 'http://127.0.0.1:1/' }).end('moved');
    });
    const driver = drive();
    const handle = await driver.send({ url: `http://127.0.0.1:${server.port}/` });
    expect(await driver.end(handle)).toMatchObject({ phase: PHASE.complete, status: 301 });
  });

  test('the server has to wait when nobody reads, and nothing is lost', async () => {
    const part = Buffer.from(Array.from({ length: 65_536 }, (_, i) => (i * 31 + (i >> 8)) & 0xff));
    const times = 512; // 32 MiB
    let written = 0;
    const server = await serve((_request, response) => {
      const write = (): void => {
        while (written < times) {
          written++;
          if (!response.write(part)) {
            response.once('drain', write);
            return;
          }
        }
        response.end();
      };
      write();
    });
    const driver = drive();
    const handle = await driver.send({
      url: `http://127.0.0.1:${server.port}/`,
      window: 100_000,
      idleTime: 1000,
    });
    await driver.until(handle, ({ available }) => available >= 100_000);
    // Longer than idleTime: it does not count while the server is made to wait.
    for (let i = 0; i < 15; i++) await driver.wait(100);
    const status = await driver.status(handle);
    expect(status.phase).toBe(PHASE.body);
    expect(status.available).toBeLessThan(100_000 + 16_384);
    // What the sockets hold, and no more.
    expect(written).toBeLessThan(times / 2);
    expect(await driver.drain(handle, 10_007)).toEqual({
      phase: PHASE.complete,
      bytes: part.length * times,
      sum: sumOf(part, times),
    });
  }, 120_000);

  test('one connection serves requests that follow each other', async () => {
    let connections = 0;
    const server = await serve((_request, response) => response.end('x'));
    server.on('connection', () => connections++);
    const driver = drive();
    for (let i = 0; i < 5; i++) {
      const handle = await driver.send({ url: `http://127.0.0.1:${server.port}/${i}` });
      await driver.end(handle);
      await driver.close(handle);
    }
    expect(connections).toBe(1);
    // Closed meanwhile by the server: a new one is made, and nobody notices.
    for (const socket of sockets) socket.destroy();
    const handle = await driver.send({ url: `http://127.0.0.1:${server.port}/again` });
    expect(await driver.end(handle)).toMatchObject({ phase: PHASE.complete, status: 200 });
    expect(connections).toBe(2);
  });
});

describe('what goes wrong', () => {
  test('nobody listens', async () => {
    const driver = drive();
    const server = await serve(() => {});
    server.close();
    const handle = await driver.send({ url: `http://127.0.0.1:${server.port}/` });
    expect(await driver.end(handle)).toMatchObject({
      phase: PHASE.failed,
      failure: FAILURE.connect,
      status: 0,
    });
    expect(await driver.problem(handle)).toMatch(/Connection refused|Couldn't connect/);
  });

  test('a name that nobody knows, while something else goes on', async () => {
    const server = await serve((_request, response) => response.end('x'));
    const driver = drive();
    const handle = await driver.send({ url: 'http://nobody.invalid/', connectTime: 4000 });
    const other = await driver.send({ url: `http://127.0.0.1:${server.port}/` });
    expect(await driver.end(other)).toMatchObject({ phase: PHASE.complete });
    const status = await driver.end(handle);
    // Without a name server it is the time that runs out.
    expect([FAILURE.name, FAILURE.time]).toContain(status.failure);
  });

  test('a name of /etc/hosts', async () => {
    const server = await serve((_request, response) => response.end('x'));
    const driver = drive();
    const handle = await driver.send({ url: `http://localhost:${server.port}/` });
    expect(await driver.end(handle)).toMatchObject({ phase: PHASE.complete });
  });

  test.each([
    ['before anything', ''],
    ['within the head', 'HTTP/1.1 200 OK\r\nContent-'],
    ['within the body', 'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart'],
    ['within a chunk', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\npart'],
  ])('the connection ends %s', async (_, bytes) => {
    const server = await listen(createSocketServer((socket) => socket.once('data', () => socket.end(bytes))));
    const driver = drive();
    const handle = await driver.send({ url: `http://127.0.0.1:${server.port}/` });
    expect(await driver.end(handle)).toMatchObject({ phase: PHASE.failed, failure: FAILURE.cut });
    expect(await driver.problem(handle)).not.toBe('');
    expect(await driver.read(handle)).toBe(bytes.endsWith('part') ? 'part' : '');
  });

  test.each([
    ['what is no HTTP', 'SSH-2.0-OpenSSH_9.2\r\n'],
    ['endless headers', `HTTP/1.1 200 OK\r\n${`X: ${'y'.repeat(1000)}\r\n`.repeat(2000)}`],
    ['a length that is none', 'HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n'],
    ['a chunk that is none', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'],
  ])('a server that answers %s', async (_, bytes) => {
    const server = await listen(createSocketServer((socket) => socket.once('data', () => socket.end(bytes))));
    const driver = drive();
    const handle = await driver.send({ url: `http://127.0.0.1:${server.port}/`, totalTime: 10_000 });
    expect((await driver.end(handle)).phase).toBe(PHASE.failed);
  });

  test('times: to connect, in all, and without a byte', async () => {
    const silent = await listen(createSocketServer(() => {}));
    const dribble = await serve((_request, response) => {
      response.write('a');
      const timer = setInterval(() => response.write('a'), 300);
      response.once('close', () => clearInterval(timer));
    });
    const stalled = await serve((_request, response) => void response.write('a'));
    const driver = drive();
    const handles = [
      await driver.send({ url: `https://127.0.0.1:${silent.port}/`, authorities: caFile, connectTime: 300 }),
      await driver.send({ url: `http://127.0.0.1:${silent.port}/`, totalTime: 500 }),
      await driver.send({ url: `http://127.0.0.1:${dribble.port}/`, totalTime: 1500, idleTime: 1000 }),
      await driver.send({ url: `http://127.0.0.1:${stalled.port}/`, idleTime: 1000 }),
    ];
    for (const handle of handles) {
      expect(await driver.end(handle)).toMatchObject({ phase: PHASE.failed, failure: FAILURE.time });
    }
    expect(await driver.read(handles[3] ?? 0)).toBe('a');
  }, 60_000);

  test('a server that goes away while much is being sent to it', async () => {
    const server = await listen(createSocketServer((socket) => socket.once('data', () => socket.destroy())));
    const driver = drive();
    for (let i = 0; i < 20; i++) {
      const url = `http://127.0.0.1:${server.port}/`;
      const handle = await driver.send({ method: 'POST', url, body: 'x'.repeat(1 << 20) });
      expect((await driver.end(handle)).failure).toBe(FAILURE.cut);
      await driver.close(handle);
    }
  });

  test('requests are let go in every phase, also by a trap and by the end', async () => {
    const server = await serve((request, response) => {
      if (request.url === '/ends') response.end('x'.repeat(100_000));
      else if (request.url === '/begins') response.write('x'.repeat(1_000_000));
    });
    const driver = drive();
    for (const path of ['ends', 'begins', 'silent']) {
      const url = `http://127.0.0.1:${server.port}/${path}`;
      const atOnce = await driver.send({ url });
      await driver.close(atOnce);
      const soon = await driver.send({ url, window: 1000 });
      await driver.wait(50);
      await driver.close(soon);
      await driver.send({ url, window: 1000 });
      await driver.wait(50);
      await driver.trap();
      expect(await driver.wait(0)).toBe(0);
      await driver.send({ url, window: 1000 });
      await driver.wait(50);
    }
    await driver.send({ url: 'http://nobody.invalid/' });
  });
});

describe('TLS', () => {
  const url = (server: { port: number }, name = 'localhost'): string => `https://${name}:${server.port}/`;
  const ok: RequestListener = (_request, response) => response.end('secret');

  test('a certificate that leads to the authority, by name and by address', async () => {
    const server = await serveTls(authority.make({ by: ca, names: 'DNS:localhost,IP:127.0.0.1' }), ok);
    const driver = drive();
    for (const name of ['localhost', '127.0.0.1']) {
      const handle = await driver.send({ url: url(server, name), authorities: caFile });
      expect(await driver.end(handle)).toMatchObject({ phase: PHASE.complete, status: 200 });
      expect(await driver.read(handle)).toBe('secret');
    }
  });

  test.each([
    ['of another authority', () => authority.make({ names: 'DNS:localhost' }), /self.signed/i],
    [
      'for another name',
      () => authority.make({ by: ca, names: 'DNS:other' }),
      /no alternative certificate subject/,
    ],
    [
      'that has ended',
      () =>
        authority.make({ by: ca, names: 'DNS:localhost', from: '20200101000000Z', to: '20210101000000Z' }),
      /expired/,
    ],
  ])('a certificate %s', async (_, make, words) => {
    const server = await serveTls(make(), ok);
    const driver = drive();
    const handle = await driver.send({ url: url(server), authorities: caFile });
    expect(await driver.end(handle)).toMatchObject({ phase: PHASE.failed, failure: FAILURE.tls });
    expect(await driver.problem(handle)).toMatch(words);
  });

  test('no authorities, a file of them that is not there, or is none', async () => {
    const server = await serveTls(authority.make({ by: ca, names: 'DNS:localhost' }), ok);
    const driver = drive({ SSL_CERT_FILE: caFile });
    for (const authorities of ['', '/nowhere/ca.pem', authority.write('none.pem', 'no PEM')]) {
      const handle = await driver.send({ url: url(server), authorities });
      expect(await driver.end(handle)).toMatchObject({ phase: PHASE.failed, failure: FAILURE.tls });
    }
  });

  test('TLS 1.1 is not spoken', async () => {
    const identity = authority.make({ by: ca, names: 'DNS:localhost' });
    const old = { maxVersion: 'TLSv1.1', minVersion: 'TLSv1', ciphers: 'DEFAULT@SECLEVEL=0' };
    const server = await serveTls(identity, ok, old);
    const driver = drive();
    const handle = await driver.send({ url: url(server), authorities: caFile });
    expect(await driver.end(handle)).toMatchObject({ phase: PHASE.failed, failure: FAILURE.tls });
  });
});

describe('AWS Signature Version 4', () => {
  const keys = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY' };
  const signer = { keyId: keys.accessKeyId, secret: keys.secretAccessKey };

  /** Sends to a server that keeps what it got. */
  async function exchange(path: string, request: Omit<Outgoing, 'url'>): Promise<WireRequest> {
    let got: WireRequest | undefined;
    const server = await serve(async (incoming, response) => {
      const { method = '', url: target = '', rawHeaders } = incoming;
      const headers = rawHeaders.flatMap((name, i): [string, string][] =>
        i % 2 === 0 ? [[name, rawHeaders[i + 1] ?? '']] : [],
      );
      got = { method, target, headers, body: Buffer.from(await bodyOf(incoming)) };
      response.end();
    });
    const driver = drive();
    const handle = await driver.send({
      url: `http://127.0.0.1:${server.port}${path}`,
      ...signer,
      ...request,
    });
    expect(await driver.end(handle)).toMatchObject({ phase: PHASE.complete });
    if (got === undefined) throw new Error('nothing came');
    return got;
  }

  // From AWS's test suite: https://docs.aws.amazon.com/general/latest/gr/signature-v4-test-suite.html
  test.each([
    ['get-vanilla', 'GET', '/', [], '5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31'],
    [
      'get-vanilla-query-order-key-case',
      ...(['GET', '/?Param1=value1&Param2=value2', []] as const),
      'b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500',
    ],
    [
      'get-vanilla-query-order-encoded',
      ...(['GET', '/?%E1%88%B4=Value1&Param=Value2&Param-3=Value3', []] as const),
      '371d3713e185cc334048618a97f809c9ffe339c62934c032af5a0e595648fcac',
    ],
    [
      'get-vanilla-with-session-token',
      ...(['GET', '/'] as const),
      ['x-amz-security-token: 6e86291e8372ff2a2260956d9b8aae1d763fbf315fa00fa31553b73ebf194267'],
      '07ec1639c89043aa0e3e2de82b96708f198cceab042d4a97044c66dd9f74e7f8',
    ],
    ['post-vanilla', 'POST', '/', [], '5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b'],
    [
      'post-header-value-case',
      ...(['POST', '/', ['my-header1: VALUE1']] as const),
      'cdbc9802e29d2942e5e10b5bccfdd67c5f22c7c4e8ae67b53629efa58b974b7d',
    ],
  ] as const)('the published signature of %s', async (_, method, path, more, signature) => {
    const got = await exchange(path, {
      method,
      headers: ['host: example.amazonaws.com', ...more, 'x-amz-date: 20150830T123600Z'],
      signing: 'aws:amz:us-east-1:service',
    });
    expect(parseAuthorization(headerOf(got, 'authorization') ?? '')).toMatchObject({
      accessKeyId: 'AKIDEXAMPLE',
      scope: ['20150830', 'us-east-1', 'service'],
      signature,
    });
  });

  test.each([
    [
      'JSON',
      'POST',
      '/',
      ['content-type: application/x-amz-json-1.1', 'x-amz-target: A.B'],
      '{"ä": 1}',
      'logs',
    ],
    ['a session', 'POST', '/', ['x-amz-security-token: TOKEN'], '{}', 'logs'],
    [
      'an object of S3',
      ...(['GET', '/bucket/a%20b/%C3%A4%27/..//x%2By?list-type=2&prefix=a%2Fb'] as const),
      [
        'x-amz-content-sha256: e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
        'range: bytes=1-',
      ],
      ...(['', 's3'] as const),
    ],
  ] as const)(
    'a request with %s is accepted as AWS checks it',
    async (_, method, path, headers, body, service) => {
      const got = await exchange(path, {
        ...{ method, headers: [...headers], body },
        signing: `aws:amz:eu-west-1:${service}`,
      });
      const isSession = headers.some((line) => line.startsWith('x-amz-security-token'));
      const known = isSession ? { ...keys, sessionToken: 'TOKEN' } : keys;
      const verifier = { find: () => known, now: Date.now(), region: 'eu-west-1', service };
      expect(verify(got, verifier)).toEqual(known);
      const otherBody = { ...got, body: Buffer.from('other'), target: `${got.target}x` };
      expect(verify(otherBody, verifier)).toHaveProperty('reason');
    },
  );

  test('the secret does not leave', async () => {
    const got = await exchange('/', { signing: 'aws:amz:eu-west-1:logs' });
    expect(JSON.stringify(got)).not.toContain(keys.secretAccessKey);
    const plain = await exchange('/', {});
    expect(headerOf(plain, 'authorization')).toBeUndefined();
  });
});

describe('proxies', () => {
  async function startProxy() {
    const asked: string[] = [];
    const proxy = await serve((request, response) => {
      asked.push(`${request.method} ${request.url}`);
      response.end('by proxy');
    });
    proxy.on('connect', (request: IncomingMessage, socket: Socket) => {
      asked.push(`CONNECT ${request.url}`);
      const port = Number(/:(\d+)$/.exec(request.url ?? '')?.[1]);
      const upstream = connect(port, '127.0.0.1', () => {
        socket.write('HTTP/1.1 200 OK\r\n\r\n');
        upstream.pipe(socket).pipe(upstream);
      });
    });
    return { asked, url: `http://127.0.0.1:${proxy.port}` };
  }

  test('of the environment, unless the request or the environment says no', async () => {
    const identity = authority.make({ by: ca, names: 'DNS:localhost' });
    const server = await serveTls(identity, (_request, response) => response.end('direct'));
    const { asked, url: proxy } = await startProxy();
    const url = `https://localhost:${server.port}/`;
    const driver = drive({ HTTPS_PROXY: proxy, http_proxy: proxy });
    const first = await driver.send({ url, authorities: caFile });
    expect(await driver.end(first)).toMatchObject({ phase: PHASE.complete });
    expect(asked).toEqual([`CONNECT localhost:${server.port}`]);
    const plain = await driver.send({ url: 'http://service.example/x' });
    await driver.end(plain);
    expect(await driver.read(plain)).toBe('by proxy');
    const direct = await driver.send({ url, authorities: caFile, isDirect: true });
    expect(await driver.end(direct)).toMatchObject({ phase: PHASE.complete });
    const other = drive({ HTTPS_PROXY: proxy, NO_PROXY: 'localhost' });
    const excepted = await other.send({ url, authorities: caFile });
    expect(await other.end(excepted)).toMatchObject({ phase: PHASE.complete });
    expect(asked).toEqual([`CONNECT localhost:${server.port}`, 'GET http://service.example/x']);
  });
});

test('variables of the environment', async () => {
  const driver = drive({ SOME_VALUE: 'äx', EMPTY: '' });
  expect(await driver.environment('SOME_VALUE')).toBe('äx');
  expect(await driver.environment('EMPTY')).toBe('');
  expect(await driver.environment('NOT_SET')).toBeUndefined();
  expect(await driver.environment('X'.repeat(500))).toBeUndefined();
});
