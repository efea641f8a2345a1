// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Kubelets, nodes that join, and what runs on every node.
import {
  agentOn,
  anonymous,
  bootstrapper,
  component,
  controller,
  kubelet,
  NODES,
  person,
  pod,
} from '../actors.mjs';
import { agentPod, AGENTS, STATIC_PODS } from '../agents.mjs';

/** @typedef {import('../healthy.mjs').Work} Work */
/** @typedef {import('../cluster.mjs').Cluster} Cluster */

/** @param {number} i */
const node = (i) => NODES[i % NODES.length] ?? 'worker-1';

/** @param {Cluster} cluster @param {number} i */
function heartbeat(cluster, i) {
  const name = node(i);
  cluster.request(kubelet(name), {
    verb: 'update',
    resource: 'leases',
    namespace: 'kube-node-lease',
    name,
    query: 'timeout=10s',
  });
  if (i % 4 === 0)
    cluster.request(kubelet(name), { verb: 'patch', resource: 'nodes/status', name, query: 'timeout=10s' });
}

/** @param {Cluster} cluster @param {number} i */
function reportsPods(cluster, i) {
  const name = `${['storefront', 'checkout', 'ledger', 'prometheus'][i % 4]}-${cluster.letters(9)}-${cluster.suffix()}`;
  const namespace = i % 4 === 3 ? 'monitoring' : 'shop';
  cluster.request(kubelet(node(i)), { verb: 'get', resource: 'pods', namespace, name });
  cluster.request(kubelet(node(i)), { verb: 'patch', resource: 'pods/status', namespace, name });
  if (i % 3 === 0) cluster.request(kubelet(node(i)), { verb: 'create', resource: 'events', namespace });
}

/** What pods mount is listed and watched, one object at a time. @param {Cluster} cluster @param {number} i */
function mounts(cluster, i) {
  const app = ['storefront', 'checkout', 'ledger'][i % 3];
  for (const [resource, name] of [
    ['secrets', `${app}-db`],
    ['configmaps', `${app}-config`],
    ['configmaps', 'kube-root-ca.crt'],
  ]) {
    const query = `fieldSelector=metadata.name%3D${name}&limit=500&resourceVersion=0`;
    cluster.request(kubelet(node(i)), { verb: 'list', resource, namespace: 'shop', name, query });
    cluster.request(kubelet(node(i)), {
      verb: 'watch',
      resource,
      namespace: 'shop',
      name,
      query: `allowWatchBookmarks=true&${query}&timeoutSeconds=431&watch=true`,
    });
  }
  cluster.request(kubelet(node(i)), {
    verb: 'get',
    resource: 'secrets',
    namespace: 'shop',
    name: 'registry-credentials',
  });
}

/** @param {Cluster} cluster @param {number} i */
function tokens(cluster, i) {
  const [namespace = '', name = ''] = (
    [
      'shop/storefront',
      'shop/ledger',
      'monitoring/prometheus',
      'argocd/argocd-server',
      'kube-system/kube-proxy',
    ][i % 5] ?? ''
  ).split('/');
  cluster.request(kubelet(node(i)), {
    verb: 'create',
    resource: 'serviceaccounts/token',
    namespace,
    name,
    body: {
      kind: 'TokenRequest',
      apiVersion: 'authentication.k8s.io/v1',
      metadata: {},
      spec: {
        audiences: ['https://kubernetes.default.svc.cluster.local'],
        expirationSeconds: 3607,
        boundObjectRef: {
          kind: 'Pod',
          apiVersion: 'v1',
          name: `${name}-${cluster.suffix()}`,
          uid: cluster.uid(),
        },
      },
    },
  });
}

/** Somebody reads metrics of the kubelet, which asks who that is and what it may. @param {Cluster} cluster @param {number} i */
function authorizesScrapes(cluster, i) {
  cluster.request(kubelet(node(i)), { verb: 'create', resource: 'tokenreviews' });
  cluster.request(kubelet(node(i)), { verb: 'create', resource: 'subjectaccessreviews' });
}

/** A node is added: by kubeadm, with a bootstrap token. @param {Cluster} cluster */
function joins(cluster) {
  const name = 'worker-4';
  const csr = `csr-${cluster.suffix()}`;
  // kubeadm looks up the cluster's address and CA, before it trusts anybody.
  cluster.request(anonymous('kubeadm/v1.31.4 (linux/amd64) kubernetes/a78aa47', '10.20.0.24'), {
    verb: 'get',
    resource: 'configmaps',
    namespace: 'kube-public',
    name: 'cluster-info',
    query: 'timeout=10s',
  });
  certificate(
    cluster,
    bootstrapper(),
    csr,
    'kubernetes.io/kube-apiserver-client-kubelet',
    'certificate-controller',
  );
  cluster.request(kubelet(name), { verb: 'create', resource: 'nodes', name });
  cluster.request(kubelet(name), { verb: 'create', resource: 'csinodes', name });
  cluster.request(kubelet(name), { verb: 'create', resource: 'leases', namespace: 'kube-node-lease', name });
  // kubeadm writes the node's annotations with the kubelet's credentials.
  const kubeadm = { ...kubelet(name), agent: 'kubeadm/v1.31.4 (linux/amd64) kubernetes/a78aa47' };
  cluster.request(kubeadm, { verb: 'get', resource: 'nodes', name });
  cluster.request(kubeadm, { verb: 'patch', resource: 'nodes', name });
  certificate(
    cluster,
    kubelet(name),
    `csr-${cluster.suffix()}`,
    'kubernetes.io/kubelet-serving',
    'kubelet-csr-approver',
  );
  for (const [agent, { namespace }] of Object.entries(AGENTS)) {
    const body = agentPod(agent, name);
    const made = cluster.request(controller('daemon-set-controller'), {
      verb: 'create',
      resource: 'pods',
      namespace,
      body,
    });
    cluster.request(component('kube-scheduler', 'scheduler'), {
      verb: 'create',
      resource: 'pods/binding',
      namespace,
      name: made,
    });
  }
  cluster.request(controller('node-controller'), { verb: 'patch', resource: 'nodes', name });
  // The administrator sees whether the new node's network is up.
  cluster.wait(600_000);
  cluster.request(person('eva', 'platform'), {
    verb: 'get',
    resource: 'pods/exec',
    namespace: 'kube-system',
    name: cluster.podOf('calico-node'),
    query:
      'command=calico-node&command=-bird-ready&command=-felix-ready&container=calico-node&stderr=true&stdout=true',
  });
}

