// SPDX-License-Identifier: Apache-2.0
// @ts-check
// A day of a healthy cluster: a control plane made by kubeadm, four workers, Calico, a CSI driver, Prometheus with its
// operator, cert-manager, Argo CD, an operator for databases, CI with kubectl, Helm, Terraform and GitLab, and people. Nothing is left out
// because a rule might take offence.
import { Cluster, HOUR, MINUTE, SECOND } from './cluster.mjs';
import { CONTROL_PLANE_WORK } from './work/control-plane.mjs';
import { ADD_ON_WORK } from './work/add-ons.mjs';
import { DELIVERY_WORK } from './work/delivery.mjs';
import { NODE_WORK } from './work/nodes.mjs';
import { OPERATIONS_WORK } from './work/operations.mjs';
import { PEOPLE_WORK } from './work/people.mjs';

/**
 * Something that happens again and again.
 *
 * @typedef {object} Work
 * @property {number} times a day
 * @property {(cluster: Cluster, index: number) => void} go writes its events
 */

/** @type {Work[]} */
const ALL = [
  ...CONTROL_PLANE_WORK,
  ...NODE_WORK,
  ...ADD_ON_WORK,
  ...DELIVERY_WORK,
  ...OPERATIONS_WORK,
  ...PEOPLE_WORK,
];

/** The seed of the corpus that docs and tests speak of. */
export const SEED = 20250318;

/**
 * Lets the day go by.
 *
 * @param {number} [seed]
 * @returns {Cluster} with its events written
 */
export function healthyDay(seed = SEED) {
  const cluster = new Cluster(seed);
  for (const { times, go } of ALL) {
    const every = (24 * HOUR) / times;
    for (let i = 0; i < times; i++) {
      cluster.at(Math.floor(i * every) + cluster.random.below(Math.max(SECOND, Math.floor(every) - MINUTE)));
      go(cluster, i);
    }
  }
  return cluster;
}
