// SPDX-License-Identifier: Apache-2.0
// The stand-ins that give credentials: EC2's metadata, the endpoint for containers, the token service.
import { describe, expect, onTestFinished, test } from 'vitest';

import { ContainerCredentials } from '../e2e/aws/container.ts';
import { Imds, type ImdsOptions } from '../e2e/aws/imds.ts';
import { KeyRing } from '../e2e/aws/keys.ts';
import { Sts, type StsOptions } from '../e2e/aws/sts.ts';
import type { StandIn } from '../support/stand-in.ts';
import { ask } from './aws-support.ts';

async function opened<T extends StandIn>(standIn: T): Promise<T> {
  await standIn.open();
  onTestFinished(() => standIn.close());
  return standIn;
}

describe('EC2’s metadata', () => {
  const TTL = 'X-aws-ec2-metadata-token-ttl-seconds';
  const ROLES = '/latest/meta-data/iam/security-credentials/';
  const make = (options: Partial<ImdsOptions> = {}) =>
    opened(new Imds({ keys: new KeyRing(), role: 'node', ...options }));
  const put = (imds: Imds, headers: Record<string, string> = { [TTL]: '60' }) =>
    fetch(`${imds.url}/latest/api/token`, { method: 'PUT', headers });
  const get = (imds: Imds, path: string, token?: string) =>
    fetch(imds.url + path, { headers: token === undefined ? {} : { 'X-aws-ec2-metadata-token': token } });

  test('gives a token, the role, its credentials, and the place', async () => {
    const imds = await make();
    const answer = await put(imds);
    expect(answer.headers.get(TTL)).toBe('60');
    const token = await answer.text();
    expect(await (await get(imds, ROLES, token)).text()).toBe('node');
    const credentials = await (await get(imds, `${ROLES}node`, token)).json();
    expect(credentials).toMatchObject({ Code: 'Success', AccessKeyId: imds.current.accessKeyId });
    expect(Date.parse(credentials.Expiration)).toBe(Math.floor(imds.current.expires / 1000) * 1000);
    expect(await (await get(imds, '/latest/meta-data/placement/region', token)).text()).toBe('eu-west-1');
    const last = imds.current.accessKeyId;
    expect(imds.renew(5).accessKeyId).not.toBe(last);
    const renewed = await (await get(imds, `${ROLES}node`, token)).json();
    expect(renewed.AccessKeyId).toBe(imds.current.accessKeyId);
  });

  test('wants a token that is its own and not void', async () => {
    const imds = await make();
    expect((await get(imds, ROLES)).status).toBe(401);
    expect((await get(imds, ROLES, 'x')).status).toBe(401);
    const token = await (await put(imds)).text();
    expect((await get(imds, ROLES, token)).status).toBe(200);
    imds.forgetTokens();
    expect((await get(imds, ROLES, token)).status).toBe(401);
    expect((await get(await make({ allowsVersion1: true }), ROLES)).status).toBe(200);
  });

  test('refuses tokens without a length of life, or through a proxy', async () => {
    const imds = await make();
    const statuses = [{}, { [TTL]: '0' }, { [TTL]: '21601' }, { [TTL]: '60', 'X-Forwarded-For': '10.0.0.1' }];
    const asked = statuses.map(
      async (headers) => (await put(imds, headers as Record<string, string>)).status,
    );
    expect(await Promise.all(asked)).toEqual([400, 400, 400, 403]);
  });

  test('knows no role if the instance has none', async () => {
    const imds = await make({ role: undefined });
    const token = await (await put(imds)).text();
    expect((await get(imds, ROLES, token)).status).toBe(404);
  });

  test('fails as it is told', async () => {
    const imds = await make();
    imds.fail('cut', 1, 'PUT');
    await expect(put(imds)).rejects.toThrow();
    imds.fail({ status: 403, body: '' }, 2);
    expect([(await put(imds)).status, (await put(imds)).status, (await put(imds)).status]).toEqual([
      403, 403, 200,
    ]);
    imds.fail('hang', 1, 'PUT');
    const abort = new AbortController();
    const waiting = fetch(`${imds.url}/latest/api/token`, { method: 'PUT', signal: abort.signal });
    const before = imds.requests.length;
    while (imds.requests.length === before) await new Promise((resolve) => setTimeout(resolve, 1));
    abort.abort();
    await expect(waiting).rejects.toThrow();
  });
});

test('a container gets credentials for the right token', async () => {
  const container = await opened(new ContainerCredentials({ keys: new KeyRing(), token: 'first' }));
  const get = (path: string, authorization: string) =>
    fetch(container.url + path, { headers: { authorization } });
  const credentials = await (await get('/v1/credentials', 'first')).json();
  expect(credentials).toMatchObject({
    AccessKeyId: container.current.accessKeyId,
    AccountId: '123456789012',
  });
  expect((await get('/v1/credentials', 'second')).status).toBe(401);
  container.rotateToken('second');
  expect((await get('/v1/credentials', 'first')).status).toBe(401);
  expect((await get('/v2/credentials/4f6a', 'second')).status).toBe(200);
  expect((await get('/elsewhere', 'second')).status).toBe(404);
});

