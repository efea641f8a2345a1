// SPDX-License-Identifier: Apache-2.0
// `sqs://`, against a queue and a bucket that the tests play.
import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { drain } from '../support/drive';
import { idsOf } from '../support/events';
import type { Wasm } from '../support/wasm';
import { Cloud, deliveryOf, errorXml, eventOf, eventsOf, idRange, notice } from './s3-support';

const QUEUE = 'sqs://sqs.eu-west-1.amazonaws.com/123456789012/audit';

const ids = (wasm: Wasm): string[] => idsOf(drain(wasm).events);
const later = (cloud: Cloud, seconds: number): void =>
  void (cloud.host.now += BigInt(seconds) * 1_000_000_000n);
/** What the source gives while so many seconds go by. */
const during = (cloud: Cloud, wasm: Wasm, seconds: number): string[] => {
  const found = ids(wasm);
  for (let second = 0; second < seconds; second += 5) {
    later(cloud, 5);
    found.push(...ids(wasm));
  }
  return found;
};

describe('messages', () => {
  const inSns = (body: object): object => ({
    Type: 'Notification',
    MessageId: 'x',
    TopicArn: 'arn:aws:sns:eu-west-1:123456789012:t',
    Message: JSON.stringify(body),
  });
  const ofEventBridge = {
    version: '0',
    'detail-type': 'Object Created',
    source: 'aws.s3',
    detail: { bucket: { name: 'logs' }, object: { key: 'a b/ü+&', size: 5, etag: 'e', sequencer: '1' } },
  };
  test.each([
    ['of S3', notice('a b/ü+&')],
    ['of S3, by SNS', inSns(notice('a b/ü+&'))],
    ['of EventBridge', ofEventBridge],
    ['of EventBridge, by SNS', inSns(ofEventBridge)],
  ])('a notification %s', (_name, body) => {
    const cloud = new Cloud();
    cloud.s3.put('a b/ü+&', deliveryOf(['1', '2']));
    const id = cloud.sqs.send(body);
    const wasm = cloud.open(QUEUE);
    expect(ids(wasm)).toEqual(['1', '2']);
    expect(cloud.sqs.deleted).toEqual([id]);
    expect(wasm.counts()).toMatchObject({ objects_read: 1, messages_deleted: 1, events_delivered: 2 });
    const [call] = cloud.host.calls;
    expect(call).toMatchObject({ method: 'POST', url: 'http://sqs/', signing: 'aws:amz:eu-west-1:sqs' });
    expect(call!.headers).toMatchObject({
      'content-type': 'application/x-amz-json-1.0',
      'x-amz-target': 'AmazonSQS.ReceiveMessage',
    });
    expect(JSON.parse(call!.body)).toEqual({
      QueueUrl: 'http://sqs.eu-west-1.amazonaws.com/123456789012/audit',
      MaxNumberOfMessages: 10,
      WaitTimeSeconds: 20,
      VisibilityTimeout: 60,
    });
    expect(call!.idleTime).toBeGreaterThan(20_000);
    wasm.close();
    expect(cloud.host.openFiles).toBe(0);
  });

  test.each([
    ['S3’s test message', { Service: 'Amazon S3', Event: 's3:TestEvent', Bucket: 'logs' }],
    ['the same by SNS', inSns({ Service: 'Amazon S3', Event: 's3:TestEvent' })],
    ['an object that was removed', notice('x', 'logs', 'ObjectRemoved:Delete')],
    ['an object that was restored', notice('x', 'logs', 'ObjectRestore:Completed')],
    ['an empty object', notice('x', 'logs', 'ObjectCreated:Put', { size: 0 })],
    ['another event of EventBridge', { ...ofEventBridge, 'detail-type': 'Object Deleted' }],
    ['no record', { Records: [] }],
  ])('%s: deleted, with nothing read', (_name, body) => {
    const cloud = new Cloud();
    const id = cloud.sqs.send(body);
    const wasm = cloud.open(QUEUE);
    expect(ids(wasm)).toEqual([]);
    expect(cloud.sqs.deleted).toEqual([id]);
    expect(cloud.s3.gets).toEqual([]);
  });

  test.each<[string, string | object]>([
    ['text', 'hello'],
    ['an empty text', ''],
    ['other JSON', { a: 1 }],
    ['an array', '[1]'],
    ['records of something else', { Records: [{ eventName: 'x' }] }],
    [
      'a record without a key',
      { Records: [{ eventName: 'ObjectCreated:Put', s3: { bucket: { name: 'logs' } } }] },
    ],
    ['a key that is no encoding', notice('x', 'logs', 'ObjectCreated:Put', { key: '%zz' })],
    ['SNS in SNS in SNS', inSns(inSns(inSns(notice('a'))))],
    [
      'too many records',
      { Records: Array.from({ length: 1001 }, () => (notice('a') as { Records: object[] }).Records[0]) },
    ],
    ['deep JSON', `${'['.repeat(5000)}${']'.repeat(5000)}`],
  ])('%s: left for the dead-letter queue, and nothing waits for it', (_name, body) => {
    const cloud = new Cloud();
    cloud.s3.put('good', eventOf('z'));
    cloud.sqs.send(body);
    const good = cloud.sqs.send(notice('good'));
    const wasm = cloud.open(QUEUE);
    expect(ids(wasm)).toEqual(['z']);
    expect(cloud.sqs.deleted).toEqual([good]);
    expect(cloud.sqs.messages).toHaveLength(1);
    expect(wasm.counts()).toMatchObject({ objects_set_aside: 1 });
    expect(cloud.messages.join('\n')).toMatch(/left for the dead-letter queue: it is no notification of S3/);
    // It is not kept from others: it is visible again after its time.
    during(cloud, wasm, 60);
    expect(cloud.sqs.messages[0]!.receives).toBe(2);
  });

  test('several objects in one message', () => {
    const cloud = new Cloud();
    const records = ['1', '2', '3'].flatMap((key) => (notice(key) as { Records: object[] }).Records);
    ['1', '2', '3'].forEach((key) => cloud.s3.put(key, eventOf(key)));
    cloud.sqs.send({ Records: records });
    const wasm = cloud.open(QUEUE);
    expect(ids(wasm)).toEqual(['1', '2', '3']);
    expect(cloud.sqs.deleted).toEqual([0]);
  });
});

