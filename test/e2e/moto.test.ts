// SPDX-License-Identifier: Apache-2.0
// What the tests of AWS's sources stand on: moto's server and boto3 in front of it; and what moto does otherwise than
// AWS, so that a later moto that changes it is noticed.
import { describe, expect, test } from 'vitest';

import { Authority } from '../../scripts/soak/certificates.mjs';
import { Workspace } from '../support/workspace.ts';
import { makeAuditLog, putParts, streamName } from './aws/audit-log.ts';
import { AwsClient, bytesOf } from './aws/client.ts';
import { MOTO_ACCOUNT, Moto, isRegistryAway, whyNoMoto } from './aws/moto.ts';
import { useMoto } from './aws/use-moto.ts';

const missing = await whyNoMoto('CloudWatch Logs, S3 and SQS are');

test('only a registry that pip does not reach is a reason to leave tests out', () => {
  const none =
    'ERROR: Could not find a version that satisfies the requirement blinker==1.9.0 (from versions: none)';
  const retry = "WARNING: Retrying (Retry(total=0)) after connection broken by 'NewConnectionError('";
  const hashes = 'ERROR: THESE PACKAGES DO NOT MATCH THE HASHES FROM THE REQUIREMENTS FILE.';
  expect([none, retry].map(isRegistryAway)).toEqual([true, true]);
  expect([hashes, `${retry}\n${hashes}`, 'ERROR: No space left on device'].map(isRegistryAway)).toEqual([
    false,
    false,
    false,
  ]);
});

