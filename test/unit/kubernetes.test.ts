// SPDX-License-Identifier: Apache-2.0
// The stand-in for Kubernetes' API server.
import { describe, expect, onTestFinished, test } from 'vitest';

import { Authority } from '../../scripts/soak/certificates.mjs';
import { API_CASES, NAMESPACE, USER, apiPath, runCase } from '../support/kubernetes-cases.ts';
import { callApi } from '../support/kubernetes-client.ts';
import { LEASES } from '../support/kubernetes-objects.ts';
import { etcdTimeout, tooManyRequests } from '../support/kubernetes-status.ts';
import { KubernetesApi, type KubernetesOptions } from '../support/kubernetes.ts';
import { Workspace } from '../support/workspace.ts';

const TOKEN = 'token-1';

async function makeApi(options: KubernetesOptions = {}) {
  const api = await new KubernetesApi({ tokens: { [TOKEN]: USER }, ...options }).open();
  onTestFinished(() => api.close());
  return { api, access: { url: api.url, token: TOKEN } };
}

const lease = (holderIdentity: string, metadata: object = {}) => ({
  metadata: { name: 'lock', ...metadata },
  spec: { holderIdentity, leaseDurationSeconds: 15 },
});
const LOCK = apiPath('leases', 'lock');
const LOCKS = apiPath('leases');

test.each(API_CASES)('$plural: $title', async (each) => {
  const { access } = await makeApi();
  const { answer, before } = await runCase(access, each, 'falco');
  expect(answer.code).toBe(each.code);
  if (each.code >= 400)
    expect(answer.body).toMatchObject({ kind: 'Status', status: 'Failure', code: each.code });
  if (each.reason !== undefined) expect(answer.body['reason']).toBe(each.reason);
  const message = String(answer.body['message'])
    .replaceAll('"falco"', '"NAME"')
    .replaceAll('(falco)', '(NAME)');
  if (each.message !== undefined) expect(message).toMatch(each.message);
  if (each.holds !== undefined) expect(each.holds(answer.body, before)).toBe(true);
});

describe('who may', () => {
  test('a token is wanted, and a right one', async () => {
    const { api, access } = await makeApi();
    const { url } = access;
    const nobody = await callApi({ url }, 'GET', LOCK);
    expect([nobody.code, nobody.body['message']]).toEqual([
      403,
      'leases.coordination.k8s.io "lock" is forbidden: User "system:anonymous" cannot get resource "leases" in API ' +
        'group "coordination.k8s.io" in the namespace "falco"',
    ]);
    const wrong = await callApi({ url, token: 'wrong' }, 'GET', LOCK);
    expect([wrong.code, wrong.body['reason']]).toEqual([401, 'Unauthorized']);
    api.allow('token-2', USER);
    api.revoke(TOKEN);
    expect((await callApi(access, 'GET', LOCK)).code).toBe(401);
    expect((await callApi({ url, token: 'token-2' }, 'GET', LOCK)).code).toBe(404);
  });

  test('permissions are taken and given', async () => {
    const { api, access } = await makeApi();
    expect((await callApi(access, 'POST', LOCKS, lease('a'))).code).toBe(201);
    api.deny('update', 'leases');
    const denied = await callApi(access, 'PUT', LOCK, lease('b'));
    expect(denied.body).toMatchObject({
      code: 403,
      reason: 'Forbidden',
      details: { name: 'lock', kind: 'leases' },
    });
    expect((await callApi(access, 'GET', LOCK)).code).toBe(200);
    api.permit('update', 'leases');
    expect((await callApi(access, 'PUT', LOCK, lease('b'))).code).toBe(422);
  });

  test('a namespace has to be there', async () => {
    const { access } = await makeApi({ namespaces: ['default'] });
    const answer = await callApi(access, 'POST', LOCKS, lease('a'));
    expect(answer.body).toMatchObject({ code: 404, message: `namespaces "${NAMESPACE}" not found` });
  });
});

test('of many that take a lease at once, one gets it', async () => {
  const { api, access } = await makeApi();
  const made = await callApi(access, 'POST', LOCKS, lease(''.padEnd(3, '0')));
  const { resourceVersion } = made.body['metadata'];
  const takers = Array.from({ length: 20 }, (_, i) =>
    callApi(access, 'PUT', LOCK, lease(`host-${i}`, { resourceVersion })),
  );
  const codes = (await Promise.all(takers)).map(({ code }) => code).sort();
  expect(codes).toEqual([200, ...Array.from({ length: 19 }, () => 409)]);
  expect(api.writes.map(({ user, object }) => [user, object['spec'].holderIdentity])).toEqual([
    [USER, '000'],
    [USER, expect.stringMatching(/^host-/)],
  ]);
  expect(api.read(LEASES, NAMESPACE, 'lock')).toEqual(api.writes[1]?.object);
});

test('a list has all of a namespace', async () => {
  const { api, access } = await makeApi();
  await callApi(access, 'POST', LOCKS, lease('a'));
  await callApi(access, 'POST', apiPath('leases', undefined, 'default'), lease('b'));
  const { body } = await callApi(access, 'GET', LOCKS);
  expect(body).toMatchObject({ kind: 'LeaseList', items: [{ spec: { holderIdentity: 'a' } }] });
  expect(body['items']).toHaveLength(1);
  api.remove(LEASES, NAMESPACE, 'lock');
  expect((await callApi(access, 'GET', LOCKS)).body['items']).toEqual([]);
});

test('what is no path is not found', async () => {
  const { access } = await makeApi();
  expect(await callApi(access, 'GET', '/apis/none/v1')).toMatchObject({
    code: 404,
    body: { text: '404 page not found\n' },
  });
  expect((await callApi(access, 'PUT', LOCKS, lease('a'))).code).toBe(405);
  expect((await callApi(access, 'GET', '/version')).body['major']).toBe('1');
});

test('it fails as it is told', async () => {
  const { api, access } = await makeApi();
  api.fail(tooManyRequests(3));
  const refused = await callApi(access, 'GET', LOCK);
  expect([refused.code, refused.headers['retry-after'], refused.body['text']]).toEqual([
    429,
    '3',
    'Too many requests, please try again later.\n',
  ]);
  api.fail(etcdTimeout(), 1, 'POST');
  expect((await callApi(access, 'GET', LOCK)).code).toBe(404);
  expect((await callApi(access, 'POST', LOCKS, lease('a'))).code).toBe(500);
  api.fail('cut-after', 1, 'POST');
  await expect(callApi(access, 'POST', LOCKS, lease('a'))).rejects.toThrow();
  expect((await callApi(access, 'GET', LOCK)).code).toBe(200);
  api.fail({ delay: 5 });
  expect((await callApi(access, 'GET', LOCK)).code).toBe(200);
  await api.close();
  await expect(callApi(access, 'GET', LOCK)).rejects.toThrow();
  await api.open();
  expect((await callApi(access, 'GET', LOCK)).code).toBe(200);
});

test('it speaks HTTPS by an authority of its own', async () => {
  const authority = new Authority(new Workspace().at('authority'), 'kubernetes');
  const { access } = await makeApi({ identity: authority.issue('server', 'kubernetes') });
  await expect(callApi(access, 'GET', LOCK)).rejects.toThrow();
  expect((await callApi({ ...access, ca: authority.pair.certificate }, 'GET', LOCK)).code).toBe(404);
});
