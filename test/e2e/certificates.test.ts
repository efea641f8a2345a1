// SPDX-License-Identifier: Apache-2.0
// The webhook's certificate replaced twenty times under load, as kubelet replaces a Secret: no request fails.
import { expect, test } from 'vitest';
import { connect } from 'node:tls';
import { SecretVolume } from '../../scripts/soak/certificates.mjs';
import {
  lostEvents,
  makeClient,
  makeHost,
  secureWebhook,
  sleep,
  totalAcknowledged,
  until,
} from './support.ts';

const ROTATIONS = 20;

test('no request fails while the certificate is replaced twenty times', async () => {
  const { workspace, authority, server, port, open, config, target } = await secureWebhook();
  const files = (pair: { certificate: string; key: string }) => ({
    'tls.crt': pair.certificate,
    'tls.key': pair.key,
    'ca.crt': authority.pair.certificate,
  });
  const secret = new SecretVolume(workspace.at('secret'), files(server));
  const host = makeHost({
    folder: workspace.path,
    open,
    config: {
      ...config,
      sslCertificate: secret.at('tls.crt'),
      sslKey: secret.at('tls.key'),
      clientCa: secret.at('ca.crt'),
    },
  });
  await host.start();
  /** The name in the certificate that a new connection is shown. */
  const shownName = (): Promise<string> =>
    new Promise((resolve, reject) => {
      const socket = connect({
        host: '127.0.0.1',
        port,
        ...target.tls,
        checkServerIdentity: () => undefined,
      });
      socket.once('error', reject);
      let name = '';
      socket.once('secureConnect', () => {
        name = String(socket.getPeerCertificate().subject.CN);
        // To the end of the handshake, so that it does not count as one that failed.
        socket.end('GET /healthz HTTP/1.1\r\nHost: falco\r\nConnection: close\r\n\r\n');
      });
      socket.resume();
      socket.once('close', () => resolve(name));
    });

  // Kept connections, and clients that make a new one for each request: those meet every certificate.
  const kept = [0, 1].map((i) => makeClient(`kept${i}`, 50, target));
  const fresh = [0, 1].map((i) => makeClient(`fresh${i}`, 50, target, false));
  const clients = [...kept, ...fresh];
  let isOver = false;
  const sending = Promise.all(
    clients.map(async (client) => {
      while (!isOver) await client.send();
    }),
  );
  for (let rotation = 1; rotation <= ROTATIONS; rotation++) {
    const name = `falco-${rotation}`;
    secret.replace(files(authority.issue('server', name)));
    while ((await shownName()) !== name) await sleep(100);
    const before = clients.map(({ acknowledged }) => acknowledged.total);
    await until(() => clients.every(({ acknowledged }, i) => acknowledged.total > before[i]));
  }
  isOver = true;
  await sending;
  const metrics = await host.metrics();
  await host.end('SIGTERM');

  const { delivered } = host;
  console.log(
    `${totalAcknowledged(clients)} events in ${metrics['http_answers_2xx']} requests over ${ROTATIONS} certificates; ` +
      `longest way to 200: ${Math.max(...clients.map(({ slowest }) => slowest)).toFixed(0)} ms`,
  );
  for (const { stream, retries } of clients) expect(retries, stream).toBe(0);
  expect(lostEvents(clients, delivered)).toEqual([]);
  expect(delivered.repeated).toBe(0);
  expect(metrics).toMatchObject({ certificate_reloads: ROTATIONS, tls_failures: 0, traps: 0 });
  expect(metrics['certificate_expires_in']).toBeGreaterThan(86_400);
});
