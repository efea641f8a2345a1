// SPDX-License-Identifier: Apache-2.0
// Every field: name, where its value stands, what it means. plugin_get_fields, docs/fields.md, the dispatch
// and the tests come from this table. To add a field, add a row.
import './object';
import { readAddresses, readAnyPublic } from './address';
import { readRequestedGroups, readRequestedUser } from './csr';
import {
  readExecCommand,
  readExecContainer,
  readExecInput,
  readExecTerminal,
  readForwardedPorts,
} from './exec';
import {
  Argument,
  Field,
  Reader,
  Type,
  anywhere,
  keyed,
  list,
  listOf,
  shown,
  single,
  text,
  typed,
} from './field';
import { readListMember, readMember } from './members';
import { readLatency, readNumber, readTime } from './numbers';
import { readAnyPrivileged, readRepository } from './pod';
import { podFields, workloadFields } from './pod_fields';
import {
  readGroupNames,
  readQualifiedServiceAccounts,
  readServiceAccountNames,
  readTrue,
  readUserNames,
} from './rbac';
import { reads } from './path';
import { Stem } from './stem';
import { readPointer } from './pointer';
import { readClusterName, readProvider } from './cluster';
import {
  readOfReview,
  readOfSecret,
  readOfSigningRequest,
  readNumberOfTokenRequest,
  readOfTokenRequest,
  readReviewedNamespace,
  readReviewedResource,
  readReviewedVerb,
} from './requests';
import {
  readDeniedRecently,
  readFirstSeen,
  readPodHostNetwork,
  readPodHostPaths,
  readPodHostPid,
  readPodImages,
  readPodKnown,
  readPodPrivileged,
  readPodServiceAccount,
} from './seen';
import { readPodName } from './target';
import { readTruncated } from './truncated';
import { readUriParameter, readUriPath } from './uri';
import { readAccountName, readAccountNamespace, readUserType } from './user';

const OBJECT = '@object.';
const SPEC = OBJECT + 'spec.';
const SUBJECTS = OBJECT + 'subjects[]';

function annotation(name: string, key: string, description: string): Field {
  return text(name, "annotations.'" + key + "'", description);
}

/** The member of a map that the brackets name. */
function member(name: string, path: string, description: string): Field {
  reads(path + '.*');
  return keyed(name, path, readMember, description);
}

/** The same; its values are joined by commas. */
function listMember(name: string, path: string, description: string): Field {
  reads(path + '.*');
  return keyed(name, path, readListMember, description);
}