describe('deleting', () => {
  test('only when Falco has acknowledged the last event', () => {
    const cloud = new Cloud();
    cloud.s3.put('a', `${eventsOf(...idRange(0, 600)).join('\n')}\n`);
    cloud.sqs.send(notice('a'));
    const wasm = cloud.open(QUEUE);
    const sizes: number[] = [];
    while (sizes.reduce((sum, size) => sum + size, 0) < 600) {
      const batch = wasm.nextBatch();
      if (Array.isArray(batch)) sizes.push(batch.length);
      expect(cloud.sqs.callsOf('DeleteMessageBatch')).toEqual([]);
    }
    expect(sizes).toEqual([256, 256, 88]);
    wasm.nextBatch();
    expect(cloud.sqs.callsOf('DeleteMessageBatch')).toHaveLength(1);
  });

  test('tried again until it is done', () => {
    const cloud = new Cloud();
    cloud.s3.put('a', eventOf('a'));
    cloud.sqs.send(notice('a'));
    let failures = 0;
    cloud.sqs.onSqs = (operation) =>
      operation === 'DeleteMessageBatch' && failures++ < 6 ? { failure: 'connect' } : undefined;
    const wasm = cloud.open(QUEUE, { visibilityTimeout: 300 });
    expect(during(cloud, wasm, 60)).toEqual(['a']);
    // By the same receipt: the message was not received again.
    expect(cloud.sqs.deleted).toEqual([0]);
    expect(cloud.sqs.callsOf('DeleteMessageBatch')).toHaveLength(7);
    expect(cloud.messages.join('\n')).toContain('sqs:DeleteMessage');
  });

  test('what comes again before it is deleted is not read again', () => {
    const cloud = new Cloud();
    cloud.s3.put('a', eventOf('a'));
    cloud.sqs.send(notice('a'));
    let isDown = true;
    cloud.sqs.onSqs = (operation) =>
      operation === 'DeleteMessageBatch' && isDown ? { failure: 'connect' } : undefined;
    const wasm = cloud.open(QUEUE, { visibilityTimeout: 10 });
    expect(during(cloud, wasm, 60)).toEqual(['a']);
    expect(cloud.sqs.messages[0]!.receives).toBeGreaterThan(1);
    isDown = false;
    expect(during(cloud, wasm, 90)).toEqual([]);
    expect(cloud.sqs.deleted).toEqual([0]);
    expect(cloud.s3.gets).toHaveLength(1);
  });

  test('what is slowly deleted holds the next object back, what is not deleted does not', () => {
    const cloud = new Cloud();
    const keys = Array.from({ length: 6 }, (_, i) => `${i}`);
    for (const key of keys) {
      cloud.s3.put(key, eventOf(key));
      cloud.sqs.send(notice(key));
    }
    let isSlow = true;
    cloud.sqs.onSqs = (operation) => {
      if (operation !== 'DeleteMessageBatch') return undefined;
      return isSlow ? { body: '{"Successful":[],"Failed":[]}', after: 5_000 } : { failure: 'connect' };
    };
    const wasm = cloud.open(QUEUE);
    // One is being deleted, one is done.
    expect(ids(wasm)).toEqual(['0', '1']);
    isSlow = false;
    expect(during(cloud, wasm, 15)).toEqual(['2', '3', '4', '5']);
  });

  test('entries that the service could not delete', () => {
    const cloud = new Cloud();
    cloud.s3.put('a', eventOf('a'));
    cloud.sqs.send(notice('a'));
    let isFirst = true;
    cloud.sqs.onSqs = (operation) => {
      if (operation !== 'DeleteMessageBatch' || !isFirst) return undefined;
      isFirst = false;
      const failed = [{ Id: '0', SenderFault: false, Code: 'InternalError' }];
      return { body: JSON.stringify({ Successful: [], Failed: failed }) };
    };
    const wasm = cloud.open(QUEUE);
    during(cloud, wasm, 10);
    expect(cloud.sqs.deleted).toEqual([0]);
    expect(cloud.messages.join('\n')).toContain('could not be deleted: InternalError');
  });

  test('a notification that S3 sends twice', () => {
    const cloud = new Cloud();
    cloud.s3.put('a', eventOf('a'));
    cloud.sqs.send(notice('a'));
    cloud.sqs.send(notice('a'));
    const wasm = cloud.open(QUEUE);
    expect(ids(wasm)).toEqual(['a']);
    expect(cloud.sqs.deleted).toEqual([0, 1]);
  });
});

