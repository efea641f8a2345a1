// SPDX-License-Identifier: Apache-2.0
// What the name of a user tells: kind of user, service account; and what is said of users by key.
import { describe, expect, test } from 'vitest';
import { ask } from '../support/ask';
import type { Value } from '../support/wasm';

const ofUser = (user: unknown, field: string): Value => ask({ user }, `ka.user.${field}`);

describe('ka.user.type', () => {
  test.each<[string, string]>([
    ['alice', 'human'],
    ['kubernetes-admin', 'human'],
    ['masterclient', 'human'],
    ['arn:aws:iam::123456789012:user/alice', 'human'],
    ['bot@project.iam.gserviceaccount.com', 'human'],
    ['system:admin', 'human'],
    ['system', 'human'],
    ['system:', 'human'],
    ['System:kube-scheduler', 'human'],
    ['x-system:kube-scheduler', 'human'],
    ['eks:', 'human'],
    ['aksServiceX', 'human'],
    ['system:serviceaccount:default:web', 'serviceaccount'],
    ['system:serviceaccount:kube-system:node-controller', 'serviceaccount'],
    // No namespace or no name, or more than these: no service account has such a name.
    ['system:serviceaccount:', 'human'],
    ['system:serviceaccount:default', 'human'],
    ['system:serviceaccount::web', 'human'],
    ['system:serviceaccount:default:', 'human'],
    ['system:serviceaccount:a:b:c', 'human'],
    ['system:node:worker-1', 'node'],
    ['system:bootstrap:07401b', 'node'],
    ['system:anonymous', 'anonymous'],
    ['system:apiserver', 'control-plane'],
    ['system:kube-controller-manager', 'control-plane'],
    ['system:kube-scheduler', 'control-plane'],
    ['system:kube-proxy', 'control-plane'],
    ['system:node', 'control-plane'],
    ['system:gke-controller', 'control-plane'],
    ['eks:node-manager', 'control-plane'],
    ['aksService', 'control-plane'],
    ['service-123@container-engine-robot.iam.gserviceaccount.com', 'control-plane'],
  ])('%s: %s', (username, type) => expect(ofUser({ username, groups: ['x'] }, 'type')).toBe(type));

  test('of the group of all who are not authenticated, whatever the name is', () => {
    for (const username of [undefined, null, '', 'alice', 'system:node:worker-1']) {
      expect(ofUser({ username, groups: ['x', 'system:unauthenticated'] }, 'type')).toBe('anonymous');
    }
    expect(ofUser({ username: 'alice', groups: 'system:unauthenticated' }, 'type')).toBe('human');
  });

  test('no name, no kind', () => {
    for (const user of [
      undefined,
      null,
      {},
      'alice',
      [],
      { username: null },
      { username: 5 },
      { username: '' },
    ])
      expect(ofUser(user, 'type'), JSON.stringify(user)).toBeNull();
  });

  test('a name that is written with escapes', () => {
    const event = '{"kind":"Event","auditID":"a","user":{"username":"\\u0073ystem:node:a"}}';
    expect(ask(event, 'ka.user.type')).toBe('node');
  });
});

describe('ka.user.sa', () => {
  test.each<[unknown, Value, Value]>([
    ['system:serviceaccount:ci:builder', 'ci', 'builder'],
    ['system:serviceaccount:ci:', null, null],
    ['system:serviceaccount::builder', null, null],
    ['system:serviceaccount:ci', null, null],
    ['system:serviceaccount:a:b:c', null, null],
    ['system:serviceaccounts:ci:builder', null, null],
    ['alice', null, null],
    [null, null, null],
    [5, null, null],
  ])('%j', (username, namespace, name) => {
    expect([ofUser({ username }, 'sa.namespace'), ofUser({ username }, 'sa.name')]).toEqual([
      namespace,
      name,
    ]);
  });
});

describe.each([
  ['ka.user.extra', 'user'],
  ['ka.impuser.extra', 'impersonatedUser'],
])('%s', (field, member) => {
  const of = (extra: unknown, key: string): Value => ask({ [member]: { extra } }, `${field}[${key}]`);

  test('the values of a key, joined by commas', () => {
    const key = 'authentication.kubernetes.io/pod-name';
    expect(of({ [key]: ['web-0'], scopes: ['a', 'b c', ''] }, key)).toBe('web-0');
    expect(of({ scopes: ['a', 'b c', ''] }, 'scopes')).toBe('a,b c,');
    expect(of({ x: ['quote " and \\'] }, 'x')).toBe('quote " and \\');
    expect(of({ x: [] }, 'x')).toBe('');
    expect(of({ x: 'text' }, 'x')).toBe('text');
  });

  test('what is not there', () => {
    for (const extra of [undefined, null, {}, 'x', ['x'], { x: null }, { X: ['a'] }])
      expect(of(extra, 'x'), JSON.stringify(extra)).toBeNull();
  });

  test('a key that is written with escapes', () => {
    const event = `{"kind":"Event","auditID":"a","${member}":{"extra":{"\\u0061b":["v"]}}}`;
    expect(ask(event, `${field}[ab]`)).toBe('v');
    expect(ask(event, `${field}[a]`)).toBeNull();
  });
});

test('ka.impuser.groups', () => {
  const impersonatedUser = { username: 'bob', groups: ['system:masters', null, 'dev'], uid: 'u-1' };
  expect(ask({ impersonatedUser }, 'ka.impuser.groups')).toEqual(['system:masters', 'dev']);
  expect(ask({ impersonatedUser: { groups: 'x' } }, 'ka.impuser.groups')).toBeNull();
});
