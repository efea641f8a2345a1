// SPDX-License-Identifier: Apache-2.0
// Two replicas in two libsinsp hosts, one Lease and one ConfigMap, over TLS: with moto as CloudWatch Logs, and as the
// API server the stand-in, and Kubernetes' own where there is one. The one that reads is killed, again and again.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, onTestFinished, test } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';

import { repositoryRoot } from '../../scripts/lib/paths.mjs';
import { Authority } from '../../scripts/soak/certificates.mjs';
import type { LibsinspHost } from '../../scripts/soak/host.mjs';
import { NAMESPACE, USER, apiPath } from '../support/kubernetes-cases.ts';
import { callApi, type ApiAccess } from '../support/kubernetes-client.ts';
import { KubernetesApi } from '../support/kubernetes.ts';
import { Workspace } from '../support/workspace.ts';
import { streamName } from './aws/audit-log.ts';
import { whyNoMoto } from './aws/moto.ts';
import { useMoto } from './aws/use-moto.ts';
import { startApiServer, whyNoApiServer } from './kubernetes.ts';
import { makeHost, sleep, until } from './support.ts';

const KILLS = 10;
const example = (name: string): string => readFileSync(join(repositoryRoot, 'examples', 'eks', name), 'utf8');
const { leaseName, stateConfigMap } = parse(example('two-replicas.yaml')).falco.plugins[0].init_config;
const noMoto = await whyNoMoto('two replicas with a Lease are');
const noApiServer = whyNoApiServer();
if (noApiServer !== undefined)
  process.stderr.write(`!!! ${noApiServer}: two replicas are NOT tried with the real one\n`);

async function startStandIn(workspace: Workspace): Promise<ApiAccess> {
  const authority = new Authority(workspace.at('authority'), 'kubernetes');
  const identity = authority.issue('server', 'kube-apiserver');
  const api = await new KubernetesApi({ identity, tokens: { all: USER } }).open();
  onTestFinished(() => api.close());
  return { url: api.url, ca: authority.pair.certificate, token: 'all' };
}

/** Gives Falco's account the rights of the example. */
async function grant(access: ApiAccess): Promise<void> {
  for (const document of parseAllDocuments(example('progress-rbac.yaml'))) {
    const object = document.toJS();
    const path = `/apis/rbac.authorization.k8s.io/v1/namespaces/${NAMESPACE}/${object.kind.toLowerCase()}s`;
    expect((await callApi(access, 'POST', path, object)).code).toBe(201);
  }
}

const holderOf = async (access: ApiAccess): Promise<string> => {
  const { code, body } = await callApi(access, 'GET', apiPath('leases', leaseName));
  return code === 200 ? String(body['spec'].holderIdentity ?? '') : '';
};

/** What is kept, as a text that changes with each save. */
const keptIn = async (access: ApiAccess): Promise<string> =>
  JSON.stringify((await callApi(access, 'GET', apiPath('configmaps', stateConfigMap))).body['binaryData']);

describe.skipIf(noMoto !== undefined)('two replicas', () => {
  const aws = useMoto();

  /** Writes events until it is ended; gives how many there are then. */
  function write(prefix: string): () => Promise<number> {
    const group = `/aws/eks/${prefix}/cluster`;
    let count = 0;
    let isOver = false;
    const writing = (async () => {
      await aws.client.createLogStreams(group, [streamName(1)]);
      for (; !isOver; count++) {
        const timestamp = Date.now();
        const stageTimestamp = new Date(timestamp).toISOString();
        const message = JSON.stringify({ kind: 'Event', auditID: `${prefix}-${count}`, stageTimestamp });
        await aws.client.putLogEvents(group, streamName(1), [{ timestamp, message }]);
        await sleep(100);
      }
    })();
    return async () => {
      isOver = true;
      await writing;
      return count;
    };
  }

  async function run(workspace: Workspace, access: ApiAccess, prefix: string): Promise<void> {
    const config = {
      ...{ region: 'eu-west-1', awsEndpoints: { logs: aws.moto.url }, shift: 60, pollingInterval: 1 },
      ...{ leaseName, leaseDuration: 4, stateConfigMap },
      ...{ kubernetesUrl: access.url, kubernetesNamespace: NAMESPACE },
      kubernetesTokenFile: workspace.write('token', `${access.token}\n`),
      kubernetesCaFile: workspace.write('ca.crt', access.ca ?? ''),
    };
    const hosts = new Map<string, LibsinspHost>();
    for (const name of ['falco-a', 'falco-b']) {
      const env = { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret', HOSTNAME: name };
      const host = makeHost({ folder: workspace.path, name, open: `eks://${prefix}`, config, env });
      hosts.set(name, host);
      await host.start();
    }
    const deliveredBy = (host: LibsinspHost) => host.read().total;
    const end = write(prefix);

    let holder = '';
    for (let kill = 0; kill < KILLS; kill++) {
      const before = holder;
      await until(async () => (holder = await holderOf(access)) !== '' && holder !== before);
      // It reads, and delivers.
      const host = hosts.get(holder.replace(/_.*/, ''));
      if (host === undefined) throw new Error('nobody');
      const delivered = deliveredBy(host);
      await until(() => deliveredBy(host) > delivered + 20);
      const kept = await keptIn(access);
      await until(async () => (await keptIn(access)) !== kept);
      // At another time since that save each time.
      await sleep(kill * 400);
      // The last one ends as Falco does: it gives the Lease up.
      await host.end(kill < KILLS - 1 ? 'SIGKILL' : 'SIGTERM');
      if (kill < KILLS - 1) await host.start();
    }
    const count = await end();
    const all = [...hosts.values()];
    const copies = (i: number) => all.reduce((sum, host) => sum + host.delivered.of(prefix, i), 0);
    const missing = () =>
      all.map(deliveredBy) && Array.from({ length: count }, (_, i) => i).filter((i) => copies(i) === 0);
    await until(() => missing().length === 0);
    // What came between a save and the kill comes again: about 5 s of events, some 50 each time.
    const twice = Array.from({ length: count }, (_, i) => copies(i) - 1).reduce((sum, more) => sum + more, 0);
    expect(twice).toBeLessThan(KILLS * 100);
    expect(count).toBeGreaterThan(KILLS * 20);
    const survivor = all.find((host) => host.isRunning);
    await until(() => survivor?.messages.includes('leads now') === true);
    expect(all.find((host) => !host.isRunning)?.messages).toContain('is given up: this replica ends');
    const { body } = await callApi(access, 'GET', apiPath('configmaps', stateConfigMap));
    expect(Object.keys(body['binaryData'])).toEqual([expect.stringMatching(/^progress-[0-9a-f]{16}$/)]);
    for (const host of all)
      expect(host.messages).not.toContain(readFileSync(config.kubernetesTokenFile, 'utf8'));
  }

  test('take turns by the stand-in: nothing is left out', async () => {
    const workspace = new Workspace();
    await run(workspace, await startStandIn(workspace), 'stand-in');
  });

  test.skipIf(noApiServer !== undefined)(
    'take turns by the real API server, with no more rights than the example gives',
    async () => {
      const workspace = new Workspace();
      const { access, account } = await startApiServer(workspace);
      await grant(access);
      await run(workspace, account, 'real');
    },
  );
});