describe('visibility', () => {
  test('extended at half of its time, for all messages that wait', () => {
    const cloud = new Cloud();
    cloud.s3.put('a', eventOf('a')).put('b', eventOf('b'));
    let isSlow = true;
    cloud.s3.onGet = (_key, _call, usual) => (isSlow ? { ...usual, after: 100_000 } : undefined);
    cloud.sqs.send(notice('a'));
    cloud.sqs.send(notice('b'));
    const wasm = cloud.open(QUEUE, { visibilityTimeout: 30 });
    expect(during(cloud, wasm, 90)).toEqual([]);
    const extended = cloud.sqs.callsOf('ChangeMessageVisibilityBatch') as { Entries: object[] }[];
    expect(extended.length).toBeGreaterThanOrEqual(5);
    expect(extended[0]!.Entries).toEqual([
      { Id: '0', ReceiptHandle: '0 "1"', VisibilityTimeout: 30 },
      { Id: '1', ReceiptHandle: '1 "1"', VisibilityTimeout: 30 },
    ]);
    isSlow = false;
    expect(during(cloud, wasm, 20)).toEqual(['a', 'b']);
    expect(cloud.sqs.messages).toEqual([]);
    expect(cloud.sqs.callsOf('ReceiveMessage').length).toBeGreaterThan(1);
  });

  test('a message that could not be kept is not begun', () => {
    const cloud = new Cloud();
    cloud.s3.put('a', eventOf('a')).put('b', eventOf('b'));
    cloud.s3.onGet = (key, _call, usual) => (key === 'a' ? { ...usual, after: 20_000 } : undefined);
    cloud.sqs.onSqs = (operation) =>
      operation === 'ChangeMessageVisibilityBatch'
        ? {
            body: JSON.stringify({
              Successful: [{ Id: '0' }],
              Failed: [{ Id: '1', Code: 'MessageNotInflight', SenderFault: true }],
            }),
          }
        : undefined;
    cloud.sqs.send(notice('a'));
    cloud.sqs.send(notice('b'));
    const wasm = cloud.open(QUEUE, { visibilityTimeout: 10 });
    // The second comes again, as others may have had it meanwhile.
    expect(during(cloud, wasm, 25).filter((id) => id === 'a')).toEqual(['a']);
    expect(cloud.messages.join('\n')).toContain('could not be kept from others: MessageNotInflight');
  });

  test('no message is taken while one waits', () => {
    const cloud = new Cloud();
    cloud.s3.onGet = () => ({ failure: 'connect' });
    for (let i = 0; i < 15; i++) cloud.sqs.send(notice(`${i}`));
    const wasm = cloud.open(QUEUE);
    during(cloud, wasm, 50);
    expect(cloud.sqs.callsOf('ReceiveMessage')).toHaveLength(1);
    expect(cloud.sqs.messages.filter(({ receives }) => receives === 0)).toHaveLength(5);
  });
});

