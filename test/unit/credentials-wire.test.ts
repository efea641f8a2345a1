// SPDX-License-Identifier: Apache-2.0
// The same credentials over real sockets: from the stand-ins for EC2's metadata, containers and the token service, which
// AWS's own client is tried against in test/e2e/aws-credentials.test.ts.
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest';
import { ContainerCredentials } from '../e2e/aws/container.ts';
import { Imds } from '../e2e/aws/imds.ts';
import { KeyRing, type Session } from '../e2e/aws/keys.ts';
import { Sts } from '../e2e/aws/sts.ts';
import type { WebAnswer, WebCall } from '../support/host';
import { Workspace } from '../support/workspace';
import { ask } from './aws-support.ts';
import { Aws } from './credentials-support';

const ROLE = 'arn:aws:iam::123456789012:role/falco';
const USER = 'arn:aws:iam::123456789012:user/falco';

let aws: Aws;
let ring: KeyRing;
beforeAll(async () => {
  aws = await Aws.compile();
}, 120_000);
beforeEach(() => {
  aws.reset();
  ring = new KeyRing();
  // A metadata service that a machine of the tests may have is not asked.
  aws.set({ AWS_REGION: 'eu-west-1', AWS_EC2_METADATA_DISABLED: 'true' });
  aws.host.now = BigInt(Date.now()) * 1_000_000n;
  aws.host.liveCall = live;
});
afterEach(() => expect(aws.leaks).toEqual([]));

/** Makes a request as the host does, signed where it is to be. */
async function live(call: WebCall): Promise<WebAnswer> {
  const { origin, pathname, search } = new URL(call.url);
  const [, , region = '', service = ''] = call.signing.split(':');
  const keys = { accessKeyId: call.keyId, secretAccessKey: call.secret };
  const response = await ask(origin, {
    ...{ target: pathname + search, method: call.method, service, region },
    ...{ headers: call.headers, body: call.body },
    ...(call.signing === '' ? {} : { keys }),
  });
  const headers: Record<string, string> = {};
  response.headers.forEach((value, name) => (headers[name] = value));
  return { status: response.status, headers, body: await response.text() };
}

