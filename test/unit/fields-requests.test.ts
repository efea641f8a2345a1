// SPDX-License-Identifier: Apache-2.0
// Members of other objects: labels, annotations, secrets, services, tokens, access reviews.
import { describe, expect, test } from 'vitest';
import { ask } from '../support/ask';
import type { Value } from '../support/wasm';

const of = (resource: unknown, requestObject: unknown, field: string, subresource?: string): Value =>
  ask({ objectRef: { resource, subresource }, requestObject }, `ka.${field}`);

describe.each(['labels', 'annotations'])('ka.req.%s', (map) => {
  const value = (members: unknown, key: string) =>
    of('pods', { metadata: { [map]: members } }, `req.${map}[${key}]`);

  test('by the key in the brackets', () => {
    const members = {
      app: 'web',
      'pod-security.kubernetes.io/enforce': 'privileged',
      empty: '',
      n: 5,
      'a.b~c': 'd',
    };
    expect(value(members, 'app')).toBe('web');
    expect(value(members, 'pod-security.kubernetes.io/enforce')).toBe('privileged');
    expect(value(members, 'a.b~c')).toBe('d');
    expect(value(members, 'empty')).toBe('');
    expect(value(members, 'n')).toBe('5');
    for (const key of ['ap', 'apps', 'App', 'enforce', '0']) expect(value(members, key)).toBeNull();
  });

  test('null removes one: no value', () => expect(value({ app: null }, 'app')).toBeNull());

  test('no map', () => {
    for (const members of [undefined, null, 'app', 5, [], ['app'], [{ app: 'web' }], {}])
      expect(value(members, 'app'), JSON.stringify(members)).toBeNull();
    for (const object of [null, 'x', {}, { metadata: null }, { metadata: 'x' }, { metadata: [] }])
      expect(of('pods', object, `req.${map}[app]`)).toBeNull();
  });
});

test('ka.annotation', () => {
  const annotations = { 'k8s.io/deprecated': 'true', 'authorization.k8s.io/decision': 'allow' };
  expect(ask({ annotations }, 'ka.annotation[k8s.io/deprecated]')).toBe('true');
  expect(ask({ annotations }, 'ka.annotation[authorization.k8s.io/decision]')).toBe('allow');
  expect(ask({ annotations }, 'ka.annotation[k8s.io]')).toBeNull();
  expect(ask({}, 'ka.annotation[k8s.io/deprecated]')).toBeNull();
});

test('values of the bodies by JSON pointer', () => {
  const event = { requestObject: { a: [{ 'b/c': 1 }] }, responseObject: { status: { phase: 'Running' } } };
  expect(ask(event, 'ka.req.value[/a/0/b~1c]')).toBe('1');
  expect(ask(event, 'ka.req.value[/status]')).toBeNull();
  expect(ask(event, 'ka.resp.value[/status/phase]')).toBe('Running');
  expect(ask(event, 'ka.resp.value[/status]')).toBe('{"phase":"Running"}');
  expect(ask(event, 'ka.req.value[a]')).toBeNull();
  expect(ask({}, 'ka.req.value[/a]')).toBeNull();
  // The operations of a JSON Patch are given as they stand.
  const patch = [{ op: 'add', path: '/spec/hostPID', value: true }];
  expect(ask({ requestObject: patch }, 'ka.req.value[/0/path]')).toBe('/spec/hostPID');
});

test('ka.req.secret.type: of secrets alone', () => {
  const type = 'kubernetes.io/service-account-token';
  expect(of('secrets', { type }, 'req.secret.type')).toBe(type);
  expect(of('secrets', { data: {} }, 'req.secret.type')).toBeNull();
  expect(of('events', { type: 'Normal' }, 'req.secret.type')).toBeNull();
  expect(of(undefined, { type }, 'req.secret.type')).toBeNull();
});

test('ka.req.service.external_ips', () => {
  expect(of('services', { spec: { externalIPs: ['192.0.2.1', null] } }, 'req.service.external_ips')).toEqual([
    '192.0.2.1',
  ]);
  expect(of('services', { spec: { externalIPs: null } }, 'req.service.external_ips')).toBeNull();
});

test('ka.req.role.rules.resource_names and ka.req.binding.role_kind', () => {
  const rules = [{ resourceNames: ['a', 'b'] }, { verbs: ['get'] }, { resourceNames: ['c'] }];
  expect(of('roles', { rules }, 'req.role.rules.resource_names')).toEqual(['a', 'b', 'c']);
  expect([0, 1, 2].map((i) => of('roles', { rules }, `req.role.rules.resource_names[${i}]`))).toEqual([
    ['a', 'b'],
    null,
    ['c'],
  ]);
  const roleRef = { kind: 'ClusterRole', name: 'admin' };
  expect(of('rolebindings', { roleRef }, 'req.binding.role_kind')).toBe('ClusterRole');
});

test('ka.req.token.audiences: of requests for a token alone', () => {
  const object = { spec: { audiences: ['vault', 'https://x'], expirationSeconds: 600 } };
  expect(of('serviceaccounts', object, 'req.token.audiences', 'token')).toEqual(['vault', 'https://x']);
  expect(of('serviceaccounts', object, 'req.token.audiences')).toBeNull();
  expect(of('tokenreviews', object, 'req.token.audiences')).toBeNull();
});

describe('access reviews', () => {
  const fields = ['verb', 'resource', 'namespace', 'user'];
  const review = (resource: string, spec: unknown) =>
    fields.map((field) => of(resource, { spec }, `req.review.${field}`));
  const resourceAttributes = { verb: 'create', resource: 'pods', subresource: 'exec', namespace: 'prod' };

  test('of oneself, of others, of others in a namespace', () => {
    for (const resource of [
      'selfsubjectaccessreviews',
      'subjectaccessreviews',
      'localsubjectaccessreviews',
    ]) {
      expect(review(resource, { resourceAttributes, user: 'bob' })).toEqual([
        'create',
        'pods/exec',
        'prod',
        'bob',
      ]);
    }
  });

  test('a resource without a subresource, in all namespaces', () => {
    const spec = { resourceAttributes: { verb: '*', resource: 'secrets', subresource: '' } };
    expect(review('selfsubjectaccessreviews', spec)).toEqual(['*', 'secrets', null, null]);
  });

  test('a URL that is no resource', () => {
    const spec = { nonResourceAttributes: { verb: 'get', path: '/metrics' } };
    expect(review('selfsubjectaccessreviews', spec)).toEqual(['get', null, null, null]);
  });

  test('all rules in a namespace', () => {
    expect(review('selfsubjectrulesreviews', { namespace: 'prod' })).toEqual([null, null, 'prod', null]);
  });

  test('of other resources none', () => {
    expect(review('pods', { resourceAttributes, user: 'bob', namespace: 'n' })).toEqual(
      fields.map(() => null),
    );
  });

  test('wrong shapes', () => {
    for (const spec of [null, 'x', [], {}, { resourceAttributes: 5 }, { resourceAttributes: { verb: null } }])
      expect(review('subjectaccessreviews', spec), JSON.stringify(spec)).toEqual(fields.map(() => null));
  });
});
