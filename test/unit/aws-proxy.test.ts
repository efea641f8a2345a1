// SPDX-License-Identifier: Apache-2.0
// The proxy that plays AWS's edge, before a service that answers what the test says.
import { describe, expect, onTestFinished, test } from 'vitest';

import { Random } from '../../scripts/lib/random.mjs';
import { FaultPlan, PASSING_FAULTS, type Fault, type FaultKind } from '../e2e/aws/faults.ts';
import { KeyRing } from '../e2e/aws/keys.ts';
import { AwsProxy } from '../e2e/aws/proxy.ts';
import { LoopbackServer, readBody } from '../support/server.ts';
import { ask, logs, s3, sqs } from './aws-support.ts';

const GROUP = '/aws/eks/prod/cluster';
const ARN = 'arn:aws:sts::123456789012:assumed-role/falco/i-1';
const FILTER = logs('FilterLogEvents', { logGroupName: GROUP });

/** A service that gives a text, and notes what it was asked. */
async function makeProxy(
  answer: (body: string, target: string) => string = () => '{"events":[]}',
  keys?: KeyRing,
) {
  const asked: { body: string; target: string; operation: string }[] = [];
  const service = new LoopbackServer(async (request, response) => {
    const body = (await readBody(request)).toString();
    const operation = String(request.headers['x-amz-target'] ?? '').replace(/.*\./, '');
    asked.push({ body, target: request.url ?? '', operation });
    response.setHeader('Content-Type', 'application/x-amz-json-1.1');
    response.end(answer(body, request.url ?? ''));
  });
  await service.open();
  const proxy = await new AwsProxy({ upstream: service.url, keys }).open();
  onTestFinished(async () => {
    await proxy.close();
    await service.close();
  });
  return { proxy, asked };
}

async function whole(answer: Promise<Response>) {
  const response = await answer;
  return { status: response.status, headers: response.headers, text: await response.text() };
}

describe('an error is written as the service writes it', () => {
  test.each([
    ['throttled', FILTER, 400, '{"__type":"ThrottlingException","message":"Rate exceeded"}'],
    ['internal', FILTER, 500, 'InternalFailure'],
    ['unavailable', FILTER, 503, 'ServiceUnavailableException'],
    [
      'expired-token',
      FILTER,
      400,
      '{"__type":"com.amazon.coral.service#ExpiredTokenException","message":"The security',
    ],
    [
      'denied',
      FILTER,
      400,
      '{"__type":"com.amazon.coral.service#AccessDeniedException","Message":"User: arn:aws:sts::123456789012:' +
        'assumed-role/falco/falco is not authorized to perform: logs:FilterLogEvents on resource: arn:aws:logs:' +
        'eu-west-1:123456789012:log-group:/aws/eks/prod/cluster:log-stream: because no identity-based policy allows ' +
        'the logs:FilterLogEvents action"}',
    ],
    ['not-found', FILTER, 400, 'ResourceNotFoundException'],
    ['bad-gateway', FILTER, 502, '<!DOCTYPE html>'],
    ['throttled', s3('/b?list-type=2'), 503, '<Code>SlowDown</Code>'],
    ['denied', s3('/b?list-type=2'), 403, 's3:ListBucket on resource: &quot;arn:aws:s3:::b&quot;'],
    ['denied', s3('/b/a%20key'), 403, 's3:GetObject on resource: &quot;arn:aws:s3:::b/a key&quot;'],
    ['not-found', s3('/b/key'), 404, '<Code>NoSuchKey</Code>'],
    ['not-found', s3('/b/key', 'HEAD'), 404, ''],
    ['expired-token', s3('/b/key'), 400, '<Code>ExpiredToken</Code>'],
    ['throttled', sqs('ReceiveMessage'), 400, '{"__type":"com.amazonaws.sqs#RequestThrottled"'],
    [
      'denied',
      sqs('DeleteMessage', { QueueUrl: 'http://h/1/q' }),
      400,
      'sqs:deletemessage on resource: arn:aws:sqs:',
    ],
  ] as const)('%s', async (kind, asked, status, text) => {
    const { proxy, asked: forwarded } = await makeProxy();
    proxy.plan.next('*', kind);
    const answer = await whole(ask(proxy.url, asked));
    expect(answer.status).toBe(status);
    expect(answer.text).toContain(text);
    if (text === '') expect(answer.text).toBe('');
    expect(forwarded).toEqual([]);
    expect(proxy.faultCount(kind)).toBe(1);
  });

  test('with Retry-After if it is wanted', async () => {
    const { proxy } = await makeProxy();
    proxy.plan.next('FilterLogEvents', { kind: 'throttled', retryAfter: 7 });
    expect((await whole(ask(proxy.url, FILTER))).headers.get('retry-after')).toBe('7');
    proxy.plan.next('FilterLogEvents', 'throttled');
    expect((await whole(ask(proxy.url, FILTER))).headers.get('retry-after')).toBeNull();
  });
});