const event: Field[] = [
  shown(text('ka.auditid', 'auditID', 'Unique id of the request, the same at each of its stages')),
  text(
    'ka.stage',
    'stage',
    'Stage of the request: RequestReceived, ResponseStarted, ResponseComplete or Panic',
  ),
  text('ka.level', 'level', 'Level of the audit policy: Metadata, Request or RequestResponse'),
  member('ka.annotation', 'annotations', 'Annotation of the event with the key in the brackets'),
  annotation(
    'ka.auth.decision',
    'authorization.k8s.io/decision',
    'Decision of the authorizer: allow or forbid',
  ),
  annotation('ka.auth.reason', 'authorization.k8s.io/reason', 'Reason that the authorizer gives'),
  annotation(
    'ka.auth.openshift.decision',
    'authentication.openshift.io/decision',
    'Decision of the OpenShift authenticator',
  ),
  annotation(
    'ka.auth.openshift.username',
    'authentication.openshift.io/username',
    'User name that the OpenShift authenticator saw',
  ),
  annotation(
    'ka.validations.admission.policy.failure',
    'validation.policy.admission.k8s.io/validation_failure',
    'Failed validations of ValidatingAdmissionPolicies, as JSON',
  ),
  annotation(
    'ka.security.pod.violations',
    'pod-security.kubernetes.io/audit-violations',
    'Pod security standards that the pod violates',
  ),
  shown(text('ka.user.name', 'user.username', 'User who made the request')),
  list('ka.user.groups', 'user.groups[]', 'Groups of the user'),
  text('ka.user.uid', 'user.uid', 'Unique id of the user, as the authenticator gives it'),
  listMember(
    'ka.user.extra',
    'user.extra',
    'What the authenticator says more of the user, by the key in the brackets, values joined by commas',
  ),
  single(
    'ka.user.type',
    'user',
    readUserType,
    'Kind of the user: human, serviceaccount, node, anonymous or control-plane',
  ),
  single(
    'ka.user.sa.namespace',
    'user.username',
    readAccountNamespace,
    'Namespace of the service account that made the request',
  ),
  single(
    'ka.user.sa.name',
    'user.username',
    readAccountName,
    'Name of the service account that made the request, without its namespace',
  ),
  text('ka.impuser.name', 'impersonatedUser.username', 'User whom the user impersonates'),
  list('ka.impuser.groups', 'impersonatedUser.groups[]', 'Groups that the user impersonates'),
  text('ka.impuser.uid', 'impersonatedUser.uid', 'Unique id that the user impersonates'),
  listMember(
    'ka.impuser.extra',
    'impersonatedUser.extra',
    'What is impersonated besides, by the key in the brackets, values joined by commas',
  ),
  shown(text('ka.verb', 'verb', 'Verb of the request: get, list, watch, create, update, patch, delete …')),
  text('ka.uri', 'requestURI', 'Path and query of the request'),
  single('ka.uri.path', 'requestURI', readUriPath, 'Path of the request, without its query'),
  keyed(
    'ka.uri.param',
    'requestURI',
    readUriParameter,
    'First value of the query parameter in the brackets, e.g. ka.uri.param[command]',
  ),
  shown(text('ka.target.name', 'objectRef.name', 'Name of the object')),
  shown(text('ka.target.namespace', 'objectRef.namespace', 'Namespace of the object')),
  shown(text('ka.target.resource', 'objectRef.resource', 'Resource of the object, e.g. pods')),
  text('ka.target.subresource', 'objectRef.subresource', 'Subresource of the object, e.g. exec'),
  text('ka.target.apigroup', 'objectRef.apiGroup', 'API group of the object; none for the core group'),
  text('ka.target.apiversion', 'objectRef.apiVersion', 'API version of the object, e.g. v1'),
  text('ka.target.uid', 'objectRef.uid', 'Unique id of the object'),
  anywhere(
    single(
      'ka.target.pod.name',
      'responseObject.metadata.name',
      readPodName,
      'Name of the pod, from the response (generated names) or the path; also for pods/exec and the like',
    ),
  ),
  text('ka.useragent', 'userAgent', 'User agent of the client'),
  list('ka.sourceips', 'sourceIPs[i]', 'Addresses that the request came from and was forwarded by'),
  anywhere(single('ka.cluster.name', "annotations.'cluster_name'", readClusterName, 'Name of the cluster')),
  anywhere(single('ka.provider', '', readProvider, 'What brought the event: webhook, file or eks')),
  text('ka.resp.name', 'responseObject.metadata.name', 'Name of the object in the response'),
  shown(text('ka.response.code', 'responseStatus.code', 'HTTP status of the response')),
  text('ka.response.reason', 'responseStatus.reason', 'Reason in the response, e.g. Forbidden'),
  text('ka.response.status', 'responseStatus.status', 'Status of the response: Success or Failure'),
  text('ka.response.message', 'responseStatus.message', 'Message in the response, for people'),
  shown(
    anywhere(
      single(
        'ka.truncated',
        "annotations.'audit.k8s.io/truncated'",
        readTruncated,
        'Whether the event was cut or made smaller on its way, by kube-apiserver, a cloud or this plugin: true or false',
      ),
    ),
  ),
  keyed(
    'ka.value',
    '',
    readPointer,
    'Any value of the event, by the JSON pointer in the brackets, e.g. ka.value[/requestObject/spec/tls]',
  ),
  keyed(
    'ka.req.value',
    'requestObject',
    readPointer,
    'Any value of the request body, by the JSON pointer in the brackets, e.g. ka.req.value[/spec/tls]',
  ),
  keyed(
    'ka.resp.value',
    'responseObject',
    readPointer,
    'Any value of the response body, by the JSON pointer in the brackets, e.g. ka.resp.value[/status/phase]',
  ),
];

