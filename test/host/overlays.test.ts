// SPDX-License-Identifier: Apache-2.0
// The overlays for managed clusters: what the cloud runs itself is quiet, the same by anybody else is not.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { controller, kubelet, person, type Actor } from '../../scripts/corpus/actors.mjs';
import { Cluster } from '../../scripts/corpus/cluster.mjs';
import { judge, RULES } from '../../scripts/corpus/judge.mjs';
import { daemonSet, generatedPod } from '../../scripts/corpus/objects.mjs';
import { flatten, readSources } from '../../scripts/rules/flatten.mjs';
import { repositoryRoot } from './support.ts';

const folder = join(repositoryRoot, 'rules', 'overlays');
const overlay = (cloud: string): string => join(folder, `${cloud}.yaml`);

interface Cloud {
  /** A DaemonSet of the cloud's own. */
  agent: string;
  /** What it needs. */
  spec: object;
  /** The cloud's user who writes its template, where one is known. */
  writer?: string;
  /** Users whose every request is expected. */
  users: string[];
}

const image = (name: string, securityContext: object = {}) => ({
  containers: [{ name, image: `registry.cloud.example/${name}:1`, securityContext }],
});
const privileged = (name: string) => ({ ...image(name, { privileged: true }), hostNetwork: true });

const CLOUDS: Record<string, Cloud> = {
  aks: {
    agent: 'azure-cns',
    spec: privileged('azure-cns'),
    writer: 'aksService',
    users: ['aksService', 'aksProblemDetector'],
  },
  eks: {
    agent: 'aws-node',
    spec: privileged('aws-node'),
    writer: 'eks:addon-manager',
    users: ['eks:addon-manager', 'eks:cluster-bootstrap', 'eks:some-new-controller'],
  },
  gke: {
    agent: 'netd',
    spec: privileged('netd'),
    writer: 'system:addon-manager',
    users: ['service-123456789012@container-engine-robot.iam.gserviceaccount.com'],
  },
  ovh: { agent: 'canal', spec: privileged('canal'), users: ['kubernetes-admin'] },
};

const as = (username: string): Actor => ({
  user: { username, groups: ['system:authenticated'] },
  agent: 'manager/v1',
  address: '10.20.0.2',
});

/** The rules that report the events that `write` writes, with the overlay or without. */
function reported(files: string[], write: (cluster: Cluster) => void): string[] {
  const cluster = new Cluster(1);
  write(cluster);
  const events = cluster.written().map(({ event }) => event);
  expect(events.length).toBeGreaterThan(0);
  return judge(events, [...RULES, ...files]).map(({ rule }) => rule);
}

it('are one for each cloud', () => {
  expect(readdirSync(folder).sort()).toEqual(Object.keys(CLOUDS).map((cloud) => `${cloud}.yaml`));
});

describe.each(Object.entries(CLOUDS))('%s.yaml', (cloud, { agent, spec, writer, users }) => {
  const own = [overlay(cloud)];
  const pods = (cluster: Cluster) =>
    cluster.request(controller('daemon-set-controller'), {
      verb: 'create',
      resource: 'pods',
      namespace: 'kube-system',
      body: generatedPod(agent, 'kube-system', { ...spec }),
    });
  const template = (actor: Actor) => (cluster: Cluster) =>
    cluster.request(actor, {
      verb: 'patch',
      resource: 'daemonsets',
      namespace: 'kube-system',
      name: agent,
      body: daemonSet(agent, 'kube-system', { ...spec }),
    });

  it('changes what is there, and defines nothing twice', () => {
    expect(flatten(readSources([...RULES, ...own])).notices).toEqual([]);
  });

  it("keeps the cloud's own agents quiet", () => {
    expect(reported([], pods)).toEqual(['Create Privileged Pod']);
    expect(reported(own, pods)).toEqual([]);
  });

  it("keeps its user quiet who writes the agents' templates, where one is known", () => {
    const outcome = reported(own, template(as(writer ?? 'system:unknown')));
    expect(outcome).toEqual(writer === undefined ? ['Create Privileged Pod'] : []);
  });

  it('still reports the same by anybody else, and other pods of the controller', () => {
    expect(reported(own, template(person('mallory', 'team')))).toEqual(['Create Privileged Pod']);
    expect(
      reported(own, (cluster) =>
        cluster.request(controller('daemon-set-controller'), {
          verb: 'create',
          resource: 'pods',
          namespace: 'kube-system',
          body: generatedPod('other', 'kube-system', { ...spec }),
        }),
      ),
    ).toEqual(['Create Privileged Pod']);
    expect(
      reported(own, (cluster) =>
        cluster.request(controller('daemon-set-controller'), {
          verb: 'create',
          resource: 'pods',
          namespace: 'shop',
          body: generatedPod(agent, 'shop', { ...spec }),
        }),
      ),
    ).toEqual(['Create Privileged Pod']);
  });

  it('expects its users', () => {
    const reads = (cluster: Cluster) =>
      users.forEach((user) => cluster.request(as(user), { verb: 'list', resource: 'pods' }));
    expect(reported(own, reads)).toEqual([]);
  });
});

describe('gke.yaml', () => {
  it('knows nodes by their names, since the groups are not in the log', () => {
    const node = { ...kubelet('worker-1'), user: { username: 'system:node:worker-1' } };
    const reads = (cluster: Cluster) => {
      cluster.request(node, { verb: 'get', resource: 'secrets', namespace: 'shop', name: 'web-db' });
      cluster.request(node, {
        verb: 'create',
        resource: 'serviceaccounts/token',
        namespace: 'shop',
        name: 'web',
      });
    };
    expect(reported([], reads)).toHaveLength(2);
    expect(reported([overlay('gke')], reads)).toEqual([]);
  });
});
