// SPDX-License-Identifier: Apache-2.0
// Kubernetes' own API server with etcd on loopback. No package of Debian's has kube-apiserver, and Go takes a quarter of
// an hour and 4 GB to compile it, so the long tests do not: KUBE_APISERVER names the program, or the PATH has it.
import { spawn } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { onTestFinished } from 'vitest';

import { findCommand } from '../../scripts/lib/paths.mjs';
import { Authority } from '../../scripts/soak/certificates.mjs';
import { freePort } from '../../scripts/soak/host.mjs';
import { NAMESPACE, USER } from '../support/kubernetes-cases.ts';
import { callApi, type ApiAccess } from '../support/kubernetes-client.ts';
import type { Workspace } from '../support/workspace.ts';
import { until } from './support.ts';

const program = process.env['KUBE_APISERVER'] ?? findCommand('kube-apiserver');
const etcd = findCommand('etcd');

/** Why there is no real API server; undefined: there is. */
export function whyNoApiServer(): string | undefined {
  if (program === undefined) return 'there is no kube-apiserver on the PATH or in KUBE_APISERVER';
  return etcd === undefined ? 'there is no etcd (Debian: apt-get install etcd-server)' : undefined;
}

/** Runs a program until the test ends; gives what tells whether it still runs. */
function running(workspace: Workspace, command: string, args: string[]): () => void {
  const child = spawn(command, args, { cwd: workspace.path, stdio: ['ignore', 'ignore', 'pipe'] });
  let said = '';
  child.stderr.on('data', (part) => (said = (said + part).slice(-4000)));
  onTestFinished(() => void child.kill('SIGKILL'));
  return () => {
    if (child.exitCode !== null) throw new Error(`${command} ended with ${child.exitCode}: ${said}`);
  };
}

async function startEtcd(workspace: Workspace): Promise<string> {
  const client = `http://127.0.0.1:${await freePort()}`;
  const peers = 'http://127.0.0.1:0';
  const check = running(workspace, etcd ?? '', [
    ...[
      '--data-dir',
      workspace.at('etcd'),
      '--listen-client-urls',
      client,
      '--advertise-client-urls',
      client,
    ],
    ...[
      '--listen-peer-urls',
      peers,
      '--initial-advertise-peer-urls',
      peers,
      '--initial-cluster',
      `default=${peers}`,
    ],
  ]);
  await until(async () => {
    check();
    return (await fetch(`${client}/health`).catch(() => undefined))?.ok === true;
  });
  return client;
}

/** How to reach the API server: as somebody who may do everything, as Falco's account, and as somebody who may nothing. */
export interface RealApi {
  access: ApiAccess;
  account: ApiAccess;
  powerless: ApiAccess;
}

/** Starts etcd and kube-apiserver, and makes the namespace of the tests; they end with the test. */
export async function startApiServer(workspace: Workspace): Promise<RealApi> {
  const store = await startEtcd(workspace);
  const authority = new Authority(workspace.at('authority'), 'kubernetes');
  const { certificateFile, keyFile } = authority.issue('server', 'kube-apiserver');
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const accounts = workspace.write(
    'accounts.key',
    privateKey.export({ type: 'pkcs1', format: 'pem' }) as string,
  );
  const tokens = workspace.write(
    'tokens.csv',
    `all,admin,1,system:masters\nnothing,nobody,2\naccount,${USER},3\n`,
  );
  const port = await freePort();
  mkdirSync(workspace.at('run'), { recursive: true });
  const flags = {
    'etcd-servers': store,
    'bind-address': '127.0.0.1',
    'secure-port': port,
    'tls-cert-file': certificateFile,
    'tls-private-key-file': keyFile,
    'cert-dir': workspace.at('run'),
    'service-account-issuer': 'https://kubernetes.default.svc',
    'service-account-key-file': accounts,
    'service-account-signing-key-file': accounts,
    'service-cluster-ip-range': '10.0.0.0/24',
    'token-auth-file': tokens,
    'authorization-mode': 'RBAC',
    'endpoint-reconciler-type': 'none',
    'advertise-address': '127.0.0.1',
  };
  const args = Object.entries(flags).map(([name, value]) => `--${name}=${value}`);
  const check = running(workspace, program ?? '', args);
  const url = `https://127.0.0.1:${port}`;
  const access = { url, ca: authority.pair.certificate, token: 'all' };
  await until(async () => {
    check();
    return (await callApi(access, 'GET', '/readyz').catch(() => undefined))?.code === 200;
  });
  const made = await callApi(access, 'POST', '/api/v1/namespaces', { metadata: { name: NAMESPACE } });
  if (made.code !== 201) throw new Error(`no namespace: ${JSON.stringify(made.body)}`);
  return { access, account: { ...access, token: 'account' }, powerless: { ...access, token: 'nothing' } };
}
