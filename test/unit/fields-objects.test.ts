// SPDX-License-Identifier: Apache-2.0
// Fields of role bindings, roles, services and config maps.
import { describe, expect, test } from 'vitest';
import { ask } from '../support/ask';
import type { Value } from '../support/wasm';

const ofRequest = (requestObject: unknown, field: string): Value => ask({ requestObject }, `ka.req.${field}`);
/** What stands where a list should be. */
const NO_LIST = [undefined, null, 'text', 5, true, []];

describe('role bindings', () => {
  const binding = {
    kind: 'ClusterRoleBinding',
    roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    subjects: [
      { kind: 'User', name: 'alice', apiGroup: 'rbac.authorization.k8s.io' },
      { kind: 'ServiceAccount', name: 'builder', namespace: 'ci' },
      { kind: 'Group', name: 'system:masters' },
      { kind: 'ServiceAccount', name: 'lonely' },
      { kind: 'ServiceAccount', name: 'nulled', namespace: null },
      { kind: 'User', name: 'bob' },
      { kind: 'User' },
      { kind: 'User', name: null },
      { name: 'no kind' },
      { kind: 5, name: 'odd kind' },
      null,
      'text',
      [],
    ],
  };

  test.each<[string, Value]>([
    ['subjects.user_names', ['alice', 'bob']],
    ['subjects.group_names', ['system:masters']],
    ['subjects.serviceaccount_names', ['builder', 'lonely', 'nulled']],
    ['subjects.serviceaccount_ns_names', ['ci:builder']],
    ['role', 'cluster-admin'],
    ['subject.has_name[alice]', 'true'],
    ['subject.has_name[nobody]', 'true'],
  ])('%s', (field, expected) => expect(ofRequest(binding, `binding.${field}`)).toEqual(expected));

  test('subjects, each as JSON', () => {
    expect(ofRequest(binding, 'binding.subjects')).toEqual(
      binding.subjects
        .filter((subject) => subject !== null)
        .map((subject) => (subject === 'text' ? 'text' : JSON.stringify(subject))),
    );
  });

  test('names with escapes, names that are no strings, white space', () => {
    const subjects = [
      { kind: 'ServiceAccount', name: 'a"\\é', namespace: 'n\ts' },
      { kind: 'ServiceAccount', name: 5, namespace: { a: 1 } },
    ];
    expect(ofRequest({ subjects }, 'binding.subjects.serviceaccount_ns_names')).toEqual([
      'n\ts:a"\\é',
      '{"a":1}:5',
    ]);
    expect(ofRequest({ subjects }, 'binding.subjects.serviceaccount_names')).toEqual(['a"\\é', '5']);
    const spaced = JSON.stringify({ kind: 'Event', auditID: 'a', requestObject: { subjects } }, null, 2);
    expect(ask(spaced, 'ka.req.binding.subjects')).toEqual(
      subjects.map((subject) => JSON.stringify(subject)),
    );
  });

  test('the kind must be exactly it', () => {
    for (const kind of ['user', 'Users', 'Use', 'USER', '']) {
      expect(ofRequest({ subjects: [{ kind, name: 'x' }] }, 'binding.subjects.user_names')).toBeNull();
    }
  });

  test('without a list of subjects', () => {
    for (const subjects of NO_LIST) {
      for (const field of [
        '',
        '.user_names',
        '.group_names',
        '.serviceaccount_names',
        '.serviceaccount_ns_names',
      ]) {
        expect(ofRequest({ subjects }, `binding.subjects${field}`), JSON.stringify(subjects)).toBeNull();
      }
    }
  });
});

describe('roles', () => {
  const role = {
    rules: [
      { apiGroups: ['', 'apps'], resources: ['pods', 'pods/exec'], verbs: ['get', '*'] },
      { nonResourceURLs: ['/healthz', '/logs'], verbs: ['get'] },
      {},
      { apiGroups: [null, 'batch', 5], resources: 'text', verbs: null },
    ],
  };

  test.each<[string, Value]>([
    ['apiGroups', ['', 'apps', 'batch', '5']],
    ['resources', ['pods', 'pods/exec']],
    ['verbs', ['get', '*', 'get']],
    ['nonResourceURLs', ['/healthz', '/logs']],
    ['apiGroups[0]', ['', 'apps']],
    ['apiGroups[1]', null],
    ['apiGroups[3]', ['batch', '5']],
    ['verbs[0]', ['get', '*']],
    ['verbs[1]', ['get']],
    ['verbs[2]', null],
    ['verbs[4]', null],
    ['nonResourceURLs[0]', null],
    ['nonResourceURLs[1]', ['/healthz', '/logs']],
    ['resources[3]', null],
  ])('rules.%s', (field, expected) => expect(ofRequest(role, `role.rules.${field}`)).toEqual(expected));

  test('rules, each as JSON', () => {
    expect(ofRequest(role, 'role.rules')).toEqual(role.rules.map((rule) => JSON.stringify(rule)));
  });

  test('without a list of rules', () => {
    for (const rules of NO_LIST) {
      for (const field of ['', '.apiGroups', '.resources', '.verbs', '.nonResourceURLs', '.verbs[0]']) {
        expect(ofRequest({ rules }, `role.rules${field}`), JSON.stringify(rules)).toBeNull();
      }
    }
  });
});

describe('services', () => {
  const ports = [{ port: 80, nodePort: 30080 }, { port: 443, name: 'tls "x"' }, null, 5];
  const service = { spec: { type: 'NodePort', ports } };

  test('ports, one entry each', () => {
    const texts = ['{"port":80,"nodePort":30080}', '{"port":443,"name":"tls \\"x\\""}', '5'];
    expect(ofRequest(service, 'service.ports')).toEqual(texts);
    expect([0, 1, 2, 3, 4].map((index) => ofRequest(service, `service.ports[${index}]`))).toEqual([
      [texts[0]],
      [texts[1]],
      null,
      [texts[2]],
      null,
    ]);
  });

  test('without a list of ports', () => {
    for (const value of NO_LIST) expect(ofRequest({ spec: { ports: value } }, 'service.ports')).toBeNull();
  });
});

describe('config maps', () => {
  test('data as compact JSON, as it was written', () => {
    const event =
      '{"kind":"Event","auditID":"a","requestObject":{"data" : { "k" : "a\\u0041 \\/ é" , "n" : 1.0 , "l" : [ 1 , { } ] } }}';
    expect(ask(event, 'ka.req.configmap.obj')).toBe('{"k":"a\\u0041 \\/ é","n":1.0,"l":[1,{}]}');
  });

  test('a large one', () => {
    const data = { script: 'x y\n'.repeat(50_000), key: { nested: ['a b'] } };
    expect(ofRequest({ data }, 'configmap.obj')).toBe(JSON.stringify(data));
  });

  test('its name is the target', () => {
    expect(ask({ objectRef: { resource: 'configmaps', name: 'cm' } }, 'ka.req.configmap.name')).toBe('cm');
    expect(ask({ objectRef: { resource: 'secrets', name: 's' } }, 'ka.req.configmap.name')).toBe('s');
  });
});
