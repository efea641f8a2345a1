// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Objects that clients send: what is in the manifests of real components, as far as rules can see it.

/** @typedef {import('./cluster.mjs').Members} Members */

/** @param {string} path @param {string} name */
export const hostPath = (path, name) => ({ name, hostPath: { path, type: '' } });

/** @param {string} name @param {string} image @param {Members} [more] */
export const container = (name, image, more = {}) => ({
  name,
  image,
  resources: { requests: { cpu: '50m', memory: '64Mi' } },
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  imagePullPolicy: 'IfNotPresent',
  ...more,
});

export const RESTRICTED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
};

/** @param {string} account @param {unknown[]} containers @param {Members} [more] */
export const podSpec = (account, containers, more = {}) => ({
  containers,
  restartPolicy: 'Always',
  terminationGracePeriodSeconds: 30,
  dnsPolicy: 'ClusterFirst',
  serviceAccountName: account,
  serviceAccount: account,
  securityContext: {},
  schedulerName: 'default-scheduler',
  ...more,
});

/** An application's pods. @param {string} app @param {string} tag */
export const appSpec = (app, tag) =>
  podSpec(
    app,
    [
      container(app, `registry.example.com:5000/shop/${app}:${tag}`, {
        ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
        env: [{ name: 'DB_PASSWORD', valueFrom: { secretKeyRef: { name: `${app}-db`, key: 'password' } } }],
        securityContext: RESTRICTED,
      }),
    ],
    { volumes: [{ name: 'config', configMap: { name: `${app}-config` } }] },
  );

/** @param {string} name @param {string} namespace @param {Members} spec of the pods */
export const deployment = (name, namespace, spec) => ({
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  metadata: { name, namespace, labels: { 'app.kubernetes.io/name': name } },
  spec: {
    replicas: 3,
    selector: { matchLabels: { 'app.kubernetes.io/name': name } },
    template: { metadata: { labels: { 'app.kubernetes.io/name': name } }, spec },
    strategy: { type: 'RollingUpdate' },
  },
  status: {},
});

/** @param {string} name @param {string} namespace @param {Members} spec of the pods */
export const daemonSet = (name, namespace, spec) => ({
  ...deployment(name, namespace, spec),
  kind: 'DaemonSet',
  spec: {
    selector: { matchLabels: { 'app.kubernetes.io/name': name } },
    template: { metadata: { labels: { 'app.kubernetes.io/name': name } }, spec },
  },
});

/** A pod as a controller makes it. @param {string} prefix @param {string} namespace @param {Members} spec */
export const generatedPod = (prefix, namespace, spec) => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { generateName: `${prefix}-`, namespace, labels: { 'app.kubernetes.io/name': prefix } },
  spec,
  status: {},
});

/** @param {string} name @param {string} namespace @param {Members} spec of the pods */
export const job = (name, namespace, spec) => ({
  kind: 'Job',
  apiVersion: 'batch/v1',
  metadata: { name, namespace },
  spec: { backoffLimit: 3, template: { metadata: {}, spec: { ...spec, restartPolicy: 'OnFailure' } } },
});

/** @param {string} kind @param {string} name @param {string | undefined} namespace @param {Members[]} rules */
export const role = (kind, name, namespace, rules) => ({
  kind,
  apiVersion: 'rbac.authorization.k8s.io/v1',
  metadata: { name, namespace },
  rules,
});

/** @param {string} kind @param {string} name @param {string | undefined} namespace @param {Members} roleRef @param {Members[]} subjects */
export const binding = (kind, name, namespace, roleRef, subjects) => ({
  kind,
  apiVersion: 'rbac.authorization.k8s.io/v1',
  metadata: { name, namespace },
  subjects,
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...roleRef },
});