describe('an answer is spoiled', () => {
  const page = JSON.stringify({ events: [], searchedLogStreams: [], nextToken: 'x'.repeat(5000) });
  const spoil = async (fault: Fault | FaultKind) => {
    const made = await makeProxy(() => page);
    made.proxy.plan.next('DescribeLogStreams', fault);
    return { ...made, answer: whole(ask(made.proxy.url, logs('DescribeLogStreams'))) };
  };

  test('cut before the service is asked', async () => {
    const { answer, asked, proxy } = await spoil('cut-before');
    await expect(answer).rejects.toThrow();
    expect(asked).toEqual([]);
    expect(proxy.records[0]).toMatchObject({ status: 0, fault: 'cut-before' });
  });

  test('cut after the service has done it', async () => {
    const { answer, asked } = await spoil('cut-after');
    await expect(answer).rejects.toThrow();
    expect(asked).toHaveLength(1);
  });

  test('cut in its middle', async () => {
    const { proxy, answer } = await spoil('cut-within');
    await expect(answer).rejects.toThrow();
    expect(proxy.records[0]?.status).toBe(200);
  });

  test('truncated, and whole as HTTP', async () => {
    const { answer } = await spoil('truncated');
    expect((await answer).text).toBe(page.slice(0, page.length >> 1));
  });

  test('a page of somebody else', async () => {
    const { answer } = await spoil('wrong-type');
    expect((await answer).headers.get('content-type')).toBe('text/html');
  });

  test('late, or in pieces, and right', async () => {
    expect((await (await spoil({ kind: 'slow', delay: 5 })).answer).text).toBe(page);
    expect((await (await spoil({ kind: 'dribble', delay: 1, pieces: 7 })).answer).text).toBe(page);
  });

  test('huge', async () => {
    const { answer } = await spoil({ kind: 'huge', bytes: 3_000_001 });
    const { text } = await answer;
    expect(text).toHaveLength(3_000_001);
    expect(JSON.parse(text)).toHaveProperty('padding');
  });
});

describe('empty pages lose nothing', () => {
  test('of a log', async () => {
    const { proxy, asked } = await makeProxy(
      () => '{"events":[],"searchedLogStreams":[],"nextToken":"g@s@9"}',
    );
    const first = JSON.parse((await whole(ask(proxy.url, FILTER))).text);
    proxy.plan.next('FilterLogEvents', 'empty-page', 2);
    const more = (nextToken: string) =>
      ask(proxy.url, logs('FilterLogEvents', { logGroupName: GROUP, nextToken }));
    const empty = JSON.parse((await whole(more(first.nextToken))).text);
    const again = JSON.parse((await whole(more(empty.nextToken))).text);
    expect([empty.events, again.events]).toEqual([[], []]);
    expect(again.nextToken).not.toBe(empty.nextToken);
    await whole(more(again.nextToken));
    expect(asked.map(({ body }) => JSON.parse(body).nextToken)).toEqual([undefined, 'g@s@9']);
  });

  test('of a bucket', async () => {
    const { proxy, asked } = await makeProxy(() => '<ListBucketResult/>');
    proxy.plan.next('ListObjectsV2', 'empty-page');
    const target = '/b?list-type=2&start-after=a%2Fb&prefix=a';
    const { text } = await whole(ask(proxy.url, s3(target)));
    const token = /<NextContinuationToken>(.*)<\/NextContinuationToken>/.exec(text)?.[1];
    await whole(ask(proxy.url, s3(`/b?list-type=2&continuation-token=${token}`)));
    expect(asked.map((each) => each.target)).toEqual([target]);
  });

  test('of a queue', async () => {
    const { proxy } = await makeProxy();
    proxy.plan.next('ReceiveMessage', 'empty-page');
    expect((await whole(ask(proxy.url, sqs('ReceiveMessage')))).text).toBe('{}');
  });
});