/** @param {Cluster} cluster @param {import('../cluster.mjs').Actor} actor @param {string} name @param {string} signerName @param {string} approver */
function certificate(cluster, actor, name, signerName, approver) {
  const csr = { resource: 'certificatesigningrequests', name };
  const usages = ['digital signature', signerName.endsWith('serving') ? 'server auth' : 'client auth'];
  const body = {
    kind: 'CertificateSigningRequest',
    apiVersion: 'certificates.k8s.io/v1',
    metadata: { generateName: 'csr-' },
    spec: { request: 'LS0tLS1CRUdJTi…', signerName, usages },
    status: {},
  };
  cluster.request(actor, { verb: 'create', resource: csr.resource, body });
  const by = approver === 'certificate-controller' ? controller(approver) : pod('kube-system', approver);
  cluster.request(by, {
    ...csr,
    verb: 'update',
    resource: `${csr.resource}/approval`,
    body: { ...body, status: { conditions: [{ type: 'Approved', status: 'True', reason: 'AutoApproved' }] } },
  });
  cluster.request(controller('certificate-controller'), {
    ...csr,
    verb: 'update',
    resource: `${csr.resource}/status`,
  });
}

/** Kubelets renew their certificates. @param {Cluster} cluster @param {number} i */
function renewsCertificate(cluster, i) {
  certificate(
    cluster,
    kubelet(node(i)),
    `csr-${cluster.suffix()}`,
    'kubernetes.io/kube-apiserver-client-kubelet',
    'certificate-controller',
  );
}

/** The control-plane node is restarted: its kubelet makes mirrors of the static pods. @param {Cluster} cluster */
function restarts(cluster) {
  for (const [name, spec] of Object.entries(STATIC_PODS)) {
    const hash = cluster.letters(32);
    const annotations = {
      'kubernetes.io/config.hash': hash,
      'kubernetes.io/config.mirror': hash,
      'kubernetes.io/config.source': 'file',
    };
    cluster.request(kubelet('cp-1'), {
      verb: 'delete',
      resource: 'pods',
      namespace: 'kube-system',
      name: `${name}-cp-1`,
    });
    cluster.request(kubelet('cp-1'), {
      verb: 'create',
      resource: 'pods',
      namespace: 'kube-system',
      name: `${name}-cp-1`,
      body: {
        kind: 'Pod',
        apiVersion: 'v1',
        metadata: {
          name: `${name}-cp-1`,
          namespace: 'kube-system',
          annotations,
          labels: { component: name, tier: 'control-plane' },
        },
        spec,
      },
    });
  }
  // kube-controller-manager has each of its controllers be a service account, and makes those that are missing.
  const manager = component('kube-controller-manager', 'kube-controller-manager');
  const namespace = 'kube-system';
  for (const name of ['deployment-controller', 'selinux-warning-controller']) {
    cluster.request(manager, { verb: 'get', resource: 'serviceaccounts', namespace, name });
    cluster.request(manager, {
      verb: 'create',
      resource: 'serviceaccounts/token',
      namespace,
      name,
      body: {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        spec: { audiences: null, expirationSeconds: 3607 },
      },
    });
  }
  cluster.request(manager, {
    verb: 'create',
    resource: 'serviceaccounts',
    namespace,
    name: 'selinux-warning-controller',
    body: {
      kind: 'ServiceAccount',
      apiVersion: 'v1',
      metadata: { name: 'selinux-warning-controller', namespace },
    },
  });
}

/** @param {Cluster} cluster @param {number} i */
function runsCalico(cluster, i) {
  const actor = agentOn(node(i), 'kube-system', 'calico-node');
  cluster.request(actor, {
    verb: 'patch',
    resource: 'pods/status',
    namespace: 'shop',
    name: `storefront-${cluster.letters(9)}-${cluster.suffix()}`,
  });
  cluster.request(actor, { verb: 'get', resource: 'ipamblocks', name: `10-244-${i % 4}-0-26` });
  if (i % 4 === 0)
    cluster.request(actor, {
      verb: 'create',
      resource: 'serviceaccounts/token',
      namespace: 'kube-system',
      name: 'calico-cni-plugin',
      body: {
        kind: 'TokenRequest',
        apiVersion: 'authentication.k8s.io/v1',
        spec: { audiences: [], expirationSeconds: 86_400 },
      },
    });
}

/** @type {Work[]} */
export const NODE_WORK = [
  { times: 160, go: heartbeat },
  { times: 110, go: reportsPods },
  { times: 24, go: mounts },
  { times: 90, go: tokens },
  { times: 40, go: authorizesScrapes },
  { times: 1, go: joins },
  { times: 4, go: renewsCertificate },
  { times: 1, go: restarts },
  { times: 40, go: runsCalico },
];
