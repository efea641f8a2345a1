// SPDX-License-Identifier: Apache-2.0
// What the long tests share: a real libsinsp host that serves the webhook, and clients that behave as kube-apiserver
// does. The parts lie in scripts/soak, because the soak uses them too.
import { onTestFinished } from 'vitest';
import { Authority, type Pair } from '../../scripts/soak/certificates.mjs';
import { ApiServer, type Target } from '../../scripts/soak/client.mjs';
import type { Tally } from '../../scripts/soak/events.mjs';
import { LibsinspHost, freePort, type HostOptions } from '../../scripts/soak/host.mjs';
import { Workspace } from '../support/workspace.ts';

export { freePort };

export const PATH = '/k8s-audit';
export const MEBIBYTE = 1 << 20;

export function sleep(milliseconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** Waits until something holds. The test's own time-out ends it if it never does. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await sleep(5);
}

/** A host that is ended with its test. */
export function makeHost(options: HostOptions): LibsinspHost {
  const host = new LibsinspHost(options);
  onTestFinished(() => host.abandon());
  return host;
}

/** A client whose connection is closed with its test. */
export function makeClient(stream: string, list: number, target: Target, keepAlive = true): ApiServer {
  const client = new ApiServer(stream, list, target, keepAlive);
  onTestFinished(() => client.close());
  return client;
}

/** A webhook with TLS that wants client certificates, and who may come. */
export interface SecureWebhook {
  workspace: Workspace;
  authority: Authority;
  server: Pair;
  /** As kube-apiserver comes: with a certificate of the authority. */
  target: Required<Target>;
  config: Record<string, unknown>;
  open: string;
  port: number;
}

/** Makes certificates, and says how to open a webhook with them. Call inside a test. */
export async function secureWebhook(): Promise<SecureWebhook> {
  const workspace = new Workspace();
  const authority = new Authority(workspace.at('authority'), 'test authority');
  const server = authority.issue('server', 'localhost');
  const client = authority.issue('client', 'kube-apiserver');
  const port = await freePort();
  return {
    workspace,
    authority,
    server,
    port,
    target: {
      port,
      path: PATH,
      tls: { ca: authority.pair.certificate, cert: client.certificate, key: client.key },
    },
    config: {
      sslCertificate: server.certificateFile,
      sslKey: server.keyFile,
      clientCa: authority.pair.certificateFile,
    },
    open: `https://127.0.0.1:${port}${PATH}`,
  };
}

/** Events that were acknowledged and not delivered: the first hundred of each client. */
export function lostEvents(clients: readonly ApiServer[], delivered: Tally): string[] {
  return clients.flatMap(({ acknowledged }) => acknowledged.missingFrom(delivered));
}

export function totalAcknowledged(clients: readonly ApiServer[]): number {
  return clients.reduce((sum, { acknowledged }) => sum + acknowledged.total, 0);
}
