// SPDX-License-Identifier: Apache-2.0
// Fields of the request itself: who, what, from where, with which answer.
import { describe, expect, test } from 'vitest';
import { ask } from '../support/ask';
import type { Value } from '../support/wasm';

const ANNOTATIONS = {
  'ka.auth.decision': 'authorization.k8s.io/decision',
  'ka.auth.reason': 'authorization.k8s.io/reason',
  'ka.auth.openshift.decision': 'authentication.openshift.io/decision',
  'ka.auth.openshift.username': 'authentication.openshift.io/username',
  'ka.validations.admission.policy.failure': 'validation.policy.admission.k8s.io/validation_failure',
  'ka.security.pod.violations': 'pod-security.kubernetes.io/audit-violations',
  'ka.cluster.name': 'cluster_name',
};

/** Each single value and where it stands. */
const SINGLE: [field: string, members: (value: unknown) => Record<string, unknown>][] = [
  ['ka.auditid', (value) => ({ auditID: value })],
  ['ka.stage', (value) => ({ stage: value })],
  ['ka.verb', (value) => ({ verb: value })],
  ['ka.uri', (value) => ({ requestURI: value })],
  ['ka.useragent', (value) => ({ userAgent: value })],
  ['ka.user.name', (value) => ({ user: { username: value } })],
  ['ka.impuser.name', (value) => ({ impersonatedUser: { username: value } })],
  ['ka.target.name', (value) => ({ objectRef: { name: value } })],
  ['ka.target.namespace', (value) => ({ objectRef: { namespace: value } })],
  ['ka.target.resource', (value) => ({ objectRef: { resource: value } })],
  ['ka.target.subresource', (value) => ({ objectRef: { subresource: value } })],
  ['ka.req.configmap.name', (value) => ({ objectRef: { name: value } })],
  ['ka.resp.name', (value) => ({ responseObject: { metadata: { name: value } } })],
  ['ka.response.code', (value) => ({ responseStatus: { code: value } })],
  ['ka.response.reason', (value) => ({ responseStatus: { reason: value } })],
  ['ka.response.status', (value) => ({ responseStatus: { status: value } })],
  ['ka.response.message', (value) => ({ responseStatus: { message: value } })],
  ['ka.level', (value) => ({ level: value })],
  ['ka.user.uid', (value) => ({ user: { uid: value } })],
  ['ka.impuser.uid', (value) => ({ impersonatedUser: { uid: value } })],
  ['ka.target.apigroup', (value) => ({ objectRef: { apiGroup: value } })],
  ['ka.target.apiversion', (value) => ({ objectRef: { apiVersion: value } })],
  ['ka.target.uid', (value) => ({ objectRef: { uid: value } })],
  ['ka.req.binding.role', (value) => ({ requestObject: { roleRef: { name: value } } })],
  ['ka.req.configmap.obj', (value) => ({ requestObject: { data: value } })],
  ['ka.req.service.type', (value) => ({ requestObject: { spec: { type: value } } })],
  ['ka.req.pod.host_ipc', (value) => ({ requestObject: { spec: { hostIPC: value } } })],
  ['ka.req.pod.host_network', (value) => ({ requestObject: { spec: { hostNetwork: value } } })],
  ['ka.req.container.host_network', (value) => ({ requestObject: { spec: { hostNetwork: value } } })],
  ['ka.req.pod.host_pid', (value) => ({ requestObject: { spec: { hostPID: value } } })],
  [
    'ka.req.pod.run_as_user',
    (value) => ({ requestObject: { spec: { securityContext: { runAsUser: value } } } }),
  ],
  [
    'ka.req.pod.run_as_group',
    (value) => ({ requestObject: { spec: { securityContext: { runAsGroup: value } } } }),
  ],
  ['ka.req.pod.fs_group', (value) => ({ requestObject: { spec: { securityContext: { fsGroup: value } } } })],
  ['ka.req.container.image', (value) => ({ requestObject: { spec: { containers: [{ image: value }] } } })],
  ...Object.entries(ANNOTATIONS).map(([field, key]): (typeof SINGLE)[number] => [
    field,
    (value) => ({ annotations: { [key]: value } }),
  ]),
];

