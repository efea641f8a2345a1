// SPDX-License-Identifier: Apache-2.0
// @ts-check
// kube-apiserver, kube-controller-manager, kube-scheduler.
import { anonymous, apiserver, component, controller, NODES } from '../actors.mjs';
import { appSpec, generatedPod, job } from '../objects.mjs';

/** @typedef {import('../healthy.mjs').Work} Work */
/** @typedef {import('../cluster.mjs').Cluster} Cluster */

const CACHED = [
  'pods',
  'secrets',
  'configmaps',
  'services',
  'nodes',
  'serviceaccounts',
  'roles',
  'replicasets',
  'jobs',
];
const LEFT_IN_NAMESPACES = [
  'secrets',
  'configmaps',
  'pods',
  'services',
  'deployments',
  'replicasets',
  'events',
  'roles',
  'rolebindings',
  'serviceaccounts',
  'persistentvolumeclaims',
  'ingresses',
  'jobs',
];

/** @param {Cluster} cluster @param {number} i */
function leaderLease(cluster, i) {
  const name = i % 2 === 0 ? 'kube-controller-manager' : 'kube-scheduler';
  const lease = { resource: 'leases', namespace: 'kube-system', name, query: 'timeout=5s' };
  cluster.request(component(name), { ...lease, verb: 'get' });
  cluster.request(component(name), { ...lease, verb: 'update' });
}

/** Informers begin with a list, then watch. @param {Cluster} cluster @param {number} i */
function informers(cluster, i) {
  const resource = CACHED[i % CACHED.length] ?? 'pods';
  const actor = component('kube-controller-manager', 'shared-informers');
  const version = 10_000_000 + cluster.random.below(90_000_000);
  if (i < CACHED.length)
    cluster.request(actor, { verb: 'list', resource, query: 'limit=500&resourceVersion=0' });
  cluster.request(actor, {
    verb: 'watch',
    resource,
    query: `allowWatchBookmarks=true&resourceVersion=${version}&timeout=7m11s&timeoutSeconds=431&watch=true`,
  });
}

/** @param {Cluster} cluster */
function collectsGarbage(cluster) {
  const actor = controller('generic-garbage-collector');
  const name = `storefront-${cluster.letters(9)}`;
  cluster.request(actor, { verb: 'get', resource: 'replicasets', namespace: 'shop', name });
  cluster.request(actor, { verb: 'delete', resource: 'replicasets', namespace: 'shop', name });
  cluster.request(actor, {
    verb: 'delete',
    resource: 'pods',
    namespace: 'shop',
    name: `${name}-${cluster.suffix()}`,
  });
}

/** A preview environment goes: everything in it is deleted. @param {Cluster} cluster @param {number} i */
function emptiesNamespace(cluster, i) {
  const namespace = `preview-${400 + i}`;
  for (const resource of LEFT_IN_NAMESPACES) {
    cluster.request(controller('namespace-controller'), { verb: 'deletecollection', resource, namespace });
    cluster.request(controller('namespace-controller'), { verb: 'list', resource, namespace });
  }
  cluster.request(controller('namespace-controller'), {
    verb: 'update',
    resource: 'namespaces/finalize',
    name: namespace,
  });
}

/** @param {Cluster} cluster @param {number} i */
function updatesEndpointSlices(cluster, i) {
  const name = `${['storefront', 'checkout', 'ledger'][i % 3]}-${cluster.suffix()}`;
  cluster.request(controller('endpointslice-controller'), {
    verb: 'update',
    resource: 'endpointslices',
    namespace: 'shop',
    name,
  });
}

/** @param {Cluster} cluster @param {number} i */
function scales(cluster, i) {
  const actor = controller('horizontal-pod-autoscaler');
  const name = i % 2 === 0 ? 'storefront' : 'checkout';
  cluster.request(actor, { verb: 'get', resource: 'deployments/scale', namespace: 'shop', name });
  cluster.request(actor, {
    verb: 'list',
    path: '/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods',
    query: `labelSelector=app.kubernetes.io%2Fname%3D${name}`,
  });
  if (i % 5 === 0)
    cluster.request(actor, { verb: 'update', resource: 'deployments/scale', namespace: 'shop', name });
  cluster.request(actor, {
    verb: 'update',
    resource: 'horizontalpodautoscalers/status',
    namespace: 'shop',
    name,
  });
}

