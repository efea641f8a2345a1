// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What keeps a cluster going: an engineer on call, Terraform, nodes that are upgraded or given back, credentials that come
// from outside, hooks of backups, build jobs.
import { kubelet, person, pipeline, pod } from '../actors.mjs';
import { appSpec, binding, role } from '../objects.mjs';
import { schedule } from './control-plane.mjs';

/** @typedef {import('../cluster.mjs').Cluster} Cluster */
/** @typedef {import('../healthy.mjs').Work} Work */

/** Who is on call today. */
const engineer = () => person('chiara', 'developers');

/** Something is slow: looks, logs, a shell, a debug container, and the version before. @param {Cluster} cluster */
function debugs(cluster) {
  const actor = engineer();
  const namespace = 'shop';
  const name = cluster.podOf('storefront');
  const one = { namespace, name };
  for (const resource of ['pods', 'nodes', 'events', 'deployments', 'replicasets', 'endpointslices'])
    cluster.request(actor, { verb: 'list', resource, query: 'limit=500' });
  cluster.request(actor, { ...one, verb: 'get', resource: 'pods' });
  cluster.request(actor, {
    ...one,
    verb: 'get',
    resource: 'pods/log',
    query: 'container=storefront&previous=true',
  });
  cluster.request(actor, {
    ...one,
    verb: 'get',
    resource: 'pods/exec',
    query: 'command=sh&container=storefront&stdin=true&stdout=true&tty=true',
  });
  cluster.request(actor, { ...one, verb: 'create', resource: 'pods/portforward' });
  const container = { name: 'debugger-x7k2p', image: 'busybox:1.36', stdin: true, tty: true };
  cluster.request(actor, {
    ...one,
    verb: 'patch',
    resource: 'pods/ephemeralcontainers',
    body: { spec: { ephemeralContainers: [{ ...container, targetContainerName: 'storefront' }] } },
  });
  cluster.request(actor, {
    ...one,
    verb: 'get',
    resource: 'pods/attach',
    query: `container=${container.name}&stdin=true&stdout=true&tty=true`,
  });
  cluster.request(actor, { ...one, verb: 'delete', resource: 'pods' });
  cluster.request(actor, {
    verb: 'patch',
    resource: 'deployments',
    namespace,
    name: 'storefront',
    query: 'fieldManager=kubectl-rollout',
    body: { spec: { template: { spec: appSpec('storefront', 'v4.0.1') } } },
  });
  cluster.request(actor, { verb: 'patch', resource: 'deployments/scale', namespace, name: 'storefront' });
  cluster.request(actor, {
    verb: 'patch',
    resource: 'horizontalpodautoscalers',
    namespace,
    name: 'storefront',
  });
}

/** A terminal program that shows the cluster: it asks what it may, then watches. @param {Cluster} cluster */
function browses(cluster) {
  const actor = person('dilek', 'developers', 'k9s/v0.32.7 (darwin/arm64) kubernetes/$Format');
  for (const resource of ['pods', 'deployments', 'services']) {
    const resourceAttributes = { namespace: 'shop', verb: 'list', resource };
    cluster.request(actor, {
      verb: 'create',
      resource: 'selfsubjectaccessreviews',
      body: {
        kind: 'SelfSubjectAccessReview',
        apiVersion: 'authorization.k8s.io/v1',
        spec: { resourceAttributes },
      },
    });
    cluster.request(actor, { verb: 'list', resource, namespace: 'shop', query: 'limit=500' });
  }
}