describe('the token service', () => {
  const ROLE = 'arn:aws:iam::123456789012:role/falco';
  const USER = 'arn:aws:iam::123456789012:user/falco';
  const JWT = 'a.b.c';
  const make = (options: Partial<StsOptions> = {}) => {
    const keys = new KeyRing();
    const role = { webIdentityTokens: [JWT], trusted: [USER], externalId: 'their-id' };
    const user = keys.add({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', arn: USER });
    return { keys, user, made: opened(new Sts({ keys, roles: { [ROLE]: role }, ...options })) };
  };
  const form = (parameters: Record<string, string>) => ({
    service: 'sts',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({
      Version: '2011-06-15',
      RoleArn: ROLE,
      RoleSessionName: 'falco',
      ...parameters,
    }).toString(),
  });
  const web = (more = {}) => form({ Action: 'AssumeRoleWithWebIdentity', WebIdentityToken: JWT, ...more });
  const assume = (more = {}) => form({ Action: 'AssumeRole', ExternalId: 'their-id', ...more });
  const codeOf = async (answer: Promise<Response>) => {
    const response = await answer;
    return [response.status, /<Code>(\w+)/.exec(await response.text())?.[1]];
  };

  test('gives a session for a web identity', async () => {
    const { keys, made } = make();
    const sts = await made;
    const answer = await (await ask(sts.url, web({ DurationSeconds: '900' }))).text();
    const id = /<AccessKeyId>(\w+)</.exec(answer)?.[1] ?? '';
    expect(keys.find(id)).toEqual(sts.sessions[0]);
    expect(sts.sessions[0]?.arn).toBe('arn:aws:sts::123456789012:assumed-role/falco/falco');
    const left = (sts.sessions[0]?.expires ?? 0) - (sts.requests[0]?.time ?? 0);
    expect(left).toBeGreaterThanOrEqual(900_000);
    expect(left).toBeLessThan(3_600_000);
  });

  test('gives sessions that end as soon as a test wants', async () => {
    const { made } = make({ lifetime: -5 });
    const sts = await made;
    expect((await ask(sts.url, web())).status).toBe(200);
    expect(sts.sessions[0]?.expires).toBeLessThan(Date.now());
  });

  test('gives a session for a signature, to those whom the role trusts', async () => {
    const { keys, user, made } = make();
    const sts = await made;
    expect((await ask(sts.url, { ...assume(), keys: user })).status).toBe(200);
    const denied = [403, 'AccessDenied'];
    expect(await codeOf(ask(sts.url, { ...assume({ ExternalId: 'another' }), keys: user }))).toEqual(denied);
    const other = keys.issue(900, 'arn:aws:sts::123456789012:assumed-role/other/x');
    expect(await codeOf(ask(sts.url, { ...assume(), keys: other }))).toEqual(denied);
    const wrong = { ...user, secretAccessKey: 'x' };
    expect(await codeOf(ask(sts.url, { ...assume(), keys: wrong }))).toEqual([403, 'SignatureDoesNotMatch']);
    expect(await codeOf(ask(sts.url, assume()))).toEqual([403, 'MissingAuthenticationToken']);
  });

  test('refuses what AWS refuses', async () => {
    const { made } = make();
    const sts = await made;
    const other = 'arn:aws:iam::123456789012:role/other';
    expect(await codeOf(ask(sts.url, web({ WebIdentityToken: 'x.y.z' })))).toEqual([403, 'AccessDenied']);
    expect(await codeOf(ask(sts.url, web({ WebIdentityToken: 'x' })))).toEqual([400, 'InvalidIdentityToken']);
    expect(await codeOf(ask(sts.url, web({ RoleArn: other })))).toEqual([403, 'AccessDenied']);
    expect(await codeOf(ask(sts.url, web({ RoleSessionName: 'a b' })))).toEqual([400, 'ValidationError']);
    expect(await codeOf(ask(sts.url, web({ DurationSeconds: '60' })))).toEqual([400, 'ValidationError']);
    expect(await codeOf(ask(sts.url, assume({ ExternalId: 'x' })))).toEqual([400, 'ValidationError']);
    expect(await codeOf(ask(sts.url, web({ Version: 'x' })))).toEqual([400, 'InvalidAction']);
    sts.expireToken(JWT);
    expect(await codeOf(ask(sts.url, web()))).toEqual([400, 'ExpiredTokenException']);
  });

  test('fails as it is told', async () => {
    const { made } = make();
    const sts = await made;
    sts.failWith({ status: 400, code: 'IDPCommunicationError', message: 'no answer' });
    expect(await codeOf(ask(sts.url, web()))).toEqual([400, 'IDPCommunicationError']);
    sts.fail({ status: 503, body: '' });
    expect((await ask(sts.url, web())).status).toBe(503);
    expect((await ask(sts.url, web())).status).toBe(200);
  });
});