/** A CronJob's job, from its creation to its end. @param {Cluster} cluster @param {number} i */
function runsCronJob(cluster, i) {
  const name = `report-${29_000_000 + i * 60}`;
  const spec = appSpec('report', 'v1.4.2');
  cluster.request(controller('cronjob-controller'), {
    verb: 'create',
    resource: 'jobs',
    namespace: 'shop',
    name,
    body: job(name, 'shop', spec),
  });
  const made = cluster.request(controller('job-controller'), {
    verb: 'create',
    resource: 'pods',
    namespace: 'shop',
    body: generatedPod(name, 'shop', spec),
  });
  schedule(cluster, 'shop', made);
  cluster.request(controller('job-controller'), {
    verb: 'update',
    resource: 'jobs/status',
    namespace: 'shop',
    name,
  });
  cluster.request(controller('ttl-after-finished-controller'), {
    verb: 'delete',
    resource: 'jobs',
    namespace: 'shop',
    name: `report-${29_000_000 + (i - 3) * 60}`,
  });
}

/** @param {Cluster} cluster @param {string} namespace @param {string} name of the pod */
export function schedule(cluster, namespace, name) {
  const scheduler = component('kube-scheduler', 'scheduler');
  const node = cluster.random.pick(NODES);
  cluster.request(scheduler, {
    verb: 'create',
    resource: 'pods/binding',
    namespace,
    name,
    body: {
      kind: 'Binding',
      apiVersion: 'v1',
      metadata: { name, namespace, uid: cluster.uid() },
      target: { kind: 'Node', name: node },
    },
  });
  cluster.request(scheduler, { verb: 'create', resource: 'events', namespace });
}

/** @param {Cluster} cluster @param {number} i */
function publishesRootCertificate(cluster, i) {
  const namespace = `preview-${400 + i}`;
  const metadata = { name: 'kube-root-ca.crt', namespace };
  cluster.request(controller('root-ca-cert-publisher'), {
    verb: 'create',
    resource: 'configmaps',
    namespace,
    name: metadata.name,
    body: {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata,
      data: { 'ca.crt': '-----BEGIN CERTIFICATE-----\nMIIDBTCC…\n-----END CERTIFICATE-----\n' },
    },
  });
  cluster.request(controller('service-account-controller'), {
    verb: 'create',
    resource: 'serviceaccounts',
    namespace,
    name: 'default',
    body: { kind: 'ServiceAccount', apiVersion: 'v1', metadata: { name: 'default', namespace } },
  });
}

/** @param {Cluster} cluster */
function apiserverLooksAfterItself(cluster) {
  const lease = { resource: 'leases', namespace: 'kube-system', name: 'apiserver-xa3b5kq7xk' };
  cluster.request(apiserver(), { ...lease, verb: 'get' });
  cluster.request(apiserver(), { ...lease, verb: 'update' });
  cluster.request(apiserver(), {
    verb: 'get',
    resource: 'services',
    namespace: 'default',
    name: 'kubernetes',
  });
  cluster.request(apiserver(), { verb: 'list', resource: 'secrets', query: 'limit=500&resourceVersion=0' });
}

/** What kube-apiserver mends of the default roles when it starts. @param {Cluster} cluster */
function mendsRoles(cluster) {
  for (const name of ['system:kube-scheduler', 'admin', 'system:node']) {
    cluster.request(apiserver(), { verb: 'get', resource: 'clusterroles', name });
  }
  cluster.request(controller('clusterrole-aggregation-controller'), {
    verb: 'patch',
    resource: 'clusterroles',
    name: 'admin',
    query: 'fieldManager=clusterrole-aggregation-controller&force=true',
    body: {
      kind: 'ClusterRole',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: { name: 'admin' },
      rules: [
        {
          verbs: ['create', 'delete', 'get', 'list', 'patch', 'update', 'watch'],
          apiGroups: ['cert-manager.io'],
          resources: ['certificates'],
        },
        {
          verbs: ['get', 'list', 'watch', 'create'],
          apiGroups: [''],
          resources: ['pods/exec', 'pods/attach', 'secrets', 'serviceaccounts/token'],
        },
        { verbs: ['impersonate'], apiGroups: [''], resources: ['serviceaccounts'] },
      ],
    },
  });
}

/** @param {Cluster} cluster @param {number} i */
function probes(cluster, i) {
  const agent = i % 2 === 0 ? 'kube-probe/1.31' : 'curl/8.5.0';
  cluster.request(anonymous(agent, '10.20.0.2'), {
    verb: 'get',
    path: ['/livez', '/readyz', '/healthz'][i % 3] ?? '/livez',
  });
}

/** @type {Work[]} */
export const CONTROL_PLANE_WORK = [
  { times: 60, go: leaderLease },
  { times: 45, go: informers },
  { times: 12, go: collectsGarbage },
  { times: 3, go: emptiesNamespace },
  { times: 60, go: updatesEndpointSlices },
  { times: 40, go: scales },
  { times: 24, go: runsCronJob },
  { times: 3, go: publishesRootCertificate },
  { times: 24, go: apiserverLooksAfterItself },
  { times: 1, go: mendsRoles },
  { times: 48, go: probes },
];