/** Terraform looks at all that it has made, and the first time makes what a new team needs. @param {Cluster} cluster @param {number} i */
function appliesTerraform(cluster, i) {
  const actor = pipeline('HashiCorp/1.0 Terraform/1.9.8', 'ci:acme/infrastructure');
  const [namespace, name] = ['team-search', 'search'];
  cluster.request(actor, { verb: 'get', path: '/openapi/v2', query: 'timeout=32s' });
  cluster.request(actor, { verb: 'get', resource: 'namespaces', name: namespace, code: i === 0 ? 404 : 200 });
  for (const resource of [
    'resourcequotas',
    'limitranges',
    'networkpolicies',
    'roles',
    'rolebindings',
    'serviceaccounts',
  ])
    cluster.request(actor, { verb: 'get', resource, namespace, name, code: i === 0 ? 404 : 200 });
  if (i > 0) return;
  const labels = { 'pod-security.kubernetes.io/enforce': 'restricted' };
  const made = { verb: 'create', namespace, name };
  cluster.request(actor, {
    verb: 'create',
    resource: 'namespaces',
    name: namespace,
    body: { kind: 'Namespace', apiVersion: 'v1', metadata: { name: namespace, labels } },
  });
  for (const resource of ['resourcequotas', 'limitranges', 'networkpolicies'])
    cluster.request(actor, { ...made, resource });
  const annotations = { 'eks.amazonaws.com/role-arn': 'arn:aws:iam::111122223333:role/search' };
  cluster.request(actor, {
    ...made,
    resource: 'serviceaccounts',
    body: { kind: 'ServiceAccount', apiVersion: 'v1', metadata: { name, namespace, annotations } },
  });
  const rules = [
    { verbs: ['get', 'list', 'watch'], apiGroups: ['', 'apps'], resources: ['pods', 'deployments'] },
  ];
  cluster.request(actor, { ...made, resource: 'roles', body: role('Role', name, namespace, rules) });
  const team = { kind: 'Group', name: 'search' };
  cluster.request(actor, {
    ...made,
    resource: 'rolebindings',
    body: binding('RoleBinding', name, namespace, { kind: 'Role', name }, [team]),
  });
}

/** A worker gets the next version: drained, upgraded by kubeadm with the node's credentials, and back. @param {Cluster} cluster @param {number} i */
function upgradesNode(cluster, i) {
  const name = i === 0 ? 'worker-1' : 'worker-3';
  const administrator = person('eva', 'platform');
  cluster.request(administrator, {
    verb: 'patch',
    resource: 'nodes',
    name,
    query: 'fieldManager=kubectl-cordon',
  });
  cluster.request(administrator, {
    verb: 'list',
    resource: 'pods',
    query: `fieldSelector=spec.nodeName%3D${name}&limit=500`,
  });
  for (let j = 0; j < 4; j++) {
    const evicted = { namespace: 'shop', name: `storefront-${cluster.letters(9)}-${cluster.suffix()}` };
    cluster.request(administrator, { ...evicted, verb: 'create', resource: 'pods/eviction' });
    cluster.request(administrator, { ...evicted, verb: 'get', resource: 'pods', code: 404 });
  }
  const kubeadm = { ...kubelet(name), agent: 'kubeadm/v1.31.5 (linux/amd64) kubernetes/af64d83' };
  for (const configmap of ['kubeadm-config', 'kubelet-config', 'kube-proxy'])
    cluster.request(kubeadm, {
      verb: 'get',
      resource: 'configmaps',
      namespace: 'kube-system',
      name: configmap,
    });
  cluster.request(kubeadm, { verb: 'get', resource: 'nodes', name });
  cluster.wait(60_000);
  const upgraded = { ...kubelet(name), agent: 'kubelet/v1.31.5 (linux/amd64) kubernetes/af64d83' };
  cluster.request(upgraded, { verb: 'get', resource: 'nodes', name });
  cluster.request(upgraded, { verb: 'update', resource: 'csinodes', name });
  cluster.request(upgraded, { verb: 'patch', resource: 'nodes/status', name });
  cluster.request(administrator, {
    verb: 'patch',
    resource: 'nodes',
    name,
    query: 'fieldManager=kubectl-uncordon',
  });
}