describe('objects that cannot be read', () => {
  test.each([
    ['gone', 404, 'NoSuchKey', 'NoSuchKey'],
    ['denied', 403, 'AccessDenied', 's3:GetObject on arn:aws:s3:::logs/a'],
    ['archived', 403, 'InvalidObjectState', 'InvalidObjectState'],
    ['in a bucket that is not there', 404, 'NoSuchBucket', 'NoSuchBucket'],
  ])('%s: the message is left, the next is read', (_name, status, code, words) => {
    const cloud = new Cloud();
    cloud.s3.put('a', eventOf('a')).put('b', eventOf('b'));
    cloud.s3.onGet = (key) => (key === 'a' ? { status, body: errorXml(code) } : undefined);
    cloud.sqs.send(notice('a'));
    cloud.sqs.send(notice('b'));
    const wasm = cloud.open(QUEUE);
    expect(ids(wasm)).toEqual(['b']);
    expect(cloud.sqs.deleted).toEqual([1]);
    expect(cloud.messages.join('\n')).toContain(words);
    // It comes again, and is read when that has become possible.
    cloud.s3.onGet = () => undefined;
    expect(during(cloud, wasm, 90)).toEqual(['a']);
    expect(cloud.sqs.deleted).toEqual([1, 0]);
  });

  test('damaged: what is good is delivered once, and the message is left', () => {
    const cloud = new Cloud();
    cloud.s3.put('a', zlib.gzipSync(`${eventsOf('a', 'b').join('\n')}\n`).subarray(0, -4));
    cloud.sqs.send(notice('a'));
    const wasm = cloud.open(QUEUE);
    expect(during(cloud, wasm, 200)).toEqual(['a', 'b']);
    expect(cloud.sqs.deleted).toEqual([]);
    expect(cloud.sqs.messages[0]!.receives).toBeGreaterThan(2);
    expect(cloud.s3.gets).toHaveLength(1);
  });
});

