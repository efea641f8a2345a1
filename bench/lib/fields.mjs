// SPDX-License-Identifier: Apache-2.0
// @ts-check
// The fields that are asked. The official plugin k8saudit has all of them, under the same names.
import { OFFICIAL_FIELDS } from './official-fields.mjs';

/** The one that is asked when one is asked. */
export const ONE = ['ka.verb'];

/** The 15 that the rules of the official plugin name most often, the most frequent first. */
export const FIFTEEN = [
  'ka.target.resource',
  'ka.user.name',
  'ka.target.name',
  'ka.target.namespace',
  'ka.response.code',
  'ka.auth.reason',
  'ka.auth.decision',
  'ka.verb',
  'ka.uri',
  'ka.req.pod.containers.image.repository',
  'ka.target.subresource',
  'ka.resp.name',
  'ka.req.pod.containers.image',
  'ka.req.configmap.obj',
  'ka.req.role.rules',
];

/**
 * These, all others that those rules name, and the seven that our rules name most often besides. The 15 before have
 * had both bodies of an event looked at, so each of the other 25 is one more field of an event that is scanned.
 */
export const FORTY = [
  ...FIFTEEN,
  'ka.req.binding.subjects',
  'ka.req.binding.role',
  'ka.req.role.rules.verbs',
  'ka.req.role.rules.resources',
  'ka.uri.param[command]',
  'ka.response.reason',
  'ka.req.service.type',
  'ka.req.service.ports',
  'ka.req.pod.volumes.hostpath',
  'ka.req.pod.containers.privileged',
  'ka.req.pod.initContainers.privileged',
  'ka.req.pod.initContainers.image',
  'ka.req.pod.ephemeralContainers.privileged',
  'ka.req.pod.ephemeralContainers.image',
  'ka.req.pod.host_pid',
  'ka.req.pod.host_network',
  'ka.req.pod.host_ipc',
  'ka.req.configmap.name',
  'ka.auditid',
  'ka.useragent',
  'ka.sourceips',
  'ka.user.groups',
  'ka.stage',
  'ka.target.pod.name',
  'ka.req.pod.initContainers.image.repository',
];

/** Arguments for fields that cannot be without. @type {Record<string, string>} */
const ARGUMENTS = {
  'ka.uri.param': 'limit',
  'ka.req.binding.subject.has_name': 'x',
  'ka.req.volume.hostpath': '/etc',
};

/** Those that look into the bodies come first: with more fields, only more fields are asked. */
const FIRST = ['ka.req.pod.containers.image', 'ka.resp.name'];

/**
 * All fields that both plugins have, in the order in which their number grows.
 *
 * @returns {string[]} with an argument where one is needed
 */
export function allFields() {
  const names = OFFICIAL_FIELDS.map((field) => field.replace(/[*[].*/, ''));
  const rest = names.filter((name) => !FIRST.includes(name));
  return [...FIRST, ...rest].map((name) => (name in ARGUMENTS ? `${name}[${ARGUMENTS[name]}]` : name));
}
