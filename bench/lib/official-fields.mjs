// SPDX-License-Identifier: Apache-2.0
// @ts-check
// The names and arguments of the 100 fields of the official plugin k8saudit 0.18.0.

// Single values; with [k] the argument is a key, with * the field is a list, with *[i] it takes an index.
const EVENT = `auditid stage auth.decision auth.reason auth.openshift.decision auth.openshift.username
  validations.admission.policy.failure security.pod.violations user.name user.groups* impuser.name verb uri uri.param[k]
  target.name target.namespace target.resource target.subresource target.pod.name useragent sourceips*[i] cluster.name
  resp.name response.code response.reason`;
const OBJECTS = `req.binding.subjects* req.binding.subjects.user_names* req.binding.subjects.serviceaccount_names*
  req.binding.subjects.serviceaccount_ns_names* req.binding.subjects.group_names* req.binding.role
  req.binding.subject.has_name[k] req.configmap.name req.configmap.obj req.role.rules* req.role.rules.apiGroups*[i]
  req.role.rules.nonResourceURLs*[i] req.role.rules.verbs*[i] req.role.rules.resources*[i] req.service.type
  req.service.ports*[i] req.container.image req.container.image.repository req.container.host_network
  req.container.privileged req.pod.host_ipc req.pod.host_network req.pod.host_pid req.pod.run_as_user req.pod.run_as_group
  req.pod.fs_group req.pod.supplemental_groups* req.pod.volumes.hostpath*[i] req.volume.hostpath[k]
  req.pod.volumes.flexvolume_driver*[i] req.pod.volumes.volume_type*[i]`;
const CONTAINER = `name image image.repository command args privileged allow_privilege_escalation read_only_fs run_as_user
  run_as_group eff_run_as_user eff_run_as_group proc_mount add_capabilities`;

/**
 * @param {string} text
 * @returns {string[]} its words
 */
export const words = (text) => text.split(/\s+/);
/** As ka.name, with * for a list, [i] or [k] for an argument. */
export const OFFICIAL_FIELDS = [
  ...words(EVENT),
  ...words(OBJECTS),
  ...['containers', 'initContainers', 'ephemeralContainers'].flatMap((kind) =>
    [...words(CONTAINER), ...(kind === 'ephemeralContainers' ? [] : ['host_port'])].map(
      (name) => `req.pod.${kind}.${name}*[i]`,
    ),
  ),
].map((name) => `ka.${name}`);