const exec: Field[] = [
  single(
    'ka.exec.command',
    'requestURI',
    readExecCommand,
    'Command of a pods/exec: all its words, decoded and joined by spaces',
  ),
  single('ka.exec.container', 'requestURI', readExecContainer, 'Container of a pods/exec or pods/attach'),
  listOf(
    'ka.portforward.ports',
    'requestURI',
    readForwardedPorts,
    'Ports in the URI of a pods/portforward; most clients name them later, in the stream',
  ),
];

reads(SUBJECTS + '.kind');
reads(SUBJECTS + '.name');
reads(SUBJECTS + '.namespace');
const binding: Field[] = [
  list('ka.req.binding.subjects', SUBJECTS, 'Subjects of a (Cluster)RoleBinding, each as JSON'),
  listOf('ka.req.binding.subjects.user_names', SUBJECTS, readUserNames, 'Users of the binding'),
  listOf(
    'ka.req.binding.subjects.serviceaccount_names',
    SUBJECTS,
    readServiceAccountNames,
    'Service accounts of the binding',
  ),
  listOf(
    'ka.req.binding.subjects.serviceaccount_ns_names',
    SUBJECTS,
    readQualifiedServiceAccounts,
    'Service accounts of the binding as namespace:name',
  ),
  listOf('ka.req.binding.subjects.group_names', SUBJECTS, readGroupNames, 'Groups of the binding'),
  anywhere(
    keyed(
      'ka.req.binding.subject.has_name',
      OBJECT + 'subjects',
      readTrue,
      'Always true; kept for rules of the official plugin',
    ),
  ),
  text('ka.req.binding.role', OBJECT + 'roleRef.name', 'Role that the binding grants'),
  text(
    'ka.req.binding.role_kind',
    OBJECT + 'roleRef.kind',
    'Kind of the role that the binding grants: Role or ClusterRole',
  ),
];

