// SPDX-License-Identifier: Apache-2.0
// What an API server of Kubernetes answers about leases and config maps. The stand-in is held to it, and so is the real
// one, where there is one: so that the stand-in does as the real one does.
// 1.26.15 does all of it.
import { callApi, type ApiAccess, type ApiAnswer } from './kubernetes-client.ts';
import type { KubernetesObject } from './kubernetes-objects.ts';

export const NAMESPACE = 'falco';
export const USER = `system:serviceaccount:${NAMESPACE}:falco`;

/** A request to one object, or to the collection for POST. */
interface Step {
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  /** Makes the body from what the steps before have brought: the last whole object. */
  body?: (last: KubernetesObject) => unknown;
  type?: string;
}

export interface ApiCase {
  title: string;
  plural: 'leases' | 'configmaps';
  /** The last one's answer is looked at. */
  steps: Step[];
  code: number;
  /** Of a Status. */
  reason?: string;
  /** The Status's message; NAME is the object's. */
  message?: string | RegExp;
  /** What else has to hold: the answer's body, and the object of the step before. */
  holds?: (body: KubernetesObject, before: KubernetesObject) => boolean;
}

const MERGE = 'application/merge-patch+json';
const TIME = '2026-01-02T03:04:05.000006Z';
const SPEC = {
  holderIdentity: 'a',
  leaseDurationSeconds: 15,
  acquireTime: TIME,
  renewTime: TIME,
  leaseTransitions: 0,
};

/** The object's name stands in `last` until there is an object. */
const lease =
  (spec: object = {}, metadata: object = {}) =>
  ({ metadata: { name } }: KubernetesObject) => ({
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name, ...metadata },
    spec: { ...SPEC, ...spec },
  });
const configMap =
  (data: object = { position: '1' }, metadata: object = {}) =>
  ({ metadata: { name } }: KubernetesObject) => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, ...metadata },
    data,
  });
const madeLease: Step = { method: 'POST', body: lease() };
const madeMap: Step = { method: 'POST', body: configMap() };
const MODIFIED =
  'the object has been modified; please apply your changes to the latest version and try again';

