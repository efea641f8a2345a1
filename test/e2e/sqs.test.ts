// SPDX-License-Identifier: Apache-2.0
// Real plugins in real libsinsp hosts share a queue of moto that tells of objects in S3.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { Random } from '../../scripts/lib/random.mjs';
import { Tally } from '../../scripts/soak/events.mjs';
import { whyNoMoto } from './aws/moto.ts';
import { FORMS, eventLines, objectOf } from './aws/objects.ts';
import { Stage } from './aws/stage.ts';
import { sleep, until } from './support.ts';

const missing = await whyNoMoto('sqs:// is');

describe.skipIf(missing !== undefined)('sqs:// before moto', () => {
  let stage: Stage;
  beforeAll(async () => {
    stage = await Stage.open();
  });
  afterAll(() => stage?.close());
  afterEach(() => stage.proxy.plan.clear());

  /** Messages in the queue, visible or not. */
  async function left(url: string): Promise<number> {
    const { Attributes } = await stage.client.call('sqs', 'get_queue_attributes', {
      QueueUrl: url,
      AttributeNames: ['ApproximateNumberOfMessages', 'ApproximateNumberOfMessagesNotVisible'],
    });
    return (
      Number(Attributes.ApproximateNumberOfMessages) +
      Number(Attributes.ApproximateNumberOfMessagesNotVisible)
    );
  }

  const paramsOf = (url: string): string => url.replace(/^https?:/, 'sqs:');

  test.each([
    ['straight', false],
    ['through a topic of SNS', true],
  ])('objects of all forms, told of %s', async (_name, byTopic) => {
    const name = byTopic ? 'by-topic' : 'straight';
    await stage.client.createBucket(name);
    const { url, arn } = await stage.client.createQueue(name);
    if (byTopic) await stage.client.notifyQueueThroughTopic(name, 'topic', arn);
    else await stage.client.notifyQueue(name, arn);
    for (const [i, form] of FORMS.entries()) {
      await stage.client.putObject(
        name,
        `a/${i} ü+&%=~.${form}`,
        objectOf(eventLines('form', i * 500, 500), form),
      );
    }
    const host = stage.host(paramsOf(url));
    await host.start();
    await until(async () => host.read().total >= 2500 && (await left(url)) === 0);
    const { messages_deleted: deleted, objects_read: read, objects_set_aside: aside } = await host.metrics();
    await host.end('SIGTERM');
    expect([host.delivered.distinct, host.delivered.repeated]).toEqual([2500, 0]);
    // S3's test message is deleted, too.
    expect([read, deleted, aside]).toEqual([FORMS.length, FORMS.length + 1, 0]);
    expect(stage.proxy.refusals).toEqual([]);
  });

  test('poison goes to the dead-letter queue', async () => {
    await stage.client.createBucket('poison');
    const dead = await stage.client.createQueue('dead');
    const policy = JSON.stringify({ deadLetterTargetArn: dead.arn, maxReceiveCount: '2' });
    const { url, arn } = await stage.client.createQueue('poisoned', { RedrivePolicy: policy });
    await stage.client.notifyQueue('poison', arn);
    await stage.client.call('sqs', 'send_message', { QueueUrl: url, MessageBody: 'hello' });
    await stage.client.putObject('poison', 'gone', 'x');
    await stage.client.call('s3', 'delete_object', { Bucket: 'poison', Key: 'gone' });
    await stage.client.putObject('poison', 'good', objectOf(eventLines('good', 0, 10), 'lines'));
    const host = stage.host(paramsOf(url), { visibilityTimeout: 10 });
    await host.start();
    await until(async () => (await left(dead.url)) === 2 && (await left(url)) === 0);
    await host.end('SIGTERM');
    expect([host.delivered.distinct, host.delivered.repeated]).toEqual([10, 0]);
    expect(host.messages).toContain('is left for the dead-letter queue');
  });

  test('two hosts share 200,000 events, with faults in 5 % of the calls and both killed meanwhile', async () => {
    const [objects, each] = [2000, 100];
    await stage.client.createBucket('shared');
    const { url, arn } = await stage.client.createQueue('shared');
    await stage.client.notifyQueue('shared', arn);
    const random = new Random(6);
    stage.disturb(5, 12);
    const hosts = ['one', 'two'].map((name) => stage.host(paramsOf(url), { visibilityTimeout: 10 }, name));
    const expected = new Tally();
    const all = new Tally();
    for (const host of hosts) {
      host.onEvent = ({ fields }) => all.add(String(fields['ka.auditid']));
      await host.start();
    }
    const writing = (async () => {
      for (let i = 0; i < objects; i++) {
        const body = objectOf(eventLines('sqs', i * each, each), random.pick(FORMS));
        await stage.client.putObject('shared', `eks/${i}`, body);
        expected.addRange('sqs', i * each, each);
      }
    })();
    const shares = hosts.map(() => 0);
    for (let kill = 0; kill < 6; kill++) {
      const goal = all.total + 15_000;
      await until(async () => {
        await sleep(50);
        hosts.forEach((host) => host.read());
        return all.total >= goal;
      });
      const host = hosts[kill % 2]!;
      await host.end('SIGKILL');
      await host.start();
    }
    await writing;
    await until(async () => {
      await sleep(200);
      hosts.forEach((host) => host.read());
      return all.distinct >= objects * each && (await left(url)) === 0;
    });
    for (const [i, host] of hosts.entries()) {
      await host.end('SIGTERM');
      shares[i] = host.delivered.total;
    }
    console.log(
      `${objects * each} events in ${objects} objects, six kills, ${stage.proxy.faultCount()} faults: ` +
        `shares ${shares.join(' and ')}, ${all.repeated} came twice`,
    );
    expect(expected.missingFrom(all)).toEqual([]);
    expect(all.repeated).toBeLessThanOrEqual((objects * each) / 100);
    expect(Math.min(...shares)).toBeGreaterThan((objects * each) / 5);
    expect(stage.proxy.refusals).toEqual([]);
  });
});