/** All that is in it is a value. */
const CONFIG_MAP_DATA = OBJECT + 'data';
reads(CONFIG_MAP_DATA + '.*');
const objects: Field[] = [
  text('ka.req.configmap.name', 'objectRef.name', 'Name of the config map (of any object)'),
  text('ka.req.configmap.obj', CONFIG_MAP_DATA, 'Data of the config map, as JSON'),
  list('ka.req.role.rules', OBJECT + 'rules[]', 'Rules of a (Cluster)Role, each as JSON'),
  list('ka.req.role.rules.apiGroups', OBJECT + 'rules[i].apiGroups[]', 'API groups of the rules'),
  list(
    'ka.req.role.rules.nonResourceURLs',
    OBJECT + 'rules[i].nonResourceURLs[]',
    'Non-resource URLs of the rules',
  ),
  list('ka.req.role.rules.verbs', OBJECT + 'rules[i].verbs[]', 'Verbs of the rules'),
  list('ka.req.role.rules.resources', OBJECT + 'rules[i].resources[]', 'Resources of the rules'),
  // Any number of names may be written into a rule: they must not crowd out its verbs and resources.
  list(
    'ka.req.role.rules.resource_names',
    OBJECT + 'rules[i].!resourceNames[]',
    'Names of the objects that the rules are restricted to',
  ),
  text('ka.req.service.type', SPEC + 'type', 'Type of the service, e.g. NodePort'),
  list('ka.req.service.ports', SPEC + 'ports[i]', 'Ports of the service, each as JSON'),
  list(
    'ka.req.service.external_ips',
    SPEC + 'externalIPs[]',
    'External addresses that the service takes traffic for',
  ),
  member('ka.req.labels', OBJECT + 'metadata.labels', 'Label of the object with the key in the brackets'),
  member(
    'ka.req.annotations',
    OBJECT + 'metadata.annotations',
    'Annotation of the object with the key in the brackets',
  ),
  single('ka.req.secret.type', OBJECT + 'type', readOfSecret, 'Type of the secret'),
  single(
    'ka.req.csr.signer',
    SPEC + 'signerName',
    readOfSigningRequest,
    'Signer that the certificate is requested of',
  ),
  listOf(
    'ka.req.csr.usages',
    SPEC + 'usages[]',
    readOfSigningRequest,
    'Usages that are requested for the certificate',
  ),
  single(
    'ka.req.csr.user',
    SPEC + 'request',
    readRequestedUser,
    'User that the certificate would name: the common name of its subject',
  ),
  listOf(
    'ka.req.csr.groups',
    SPEC + 'request',
    readRequestedGroups,
    'Groups that the certificate would name: the organizations of its subject',
  ),
  listOf(
    'ka.req.token.audiences',
    SPEC + 'audiences[]',
    readOfTokenRequest,
    'Audiences of the service account token that is requested',
  ),
  single('ka.req.review.verb', OBJECT + 'spec', readReviewedVerb, 'Verb that an access review asks about'),
  single(
    'ka.req.review.resource',
    SPEC + 'resourceAttributes.resource',
    readReviewedResource,
    'Resource that an access review asks about, with its subresource: pods/exec',
  ),
  single(
    'ka.req.review.namespace',
    OBJECT + 'spec',
    readReviewedNamespace,
    'Namespace that an access review, or a review of rules, asks about; none for all of them',
  ),
  single(
    'ka.req.review.user',
    SPEC + 'user',
    readOfReview,
    'User that an access review asks about, if it is not the one who asks',
  ),
];

const container: Field[] = [
  text('ka.req.container.image', SPEC + 'containers[0].image', 'Image of the first container'),
  single(
    'ka.req.container.image.repository',
    SPEC + 'containers[0].image',
    readRepository,
    'Image repository of the first container, with the registry, without tag and digest',
  ),
  text('ka.req.container.host_network', SPEC + 'hostNetwork', 'Same as ka.req.pod.host_network'),
  single(
    'ka.req.container.privileged',
    SPEC + 'containers',
    readAnyPrivileged,
    'Whether any of the containers is privileged',
  ),
];

reads('requestReceivedTimestamp');
const TYPE_NAMES = ['string', 'uint64', 'reltime', 'abstime', 'bool', 'ipaddr'];

// What the event itself does not show: see state/seen.ts.
const earlier: Field[] = [
  typed(
    Type.Duration,
    before(
      'ka.user.first_seen',
      readFirstSeen,
      'Time since the first event of this user; 0 at the first one',
    ),
  ),
  typed(
    Type.Number,
    before(
      'ka.user.denied_recently',
      readDeniedRecently,
      'Answers 401 and 403 to this user in the five minutes up to the event, itself included',
    ),
  ),
  typed(
    Type.Flag,
    before(
      'ka.target.pod.known',
      readPodKnown,
      'Of an exec, attach, port-forward or debug container: whether earlier events showed what the pod is made of',
    ),
  ),
  typed(
    Type.Flag,
    before('ka.target.pod.privileged', readPodPrivileged, 'Whether a container of that pod is privileged'),
  ),
  typed(
    Type.Flag,
    before('ka.target.pod.host_network', readPodHostNetwork, "Whether that pod is on the node's network"),
  ),
  typed(
    Type.Flag,
    before('ka.target.pod.host_pid', readPodHostPid, "Whether that pod sees the node's processes"),
  ),
  beforeList('ka.target.pod.hostpath', readPodHostPaths, 'Host paths that that pod mounts'),
  beforeList(
    'ka.target.pod.images',
    readPodImages,
    'Images of the containers of that pod, of all three kinds',
  ),
  before('ka.target.pod.service_account', readPodServiceAccount, 'Service account of that pod'),
];

