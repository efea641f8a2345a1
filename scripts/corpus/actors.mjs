// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Who uses the cluster: its control plane, its nodes, what runs in it, and people.

/** @typedef {import('./cluster.mjs').Actor} Actor */
/** @typedef {import('./cluster.mjs').Cluster} Cluster */

const BUILD = '(linux/amd64) kubernetes/a78aa47';
const CONTROL_PLANE = '10.20.0.10';
/** Nodes and their addresses. */
export const NODES = /** @type {const} */ (['worker-1', 'worker-2', 'worker-3', 'worker-4']);
const ADDRESSES = new Map([
  ['cp-1', CONTROL_PLANE],
  ...NODES.map((node, i) => /** @type {[string, string]} */ ([node, `10.20.0.${21 + i}`])),
]);

/** @param {string} role @param {string} subject */
const rbac = (role, subject) =>
  `RBAC: allowed by ClusterRoleBinding "${role}" of ClusterRole "${role}" to ${subject}`;

/** A part of the control plane with a certificate. @param {string} name @param {string} [part] @returns {Actor} */
export function component(name, part = 'leader-election') {
  return {
    user: { username: `system:${name}`, groups: ['system:authenticated'] },
    agent: `${name}/v1.31.4 ${BUILD}/${part}`,
    address: CONTROL_PLANE,
    reason: rbac(`system:${name}`, `User "system:${name}"`),
  };
}

/** kube-apiserver itself. @returns {Actor} */
export const apiserver = () => ({
  user: {
    username: 'system:apiserver',
    uid: '8d2f6d35-4a36-4c1c-9c3a-6cf0a3a8f0c4',
    groups: ['system:masters'],
  },
  agent: `kube-apiserver/v1.31.4 ${BUILD}`,
  address: '::1',
});

/** One of the controllers in kube-controller-manager. @param {string} name @returns {Actor} */
export function controller(name) {
  const username = `system:serviceaccount:kube-system:${name}`;
  return {
    user: { username, uid: uidOf(username), groups: groupsOf('kube-system') },
    agent: `kube-controller-manager/v1.31.4 ${BUILD}/${username}`,
    address: CONTROL_PLANE,
    reason: rbac(`system:controller:${name}`, `ServiceAccount "${name}/kube-system"`),
  };
}

/** @param {string} node @returns {Actor} */
export function kubelet(node) {
  return {
    user: {
      username: `system:node:${node}`,
      groups: ['system:nodes', 'system:authenticated'],
      extra: {
        'authentication.kubernetes.io/credential-id': [`X509SHA256=${uidOf(node).replaceAll('-', '')}`],
      },
    },
    agent: `kubelet/v1.31.4 ${BUILD}`,
    address: ADDRESSES.get(node) ?? CONTROL_PLANE,
  };
}

/**
 * A pod with the token of its service account.
 *
 * @param {string} namespace
 * @param {string} name
 * @param {string} [agent]
 * @returns {Actor}
 */
export function pod(namespace, name, agent = `${name}/v0.0.0 (linux/amd64) kubernetes/$Format`) {
  const username = `system:serviceaccount:${namespace}:${name}`;
  const number = numberOf(username);
  const node = NODES[number % NODES.length] ?? 'worker-1';
  return {
    user: {
      username,
      uid: uidOf(username),
      groups: groupsOf(namespace),
      extra: {
        'authentication.kubernetes.io/credential-id': [`JTI=${uidOf(`${username} token`)}`],
        'authentication.kubernetes.io/node-name': [node],
        'authentication.kubernetes.io/pod-name': [`${name}-${number.toString(16).slice(0, 5)}`],
        'authentication.kubernetes.io/pod-uid': [uidOf(`${username} pod`)],
      },
    },
    agent,
    address: `10.244.${1 + (number % 4)}.${2 + (number % 250)}`,
    reason: rbac(name, `ServiceAccount "${name}/${namespace}"`),
  };
}

/** A DaemonSet's pod on the node's network. @param {string} node @param {string} namespace @param {string} name @returns {Actor} */
export function agentOn(node, namespace, name) {
  return { ...pod(namespace, name), address: ADDRESSES.get(node) ?? CONTROL_PLANE };
}

/**
 * Somebody who logs in through the company's identity provider.
 *
 * @param {string} name
 * @param {string} team
 * @param {string} [agent]
 * @returns {Actor}
 */
export function person(name, team, agent = 'kubectl/v1.31.4 (darwin/arm64) kubernetes/a78aa47') {
  return {
    user: { username: `${name}@example.org`, groups: [team, 'system:authenticated'] },
    agent,
    address: `10.30.7.${10 + (numberOf(name) % 200)}`,
    reason: rbac(`${team}-edit`, `Group "${team}"`),
  };
}

/** CI outside of the cluster, with a federated identity. @param {string} agent @param {string} [username] @returns {Actor} */
export const pipeline = (agent, username = 'ci:acme/platform') => ({
  user: { username, groups: ['ci', 'system:authenticated'] },
  agent,
  address: '10.40.1.15',
  reason: rbac('ci-deployer', 'Group "ci"'),
});

export const KUBECTL = `kubectl/v1.31.4 ${BUILD}`;
export const HELM = 'Helm/3.16.2';

/** CI in the cluster, with the token of its service account. @param {string} agent @returns {Actor} */
export const runner = (agent) => pod('ci', 'deployer', agent);

/** Who shows nothing. @param {string} agent @param {string} address @returns {Actor} */
export const anonymous = (agent, address) => ({
  user: { username: 'system:anonymous', groups: ['system:unauthenticated'] },
  agent,
  address,
  reason: rbac('system:public-info-viewer', 'Group "system:unauthenticated"'),
});

/** A node that joins, with a bootstrap token. @returns {Actor} */
export const bootstrapper = () => ({
  user: {
    username: 'system:bootstrap:7f3kq2',
    groups: [
      'system:bootstrappers',
      'system:bootstrappers:kubeadm:default-node-token',
      'system:authenticated',
    ],
  },
  agent: `kubelet/v1.31.4 ${BUILD}`,
  address: '10.20.0.24',
  reason: rbac('kubeadm:kubelet-bootstrap', 'Group "system:bootstrappers:kubeadm:default-node-token"'),
});

/** @param {string} namespace */
const groupsOf = (namespace) => [
  'system:serviceaccounts',
  `system:serviceaccounts:${namespace}`,
  'system:authenticated',
];

/** A number that is always the same for a text (FNV-1a). @param {string} text */
function numberOf(text) {
  let hash = 0x811c9dc5;
  for (const letter of text) hash = Math.imul(hash ^ letter.charCodeAt(0), 0x01000193);
  return hash >>> 0;
}

/** A UID that is always the same for a text. @param {string} text */
function uidOf(text) {
  const part = (/** @type {string} */ salt) =>
    numberOf(salt + text)
      .toString(16)
      .padStart(8, '0');
  const hex = part('a') + part('b') + part('c') + part('d');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20, 32)].join(
    '-',
  );
}
