// SPDX-License-Identifier: Apache-2.0
// Kubernetes' own API server answers as the cases say to which the stand-in is held, so the stand-in is right.
import { expect, test } from 'vitest';

import { API_CASES, apiPath, runCase } from '../support/kubernetes-cases.ts';
import { callApi } from '../support/kubernetes-client.ts';
import { Workspace } from '../support/workspace.ts';
import { startApiServer, whyNoApiServer } from './kubernetes.ts';

const missing = whyNoApiServer();
if (missing !== undefined)
  process.stderr.write(`!!! ${missing}: the stand-in is NOT compared with the real one\n`);

test.skipIf(missing !== undefined)('the real API server answers as the stand-in does', async () => {
  const { access, powerless } = await startApiServer(new Workspace());
  const wrong: string[] = [];
  for (const [number, each] of API_CASES.entries()) {
    const name = `case-${number}`;
    const { answer, before } = await runCase(access, each, name);
    const { code, body } = answer;
    const message = String(body['message'])
      .replaceAll(`"${name}"`, '"NAME"')
      .replaceAll(`(${name})`, '(NAME)');
    const isExpected =
      code === each.code &&
      (each.reason === undefined || each.reason === body['reason']) &&
      (each.message === undefined ||
        (typeof each.message === 'string' ? message.includes(each.message) : each.message.test(message))) &&
      (each.holds === undefined || each.holds(body, before));
    if (!isExpected) wrong.push(`${each.plural}: ${each.title}: ${code} ${JSON.stringify(body)}`);
  }
  expect(wrong).toEqual([]);

  const path = apiPath('leases', 'lock');
  const { url, ca } = access;
  expect(await callApi({ url, ca }, 'GET', path)).toMatchObject({
    code: 403,
    body: {
      reason: 'Forbidden',
      message:
        'leases.coordination.k8s.io "lock" is forbidden: User "system:anonymous" cannot get resource "leases" in ' +
        'API group "coordination.k8s.io" in the namespace "falco"',
    },
  });
  expect(
    (await callApi(powerless, 'POST', apiPath('configmaps'), { metadata: { name: 'x' } })).body,
  ).toMatchObject({
    code: 403,
    message:
      'configmaps is forbidden: User "nobody" cannot create resource "configmaps" in API group "" in the namespace ' +
      '"falco"',
    details: { kind: 'configmaps' },
  });
  expect((await callApi({ url, ca, token: 'wrong' }, 'GET', path)).body).toMatchObject({
    code: 401,
    reason: 'Unauthorized',
    message: 'Unauthorized',
  });
});