function before(name: string, read: Reader, description: string): Field {
  return anywhere(single(name, '', read, description));
}

function beforeList(name: string, read: Reader, description: string): Field {
  return anywhere(listOf(name, '', read, description));
}

const typedFields: Field[] = [
  typed(
    Type.Flag,
    single(
      'ka.exec.stdin',
      'requestURI',
      readExecInput,
      'Whether the client of a pods/exec or pods/attach sends input',
    ),
  ),
  typed(
    Type.Flag,
    single(
      'ka.exec.tty',
      'requestURI',
      readExecTerminal,
      'Whether the client of a pods/exec or pods/attach asks for a terminal',
    ),
  ),
  typed(
    Type.Number,
    single(
      'ka.response.status_code',
      'responseStatus.code',
      readNumber,
      'HTTP status of the response, as a number',
    ),
  ),
  typed(Type.Time, single('ka.timestamp', 'stageTimestamp', readTime, 'When the stage was reached')),
  typed(
    Type.Duration,
    single('ka.latency', 'stageTimestamp', readLatency, 'Time from the arrival of the request to the stage'),
  ),
  typed(
    Type.Address,
    listOf('ka.source.ip', 'sourceIPs[]', readAddresses, 'The same as ka.sourceips, as addresses'),
  ),
  typed(
    Type.Flag,
    single(
      'ka.source.is_public',
      'sourceIPs[]',
      readAnyPublic,
      'Whether one of ka.sourceips is an address of the internet, not of a private network',
    ),
  ),
  typed(
    Type.Number,
    single(
      'ka.req.token.expiration',
      SPEC + 'expirationSeconds',
      readNumberOfTokenRequest,
      'Seconds for which a requested token shall be valid',
    ),
  ),
];

/** All fields; a field's id is its place here. */
export const fields: StaticArray<Field> = StaticArray.fromArray(
  event
    .concat(typedFields)
    .concat(earlier)
    .concat(exec)
    .concat(binding)
    .concat(objects)
    .concat(container)
    .concat(podFields())
    .concat(workloadFields()),
);

/** The catalogue in the JSON of plugin_get_fields. */
export function fieldsJson(): string {
  const rows: string[] = [];
  for (let i = 0; i < fields.length; i++) {
    const field = fields[i];
    let row = '{"type": "' + TYPE_NAMES[field.type] + '", "name": ' + quoted(field.name);
    if (field.isList) row += ', "isList": true';
    if (field.argument == Argument.Index) row += ', "arg": {"isIndex": true}';
    if (field.inOutput) row += ', "addOutput": true';
    if (field.argument == Argument.Key) row += ', "arg": {"isRequired": true, "isKey": true}';
    rows.push(row + ', "desc": ' + quoted(field.description) + '}');
  }
  return '[' + rows.join(',\n') + ']';
}

/** For each field the bodies (Body) without which it has no value, as an array in JSON. */
export function needsJson(): string {
  const needs: string[] = [];
  for (let i = 0; i < fields.length; i++) needs.push(fields[i].needs.toString());
  return '[' + needs.join(', ') + ']';
}

/** For each field a number of the place without which it has no value, or 0, as an array in JSON. */
export function placesJson(): string {
  const stems: Stem[] = [];
  const places: string[] = [];
  for (let i = 0; i < fields.length; i++) {
    const stem = fields[i].path.stem;
    if (fields[i].needsPath && !stems.includes(stem)) stems.push(stem);
    places.push(fields[i].needsPath ? (stems.indexOf(stem) + 1).toString() : '0');
  }
  return '[' + places.join(', ') + ']';
}

/** A JSON string of a text that is ours: it holds no control characters. */
export function quoted(text: string): string {
  return '"' + text.replaceAll('\\', '\\\\').replaceAll('"', '\\"') + '"';
}
