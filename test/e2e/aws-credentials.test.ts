// SPDX-License-Identifier: Apache-2.0
// boto3 finds credentials at the stand-ins for EC2's metadata, containers and the token service, and the proxy takes
// what it signs with them: so the stand-ins are what AWS's own client expects.
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { Workspace } from '../support/workspace.ts';
import { AwsClient } from './aws/client.ts';
import { ContainerCredentials } from './aws/container.ts';
import { Imds } from './aws/imds.ts';
import { KeyRing } from './aws/keys.ts';
import { Moto, whyNoMoto } from './aws/moto.ts';
import { AwsProxy } from './aws/proxy.ts';
import { Sts } from './aws/sts.ts';

const missing = await whyNoMoto('the stand-ins that give credentials are, by AWS’s own client,');
const ROLE = 'arn:aws:iam::123456789012:role/falco';
const USER = 'arn:aws:iam::123456789012:user/falco';

describe.skipIf(missing !== undefined)('boto3 takes credentials', () => {
  const ring = new KeyRing();
  let moto: Moto;
  let proxy: AwsProxy;
  beforeAll(async () => {
    moto = await Moto.start();
    proxy = await new AwsProxy({ upstream: moto.url, keys: ring }).open();
  });
  afterAll(async () => {
    await proxy?.close();
    await moto?.stop();
  });

  function clientWith(env: Record<string, string>): AwsClient {
    const client = new AwsClient({ endpoint: proxy.url, env });
    onTestFinished(() => client.close());
    return client;
  }

  test('of EC2’s metadata', async () => {
    const imds = await new Imds({ keys: ring, role: 'node' }).open();
    onTestFinished(() => imds.close());
    await clientWith({ AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url }).call('s3', 'list_buckets');
    expect(proxy.records.at(-1)?.accessKeyId).toBe(imds.current.accessKeyId);
    expect(imds.requests[0]?.method).toBe('PUT');
  });

  test('of a container, by the token in a file', async () => {
    const container = await new ContainerCredentials({ keys: ring, token: 'projected' }).open();
    onTestFinished(() => container.close());
    await clientWith({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${container.url}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: new Workspace().write('token', 'projected'),
    }).call('s3', 'list_buckets');
    expect(proxy.records.at(-1)?.accessKeyId).toBe(container.current.accessKeyId);
  });

  test('of the token service, by a web identity', async () => {
    const roles = { [ROLE]: { webIdentityTokens: ['a.b.c'] } };
    const sts = await new Sts({ keys: ring, roles }).open();
    onTestFinished(() => sts.close());
    await clientWith({
      AWS_ROLE_ARN: ROLE,
      AWS_WEB_IDENTITY_TOKEN_FILE: new Workspace().write('token', 'a.b.c'),
      AWS_ENDPOINT_URL_STS: sts.url,
    }).call('s3', 'list_buckets');
    expect(proxy.records.at(-1)?.accessKeyId).toBe(sts.sessions[0]?.accessKeyId);
  });

  test('of the token service, by a profile that assumes a role', async () => {
    const user = ring.add({ accessKeyId: 'AKIAUSER', secretAccessKey: 'secret/+', arn: USER });
    const sts = await new Sts({
      keys: ring,
      roles: { [ROLE]: { trusted: [USER], externalId: 'their-id' } },
    }).open();
    onTestFinished(() => sts.close());
    const config =
      `[profile user]\naws_access_key_id = ${user.accessKeyId}\naws_secret_access_key = ${user.secretAccessKey}\n` +
      `[profile falco]\nrole_arn = ${ROLE}\nsource_profile = user\nexternal_id = their-id\nregion = eu-west-1\n`;
    await clientWith({
      AWS_CONFIG_FILE: new Workspace().write('config', config),
      AWS_PROFILE: 'falco',
      AWS_ENDPOINT_URL_STS: sts.url,
    }).call('s3', 'list_buckets');
    expect(proxy.records.at(-1)?.accessKeyId).toBe(sts.sessions[0]?.accessKeyId);
    expect(proxy.refusals).toEqual([]);
  });

  test('and says why it gets none', async () => {
    const sts = await new Sts({ keys: ring, roles: {} }).open();
    onTestFinished(() => sts.close());
    const client = clientWith({
      AWS_ROLE_ARN: ROLE,
      AWS_WEB_IDENTITY_TOKEN_FILE: new Workspace().write('token', 'a.b.c'),
      AWS_ENDPOINT_URL_STS: sts.url,
    });
    await expect(client.call('s3', 'list_buckets')).rejects.toMatchObject({ code: 'AccessDenied' });
  });
});
