// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What kube-apiserver knows of a resource, and how much of it the audit policy writes.

/** Group and version of the resources that are not of the core group. @type {Record<string, string>} */
const GROUPS = {
  deployments: 'apps/v1',
  replicasets: 'apps/v1',
  daemonsets: 'apps/v1',
  statefulsets: 'apps/v1',
  controllerrevisions: 'apps/v1',
  jobs: 'batch/v1',
  cronjobs: 'batch/v1',
  leases: 'coordination.k8s.io/v1',
  endpointslices: 'discovery.k8s.io/v1',
  horizontalpodautoscalers: 'autoscaling/v2',
  poddisruptionbudgets: 'policy/v1',
  ingresses: 'networking.k8s.io/v1',
  ingressclasses: 'networking.k8s.io/v1',
  networkpolicies: 'networking.k8s.io/v1',
  roles: 'rbac.authorization.k8s.io/v1',
  rolebindings: 'rbac.authorization.k8s.io/v1',
  clusterroles: 'rbac.authorization.k8s.io/v1',
  clusterrolebindings: 'rbac.authorization.k8s.io/v1',
  certificatesigningrequests: 'certificates.k8s.io/v1',
  tokenreviews: 'authentication.k8s.io/v1',
  selfsubjectreviews: 'authentication.k8s.io/v1',
  subjectaccessreviews: 'authorization.k8s.io/v1',
  selfsubjectaccessreviews: 'authorization.k8s.io/v1',
  selfsubjectrulesreviews: 'authorization.k8s.io/v1',
  mutatingwebhookconfigurations: 'admissionregistration.k8s.io/v1',
  validatingwebhookconfigurations: 'admissionregistration.k8s.io/v1',
  apiservices: 'apiregistration.k8s.io/v1',
  customresourcedefinitions: 'apiextensions.k8s.io/v1',
  storageclasses: 'storage.k8s.io/v1',
  csinodes: 'storage.k8s.io/v1',
  csidrivers: 'storage.k8s.io/v1',
  volumeattachments: 'storage.k8s.io/v1',
  certificates: 'cert-manager.io/v1',
  certificaterequests: 'cert-manager.io/v1',
  orders: 'acme.cert-manager.io/v1',
  challenges: 'acme.cert-manager.io/v1',
  applications: 'argoproj.io/v1alpha1',
  appprojects: 'argoproj.io/v1alpha1',
  clusters: 'postgresql.cnpg.io/v1',
  servicemonitors: 'monitoring.coreos.com/v1',
  prometheuses: 'monitoring.coreos.com/v1',
  externalsecrets: 'external-secrets.io/v1beta1',
  pods_metrics: 'metrics.k8s.io/v1beta1',
  ipamblocks: 'crd.projectcalico.org/v1',
};

const CLUSTER_WIDE = new Set([
  'nodes',
  'namespaces',
  'persistentvolumes',
  'clusterroles',
  'clusterrolebindings',
  'certificatesigningrequests',
  'tokenreviews',
  'selfsubjectreviews',
  'subjectaccessreviews',
  'selfsubjectaccessreviews',
  'selfsubjectrulesreviews',
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
  'apiservices',
  'customresourcedefinitions',
  'storageclasses',
  'csinodes',
  'csidrivers',
  'volumeattachments',
  'ingressclasses',
  'ipamblocks',
]);

/** Whose request is written when it is changed; the rest is Metadata. Never secrets and token reviews. */
const WITH_BODY = new Set([
  'pods',
  'pods/ephemeralcontainers',
  'pods/binding',
  'deployments',
  'replicasets',
  'daemonsets',
  'statefulsets',
  'jobs',
  'cronjobs',
  'services',
  'ingresses',
  'configmaps',
  'namespaces',
  'serviceaccounts',
  'serviceaccounts/token',
  'roles',
  'rolebindings',
  'clusterroles',
  'clusterrolebindings',
  'certificatesigningrequests',
  'certificatesigningrequests/approval',
  'selfsubjectaccessreviews',
  'selfsubjectrulesreviews',
  'mutatingwebhookconfigurations',
  'validatingwebhookconfigurations',
  'apiservices',
]);

/** @param {string} resource */
export const groupOf = (resource) => (GROUPS[resource] ?? '').split('/')[0] ?? '';

/** @param {string} resource */
export const versionOf = (resource) => (GROUPS[resource] ?? '/v1').split('/')[1] ?? 'v1';

/** @param {string} resource */
export const isNamespaced = (resource) => !CLUSTER_WIDE.has(resource);

/**
 * How much of a request is written: as with examples/audit-policy.yaml, but that nothing is left out altogether.
 *
 * @param {string} resource
 * @param {string | undefined} subresource
 * @param {string} verb
 */
export function levelOf(resource, subresource, verb) {
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  if (!WITH_BODY.has(whole) || !['create', 'update', 'patch'].includes(verb)) return 'Metadata';
  // The answer has the name of a pod that its controller leaves to the API server.
  return whole === 'pods' && verb === 'create' ? 'RequestResponse' : 'Request';
}

/** Whether kube-apiserver writes the start of a request too. @param {string} verb @param {string | undefined} subresource */
export function longRunning(verb, subresource) {
  return verb === 'watch' || ['attach', 'exec', 'proxy', 'log', 'portforward'].includes(subresource ?? '');
}