describe.each(SINGLE)('%s', (field, members) => {
  test.each<[unknown, Value]>([
    ['text', 'text'],
    ['', ''],
    ['é中😀 "quoted" \\ / \n\t\u0001', 'é中😀 "quoted" \\ / \n\t\u0001'],
    ['cut\u0000here', 'cut'],
    ['lone \ud800 surrogate', 'lone \ufffd surrogate'],
    ['x'.repeat(10_000), 'x'.repeat(10_000)],
    [0, '0'],
    [-1.5, '-1.5'],
    [true, 'true'],
    [false, 'false'],
    [{ a: [1, ' '] }, '{"a":[1," "]}'],
    [[], '[]'],
    [null, null],
    [undefined, null],
  ])('%j', (value, expected) => {
    // Without an auditID no field has a value.
    expect(ask(members(value), field)).toBe(expected);
  });

  test('what should hold it is missing, null or of another type', () => {
    const [key] = Object.keys(members('x'));
    if (['auditID', 'stage', 'verb', 'requestURI', 'userAgent', 'level'].includes(key)) return;
    for (const holder of [undefined, null, 'text', 5, true, [], {}, [members('x')[key]]]) {
      expect(ask({ [key]: holder }, field), JSON.stringify(holder)).toBeNull();
    }
  });
});

describe('the event itself', () => {
  test('the same members elsewhere are not taken for it', () => {
    const decoy = {
      username: 'decoy',
      name: 'decoy',
      verb: 'decoy',
      'authorization.k8s.io/decision': 'decoy',
    };
    const event = {
      user: { extra: { username: ['x'] }, username: 'u' },
      requestObject: decoy,
      verb: 'get',
      decoy,
    };
    expect(['ka.user.name', 'ka.verb', 'ka.auth.decision'].map((field) => ask(event, field))).toEqual([
      'u',
      'get',
      null,
    ]);
  });

  test('an annotation whose key only begins or ends like another', () => {
    const annotations = {
      'xauthorization.k8s.io/decision': '1',
      'authorization.k8s.io/decisionx': '2',
      authorization: 3,
    };
    expect(ask({ annotations }, 'ka.auth.decision')).toBeNull();
  });

  test('a number keeps its form', () => {
    const event = '{"kind":"Event","auditID":"a","responseStatus":{"code":2.010e2}}';
    expect(ask(event, 'ka.response.code')).toBe('2.010e2');
  });

  test('keys in any order, also written with escapes', () => {
    const event = '{"verb":"v","auditID":"a","user":{"groups":["g"],"username":"u"},"kind":"Event"}';
    expect(['ka.verb', 'ka.user.name'].map((field) => ask(event, field))).toEqual(['v', 'u']);
    expect(ask('{"kind":"Event","auditID":"a","v\\u0065rb":"get"}', 'ka.verb')).toBe('get');
  });
});

describe('ka.user.groups', () => {
  test.each<[unknown, Value]>([
    [
      ['a', 'b', 'a'],
      ['a', 'b', 'a'],
    ],
    [
      ['a', null, 1, true, { x: 1 }, ['y']],
      ['a', '1', 'true', '{"x":1}', '["y"]'],
    ],
    [[''], ['']],
    [[], null],
    [[null], null],
    ['text', null],
    [5, null],
    [null, null],
    [undefined, null],
  ])('%j', (groups, expected) => expect(ask({ user: { groups } }, 'ka.user.groups')).toEqual(expected));
});

describe('ka.sourceips', () => {
  const sourceIPs = ['10.0.0.1', '2001:db8::1', '192.168.0.1'];

  test('all, and each by its index', () => {
    expect(ask({ sourceIPs }, 'ka.sourceips')).toEqual(sourceIPs);
    expect([0, 1, 2, 3].map((index) => ask({ sourceIPs }, `ka.sourceips[${index}]`))).toEqual([
      ['10.0.0.1'],
      ['2001:db8::1'],
      ['192.168.0.1'],
      null,
    ]);
  });

  test('missing, empty or no list', () => {
    for (const value of [undefined, null, [], '10.0.0.1', 5])
      expect(ask({ sourceIPs: value }, 'ka.sourceips')).toBeNull();
  });
});
