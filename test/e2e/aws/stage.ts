// SPDX-License-Identifier: Apache-2.0
// moto, the proxy before it that plays AWS's edge, boto3 that fills it, and hosts that read through the proxy.
import { Random } from '../../../scripts/lib/random.mjs';
import type { LibsinspHost } from '../../../scripts/soak/host.mjs';
import { Workspace } from '../../support/workspace.ts';
import { makeHost } from '../support.ts';
import { AwsClient } from './client.ts';
import { PASSING_FAULTS } from './faults.ts';
import { KeyRing, type Session } from './keys.ts';
import { Moto } from './moto.ts';
import { AwsProxy } from './proxy.ts';

export class Stage {
  private constructor(
    readonly moto: Moto,
    /** boto3, straight to moto. */
    readonly client: AwsClient,
    readonly proxy: AwsProxy,
    private readonly session: Session,
  ) {}

  static async open(): Promise<Stage> {
    const moto = await Moto.start();
    const keys = new KeyRing();
    const session = keys.issue(36_000, 'arn:aws:sts::123456789012:assumed-role/falco/test');
    const proxy = await new AwsProxy({ upstream: moto.url, keys }).open();
    return new Stage(moto, new AwsClient({ endpoint: moto.url }), proxy, session);
  }

  async close(): Promise<void> {
    this.client.close();
    await this.proxy.close();
    await this.moto.stop();
  }

  /** A host that reads through the proxy. */
  host(open: string, config: object = {}, name = 'host', folder = new Workspace().path): LibsinspHost {
    const endpoints = { s3: this.proxy.url, sqs: this.proxy.url };
    return makeHost({
      ...{ folder, open, name },
      config: { region: 'eu-west-1', awsEndpoints: endpoints, pollingInterval: 1, ...config },
      env: {
        AWS_ACCESS_KEY_ID: this.session.accessKeyId,
        AWS_SECRET_ACCESS_KEY: this.session.secretAccessKey,
        AWS_SESSION_TOKEN: this.session.sessionToken,
      },
    });
  }

  /** From now on, so many of a hundred calls suffer from what passes. */
  disturb(percent: number, seed: number): void {
    // An object that is cut and says that this is its length is another object, which nobody could tell.
    const faults = PASSING_FAULTS.filter(({ kind }) => kind !== 'truncated');
    this.proxy.plan.byChance({ random: new Random(seed), percent, faults });
  }
}
