// SPDX-License-Identifier: Apache-2.0
// eks:// in a real libsinsp, with moto as CloudWatch Logs.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { Workspace } from '../support/workspace.ts';
import { streamName } from './aws/audit-log.ts';
import { AwsClient } from './aws/client.ts';
import { Moto, whyNoMoto } from './aws/moto.ts';
import { makeHost, until } from './support.ts';

const missing = await whyNoMoto('reading CloudWatch Logs is');
const GROUP = '/aws/eks/prod/cluster';

describe.skipIf(missing !== undefined)('CloudWatch Logs', () => {
  let moto: Moto;
  let client: AwsClient;
  beforeAll(async () => {
    moto = await Moto.start();
    client = new AwsClient({ endpoint: moto.url });
  });
  afterAll(async () => {
    client?.close();
    await moto?.stop();
  });

  test('one event', async () => {
    await client.createLogStreams(GROUP, [streamName(1)]);
    const timestamp = Date.now();
    const message = JSON.stringify({
      kind: 'Event',
      auditID: 'a-1',
      stageTimestamp: new Date().toISOString(),
    });
    await client.putLogEvents(GROUP, streamName(1), [{ timestamp, message }]);
    const host = makeHost({
      folder: new Workspace().path,
      open: 'eks://prod',
      config: { region: 'eu-west-1', awsEndpoints: { logs: moto.url }, shift: 60, pollingInterval: 1 },
      env: { AWS_ACCESS_KEY_ID: 'AKIDEXAMPLE', AWS_SECRET_ACCESS_KEY: 'secret' },
      fields: ['ka.cluster.name', 'ka.provider'],
    });
    await host.start();
    await until(() => host.read().total > 0);
    expect(host.delivered.total).toBe(1);
    console.log(host.messages);
  });
});
