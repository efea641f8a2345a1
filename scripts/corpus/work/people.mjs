// SPDX-License-Identifier: Apache-2.0
// @ts-check
// People with kubectl and Helm: developers, and those who run the cluster.
import { HELM, person } from '../actors.mjs';
import { job, appSpec } from '../objects.mjs';

/** @typedef {import('../healthy.mjs').Work} Work */
/** @typedef {import('../cluster.mjs').Cluster} Cluster */

const DEVELOPERS = ['anna', 'ben', 'chiara', 'dilek'];

/** @param {number} i @param {string} [agent] */
const developer = (i, agent) => person(DEVELOPERS[i % DEVELOPERS.length] ?? 'anna', 'developers', agent);
/** @param {string} [agent] */
const administrator = (agent) => person('eva', 'platform', agent);

/** @param {Cluster} cluster */
const somePod = (cluster) => cluster.podOf('storefront');

/** @param {Cluster} cluster @param {number} i */
function looks(cluster, i) {
  const actor = developer(i);
  const namespace = 'shop';
  const name = somePod(cluster);
  cluster.request(actor, { verb: 'list', resource: 'pods', namespace, query: 'limit=500' });
  cluster.request(actor, { verb: 'get', resource: 'pods', namespace, name });
  if (i % 2 === 0)
    cluster.request(actor, {
      verb: 'list',
      resource: 'events',
      namespace,
      query: `fieldSelector=involvedObject.name%3D${name}&limit=500`,
    });
  else
    cluster.request(actor, {
      verb: 'get',
      resource: 'pods/log',
      namespace,
      name,
      query: 'container=storefront&follow=true',
    });
}

/** @param {Cluster} cluster @param {number} i */
function measures(cluster, i) {
  cluster.request(developer(i), {
    verb: 'list',
    path: '/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods',
    query: 'limit=500',
  });
  cluster.request(administrator(), { verb: 'list', resource: 'nodes', query: 'limit=500' });
}

/** A shell, a look at the environment, a health check by hand, a copy of a heap dump. */
const COMMANDS = [
  'sh',
  'sh -c env|sort',
  'sh',
  'curl -s localhost:8080/health',
  'tar cf - /tmp/heap.hprof',
  'sh -c env|sort',
  'curl -s localhost:8080/health',
];

/** @param {Cluster} cluster @param {number} i */
function runsCommand(cluster, i) {
  const words = (COMMANDS[i % COMMANDS.length] ?? 'sh').split(' ');
  const command = words.map((word) => `command=${encodeURIComponent(word)}`).join('&');
  const ends = words.length === 1 ? 'stdin=true&stdout=true&tty=true' : 'stderr=true&stdout=true';
  const query = `${command}&container=storefront&${ends}`;
  cluster.request(developer(i), {
    verb: 'get',
    resource: 'pods/exec',
    namespace: 'shop',
    name: somePod(cluster),
    query,
  });
}

/** @param {Cluster} cluster @param {number} i */
function forwardsPort(cluster, i) {
  cluster.request(developer(i), {
    verb: 'create',
    resource: 'pods/portforward',
    namespace: 'shop',
    name: somePod(cluster),
  });
}

/** @param {Cluster} cluster @param {number} i */
function restartsDeployment(cluster, i) {
  const body = {
    spec: {
      template: { metadata: { annotations: { 'kubectl.kubernetes.io/restartedAt': cluster.seconds() } } },
    },
  };
  cluster.request(developer(i), {
    verb: 'patch',
    resource: 'deployments',
    namespace: 'shop',
    name: 'checkout',
    query: 'fieldManager=kubectl-rollout',
    body,
  });
  cluster.request(developer(i), {
    verb: 'patch',
    resource: 'deployments/scale',
    namespace: 'shop',
    name: 'checkout',
  });
}

/** kubectl set image, when it burns. @param {Cluster} cluster @param {number} i */
function rollsBackImage(cluster, i) {
  const body = {
    spec: {
      template: {
        spec: {
          $setElementOrder: { containers: [{ name: 'checkout' }] },
          containers: [{ image: 'registry.example.com:5000/shop/checkout:v2.1.0', name: 'checkout' }],
        },
      },
    },
  };
  cluster.request(developer(i), {
    verb: 'patch',
    resource: 'deployments',
    namespace: 'shop',
    name: 'checkout',
    query: 'fieldManager=kubectl-set',
    body,
  });
}

/** kubectl create job --from=cronjob/report. @param {Cluster} cluster @param {number} i */
function runsReport(cluster, i) {
  const name = `report-manual-${i}`;
  cluster.request(developer(i), { verb: 'get', resource: 'cronjobs', namespace: 'shop', name: 'report' });
  cluster.request(developer(i), {
    verb: 'create',
    resource: 'jobs',
    namespace: 'shop',
    name,
    query: 'fieldManager=kubectl-create',
    body: job(name, 'shop', appSpec('report', 'v1.4.2')),
  });
}

/** @param {Cluster} cluster @param {number} i */
function asksWhatIsAllowed(cluster, i) {
  const spec = { resourceAttributes: { namespace: 'shop', verb: 'delete', resource: 'pods' } };
  cluster.request(developer(i), {
    verb: 'create',
    resource: 'selfsubjectaccessreviews',
    body: { kind: 'SelfSubjectAccessReview', apiVersion: 'authorization.k8s.io/v1', metadata: {}, spec },
  });
  cluster.request(developer(i), { verb: 'list', resource: 'nodes', code: 403 });
}

/** @param {Cluster} cluster @param {number} i */
function listsReleases(cluster, i) {
  cluster.request(developer(i, HELM), {
    verb: 'list',
    resource: 'secrets',
    namespace: 'shop',
    query: 'labelSelector=owner%3Dhelm%2Cstatus%3Ddeployed',
  });
}

/** @param {Cluster} cluster */
function draining(cluster) {
  const actor = administrator();
  cluster.request(actor, {
    verb: 'patch',
    resource: 'nodes',
    name: 'worker-2',
    query: 'fieldManager=kubectl-cordon',
  });
  for (let i = 0; i < 5; i++) {
    cluster.request(actor, {
      verb: 'create',
      resource: 'pods/eviction',
      namespace: 'shop',
      name: `checkout-${cluster.letters(9)}-${cluster.suffix()}`,
    });
  }
  cluster.request(actor, {
    verb: 'patch',
    resource: 'nodes',
    name: 'worker-2',
    query: 'fieldManager=kubectl-uncordon',
  });
}

/** @param {Cluster} cluster */
function syncsApplication(cluster) {
  cluster.request(administrator(), {
    verb: 'patch',
    resource: 'applications',
    namespace: 'argocd',
    name: 'storefront',
    query: 'fieldManager=kubectl-annotate',
  });
}

/** A laptop with an expired token: nobody knows who asks. @param {Cluster} cluster */
function comesTooLate(cluster) {
  for (let i = 0; i < 5; i++) {
    cluster.request(
      { ...developer(2), user: {} },
      { verb: 'get', path: '/api', query: 'timeout=32s', code: 401 },
    );
  }
}

/** @type {Work[]} */
export const PEOPLE_WORK = [
  { times: 24, go: looks },
  { times: 12, go: measures },
  { times: 7, go: runsCommand },
  { times: 3, go: forwardsPort },
  { times: 3, go: restartsDeployment },
  { times: 1, go: rollsBackImage },
  { times: 1, go: runsReport },
  { times: 3, go: asksWhatIsAllowed },
  { times: 2, go: listsReleases },
  { times: 1, go: draining },
  { times: 1, go: syncsApplication },
  { times: 2, go: comesTooLate },
];