/** The autoscaler gives a node back. @param {Cluster} cluster */
function removesNode(cluster) {
  const name = 'worker-5';
  const autoscaler = pod('kube-system', 'cluster-autoscaler', 'cluster-autoscaler/v1.31.0');
  cluster.request(autoscaler, { verb: 'update', resource: 'nodes', name });
  for (let i = 0; i < 3; i++) {
    cluster.request(autoscaler, {
      verb: 'create',
      resource: 'pods/eviction',
      namespace: 'shop',
      name: `checkout-${cluster.letters(9)}-${cluster.suffix()}`,
    });
  }
  const cloud = pod('kube-system', 'cloud-controller-manager', 'cloud-controller-manager/v1.31.2');
  cluster.request(cloud, { verb: 'get', resource: 'nodes', name });
  cluster.request(cloud, { verb: 'delete', resource: 'nodes', name });
}

/** External Secrets shows the cloud a token of the namespace's own account, and keeps a secret. @param {Cluster} cluster @param {number} i */
function fetchesSecret(cluster, i) {
  const actor = pod('external-secrets', 'external-secrets', 'external-secrets/v0.10.7');
  const [namespace, name] = ['shop', 'ledger-api'];
  cluster.request(actor, {
    verb: 'create',
    resource: 'serviceaccounts/token',
    namespace,
    name: 'ledger',
    body: {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      spec: { audiences: [i % 2 === 0 ? 'sts.amazonaws.com' : 'vault'], expirationSeconds: 600 },
    },
  });
  cluster.request(actor, { verb: 'get', resource: 'secrets', namespace, name, code: i === 0 ? 404 : 200 });
  cluster.request(actor, { verb: i === 0 ? 'create' : 'update', resource: 'secrets', namespace, name });
}

/** Before a backup, the database writes down what it has. @param {Cluster} cluster */
function preparesBackup(cluster) {
  const actor = pod('velero', 'velero', 'velero-server/v1.15.0 (linux/amd64) 1d4f1475');
  cluster.request(actor, {
    verb: 'create',
    resource: 'pods/exec',
    namespace: 'shop',
    name: 'orders-db-0',
    query:
      'command=%2Fbin%2Fbash&command=-c&command=psql+-c+CHECKPOINT&container=postgres&stderr=true&stdout=true',
  });
}

/** A job of GitLab's is a pod, to which the runner attaches. @param {Cluster} cluster */
function builds(cluster) {
  const actor = pod('builds', 'gitlab-runner', 'gitlab-runner 17.5.3 linux/amd64');
  const name = `runner-t3x2z1f-project-42-concurrent-0-${cluster.suffix(8)}`;
  const one = { namespace: 'builds', name };
  const containers = [
    { name: 'build', image: 'docker.io/library/node:22', stdin: true },
    {
      name: 'helper',
      image: 'registry.gitlab.com/gitlab-org/gitlab-runner/gitlab-runner-helper:x86_64-v17.5.3',
    },
  ];
  cluster.request(actor, {
    ...one,
    verb: 'create',
    resource: 'configmaps',
    body: { data: { scripts: 'set -e\n' } },
  });
  cluster.request(actor, { ...one, verb: 'create', resource: 'secrets' });
  cluster.request(actor, {
    ...one,
    verb: 'create',
    resource: 'pods',
    body: {
      kind: 'Pod',
      apiVersion: 'v1',
      metadata: { name, namespace: one.namespace },
      spec: { containers },
    },
  });
  schedule(cluster, one.namespace, name);
  cluster.request(actor, { ...one, verb: 'get', resource: 'pods' });
  cluster.request(actor, {
    ...one,
    verb: 'create',
    resource: 'pods/attach',
    query: 'container=build&stderr=true&stdin=true&stdout=true',
  });
  cluster.request(actor, {
    ...one,
    verb: 'get',
    resource: 'pods/log',
    query: 'container=helper&follow=true',
  });
  for (const resource of ['pods', 'secrets', 'configmaps'])
    cluster.request(actor, { ...one, verb: 'delete', resource });
}

/** @type {Work[]} */
export const OPERATIONS_WORK = [
  { times: 1, go: debugs },
  { times: 6, go: browses },
  { times: 4, go: appliesTerraform },
  { times: 2, go: upgradesNode },
  { times: 1, go: removesNode },
  { times: 8, go: fetchesSecret },
  { times: 1, go: preparesBackup },
  { times: 6, go: builds },
];