describe('the queue', () => {
  test.each([
    [
      'throttled',
      { status: 400, body: '{"__type":"com.amazonaws.sqs#RequestThrottled","message":"m"}' },
      'RequestThrottled',
    ],
    [
      'not there',
      { status: 400, body: '{"__type":"com.amazonaws.sqs#QueueDoesNotExist","message":"m"}' },
      'eu-west-1 its region?',
    ],
    [
      'denied',
      { status: 403, body: '{"__type":"AccessDeniedException","message":"m"}' },
      'sqs:ReceiveMessage on arn:aws:sqs:eu-west-1:123456789012:audit',
    ],
    ['away', { failure: 'name' as const }, 'trying again'],
    ['a web page', { body: '<html></html>' }, 'no JSON'],
  ])('%s: told, and asked again', (_name, answer, words) => {
    const cloud = new Cloud();
    cloud.s3.put('a', eventOf('a'));
    cloud.sqs.send(notice('a'));
    let failures = 0;
    cloud.sqs.onSqs = () => (failures++ < 4 ? answer : undefined);
    const wasm = cloud.open(QUEUE);
    expect(during(cloud, wasm, 200)).toEqual(['a']);
    expect(cloud.messages.join('\n')).toContain(words);
  });

  test('an answer that is no list of messages', () => {
    const cloud = new Cloud();
    cloud.sqs.onSqs = () => ({ body: '{"Messages":[{"Body":7},{"ReceiptHandle":"r"},3,null]}', after: 100 });
    const wasm = cloud.open(QUEUE);
    expect(during(cloud, wasm, 20)).toEqual([]);
  });

  test.each([
    ['sqs://sqs.us-east-2.amazonaws.com/1/q', 'https://sqs.us-east-2.amazonaws.com/', 'us-east-2'],
    ['sqs://https://sqs.us-east-2.amazonaws.com/1/q', 'https://sqs.us-east-2.amazonaws.com/', 'us-east-2'],
    [
      'sqs://vpce-0a.sqs.eu-north-1.vpce.amazonaws.com/1/q',
      'https://sqs.eu-north-1.amazonaws.com/',
      'eu-north-1',
    ],
    ['sqs://us-west-1.queue.amazonaws.com/1/q', 'https://sqs.us-west-1.amazonaws.com/', 'us-west-1'],
  ])('the region of %s', (params, url, region) => {
    const cloud = new Cloud();
    cloud.host.onCall = () => ({ failure: 'connect' });
    cloud.open(params, { awsEndpoints: {}, region: '' }).nextBatch();
    expect(cloud.host.calls[0]).toMatchObject({ url, signing: `aws:amz:${region}:sqs` });
  });

  test.each([
    ['sqs://', "needs the queue's URL"],
    ['sqs://my-queue', "needs the queue's URL"],
    ['sqs://sqs.eu-west-1.amazonaws.com/1/', "needs the queue's URL"],
    [`${QUEUE}?from=start`, 'unknown parameter "from"'],
  ])('%s is refused', (params, words) => {
    expect(() => new Cloud().open(params)).toThrow(words);
  });
});

describe('traps', () => {
  const poison = eventOf('poison', { stageTimestamp: undefined });

  test('an event that traps is left out when its message comes again, and nothing is delivered twice', () => {
    const cloud = new Cloud();
    const events = eventsOf(...idRange(0, 700));
    events.splice(600, 0, poison);
    cloud.s3
      .put('1', eventOf('first'))
      .put('2', `${events.join('\n')}\n`)
      .put('3', eventOf('last'));
    ['1', '2', '3'].forEach((key) => cloud.sqs.send(notice(key)));
    const config = cloud.config({});
    let wasm = cloud.open(QUEUE);
    cloud.host.poisoned = true;
    const found: string[] = [];
    let traps = 0;
    for (let i = 0; i < 200; i++) {
      try {
        const batch = wasm.nextBatch();
        if (Array.isArray(batch)) found.push(...idsOf(batch));
        else later(cloud, 2);
      } catch {
        expect(++traps).toBeLessThan(3);
        wasm = wasm.successor(config, QUEUE);
      }
    }
    expect([...found].sort()).toEqual(['first', ...idRange(0, 700), 'last'].sort());
    expect(traps).toBe(1);
    expect(cloud.sqs.messages).toEqual([]);
  });

  test('between two batches, over and over: all are delivered once', () => {
    const cloud = new Cloud();
    const list = idRange(0, 2000);
    cloud.s3.put('1', `${eventsOf(...list.slice(0, 900)).join('\n')}\n`);
    cloud.s3.put('2', deliveryOf(list.slice(900, 1980)));
    cloud.sqs.send(notice('1'));
    cloud.sqs.send(notice('2'));
    for (const id of list.slice(1980)) {
      cloud.s3.put(id, eventOf(id));
      cloud.sqs.send(notice(id));
    }
    const config = cloud.config();
    let wasm = cloud.open(QUEUE);
    const found: string[] = [];
    for (let idle = 0; idle < 200;) {
      const batch = wasm.nextBatch();
      idle = batch === 'timeout' ? idle + 1 : 0;
      if (!Array.isArray(batch)) {
        later(cloud, 1);
        continue;
      }
      found.push(...idsOf(batch));
      wasm = wasm.successor(config, QUEUE);
    }
    expect([...found].sort()).toEqual([...list].sort());
    expect(cloud.sqs.messages).toEqual([]);
  });
});
