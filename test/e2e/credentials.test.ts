// SPDX-License-Identifier: Apache-2.0
// eks:// in a real libsinsp, with credentials from each place that a pod may have them, of which AWS's edge checks every
// signature: they are renewed, replaced when they are refused, and stand in no message.
import { describe, expect, onTestFinished, test } from 'vitest';

import { Authority } from '../../scripts/soak/certificates.mjs';
import { Workspace } from '../support/workspace.ts';
import { streamName } from './aws/audit-log.ts';
import { ContainerCredentials } from './aws/container.ts';
import { Imds } from './aws/imds.ts';
import { KeyRing, type Session } from './aws/keys.ts';
import { whyNoMoto } from './aws/moto.ts';
import { useMoto } from './aws/use-moto.ts';
import { AwsProxy } from './aws/proxy.ts';
import { Sts } from './aws/sts.ts';
import { makeHost, until } from './support.ts';

const missing = await whyNoMoto('where credentials of AWS come from is');
const ROLE = 'arn:aws:iam::123456789012:role/falco';
const USER = 'arn:aws:iam::123456789012:user/falco';

describe.skipIf(missing !== undefined)('credentials of AWS', () => {
  const aws = useMoto();

  /** A cluster with its log, behind an edge that takes the keys of a ring alone. */
  class Cluster {
    readonly ring = new KeyRing();
    readonly proxy = new AwsProxy({ upstream: aws.moto.url, keys: this.ring });
    private readonly group: string;
    private written = 0;

    constructor(private readonly name: string) {
      this.group = `/aws/eks/${name}/cluster`;
    }

    async open(): Promise<this> {
      await this.proxy.open();
      onTestFinished(() => this.proxy.close());
      await aws.client.createLogStreams(this.group, [streamName(1)]);
      return this;
    }

    /** Writes an event. */
    async write(): Promise<void> {
      const timestamp = Date.now();
      const auditID = `${this.name}-${++this.written}`;
      const event = { kind: 'Event', auditID, stageTimestamp: new Date(timestamp).toISOString() };
      await aws.client.putLogEvents(this.group, streamName(1), [
        { timestamp, message: JSON.stringify(event) },
      ]);
    }

    /** A host that reads the log. */
    async read(env: Record<string, string>, config: object = {}) {
      const host = makeHost({
        folder: new Workspace().path,
        open: `eks://${this.name}`,
        config: { awsEndpoints: { logs: this.proxy.url }, shift: 60, pollingInterval: 1, ...config },
        env: { AWS_REGION: 'eu-west-1', AWS_EC2_METADATA_DISABLED: 'true', ...env },
      });
      await host.start();
      return host;
    }

    /** Writes an event and waits until the host has it. */
    async pass(host: ReturnType<typeof makeHost>): Promise<void> {
      await this.write();
      await until(() => host.read().total >= this.written);
      expect(host.delivered.total).toBe(this.written);
    }
  }

  async function opened<T extends { open(): Promise<T>; close(): Promise<void> }>(server: T): Promise<T> {
    onTestFinished(() => server.close());
    return server.open();
  }

  function expectNoSecret(messages: string, sessions: Session[]): void {
    expect(sessions.length).toBeGreaterThan(0);
    for (const { secretAccessKey, sessionToken } of sessions) {
      expect(messages).not.toContain(secretAccessKey);
      expect(messages).not.toContain(sessionToken);
    }
  }

  test('the instance: region and role by IMDSv2', async () => {
    const cluster = await new Cluster('instance').open();
    const imds = await opened(new Imds({ keys: cluster.ring, role: 'node' }));
    const host = await cluster.read({
      ...{ AWS_REGION: '', AWS_EC2_METADATA_DISABLED: 'false' },
      AWS_EC2_METADATA_SERVICE_ENDPOINT: imds.url,
    });
    await cluster.pass(host);
    expect(host.messages).toContain('AWS region eu-west-1 comes from the instance metadata');
    expect(host.messages).toContain('AWS credentials come from the role "node" of the instance; they end at');
    expect(cluster.proxy.records.at(-1)?.accessKeyId).toBe(imds.current.accessKeyId);
    expectNoSecret(host.messages, [imds.current]);
  });

  test('EKS Pod Identity: credentials that AWS takes no more are replaced', async () => {
    const cluster = await new Cluster('pod-identity').open();
    const folder = new Workspace();
    const container = await opened(new ContainerCredentials({ keys: cluster.ring, token: 'hush-one' }));
    const host = await cluster.read({
      AWS_CONTAINER_CREDENTIALS_FULL_URI: `${container.url}/v1/credentials`,
      AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE: folder.write('token', 'hush-one'),
    });
    await cluster.pass(host);
    const first = container.current;
    folder.write('token', 'hush-two');
    container.rotateToken('hush-two');
    const second = container.renew();
    cluster.ring.expire(first.accessKeyId);
    await cluster.pass(host);
    expect(cluster.proxy.records.at(-1)?.accessKeyId).toBe(second.accessKeyId);
    expect(host.messages).toContain('AWS does not take the credentials from the container end point');
    expect(host.messages).not.toContain('hush');
    expectNoSecret(host.messages, [first, second]);
  });

  test('IRSA, by TLS: short sessions are renewed, and AWS never sees one that has ended', async () => {
    const cluster = await new Cluster('irsa').open();
    const roles = { [ROLE]: { webIdentityTokens: ['hush.b.c'] } };
    const authority = new Authority(new Workspace().path, 'test authority');
    const identity = authority.issue('server', 'sts');
    const sts = await opened(new Sts({ keys: cluster.ring, roles, lifetime: 20, identity }));
    expect(sts.url).toMatch(/^https:/);
    const host = await cluster.read(
      {
        AWS_ROLE_ARN: ROLE,
        AWS_WEB_IDENTITY_TOKEN_FILE: new Workspace().write('token', 'hush.b.c\n'),
        AWS_ENDPOINT_URL_STS: sts.url,
      },
      { caFile: authority.pair.certificateFile },
    );
    await cluster.pass(host);
    await until(() => sts.sessions.length > 2);
    await cluster.pass(host);
    expect(cluster.proxy.records.filter(({ refusal }) => refusal)).toEqual([]);
    const used = new Set(cluster.proxy.records.map(({ accessKeyId }) => accessKeyId));
    expect(used.size).toBeGreaterThan(1);
    const metrics = await host.metrics();
    expect(metrics['credentials_renewed']).toBeGreaterThan(2);
    expect(metrics['credentials_expire_in']).toBeLessThanOrEqual(20);
    expect(host.messages.match(/AWS credentials come from/g)).toHaveLength(1);
    expect(host.messages).not.toContain('hush');
    expectNoSecret(host.messages, sts.sessions);
  });

  test('a role by keys of a profile, in the signature of the token service', async () => {
    const cluster = await new Cluster('profile').open();
    const user = cluster.ring.add({ accessKeyId: 'AKIAUSER', secretAccessKey: 'hush/+=', arn: USER });
    const sts = await opened(
      new Sts({ keys: cluster.ring, roles: { [ROLE]: { trusted: [USER], externalId: 'their-id' } } }),
    );
    const profiles =
      `[profile user]\naws_access_key_id = ${user.accessKeyId}\naws_secret_access_key = ${user.secretAccessKey}\n` +
      `[profile falco]\nrole_arn = ${ROLE}\nsource_profile = user\nexternal_id = their-id\nregion = eu-west-1\n`;
    const host = await cluster.read(
      {
        ...{ AWS_REGION: '', AWS_ENDPOINT_URL_STS: sts.url },
        AWS_CONFIG_FILE: new Workspace().write('config', profiles),
      },
      { profile: 'falco' },
    );
    await cluster.pass(host);
    expect(cluster.proxy.records.at(-1)?.accessKeyId).toBe(sts.sessions[0]?.accessKeyId);
    expect(host.messages).toContain(
      `AWS credentials come from role ${ROLE} of profile "falco", by profile "user" in`,
    );
    expect(host.messages).not.toContain('hush');
    expectNoSecret(host.messages, sts.sessions);
  });

  test('none at first: the log says why, and events come when there are some', async () => {
    const cluster = await new Cluster('late').open();
    const roles: ConstructorParameters<typeof Sts>[0]['roles'] = { [ROLE]: {} };
    const sts = await opened(new Sts({ keys: cluster.ring, roles }));
    const host = await cluster.read({
      AWS_ROLE_ARN: ROLE,
      AWS_WEB_IDENTITY_TOKEN_FILE: new Workspace().write('token', 'hush.b.c\n'),
      AWS_ENDPOINT_URL_STS: sts.url,
    });
    await until(() => host.messages.includes('AWS credentials cannot be got'));
    expect(host.messages).toContain(
      "Not authorized to perform sts:AssumeRoleWithWebIdentity; the role's trust policy must allow this caller",
    );
    roles[ROLE] = { webIdentityTokens: ['hush.b.c'] };
    await cluster.pass(host);
    expect(host.messages).not.toContain('hush');
  });
});
