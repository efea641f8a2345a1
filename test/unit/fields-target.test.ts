// SPDX-License-Identifier: Apache-2.0
// ka.target.pod.name: from the response, else from the path.
import { describe, expect, test } from 'vitest';
import { ask } from '../support/ask';

const podName = (objectRef: unknown, responseObject?: unknown) =>
  ask({ objectRef, responseObject }, 'ka.target.pod.name');
const response = { kind: 'Pod', metadata: { name: 'web-x7k2p', generateName: 'web-' } };

describe('of a request on a pod', () => {
  test('the name in the response: a created pod may have a generated one', () => {
    expect(podName({ resource: 'pods', namespace: 'n' }, response)).toBe('web-x7k2p');
    expect(podName({ resource: 'pods', name: 'asked' }, response)).toBe('web-x7k2p');
    expect(podName({ resource: 'pods', subresource: '', name: 'asked' }, response)).toBe('web-x7k2p');
  });

  test('the name in the path, when the response has none', () => {
    const objectRef = { resource: 'pods', namespace: 'n', name: 'web-0' };
    expect(podName(objectRef)).toBe('web-0');
    for (const object of [
      null,
      {},
      'text',
      [],
      { metadata: null },
      { metadata: {} },
      { metadata: { name: null } },
    ]) {
      expect(podName(objectRef, object), JSON.stringify(object)).toBe('web-0');
    }
  });

  test('neither', () => {
    expect(podName({ resource: 'pods', namespace: 'n' })).toBeNull();
    expect(podName({ resource: 'pods', namespace: 'n', name: null })).toBeNull();
  });

  test('a response body that is no JSON', () => {
    const event =
      '{"kind":"Event","auditID":"a","objectRef":{"resource":"pods","name":"web-0"},"responseObject":{"metadata":tru}}';
    expect(ask(event, 'ka.target.pod.name')).toBe('web-0');
  });
});

describe('of a subresource', () => {
  test.each([
    'exec',
    'attach',
    'portforward',
    'log',
    'status',
    'eviction',
    'binding',
    'ephemeralcontainers',
    'proxy',
  ])('pods/%s: the name in the path', (subresource) => {
    expect(podName({ resource: 'pods', subresource, name: 'web-0' })).toBe('web-0');
    expect(
      podName({ resource: 'pods', subresource, name: 'web-0' }, { kind: 'Status', metadata: { name: 'x' } }),
    ).toBe('web-0');
  });
});

describe('of another resource there is none', () => {
  test.each(['deployments', 'pod', 'podsx', 'Pods', 'nodes', '', null, undefined, 5, ['pods']])(
    '%j',
    (resource) => {
      expect(podName({ resource, name: 'web-0' }, response)).toBeNull();
    },
  );

  test('without objectRef', () => {
    for (const objectRef of [undefined, null, 'pods', []]) expect(podName(objectRef, response)).toBeNull();
  });
});