describe.skipIf(missing !== undefined)('moto', () => {
  const aws = useMoto();

  test('keeps a large log in several streams, out of order, with late events', async () => {
    const now = Date.now();
    const streams = [0, 1, 2, 3].map(streamName);
    const shape = {
      count: 200_000,
      from: now - 3_600_000,
      to: now,
      streams,
      disorder: 120_000,
      lateOneIn: 100,
    };
    const pad = 'x'.repeat(900);
    const log = makeAuditLog({ ...shape, seed: 7 }, (n) => `{"auditID":"${n}","pad":"${pad}"}`, String);
    await aws.client.createLogStreams('/large', streams);
    const early = await putParts(aws.client, '/large', log.early);
    const late = await putParts(aws.client, '/large', log.late);
    expect(early + late).toBe(shape.count);
    expect(late).toBeGreaterThan(shape.count / 200);
    const read = new Set<string>();
    let nextToken: string | undefined;
    do {
      const more = nextToken === undefined ? {} : { nextToken };
      const page = await aws.client.call('logs', 'filter_log_events', { logGroupName: '/large', ...more });
      for (const { message } of page.events) read.add(JSON.parse(message).auditID);
      nextToken = page.nextToken ?? undefined;
    } while (nextToken !== undefined);
    expect(read).toEqual(new Set(log.ids));
  });

  test('ignores the prefix of streams, and lists one stream after the other', async () => {
    await aws.client.createLogStreams('/prefix', ['a', 'b']);
    const now = Date.now();
    await aws.client.putLogEvents('/prefix', 'a', [{ timestamp: now, message: 'later' }]);
    await aws.client.putLogEvents('/prefix', 'b', [{ timestamp: now - 1000, message: 'earlier' }]);
    const asked = { logGroupName: '/prefix', logStreamNamePrefix: 'a' };
    const { events } = await aws.client.call('logs', 'filter_log_events', asked);
    expect(events.map(({ message }: { message: string }) => message)).toEqual(['later', 'earlier']);
  });

  test('rejects events as AWS does: too old, too far ahead', async () => {
    await aws.client.createLogStreams('/limits', ['s']);
    const day = 86_400_000;
    for (const timestamp of [Date.now() - 15 * day, Date.now() + 3 * 3_600_000]) {
      await expect(aws.client.putLogEvents('/limits', 's', [{ timestamp, message: 'x' }])).rejects.toThrow(
        'rejected',
      );
    }
    await aws.client.putLogEvents('/limits', 's', [{ timestamp: Date.now() - 13 * day, message: 'x' }]);
  });

  test('lists objects in order of keys, from a key and page by page', async () => {
    await aws.client.createBucket('listing');
    const keys = ['a/1', 'a/10', 'a/2', 'b/ü +&=%', 'b/3'];
    for (const key of keys) await aws.client.putObject('listing', key, key);
    const asked = { Bucket: 'listing', MaxKeys: 2, StartAfter: 'a/1' };
    const first = await aws.client.call('s3', 'list_objects_v2', asked);
    const names = (page: { Contents: { Key: string }[] }) => page.Contents.map(({ Key }) => Key);
    expect(names(first)).toEqual(['a/10', 'a/2']);
    expect(first.IsTruncated).toBe(true);
    const more = { Bucket: 'listing', ContinuationToken: first.NextContinuationToken };
    expect(names(await aws.client.call('s3', 'list_objects_v2', more))).toEqual(['b/3', 'b/ü +&=%']);
    const { Body } = await aws.client.call('s3', 'get_object', { Bucket: 'listing', Key: 'b/ü +&=%' });
    expect(bytesOf(Body).toString()).toBe('b/ü +&=%');
  });

  test('tells a queue of new objects, also through a topic', async () => {
    await aws.client.createBucket('notices');
    const direct = await aws.client.createQueue('direct', { VisibilityTimeout: '0' });
    await aws.client.notifyQueue('notices', direct.arn);
    await aws.client.putObject('notices', 'logs/ü 1.gz', 'x');
    const bodies = await receiveAll(direct.url);
    const told = bodies.find((body) => body.Records !== undefined);
    expect(told.Records[0]).toMatchObject({
      eventSource: 'aws:s3',
      s3: { bucket: { name: 'notices' }, object: { size: 1 } },
    });
    await aws.client.createBucket('topical');
    const behind = await aws.client.createQueue('behind', { VisibilityTimeout: '0' });
    await aws.client.notifyQueueThroughTopic('topical', 'topic', behind.arn);
    await aws.client.putObject('topical', 'k', 'x');
    const wrapped = await receiveAll(behind.url);
    expect(wrapped.every(({ Type }) => Type === 'Notification')).toBe(true);
    const inner = wrapped.map(({ Message }) => JSON.parse(Message));
    expect(inner.find(({ Records }) => Records !== undefined).Records[0].s3.object.key).toBe('k');
  });

  test('hides a message that somebody has, until its time is over or it is given back', async () => {
    const { url } = await aws.client.createQueue('hidden', { VisibilityTimeout: '600' });
    await aws.client.call('sqs', 'send_message', { QueueUrl: url, MessageBody: 'one' });
    const receive = async () =>
      (await aws.client.call('sqs', 'receive_message', { QueueUrl: url })).Messages ?? [];
    const [message] = await receive();
    expect(await receive()).toEqual([]);
    const handle = { QueueUrl: url, ReceiptHandle: message.ReceiptHandle };
    await aws.client.call('sqs', 'change_message_visibility', { ...handle, VisibilityTimeout: 0 });
    const [again] = await receive();
    expect(again.Body).toBe('one');
    await aws.client.call('sqs', 'delete_message', { QueueUrl: url, ReceiptHandle: again.ReceiptHandle });
    expect(await receive()).toEqual([]);
  });

  test('gives credentials for a role', async () => {
    const role = { RoleArn: `arn:aws:iam::${MOTO_ACCOUNT}:role/falco`, RoleSessionName: 'falco' };
    const assumed = await aws.client.call('sts', 'assume_role', role);
    expect(assumed.Credentials.SessionToken).toBeTruthy();
  });

  test('says what is wrong with a call', async () => {
    await expect(
      aws.client.call('logs', 'filter_log_events', { logGroupName: '/none' }),
    ).rejects.toMatchObject({
      code: 'ResourceNotFoundException',
    });
    await expect(aws.client.call('logs', 'no_such_thing')).rejects.toMatchObject({ code: 'AttributeError' });
  });

  test('speaks HTTPS', async () => {
    const authority = new Authority(new Workspace().at('authority'), 'test authority');
    const secure = await Moto.start(authority.issue('server', 'localhost'));
    const over = new AwsClient({ endpoint: secure.url, ca: authority.pair.certificateFile });
    try {
      expect((await over.call('sts', 'get_caller_identity')).Account).toBe(MOTO_ACCOUNT);
    } finally {
      over.close();
      await secure.stop();
    }
  });

  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  async function receiveAll(url: string): Promise<any[]> {
    const { Messages = [] } = await aws.client.call('sqs', 'receive_message', {
      QueueUrl: url,
      MaxNumberOfMessages: 10,
    });
    return Messages.map(({ Body }: { Body: string }) => JSON.parse(Body));
  }
});