export const API_CASES: ApiCase[] = [
  {
    title: 'a lease is made, with a version and an id',
    plural: 'leases',
    steps: [madeLease],
    code: 201,
    holds: ({ metadata, spec }) =>
      /^\d+$/.test(metadata.resourceVersion) && metadata.uid.length === 36 && spec.renewTime === TIME,
  },
  {
    title: 'what is there is not made again',
    plural: 'leases',
    steps: [madeLease, { method: 'POST', body: lease() }],
    code: 409,
    reason: 'AlreadyExists',
    message: 'leases.coordination.k8s.io "NAME" already exists',
  },
  {
    title: 'what is not there is not found',
    plural: 'leases',
    steps: [{ method: 'GET' }],
    code: 404,
    reason: 'NotFound',
    message: 'leases.coordination.k8s.io "NAME" not found',
  },
  {
    title: 'an update of what was read gets a new version',
    plural: 'leases',
    steps: [
      madeLease,
      { method: 'PUT', body: (last) => ({ ...last, spec: { ...last['spec'], holderIdentity: 'b' } }) },
    ],
    code: 200,
    holds: ({ metadata, spec }, before) =>
      metadata.resourceVersion !== before['metadata'].resourceVersion && spec.holderIdentity === 'b',
  },
  {
    title: 'an update that changes nothing keeps the version',
    plural: 'leases',
    steps: [madeLease, { method: 'PUT', body: (last) => last }],
    code: 200,
    holds: ({ metadata }, before) => metadata.resourceVersion === before['metadata'].resourceVersion,
  },
  {
    title: 'an update of what somebody else has changed is a conflict',
    plural: 'leases',
    steps: [madeLease, { method: 'PUT', body: lease({ holderIdentity: 'b' }, { resourceVersion: '1' }) }],
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on leases.coordination.k8s.io "NAME": ${MODIFIED}`,
  },
  {
    title: 'an update of another object of the same name is a conflict',
    plural: 'leases',
    steps: [
      madeLease,
      {
        method: 'PUT',
        body: (last) => ({
          ...last,
          metadata: { ...last['metadata'], uid: '00000000-0000-0000-0000-000000000000' },
        }),
      },
    ],
    code: 409,
    reason: 'Conflict',
    message: /Precondition failed: UID in precondition: 0{8}-0000-0000-0000-0{12}, UID in object meta: /,
  },
  {
    title: 'an update of a lease names its version',
    plural: 'leases',
    steps: [madeLease, { method: 'PUT', body: lease({ holderIdentity: 'b' }) }],
    code: 422,
    reason: 'Invalid',
    message:
      /^leases\.coordination\.k8s\.io "NAME" is invalid: metadata\.resourceVersion: Invalid value: .*: must be spec/,
  },
  {
    title: 'an update makes a lease that is not there',
    plural: 'leases',
    steps: [{ method: 'PUT', body: lease() }],
    code: 201,
  },
  {
    title: 'a patch changes what it names, and null takes away',
    plural: 'leases',
    steps: [
      madeLease,
      { method: 'PATCH', type: MERGE, body: () => ({ spec: { holderIdentity: 'c', acquireTime: null } }) },
    ],
    code: 200,
    holds: ({ spec }) => spec.holderIdentity === 'c' && !('acquireTime' in spec) && spec.renewTime === TIME,
  },
  {
    title: 'a patch with another version is a conflict',
    plural: 'leases',
    steps: [
      madeLease,
      { method: 'PATCH', type: MERGE, body: () => ({ metadata: { resourceVersion: '1' }, spec: SPEC }) },
    ],
    code: 409,
    reason: 'Conflict',
  },
  {
    title: 'a patch of what is not there is not found',
    plural: 'leases',
    steps: [{ method: 'PATCH', type: MERGE, body: () => ({ spec: SPEC }) }],
    code: 404,
    reason: 'NotFound',
  },
  {
    title: 'a patch of another type is not understood',
    plural: 'leases',
    steps: [madeLease, { method: 'PATCH', type: 'application/json', body: () => ({ spec: SPEC }) }],
    code: 415,
    reason: 'UnsupportedMediaType',
  },
  {
    title: 'a duration is positive',
    plural: 'leases',
    steps: [{ method: 'POST', body: lease({ leaseDurationSeconds: 0 }) }],
    code: 422,
    reason: 'Invalid',
    message:
      'Lease.coordination.k8s.io "NAME" is invalid: spec.leaseDurationSeconds: Invalid value: 0: must be greater than 0',
  },
  {
    title: 'transitions are not negative',
    plural: 'leases',
    steps: [{ method: 'POST', body: lease({ leaseTransitions: -1 }) }],
    code: 422,
    reason: 'Invalid',
  },
  {
    title: 'a time has six digits behind the second',
    plural: 'leases',
    steps: [{ method: 'POST', body: lease({ renewTime: '2026-01-02T03:04:05Z' }) }],
    code: 400,
    reason: 'BadRequest',
    message: /parsing time "\\?"?2026-01-02T03:04:05Z/,
  },
  {
    title: 'the name is the one of the path',
    plural: 'leases',
    steps: [madeLease, { method: 'PUT', body: (last) => ({ ...last, metadata: { name: 'another' } }) }],
    code: 400,
    reason: 'BadRequest',
    message: 'the name of the object (another) does not match the name on the URL (NAME)',
  },
  {
    title: 'so is the namespace',
    plural: 'leases',
    steps: [{ method: 'POST', body: lease({}, { namespace: 'default' }) }],
    code: 400,
    reason: 'BadRequest',
    message: 'the namespace of the provided object does not match the namespace sent on the request',
  },
  {
    title: 'a name is in small letters',
    plural: 'leases',
    steps: [{ method: 'POST', body: lease({}, { name: 'Upper_Case' }) }],
    code: 422,
    reason: 'Invalid',
    message:
      /metadata\.name: Invalid value: "Upper_Case": a lowercase RFC 1123 subdomain must consist of lower case/,
  },
  {
    title: 'a new object has no version',
    plural: 'leases',
    steps: [{ method: 'POST', body: lease({}, { resourceVersion: '7' }) }],
    code: 500,
    message: 'resourceVersion should not be set on objects to be created',
  },
  {
    title: 'what is no JSON',
    plural: 'leases',
    steps: [{ method: 'POST', body: () => '{' }],
    code: 400,
    reason: 'BadRequest',
  },
  {
    title: 'a lease can be taken away',
    plural: 'leases',
    steps: [madeLease, { method: 'DELETE' }, { method: 'GET' }],
    code: 404,
    reason: 'NotFound',
  },
  { title: 'a config map is made', plural: 'configmaps', steps: [madeMap], code: 201 },
  {
    title: 'a config map’s update may name no version',
    plural: 'configmaps',
    steps: [madeMap, { method: 'PUT', body: configMap({ position: '2' }) }],
    code: 200,
    holds: ({ data }) => data.position === '2',
  },
  {
    title: 'but a version that it names is the present one',
    plural: 'configmaps',
    steps: [madeMap, { method: 'PUT', body: configMap({ position: '2' }, { resourceVersion: '1' }) }],
    code: 409,
    reason: 'Conflict',
    message: `Operation cannot be fulfilled on configmaps "NAME": ${MODIFIED}`,
  },
  {
    title: 'an update makes no config map',
    plural: 'configmaps',
    steps: [{ method: 'PUT', body: configMap() }],
    code: 404,
    reason: 'NotFound',
    message: 'configmaps "NAME" not found',
  },
  {
    title: 'a config map’s values are texts',
    plural: 'configmaps',
    steps: [{ method: 'POST', body: configMap({ position: 1 }) }],
    code: 400,
    reason: 'BadRequest',
  },
  {
    title: 'a config map’s keys are plain',
    plural: 'configmaps',
    steps: [{ method: 'POST', body: configMap({ 'a/b': 'x' }) }],
    code: 422,
    reason: 'Invalid',
    message:
      /data\[a\/b\]: Invalid value: "a\/b": a valid config key must consist of alphanumeric characters/,
  },
  {
    title: 'a config map has at most 1 MiB',
    plural: 'configmaps',
    steps: [{ method: 'POST', body: configMap({ position: 'x'.repeat((1 << 20) + 1) }) }],
    code: 422,
    reason: 'Invalid',
    message: /Too long: (must have|may not be more than) .*1048576/,
  },
  {
    title: 'and may have that much',
    plural: 'configmaps',
    steps: [{ method: 'POST', body: configMap({ position: 'x'.repeat(1 << 20) }) }],
    code: 201,
  },
  {
    title: 'a request has at most 3 MiB',
    plural: 'configmaps',
    steps: [{ method: 'POST', body: configMap({ position: 'x'.repeat(3 << 20) }) }],
    code: 413,
    reason: 'RequestEntityTooLarge',
  },
  {
    title: 'a config map’s patch',
    plural: 'configmaps',
    steps: [madeMap, { method: 'PATCH', type: MERGE, body: () => ({ data: { position: '3', other: 'x' } }) }],
    code: 200,
    holds: ({ data }) => data.position === '3' && data.other === 'x',
  },
  {
    title: 'a config map’s bytes are in base64',
    plural: 'configmaps',
    steps: [
      madeMap,
      { method: 'PATCH', type: MERGE, body: () => ({ binaryData: { position: 'AAEC/w==' }, data: null }) },
    ],
    code: 200,
    holds: ({ binaryData }) => binaryData.position === 'AAEC/w==',
  },
  {
    title: 'and nothing else',
    plural: 'configmaps',
    steps: [{ method: 'POST', body: (last) => ({ ...configMap()(last), binaryData: { other: '!' } }) }],
    code: 400,
    reason: 'BadRequest',
  },
  {
    title: 'a config map’s bytes count as bytes',
    plural: 'configmaps',
    steps: [
      madeMap,
      {
        method: 'PATCH',
        type: MERGE,
        body: () => ({ binaryData: { other: Buffer.alloc(1 << 20).toString('base64') } }),
      },
    ],
    code: 422,
    reason: 'Invalid',
  },
  {
    title: 'a config map’s patch with another version is a conflict',
    plural: 'configmaps',
    steps: [
      madeMap,
      {
        method: 'PATCH',
        type: MERGE,
        body: () => ({ metadata: { resourceVersion: '1' }, binaryData: { other: 'AA==' } }),
      },
    ],
    code: 409,
    reason: 'Conflict',
  },
];

/** The path of an object, or of the collection without a name. */
export function apiPath(plural: ApiCase['plural'], name?: string, namespace = NAMESPACE): string {
  const group = plural === 'leases' ? '/apis/coordination.k8s.io/v1' : '/api/v1';
  return `${group}/namespaces/${namespace}/${plural}${name === undefined ? '' : `/${name}`}`;
}

/** Makes the requests of a case; gives the last answer, and the last whole object before it. */
export async function runCase(
  access: ApiAccess,
  { plural, steps }: ApiCase,
  name: string,
): Promise<{ answer: ApiAnswer; before: KubernetesObject }> {
  let last: KubernetesObject = { metadata: { name } };
  let before = last;
  let answer: ApiAnswer | undefined;
  for (const { method, body, type } of steps) {
    before = last;
    const path = apiPath(plural, method === 'POST' ? undefined : name);
    answer = await callApi(access, method, path, body?.(last), type);
    if (answer.code < 300 && answer.body['kind'] !== 'Status') last = answer.body;
  }
  if (answer === undefined) throw new Error('a case without steps');
  return { answer, before };
}
