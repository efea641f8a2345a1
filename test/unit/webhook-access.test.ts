// SPDX-License-Identifier: Apache-2.0
// Who may send events to the webhook: bearer tokens, client certificates and their names.
import * as fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { WEBHOOK, drain } from '../support/drive';
import { idsOf, shortEvent } from '../support/events';
import { type FakeRequest, Host, fakeCa, fakeCertificate, fakeKey } from '../support/host';
import { Wasm } from '../support/wasm';
import { Workspace } from '../support/workspace';

const a = shortEvent('a');
const HTTPS = 'https://:9443/k8s-audit';
const TOKEN = 'c2VjcmV0.dG9rZW4';
const OTHER = 'bmV4dA-_~+/==';
const LONG = 'a long token';
const HUGE = 'a huge file';

function withAuthorization(value: string): FakeRequest {
  return { headers: { 'Content-Type': 'application/json', Authorization: value }, body: a };
}

/** A plugin that asks for the token in this file. */
function guarded(content: string, host = new Host()) {
  const tokenFile = new Workspace().write('token', content);
  const config = JSON.stringify({ tokenFile, dedupeWindow: 0 });
  return { tokenFile, config, wasm: new Wasm(host).init(config).open(WEBHOOK) };
}

/** The status that a request gets. */
function statusOf(wasm: Wasm, request: FakeRequest): number | undefined {
  const queued = wasm.host.send(request);
  const ids = idsOf(drain(wasm).events);
  expect(ids).toEqual(queued.answer?.status === 200 ? ['a'] : []);
  expect(queued.sent).toBe(true);
  return queued.answer?.status;
}

