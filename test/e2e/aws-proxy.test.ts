// SPDX-License-Identifier: Apache-2.0
// The proxy before the real moto, asked by boto3, which signs in a way that nobody here wrote.
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';

import { Random } from '../../scripts/lib/random.mjs';
import { Authority } from '../../scripts/soak/certificates.mjs';
import { Workspace } from '../support/workspace.ts';
import { makeAuditLog, putParts, streamName } from './aws/audit-log.ts';
import { AwsClient, type LogEvent } from './aws/client.ts';
import { KeyRing } from './aws/keys.ts';
import { Moto, whyNoMoto } from './aws/moto.ts';
import { AwsProxy } from './aws/proxy.ts';

const missing = await whyNoMoto('signatures and pages of FilterLogEvents are');

interface Page {
  events: (LogEvent & { eventId: string; logStreamName: string })[];
  nextToken?: string;
}

describe.skipIf(missing !== undefined)('the proxy before moto', () => {
  const ring = new KeyRing();
  const session = ring.issue(3600, 'arn:aws:sts::123456789012:assumed-role/falco/test');
  let moto: Moto;
  let setUp: AwsClient;
  let proxy: AwsProxy;
  let client: AwsClient;
  beforeAll(async () => {
    moto = await Moto.start();
    setUp = new AwsClient({ endpoint: moto.url });
    proxy = await new AwsProxy({ upstream: moto.url, keys: ring }).open();
    client = new AwsClient({ endpoint: proxy.url, ...session });
  });
  afterAll(async () => {
    client?.close();
    setUp?.close();
    await proxy?.close();
    await moto?.stop();
  });

  async function filterAll(group: string, more: object = {}): Promise<Page[]> {
    const pages: Page[] = [];
    let nextToken: string | undefined;
    do {
      const token = nextToken === undefined ? {} : { nextToken };
      const page: Page = await client.call('logs', 'filter_log_events', {
        logGroupName: group,
        ...more,
        ...token,
      });
      pages.push(page);
      nextToken = page.nextToken;
    } while (nextToken !== undefined);
    return pages;
  }

  test('boto3’s signatures are right for every service', async () => {
    await setUp.createBucket('signed');
    const keys = ['plain', 'a b/ü+&=%~*', '2026/11/26/x:y@z,(1).gz', 'dots/../x//y'];
    for (const key of keys) await setUp.putObject('signed', key, key);
    for (const key of keys) {
      const { ContentLength } = await client.call('s3', 'get_object', { Bucket: 'signed', Key: key });
      expect(ContentLength).toBe(Buffer.byteLength(key));
      expect((await client.call('s3', 'head_object', { Bucket: 'signed', Key: key })).ContentLength).toBe(
        ContentLength,
      );
    }
    const listed = await client.call('s3', 'list_objects_v2', {
      Bucket: 'signed',
      Prefix: 'a b/ü+',
      MaxKeys: 1,
    });
    expect(listed.KeyCount).toBe(1);
    const { url } = await setUp.createQueue('signed');
    const QueueUrl = proxy.through(url);
    expect(QueueUrl).toBe(`${proxy.url}/123456789012/signed`);
    await client.call('sqs', 'send_message', { QueueUrl, MessageBody: 'ü' });
    expect((await client.call('sqs', 'receive_message', { QueueUrl })).Messages).toHaveLength(1);
    await client.call('sts', 'get_caller_identity');
    await setUp.createLogStreams('/signed', ['s']);
    expect(await filterAll('/signed')).toHaveLength(1);
    expect(proxy.refusals).toEqual([]);
    expect(proxy.callsOf('GetObject').map(({ parameters }) => parameters['Key'])).toEqual(keys);
  });

  test('boto3 understands what it is refused with', async () => {
    const wrong = new AwsClient({ endpoint: proxy.url, ...session, secretAccessKey: 'wrong' });
    onTestFinished(() => wrong.close());
    const refused: [string, string, object, string][] = [
      ['logs', 'filter_log_events', { logGroupName: '/g' }, 'InvalidSignatureException'],
      ['s3', 'list_objects_v2', { Bucket: 'b' }, 'SignatureDoesNotMatch'],
      ['sqs', 'receive_message', { QueueUrl: `${moto.url}/123456789012/q` }, 'InvalidSignatureException'],
      ['sts', 'get_caller_identity', {}, 'SignatureDoesNotMatch'],
    ];
    for (const [service, operation, parameters, code] of refused) {
      await expect(wrong.call(service, operation, parameters)).rejects.toMatchObject({ code });
    }
  });

  test.each([
    ['throttled', 'ThrottlingException', 'SlowDown', 'RequestThrottled'],
    ['internal', 'InternalFailure', 'InternalError', 'InternalFailure'],
    ['denied', 'AccessDeniedException', 'AccessDenied', 'AccessDeniedException'],
    ['expired-token', 'ExpiredTokenException', 'ExpiredToken', 'ExpiredTokenException'],
    ['cut-before', 'ConnectionClosedError', 'ConnectionClosedError', 'ConnectionClosedError'],
  ] as const)('boto3 understands the fault: %s', async (kind, logsCode, s3Code, sqsCode) => {
    const calls: [string, string, object, string][] = [
      ['logs', 'filter_log_events', { logGroupName: '/g' }, logsCode],
      ['s3', 'list_objects_v2', { Bucket: 'b' }, s3Code],
      ['sqs', 'receive_message', { QueueUrl: `${moto.url}/123456789012/q` }, sqsCode],
    ];
    for (const [service, operation, parameters, code] of calls) {
      proxy.plan.next('*', kind);
      await expect(client.call(service, operation, parameters)).rejects.toMatchObject({ code });
    }
  });

  test('a log is read whole: by prefix, in order of time, by pages of 1 MB, with empty ones between', async () => {
    const now = Date.now();
    const streams = [0, 1, 2].map(streamName);
    const group = '/aws/eks/prod/cluster';
    await setUp.createLogStreams(group, [...streams, 'authenticator-1']);
    await setUp.putLogEvents(group, 'authenticator-1', [{ timestamp: now, message: 'not an audit event' }]);
    const shape = {
      count: 5000,
      from: now - 600_000,
      to: now,
      streams,
      disorder: 120_000,
      lateOneIn: 100,
      seed: 3,
    };
    const log = makeAuditLog(
      shape,
      (n) => JSON.stringify({ auditID: String(n), pad: 'x'.repeat(900) }),
      String,
    );
    await putParts(setUp, group, log.early);
    await putParts(setUp, group, log.late);
    proxy.plan.byChance({ random: new Random(1), percent: 50, faults: [{ kind: 'empty-page' }] });
    const pages = await filterAll(group, { logStreamNamePrefix: 'kube-apiserver-audit' });
    proxy.plan.clear();
    expect(pages.some(({ events }) => events.length === 0)).toBe(true);
    const events = pages.flatMap((page) => page.events);
    expect(events.map(({ message }) => JSON.parse(message).auditID).sort()).toEqual([...log.ids].sort());
    expect(new Set(events.map(({ eventId }) => eventId)).size).toBe(shape.count);
    const times = events.map(({ timestamp }) => timestamp);
    expect(times).toEqual(times.toSorted((a, b) => a - b));
    for (const page of pages) {
      const bytes = page.events.reduce((sum, { message }) => sum + Buffer.byteLength(message), 0);
      expect(bytes).toBeLessThanOrEqual(1 << 20);
    }
  });

  test('a bucket is listed whole, with empty pages between', async () => {
    await setUp.createBucket('paged');
    const keys = Array.from({ length: 25 }, (_, i) => `k/${String(i).padStart(3, '0')}`);
    for (const key of keys) await setUp.putObject('paged', key, 'x');
    proxy.plan.byChance({ random: new Random(2), percent: 50, faults: [{ kind: 'empty-page' }] });
    const found: string[] = [];
    let token: string | undefined;
    let empty = 0;
    do {
      const more = token === undefined ? { StartAfter: 'k/004' } : { ContinuationToken: token };
      const page = await client.call('s3', 'list_objects_v2', { Bucket: 'paged', MaxKeys: 4, ...more });
      const contents: { Key: string }[] = page.Contents ?? [];
      if (contents.length === 0) empty++;
      found.push(...contents.map(({ Key }) => Key));
      token = page.NextContinuationToken;
    } while (token !== undefined);
    proxy.plan.clear();
    expect(found).toEqual(keys.slice(5));
    expect(empty).toBeGreaterThan(0);
  });

  test('it speaks HTTPS', async () => {
    const authority = new Authority(new Workspace().at('authority'), 'test authority');
    const identity = authority.issue('server', 'localhost');
    const secure = await new AwsProxy({ upstream: moto.url, keys: ring, identity }).open();
    const over = new AwsClient({ endpoint: secure.url, ca: authority.pair.certificateFile, ...session });
    onTestFinished(async () => {
      over.close();
      await secure.close();
    });
    await over.call('sts', 'get_caller_identity');
    expect(secure.refusals).toEqual([]);
  });
});