describe('FilterLogEvents is AWS’s', () => {
  const event = (id: number, message = 'm') => {
    return { logStreamName: 's', timestamp: id, message, ingestionTime: 0, eventId: String(id) };
  };

  test('pages have at most 1 MB, and go on behind the last event', async () => {
    const events = Array.from({ length: 30 }, (_, id) => event(id, 'x'.repeat(100_000)));
    const { proxy, asked } = await makeProxy(() =>
      JSON.stringify({ events, nextToken: null, searchedLogStreams: [] }),
    );
    const page = JSON.parse((await whole(ask(proxy.url, FILTER))).text);
    expect(page.events).toHaveLength(10);
    const next = { logGroupName: GROUP, nextToken: page.nextToken };
    await whole(ask(proxy.url, logs('FilterLogEvents', next)));
    expect(JSON.parse(asked[1]?.body ?? '')).toMatchObject({ nextToken: `${GROUP}@s@9`, interleaved: true });
  });

  test('one event may be larger than a page', async () => {
    const events = [event(1, 'x'.repeat(1_200_000))];
    const { proxy } = await makeProxy(() =>
      JSON.stringify({ events, nextToken: null, searchedLogStreams: [] }),
    );
    const page = JSON.parse((await whole(ask(proxy.url, FILTER))).text);
    expect(page.events).toHaveLength(1);
    expect(page).not.toHaveProperty('nextToken');
  });

  test('ids differ, and have as many digits as AWS’s', async () => {
    const events = [event(3), event(33), event(333)];
    const { proxy } = await makeProxy(() =>
      JSON.stringify({ events, nextToken: null, searchedLogStreams: [] }),
    );
    const page = JSON.parse((await whole(ask(proxy.url, FILTER))).text);
    const ids = page.events.map(({ eventId }: { eventId: string }) => eventId);
    expect(new Set(ids).size).toBe(3);
    expect(ids.every((id: string) => /^\d{56}$/.test(id))).toBe(true);
  });

  test('streams are chosen by prefix; none are none', async () => {
    let names = [{ logStreamName: 'kube-apiserver-audit-1' }];
    const { proxy, asked } = await makeProxy((body) =>
      JSON.stringify(
        'limit' in JSON.parse(body)
          ? { events: [event(1)], searchedLogStreams: [] }
          : { logStreams: names, nextToken: undefined },
      ),
    );
    const filter = logs('FilterLogEvents', {
      logGroupName: GROUP,
      logStreamNamePrefix: 'kube-apiserver-audit',
    });
    expect(JSON.parse((await whole(ask(proxy.url, filter))).text).events).toHaveLength(1);
    expect(asked.map(({ operation }) => operation)).toEqual(['DescribeLogStreams', 'FilterLogEvents']);
    expect(JSON.parse(asked[1]?.body ?? '').logStreamNames).toEqual(['kube-apiserver-audit-1']);
    names = [];
    expect(JSON.parse((await whole(ask(proxy.url, filter))).text).events).toEqual([]);
  });

  test.each([
    { nextToken: 'of nobody' },
    { startTime: 2, endTime: 1 },
    { logStreamNames: ['a'], logStreamNamePrefix: 'a' },
  ])('%j is refused', async (parameters) => {
    const { proxy } = await makeProxy();
    const filter = logs('FilterLogEvents', { logGroupName: GROUP, ...parameters });
    const { status, text } = await whole(ask(proxy.url, filter));
    expect([status, JSON.parse(text).__type]).toEqual([400, 'InvalidParameterException']);
  });
});

