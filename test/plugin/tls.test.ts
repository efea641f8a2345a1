// SPDX-License-Identifier: Apache-2.0
// The webhook over TLS, through real handshakes: certificates that are refused at open, clients with and without one,
// versions, and the exchange of certificates while connections are open.
import { connect } from 'node:net';
import { connect as tlsConnect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { Agent } from 'node:https';
import { renameSync, symlinkSync, unlinkSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { eventOfSize, listText, names, shortEvent } from '../support/events.ts';
import { Workspace } from '../support/workspace.ts';
import { caught, compileDriver, idsOf, init, messagesOf, severity } from './support.ts';
import { Client, PATH, requestText, serveWith } from './webhook-support.ts';
import { Authority, TlsWebhook, postTls, type Identity } from './tls-support.ts';

let authority: Authority;
let root: Identity;
let server: Identity;
let otherRoot: Identity;

beforeAll(() => {
  authority = new Authority();
  root = authority.make({ name: 'root' });
  otherRoot = authority.make({ name: 'other root' });
  server = authority.make({ names: 'DNS:localhost,IP:127.0.0.1', by: root });
});
afterAll(() => authority.close());

/** Configuration with these texts in files. */
function files(certificate: string, key?: string, clientCa?: string): Record<string, string> {
  const workspace = new Workspace();
  return {
    sslCertificate: workspace.write('cert.pem', certificate),
    ...(key === undefined ? {} : { sslKey: workspace.write('key.pem', key) }),
    ...(clientCa === undefined ? {} : { clientCa: workspace.write('ca.pem', clientCa) }),
  };
}

const together = (): Record<string, string> => files(server.certificate + server.key);

/** Whether a handshake with these options comes about. */
async function handshake(hook: TlsWebhook, options: ConnectionOptions): Promise<TLSSocket> {
  const socket = tlsConnect({
    port: hook.port,
    host: '127.0.0.1',
    servername: 'localhost',
    ca: root.certificate,
    ...options,
  });
  onTestFinished(() => void socket.destroy());
  const secured = new Promise<TLSSocket>((resolve, reject) => {
    socket.once('secureConnect', () => resolve(socket));
    socket.once('error', reject);
  });
  return hook.settle('the handshake', secured);
}

describe('certificate and key', () => {
  test('in one file, and in two', async () => {
    for (const config of [together(), files(server.certificate, server.key)]) {
      const hook = new TlsWebhook(config);
      expect(messagesOf(hook.state.logs, severity.info).join()).toContain(
        `https://127.0.0.1:${hook.port}${PATH}`,
      );
      const answer = await hook.exchangeTls(shortEvent('a'), { ca: root.certificate });
      expect(answer).toMatchObject({ status: 200, text: 'ok\n' });
      expect(idsOf(hook.events)).toEqual(['a']);
    }
  });

  test('with the chain behind the certificate', async () => {
    const leaf = authority.make({ names: 'DNS:localhost', by: root });
    const hook = new TlsWebhook(files(leaf.certificate + root.certificate, leaf.key));
    const socket = await handshake(hook, { rejectUnauthorized: false, ca: [] });
    expect(socket.getPeerCertificate(true).issuerCertificate.subject.CN).toBe('root');
  });

  test.each<[string, () => Record<string, string>, RegExp]>([
    ['no certificate', () => files('hello', server.key), /sslCertificate.*no certificate in PEM/],
    ['an empty certificate file', () => files('', server.key), /sslCertificate.*is empty/],
    ['no key in the one file', () => files(server.certificate), /sslCertificate.*no key in PEM/],
    ['no key in the key file', () => files(server.certificate, 'x'), /sslKey.*no key in PEM/],
    [
      'the key of another certificate',
      () => files(server.certificate, otherRoot.key),
      /the key does not belong to the certificate/,
    ],
    [
      'an encrypted key',
      () => {
        const input = authority.write('plain.key', server.key);
        authority.openssl(
          'pkcs8',
          '-topk8',
          '-in',
          input,
          '-out',
          'secret.key',
          '-passout',
          'pass:topsecret',
        );
        return files(server.certificate, authority.read('secret.key'));
      },
      /the key is protected by a password, which is not supported/,
    ],
    [
      'a certificate that has ended',
      () => {
        const old = authority.make({ to: '20240501120000Z', by: root });
        return files(old.certificate, old.key);
      },
      /the certificate ended on 2024-05-01 12:00 UTC/,
    ],
    [
      'a certificate that is not valid yet',
      () => {
        const early = authority.make({ from: '20980501120000Z', by: root });
        return files(early.certificate, early.key);
      },
      /the certificate is not valid before 2098-05-01 12:00 UTC/,
    ],
    [
      'a damaged key',
      () => files(server.certificate, server.key.replace(/\n.{20}/, '\n')),
      /the key is damaged/,
    ],
    [
      'a damaged certificate',
      () => files(server.certificate.replace(/\n.{20}/, '\n'), server.key),
      /the certificate is damaged/,
    ],
    [
      'a damaged chain',
      () => files(server.certificate + root.certificate.replace(/\n.{20}/, '\n'), server.key),
      /the certificate's chain is damaged/,
    ],
    [
      'a CA without a certificate',
      () => files(server.certificate, server.key, 'x'),
      /client CA holds no certificate/,
    ],
    [
      'a damaged CA',
      () => files(server.certificate, server.key, root.certificate.replace(/\n.{20}/, '\n')),
      /a certificate of the client CA is damaged/,
    ],
    ['a missing file', () => ({ sslCertificate: '/nowhere/cert.pem' }), /\/nowhere\/cert\.pem.*No such file/],
  ])('%s is refused at open, with the reason', (_, config, message) => {
    const state = init(config());
    const error = caught(() => state.open(`https://127.0.0.1:0${PATH}`));
    expect(error.message).toMatch(message);
    expect(error.message).not.toMatch(/BEGIN|topsecret/);
  });
});

describe('the protocol', () => {
  test.each(['TLSv1.2', 'TLSv1.3'] as const)('%s is spoken', async (version) => {
    const hook = new TlsWebhook(together());
    const socket = await handshake(hook, { minVersion: version, maxVersion: version });
    expect(socket.getProtocol()).toBe(version);
  });

  test('TLS 1.1 is not, and the failure is counted and told', async () => {
    const hook = new TlsWebhook(together());
    const old = { minVersion: 'TLSv1.1', maxVersion: 'TLSv1.1', ciphers: 'DEFAULT@SECLEVEL=0' } as const;
    await expect(handshake(hook, old)).rejects.toThrow();
    await hook.idle();
    expect(hook.metrics().tls_failures).toBe(1);
    expect(hook.state.logs.map(({ message }) => message).join()).toMatch(
      /127\.0\.0\.1: unsupported protocol/,
    );
    expect((await hook.exchangeTls(shortEvent('a'), { ca: root.certificate })).status).toBe(200);
  });

  test('ALPN gives http/1.1, and a client that knows HTTP/2 alone is refused', async () => {
    const hook = new TlsWebhook(together());
    const socket = await handshake(hook, { ALPNProtocols: ['h2', 'http/1.1'] });
    expect(socket.alpnProtocol).toBe('http/1.1');
    await expect(handshake(hook, { ALPNProtocols: ['h2'] })).rejects.toThrow();
  });

  test.each([
    ['plain HTTP', requestText(shortEvent('x'))],
    ['garbage', 'hello\r\n\r\n'.repeat(10)],
    ['a cut handshake', '\x16\x03\x01\x02\x00\x01'],
  ])('%s does no harm', async (what, bytes) => {
    const hook = new TlsWebhook({ ...together(), webhookHeaderTimeout: 1 });
    const client = new Client(hook.port).send(Buffer.from(bytes, 'latin1'));
    await hook.until('the end', () => client.isClosed);
    await hook.idle();
    expect(client.statuses).toEqual([]);
    expect(hook.metrics()).toMatchObject({
      tls_failures: what === 'a cut handshake' ? 0 : 1,
      http_timeouts: what === 'a cut handshake' ? 1 : 0,
    });
    expect((await hook.exchangeTls(shortEvent('a'), { ca: root.certificate })).status).toBe(200);
    expect(idsOf(hook.events)).toEqual(['a']);
  });

  test('at most 256 handshakes go on at once: the oldest one makes room, and a good client gets in', async () => {
    const hook = new TlsWebhook({ ...together(), webhookMaxConnections: 1000 });
    const clients: Client[] = [];
    // In parts that the queue of the socket that listens can hold.
    for (let count = 50; count <= 300; count += 50) {
      for (let i = 0; i < 50; i++) clients.push(hook.client());
      await hook.until('the connections', () => hook.metrics().http_connections_accepted === count);
    }
    await hook.until('the bound', () => clients.filter(({ isClosed }) => isClosed).length === 44);
    expect(hook.metrics().http_connections).toBe(256);
    expect((await hook.exchangeTls(shortEvent('a'), { ca: root.certificate })).status).toBe(200);
  });

  test('who only connects and leaves has not failed', async () => {
    const hook = new TlsWebhook(together());
    const client = new Client(hook.port);
    await hook.until('the connection', () => hook.metrics().http_connections === 1);
    client.socket.destroy();
    await hook.until('the end', () => hook.metrics().http_connections === 0);
    expect(hook.metrics().tls_failures).toBe(0);
  });

  test('large bodies, small ones, and many requests on one connection come whole', async () => {
    const hook = new TlsWebhook(together());
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const options = { ca: root.certificate, agent };
    const large = listText(names(30).map((id) => eventOfSize(200_000, id)));
    expect((await hook.exchangeTls(large, options)).status).toBe(200);
    for (const id of names(20, 'small')) {
      expect((await hook.exchangeTls(shortEvent(id), options)).status).toBe(200);
    }
    expect(idsOf(hook.events)).toEqual([...names(30), ...names(20, 'small')]);
    expect(hook.metrics().http_connections_accepted).toBe(1);
  });

  test('pipelined requests in one record are answered one after the other', async () => {
    const hook = new TlsWebhook(together());
    const socket = await handshake(hook, {});
    let received = '';
    socket.on('data', (part: Buffer) => (received += part.toString('latin1')));
    socket.write(['a', 'b', 'c'].map((id) => requestText(shortEvent(id))).join(''));
    const statuses = (): string[] => received.match(/^HTTP\/1\.1 \d+/gm) ?? [];
    await hook.until('the answers', () => statuses().length === 3);
    expect(new Set(statuses())).toEqual(new Set(['HTTP/1.1 200']));
    expect(idsOf(hook.events)).toEqual(['a', 'b', 'c']);
  });
});

describe('certificates of clients', () => {
  const mutual = (more: object = {}): object => ({
    ...files(server.certificate, server.key, root.certificate),
    ...more,
  });

  test('that lead to the CA are let in, whatever the TLS version', async () => {
    const hook = new TlsWebhook(mutual());
    const client = authority.make({ name: 'kube-apiserver', by: root });
    expect((await hook.exchangeTls(shortEvent('a'), { ca: root.certificate, client })).status).toBe(200);
    const socket = await handshake(hook, {
      cert: client.certificate,
      key: client.key,
      maxVersion: 'TLSv1.2',
    });
    expect(socket.authorized).toBe(true);
  });

  test('that are absent: the handshake succeeds, health is told, events are refused', async () => {
    const hook = new TlsWebhook(mutual());
    const options = { ca: root.certificate };
    expect((await hook.exchangeTls('', { ...options, method: 'GET', path: '/healthz' })).status).toBe(200);
    expect((await hook.exchangeTls(shortEvent('a'), options)).status).toBe(401);
    expect(hook.events).toEqual([]);
  });

  test.each<[string, () => Identity]>([
    ['of another CA', () => authority.make({ name: 'kube-apiserver', by: otherRoot })],
    ['that made themselves', () => authority.make({ name: 'kube-apiserver' })],
    ['that have ended', () => authority.make({ name: 'kube-apiserver', by: root, to: '20240501120000Z' })],
  ])('%s fail the handshake', async (_, make) => {
    const hook = new TlsWebhook(mutual());
    const answer = hook.exchangeTls(shortEvent('a'), { ca: root.certificate, client: make() });
    await expect(answer).rejects.toThrow(/alert|certificate|reset|EPIPE/);
    await hook.idle();
    expect(hook.events).toEqual([]);
    expect(hook.metrics().tls_failures).toBe(1);
    expect(hook.state.logs.map(({ message }) => message).join()).toMatch(/client's certificate is refused/);
  });

  test.each<[string, string | undefined, string, number]>([
    ['kube-apiserver', undefined, 'kube-apiserver', 200],
    ['x', 'DNS:api.example.org', 'api.example.org', 200],
    ['x', 'URI:spiffe://cluster/api', 'URI:spiffe://cluster/api', 200],
    ['x', 'email:api@example.org', 'api@example.org', 200],
    ['x', 'DNS:api.example.org', 'example.org', 403],
    ['kube-apiserver2', undefined, 'kube-apiserver', 403],
  ])('with the name %s, %s: when %s may send, the answer is %i', async (name, more, allowed, status) => {
    const hook = new TlsWebhook(mutual({ clientNames: [allowed] }));
    const client = authority.make({ name, by: root, ...(more === undefined ? {} : { names: more }) });
    expect((await hook.exchangeTls(shortEvent('a'), { ca: root.certificate, client })).status).toBe(status);
  });

  test('an old session does not get around a CA that has been exchanged', async () => {
    const config = files(server.certificate, server.key, root.certificate);
    const hook = new TlsWebhook(config);
    const client = authority.make({ name: 'kube-apiserver', by: root });
    const identity = { cert: client.certificate, key: client.key };
    const first = await handshake(hook, { ...identity, maxVersion: 'TLSv1.2' });
    const session = first.getSession();
    writeFileSync(config.clientCa ?? '', otherRoot.certificate);
    await hook.until('the reload', () => hook.metrics().certificate_reloads === 1);
    const again = handshake(hook, { ...identity, maxVersion: 'TLSv1.2', ...(session ? { session } : {}) });
    await expect(again).rejects.toThrow();
    expect(hook.metrics().tls_failures).toBe(1);
  });
});

describe('an exchange of the certificate', () => {
  test('as Kubernetes does it, by a symbolic link: open connections go on, new ones get the new one', async () => {
    const workspace = new Workspace();
    const second = authority.make({ name: 'second', names: 'DNS:localhost', by: root });
    const put = (folder: string, { certificate, key }: Identity): void => {
      mkdirSync(workspace.at(folder));
      writeFileSync(workspace.at(join(folder, 'tls.crt')), certificate);
      writeFileSync(workspace.at(join(folder, 'tls.key')), key);
    };
    put('..1', server);
    put('..2', second);
    symlinkSync('..1', workspace.at('..data'));
    symlinkSync(join('..data', 'tls.crt'), workspace.at('tls.crt'));
    symlinkSync(join('..data', 'tls.key'), workspace.at('tls.key'));
    const hook = new TlsWebhook({ sslCertificate: workspace.at('tls.crt'), sslKey: workspace.at('tls.key') });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    const kept = { ca: root.certificate, agent };
    expect((await hook.exchangeTls(shortEvent('a'), kept)).status).toBe(200);
    symlinkSync('..2', workspace.at('..next'));
    renameSync(workspace.at('..next'), workspace.at('..data'));
    await hook.until('the reload', () => hook.metrics().certificate_reloads === 1);
    expect((await hook.exchangeTls(shortEvent('b'), kept)).status).toBe(200);
    expect(hook.metrics().http_connections_accepted).toBe(1);
    const socket = await handshake(hook, {});
    expect(socket.getPeerCertificate().subject.CN).toBe('second');
  });

  test('for a bad one keeps the old one', async () => {
    const config = files(server.certificate, server.key);
    const hook = new TlsWebhook(config);
    writeFileSync(config.sslKey ?? '', otherRoot.key);
    const told = () =>
      messagesOf(hook.state.logs, severity.warning).concat(messagesOf(hook.state.logs, severity.error));
    await hook.until('the message', () => told().join().includes('does not belong'));
    expect((await hook.exchangeTls(shortEvent('a'), { ca: root.certificate })).status).toBe(200);
    unlinkSync(config.sslKey ?? '');
    await hook.idle(20);
    expect((await hook.exchangeTls(shortEvent('b'), { ca: root.certificate })).status).toBe(200);
    expect(hook.metrics().certificate_reloads).toBe(0);
  });
});

test('SIGPIPE, left at its default by the host, ends nothing', async () => {
  const driver = compileDriver(new Workspace().path);
  const served = await serveWith(driver, { config: together(), url: `https://127.0.0.1:0${PATH}` });
  const socket = connect({ port: served.port, host: '127.0.0.1', allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  const secure = tlsConnect({ socket, servername: 'localhost', ca: root.certificate });
  secure.on('error', () => undefined);
  await new Promise((resolve) => secure.once('secureConnect', resolve));
  // An end, without TLS's own, then a reset, before the plugin sees any of it: its write then raises SIGPIPE.
  served.process.kill('SIGSTOP');
  await new Promise((resolve) => secure.write(requestText('', [], 'POST /nothing'), resolve));
  await new Promise<void>((resolve) => socket.end(resolve));
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.resetAndDestroy();
  await closed;
  served.process.kill('SIGCONT');
  const answer = await postTls(served.port, shortEvent('after'), { ca: root.certificate });
  expect(answer.status).toBe(200);
  expect(served.output).toContain('refused a webhook request with 404');
  expect(await served.end()).toBe('status 0');
  expect(served.errors).toBe('');
});

test('a trap leaves the server, its certificate and its requests', async () => {
  const hook = new TlsWebhook(
    { ...together(), maxEventSize: 67108864, webhookMaxBatchSize: 134217728, webhookMaxWaiting: 150_000_000 },
    'small',
  );
  const sent = ['a', 'b'].map((id) => postTls(hook.port, shortEvent(id), { ca: root.certificate }));
  const bad = postTls(hook.port, eventOfSize(14_000_000, 'x'), { ca: root.certificate });
  const answers = await hook.settle('the answers', Promise.all([...sent, bad]));
  expect(answers.map(({ status }) => status)).toEqual([200, 200, 400]);
  expect(hook.metrics().traps).toBe(1);
  expect((await hook.exchangeTls(shortEvent('c'), { ca: root.certificate })).status).toBe(200);
  expect(idsOf(hook.events).sort()).toEqual(['a', 'b', 'c']);
});