/** Takes turns until it is so; the host's clock goes on with them. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) {
    aws.turn();
    aws.pass(0.05);
    await sleep(1);
  }
}

const got =
  ({ accessKeyId, secretAccessKey, sessionToken }: Session) =>
  () =>
    aws.credentials.startsWith(`${accessKeyId} ${secretAccessKey} ${sessionToken} `);

async function opened<T extends { open(): Promise<unknown>; close(): Promise<void> }>(server: T): Promise<T> {
  await server.open();
  onTestFinished(() => server.close());
  return server;
}

test('EC2’s metadata: credentials and region, anew when they are refused, after failures', async () => {
  const imds = await opened(new Imds({ keys: ring, role: 'node', region: 'ap-south-1' }));
  aws.host.environment.clear();
  aws.set({ AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url });
  imds.fail('cut', 2);
  imds.fail({ status: 503, body: '' }, 1, 'GET /latest/meta-data/iam');
  expect(aws.open()).toBe('');
  await until(got(imds.current));
  expect(aws.region).toBe('ap-south-1');
  imds.forgetTokens();
  const next = imds.renew();
  aws.refuse();
  await until(got(next));
  expect(new Set(imds.requests.map(({ headers }) => headers['x-forwarded-for']))).toEqual(
    new Set([undefined]),
  );
});

test('EC2’s metadata without a role', async () => {
  const imds = await opened(new Imds({ keys: ring }));
  aws.set({ AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url, AWS_EC2_METADATA_DISABLED: 'false' });
  aws.open();
  await until(() => aws.problem !== '');
  expect(aws.problem).toMatch(/^the role of the instance: the instance has no role/);
});

test('EKS Pod Identity: the token is rotated, credentials are renewed', async () => {
  const folder = new Workspace();
  const container = await opened(new ContainerCredentials({ keys: ring, token: 'hush-one', lifetime: 120 }));
  aws.set({
    AWS_CONTAINER_CREDENTIALS_FULL_URI: `${container.url}/v1/credentials`,
    AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: folder.write('token', 'hush-one'),
  });
  aws.open();
  await until(got(container.current));
  container.rotateToken('hush-two');
  const next = container.renew(3600);
  aws.pass(61);
  await until(() => aws.messages.length > 1);
  expect(aws.messages.at(-1)).toMatch(
    /^AWS credentials cannot be renewed: .*: HTTP status 401; the old ones are good/,
  );
  folder.write('token', 'hush-two\n');
  await until(got(next));
});

test('IRSA: a token that has expired, a service that fails, and a role that does not trust', async () => {
  const folder = new Workspace();
  const roles = { [ROLE]: { webIdentityTokens: ['hush.b.c'] } };
  const sts = await opened(new Sts({ keys: ring, roles }));
  aws.set({
    AWS_ROLE_ARN: ROLE,
    AWS_WEB_IDENTITY_TOKEN_FILE: folder.write('token', 'hush.old.c'),
    AWS_ENDPOINT_URL_STS: sts.url,
  });
  sts.expireToken('hush.old.c');
  aws.open();
  await until(() => aws.problem.includes('ExpiredTokenException'));
  folder.write('token', 'hush.wrong.c');
  await until(() => aws.problem.includes('AccessDenied'));
  expect(aws.problem).toMatch(
    /Not authorized to perform sts:AssumeRoleWithWebIdentity; the role's trust policy/,
  );
  sts.failWith({ status: 400, code: 'IDPCommunicationError', message: 'cannot be reached' });
  await until(() => aws.problem.includes('IDPCommunicationError'));
  folder.write('token', 'hush.b.c\n');
  await until(() => sts.sessions.length > 0 && got(sts.sessions[0]!)());
});

test('a role by keys of a profile: STS takes the signature, and only with the external id', async () => {
  const folder = new Workspace();
  const user = ring.add({ accessKeyId: 'AKIAUSER', secretAccessKey: 'hush/+=', arn: USER });
  const sts = await opened(
    new Sts({ keys: ring, roles: { [ROLE]: { trusted: [USER], externalId: 'their-id' } } }),
  );
  const profile = (more: string) =>
    folder.write(
      'config',
      `[profile user]\naws_access_key_id = ${user.accessKeyId}\naws_secret_access_key = ${user.secretAccessKey}\n` +
        `[profile falco]\nrole_arn = ${ROLE}\nsource_profile = user\nduration_seconds = 900\n${more}`,
    );
  aws.set({ AWS_CONFIG_FILE: profile(''), AWS_ENDPOINT_URL_STS: sts.url });
  aws.open({ profile: 'falco' });
  await until(() => aws.problem.includes('AccessDenied'));
  profile('external_id = their-id\n');
  await until(() => sts.sessions.length > 0 && got(sts.sessions[0]!)());
  expect(aws.expiresIn).toBeLessThanOrEqual(900);
});

test('a role by a role by Pod Identity', async () => {
  const folder = new Workspace();
  const container = await opened(new ContainerCredentials({ keys: ring, token: 'hush' }));
  const first = `${ROLE}-1`;
  const sts = await opened(
    new Sts({
      keys: ring,
      roles: {
        [first]: { trusted: ['arn:aws:sts::123456789012:assumed-role/falco/eks-prod-falco-0'] },
        [ROLE]: { trusted: ['arn:aws:sts::123456789012:assumed-role/falco-1/k8saudit-ts'] },
      },
    }),
  );
  const config =
    `[profile one]\nrole_arn = ${first}\ncredential_source = EcsContainer\n` +
    `[profile two]\nrole_arn = ${ROLE}\nsource_profile = one\n`;
  aws.set({
    ...{ AWS_CONFIG_FILE: folder.write('config', config), AWS_ENDPOINT_URL_STS: sts.url },
    ...{ AWS_CONTAINER_CREDENTIALS_FULL_URI: `${container.url}/v1/credentials` },
    AWS_CONTAINER_AUTHORIZATION_TOKEN: 'hush',
  });
  aws.open({ profile: 'two' });
  await until(() => sts.sessions.length > 1 && got(sts.sessions[1]!)());
  expect(aws.messages[0]).toMatch(
    /^AWS credentials come from role \S+ of profile "two", by role \S+ of profile "one", by/,
  );
});