describe('signatures', () => {
  const ring = new KeyRing();
  const session = ring.issue(900, ARN);
  const user = ring.add({ accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret', arn: ARN });
  const code = (text: string) => /#(\w+)"|<Code>(\w+)</.exec(text)?.slice(1).join('');

  test.each([FILTER, sqs('ReceiveMessage'), s3('/b?prefix=a%2Fb%20c&list-type=2'), s3('/b/a%20%C3%BC%2B')])(
    'that are right pass: $service',
    async (asked) => {
      const { proxy } = await makeProxy(undefined, ring);
      for (const keys of [user, session]) {
        expect((await whole(ask(proxy.url, { ...asked, keys }))).status).toBe(200);
      }
      expect(proxy.refusals).toEqual([]);
      expect(proxy.records[1]?.accessKeyId).toBe(session.accessKeyId);
    },
  );

  test.each([
    ['a wrong secret', FILTER, { ...user, secretAccessKey: 'x' }, 400, 'InvalidSignatureException'],
    ['a wrong secret', s3('/b/k'), { ...user, secretAccessKey: 'x' }, 403, 'SignatureDoesNotMatch'],
    ['an unknown key', FILTER, { ...user, accessKeyId: 'X' }, 400, 'UnrecognizedClientException'],
    ['an unknown key', s3('/b/k'), { ...user, accessKeyId: 'X' }, 403, 'InvalidAccessKeyId'],
    ['another token', FILTER, { ...session, sessionToken: 'x' }, 400, 'UnrecognizedClientException'],
    ['no signature', FILTER, undefined, 400, 'MissingAuthenticationTokenException'],
    ['an ended session', FILTER, ring.issue(-1, ARN), 400, 'ExpiredTokenException'],
    ['an ended session', s3('/b/k'), ring.issue(-1, ARN), 400, 'ExpiredToken'],
    ['another region', { ...FILTER, region: 'us-east-1' }, user, 400, 'InvalidSignatureException'],
  ] as const)('%s is refused: %o', async (_, asked, keys, status, name) => {
    const { proxy, asked: forwarded } = await makeProxy(undefined, ring);
    const answer = await whole(ask(proxy.url, { ...asked, keys }));
    expect([answer.status, code(answer.text)]).toEqual([status, name]);
    expect(forwarded).toEqual([]);
    expect(proxy.refusals).toHaveLength(1);
  });

  test('access denied names whom the keys belong to', async () => {
    const { proxy } = await makeProxy(undefined, ring);
    proxy.plan.next('*', 'denied');
    expect((await whole(ask(proxy.url, { ...FILTER, keys: session }))).text).toContain(`User: ${ARN} is not`);
  });

  test('a session can be ended', async () => {
    const { proxy } = await makeProxy(undefined, ring);
    const keys = ring.issue(900, ARN);
    expect((await whole(ask(proxy.url, { ...FILTER, keys }))).status).toBe(200);
    ring.expire(keys.accessKeyId);
    expect((await whole(ask(proxy.url, { ...FILTER, keys }))).text).toContain('ExpiredTokenException');
  });
});

describe('the plan', () => {
  test('follows its script, for each operation apart', () => {
    const plan = new FaultPlan();
    plan.next('A', 'internal', 2);
    plan.next('A', undefined);
    plan.next('*', 'throttled');
    const kinds = ['B', 'A', 'A', 'A', 'A'].map((operation) => plan.decide(operation, 0)?.kind);
    expect(kinds).toEqual(['throttled', 'internal', 'internal', undefined, undefined]);
  });

  test('draws the same from the same seed, and about as often as it is told', () => {
    const draw = (seed: number) => {
      const plan = new FaultPlan();
      plan.byChance({ random: new Random(seed), percent: 5, faults: PASSING_FAULTS, operations: ['A'] });
      return Array.from({ length: 10_000 }, () => plan.decide('A', 0)?.kind);
    };
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
    const drawn = draw(1).filter((kind) => kind !== undefined);
    expect(drawn.length).toBeGreaterThan(400);
    expect(drawn.length).toBeLessThan(600);
    expect(new Set(drawn)).toEqual(new Set(PASSING_FAULTS.map(({ kind }) => kind)));
  });

  test('throttles above a quota', () => {
    const plan = new FaultPlan();
    plan.quota('A', 2);
    const kinds = [0, 10, 20, 999, 1001, 1005, 1011].map((now) => plan.decide('A', now)?.kind);
    const no = undefined;
    expect(kinds).toEqual([no, no, 'throttled', 'throttled', no, 'throttled', no]);
  });
});

test('the proxy goes away and comes back at the same place', async () => {
  const { proxy } = await makeProxy();
  const { url } = proxy;
  await proxy.close();
  await expect(ask(url, FILTER)).rejects.toThrow();
  await proxy.open();
  expect(proxy.url).toBe(url);
  expect((await whole(ask(url, FILTER))).status).toBe(200);
});
