// SPDX-License-Identifier: Apache-2.0
/** Resource and kind of the workloads whose template for pods is `spec.template`. */
export const TEMPLATED = [
  ['deployments', 'Deployment'],
  ['replicasets', 'ReplicaSet'],
  ['statefulsets', 'StatefulSet'],
  ['daemonsets', 'DaemonSet'],
  ['replicationcontrollers', 'ReplicationController'],
  ['jobs', 'Job'],
  ['rollouts', 'Rollout'],
] as const;