function refusalOf(config: object, params: string): string {
  try {
    new Wasm().init(JSON.stringify(config)).open(params);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was opened');
}

describe('a bearer token', () => {
  test.each([
    [`Bearer ${TOKEN}`, 200],
    [`bearer ${TOKEN}`, 200],
    [`BEARER   ${TOKEN}  `, 200],
    [`Bearer ${TOKEN}x`, 401],
    [`Bearer ${TOKEN.slice(0, -1)}`, 401],
    [`Bearer ${TOKEN.slice(1)}`, 401],
    [`Bearer ${TOKEN.toUpperCase()}`, 401],
    [`Bearer ${TOKEN} ${TOKEN}`, 401],
    [`Bearer ${TOKEN},Bearer x`, 401],
    [`Bearer${TOKEN}`, 401],
    [`Basic ${TOKEN}`, 401],
    [TOKEN, 401],
    ['Bearer ', 401],
    ['Bearer', 401],
    ['', 401],
    [`Bearer ${TOKEN}\0`, 401],
  ])('%j', (value, status) => {
    expect(statusOf(guarded(`${TOKEN}\n`).wasm, withAuthorization(value))).toBe(status);
  });

  test.each([4096, 4097, 100_000])('a wrong one of %i bytes', (length) => {
    const { wasm } = guarded(TOKEN);
    expect(statusOf(wasm, withAuthorization(`Bearer ${'x'.repeat(length)}`))).toBe(401);
  });

  test('without the header: 401, before a byte of the body is read', () => {
    const { wasm } = guarded(TOKEN);
    const queued = wasm.host.send({ body: a });
    drain(wasm);
    expect([queued.answer, queued.maxBody]).toEqual([
      { status: 401, text: 'the right bearer token is needed\n' },
      0,
    ]);
    expect(wasm.counts()).toEqual({ http_answers_4xx: 1, http_refused_access: 1 });
  });

  test('the answer does not tell a wrong token from none, nor does the log hold one', () => {
    const { wasm } = guarded(TOKEN);
    const texts = [{ body: a }, withAuthorization('Bearer wrong0wrong'), withAuthorization('Basic x')].map(
      (request) => {
        const queued = wasm.host.send(request);
        drain(wasm);
        return queued.answer?.text;
      },
    );
    expect(new Set(texts).size).toBe(1);
    const logs = JSON.stringify(wasm.host.logs);
    expect(logs).toContain('refused a webhook request with 401');
    for (const secret of [TOKEN, 'wrong0wrong']) expect(logs).not.toContain(secret);
  });

  test('either of two', () => {
    const { wasm } = guarded(`${TOKEN}\r\n${OTHER}\n`);
    const answers = [TOKEN, OTHER, `${TOKEN}${OTHER}`, ''].map((token) =>
      statusOf(wasm, withAuthorization(`Bearer ${token}`)),
    );
    expect(answers).toEqual([200, 200, 401, 401]);
  });

  test('the longest one', () => {
    const token = 'x'.repeat(4096);
    const { wasm } = guarded(token);
    expect(statusOf(wasm, withAuthorization(`Bearer ${token}`))).toBe(200);
    expect(statusOf(wasm, withAuthorization(`Bearer ${token}x`))).toBe(401);
  });

  test.each([
    ['', 'is empty'],
    ['\n', 'has no token in its first line'],
    [`\n${TOKEN}`, 'has no token in its first line'],
    [`${TOKEN} x`, 'has a token with a space or a character that is not ASCII'],
    [`tök€n`, 'has a token with a space or a character that is not ASCII'],
    [`${TOKEN}\na b`, 'has a token with a space or a character that is not ASCII'],
    [`a\nb\nc`, 'has more than two lines'],
    [LONG, 'has a token of more than 4096 bytes'],
    [HUGE, 'has more than 1048576 bytes'],
  ])('a file with %j is refused', (content, reason) => {
    const real: Record<string, string> = { [LONG]: 'x'.repeat(4097), [HUGE]: 'x'.repeat(1_048_577) };
    const tokenFile = new Workspace().write('token', real[content] ?? content);
    const message = refusalOf({ tokenFile }, WEBHOOK);
    expect(message).toBe(`init_config: key "tokenFile": "${tokenFile}" ${reason}`);
    expect(message).not.toContain(TOKEN);
  });

  test('an empty line behind it is none', () => {
    expect(statusOf(guarded(`${TOKEN}\n\n`).wasm, withAuthorization(`Bearer ${TOKEN}`))).toBe(200);
    expect(statusOf(guarded(`${TOKEN}\n${OTHER}\n\n \n`).wasm, withAuthorization(`Bearer ${OTHER}`))).toBe(
      200,
    );
  });

  test('a file that is missing, or a directory, is refused', () => {
    const folder = new Workspace().path;
    expect(refusalOf({ tokenFile: '/nowhere' }, WEBHOOK)).toBe(
      'init_config: key "tokenFile": "/nowhere" cannot be opened: ENOENT',
    );
    expect(refusalOf({ tokenFile: folder }, WEBHOOK)).toBe(
      `init_config: key "tokenFile": "${folder}" cannot be opened: EISDIR`,
    );
  });

  test('a file that cannot be read is refused', () => {
    const host = new Host();
    host.failReads = 5;
    expect(() => guarded(TOKEN, host)).toThrow('cannot be read: EIO');
    expect(host.openFiles).toBe(0);
  });

  test('over http:// it is warned of, over a Unix socket not', () => {
    const { wasm, config } = guarded(TOKEN);
    expect(wasm.host.logs[0]).toEqual({
      severity: 4,
      message: 'init_config: key "tokenFile": over http:// everybody on the way can read the token',
    });
    const local = new Wasm().init(config).open('unix:///x.sock');
    expect(local.host.logs.map(({ severity }) => severity)).toEqual([6]);
    expect(statusOf(local, withAuthorization(`Bearer ${TOKEN}`))).toBe(200);
    expect(statusOf(local, { body: a })).toBe(401);
  });

  test('health needs none', () => {
    const { wasm } = guarded(TOKEN);
    const queued = wasm.host.send({ path: '/healthz', method: 'GET', body: '' });
    drain(wasm);
    expect(queued.answer).toEqual({ status: 200, text: 'ok\n' });
  });

  test('is not left in memory twice', () => {
    const { wasm } = guarded(TOKEN);
    statusOf(wasm, withAuthorization(`Bearer ${TOKEN}`));
    const count = wasm.buffer().toString('latin1').split(TOKEN).length - 1;
    expect(count).toBe(1);
    wasm.close();
    expect(wasm.buffer().includes(TOKEN)).toBe(false);
  });
});

describe('when the token file changes', () => {
  const WAIT = 5_000_000_000n;

  test('the new token is taken, the old one not any more', () => {
    const { wasm, tokenFile } = guarded(TOKEN);
    drain(wasm);
    fs.writeFileSync(tokenFile, OTHER);
    expect(statusOf(wasm, withAuthorization(`Bearer ${OTHER}`))).toBe(401);
    wasm.host.now += WAIT;
    expect(statusOf(wasm, withAuthorization(`Bearer ${OTHER}`))).toBe(200);
    expect(statusOf(wasm, withAuthorization(`Bearer ${TOKEN}`))).toBe(401);
    expect(wasm.metrics().certificate_reloads).toBe(1);
    expect(wasm.host.logs.at(-1)?.message).toBe('the token has changed; the new one is in use');
  });

  test.each([
    ['gone', (file: string) => fs.rmSync(file)],
    ['empty', (file: string) => fs.writeFileSync(file, '')],
    ['a directory', (file: string) => (fs.rmSync(file), fs.mkdirSync(file))],
  ])('to one that is %s, the old token stays', (_, change) => {
    const { wasm, tokenFile } = guarded(TOKEN);
    change(tokenFile);
    for (let i = 0; i < 3; i++) {
      wasm.host.now += WAIT;
      expect(statusOf(wasm, withAuthorization(`Bearer ${TOKEN}`))).toBe(200);
    }
    expect(wasm.metrics().certificate_reloads).toBe(0);
    const warnings = wasm.host.logs.slice(1).filter(({ severity }) => severity === 4);
    expect(warnings).toHaveLength(1);
    expect(warnings[0].message).toMatch(
      /^init_config: key "tokenFile": .*; what was in use before stays in use, and it is tried again$/,
    );
    fs.rmSync(tokenFile, { recursive: true, force: true });
    fs.writeFileSync(tokenFile, OTHER);
    wasm.host.now += WAIT;
    expect(statusOf(wasm, withAuthorization(`Bearer ${OTHER}`))).toBe(200);
  });

  test('a file that stays is not read again', () => {
    const { wasm } = guarded(TOKEN);
    wasm.host.failReads = 5;
    for (let i = 0; i < 5; i++) {
      wasm.host.now += WAIT;
      wasm.nextBatch();
    }
    expect(wasm.host.logs).toHaveLength(2);
  });

  test('after a trap without the file nobody is let in: 503, until it is there again', () => {
    const { wasm, tokenFile, config } = guarded(TOKEN);
    fs.rmSync(tokenFile);
    const next = wasm.successor(config, WEBHOOK);
    expect(statusOf(next, withAuthorization(`Bearer ${TOKEN}`))).toBe(503);
    expect(statusOf(next, { body: a })).toBe(503);
    fs.writeFileSync(tokenFile, TOKEN);
    next.host.now += WAIT;
    expect(statusOf(next, withAuthorization(`Bearer ${TOKEN}`))).toBe(200);
    expect(statusOf(next, { body: a })).toBe(401);
  });
});

describe('client certificates', () => {
  function mutual(more: object = {}) {
    const workspace = new Workspace();
    const config = JSON.stringify({
      sslCertificate: workspace.write('tls.pem', fakeCertificate('server') + fakeKey('server')),
      clientCa: workspace.write('ca.pem', fakeCa('clients')),
      dedupeWindow: 0,
      ...more,
    });
    return new Wasm().init(config).open(HTTPS);
  }

  test('the CA is handed to the server', () => {
    expect(mutual().host.listening?.tls).toMatchObject({ certificate: 'server', clientCa: 'clients' });
  });

  test('without one 401, with any 200', () => {
    const wasm = mutual();
    const queued = wasm.host.send({ body: a });
    drain(wasm);
    expect(queued.answer).toEqual({ status: 401, text: 'a client certificate is needed\n' });
    expect(queued.maxBody).toBe(0);
    for (const clientNames of ['', 'CN=x', 'DNS:a\nDNS:b']) {
      expect(statusOf(wasm, { body: a, clientNames })).toBe(200);
    }
  });

  test.each([
    ['CN=apiserver', 200],
    ['CN=other\nDNS:apiserver', 200],
    ['DNS:x\nURI:apiserver\nDNS:y', 200],
    ['email:apiserver', 200],
    ['CN=apiserver2', 403],
    ['CN=xapiserver', 403],
    ['CN=Apiserver', 403],
    ['CN=', 403],
    ['', 403],
    ['apiserver', 403],
    ['O=apiserver', 403],
    ['DNS:CN=apiserver', 403],
    ['DNS:*', 403],
    ['CN=a\0piserver', 403],
  ])('clientNames "apiserver" and %j', (clientNames, status) => {
    expect(statusOf(mutual({ clientNames: ['nobody', 'apiserver'] }), { body: a, clientNames })).toBe(status);
  });

  test.each([
    ['CN=x', 200],
    ['DNS:x', 403],
    ['DNS:CN=x', 403],
    ['URI:CN=x', 403],
  ])('clientNames "CN=x" and %j: only the common name', (clientNames, status) => {
    expect(statusOf(mutual({ clientNames: ['CN=x'] }), { body: a, clientNames })).toBe(status);
  });

  test('names behind the first 64 KiB do not count', () => {
    const wasm = mutual({ clientNames: ['apiserver'] });
    const filler = 'DNS:filler\n'.repeat(10_000);
    expect(statusOf(wasm, { body: a, clientNames: `CN=apiserver\n${filler}` })).toBe(200);
    expect(statusOf(wasm, { body: a, clientNames: `${filler}CN=apiserver` })).toBe(403);
  });

  test('a name that is cut where the names are cut off is none', () => {
    const wasm = mutual({ clientNames: ['api'] });
    const filler = `DNS:${'f'.repeat(65_536 - 4 - 1 - 6)}\n`;
    expect(statusOf(wasm, { body: a, clientNames: `${filler}CN=api` })).toBe(200);
    expect(statusOf(wasm, { body: a, clientNames: `${filler}CN=api2` })).toBe(403);
  });

  test('403 says nothing of the names', () => {
    const wasm = mutual({ clientNames: ['apiserver'] });
    const queued = wasm.host.send({ body: a, clientNames: 'CN=mallory' });
    drain(wasm);
    const told = queued.answer!.text + JSON.stringify(wasm.host.logs);
    expect(told).toContain('403');
    expect(told).not.toMatch(/mallory|apiserver/);
  });

  test('with a token: both are needed', () => {
    const tokenFile = new Workspace().write('token', TOKEN);
    const wasm = mutual({ tokenFile });
    const right = withAuthorization(`Bearer ${TOKEN}`);
    const answers = [right, { ...right, clientNames: 'CN=x' }, { body: a, clientNames: 'CN=x' }].map(
      (request) => statusOf(wasm, request),
    );
    expect(answers).toEqual([401, 200, 401]);
  });

  test('health needs none', () => {
    const wasm = mutual();
    const queued = wasm.host.send({ path: '/readyz', method: 'HEAD', body: '' });
    drain(wasm);
    expect(queued.answer?.status).toBe(200);
  });

  test.each([
    [
      { clientCa: '/ca' },
      WEBHOOK,
      'key "clientCa" asks for client certificates, which only https:// can check',
    ],
    [
      { clientCa: '/ca' },
      'unix:///x',
      'key "clientCa" asks for client certificates, which only https:// can check',
    ],
    [
      { clientNames: ['x'] },
      WEBHOOK,
      'key "clientNames" needs clientCa, with which client certificates are checked',
    ],
    [
      { clientNames: ['x'] },
      HTTPS,
      'key "clientNames" needs clientCa, with which client certificates are checked',
    ],
    [{ clientCa: '/ca', clientNames: ['x', ''] }, HTTPS, 'key "clientNames" holds an empty name'],
  ])('%j for %s is refused', (config, params, message) => {
    expect(refusalOf(config, params)).toBe(`init_config: ${message}`);
  });
});
