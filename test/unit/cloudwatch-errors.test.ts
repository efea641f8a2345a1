// SPDX-License-Identifier: Apache-2.0
// What CloudWatch Logs may answer instead of events: told so that people understand it, and nothing is lost.
import { describe, expect, test } from 'vitest';
import { names } from '../support/events';
import type { WebAnswer } from '../support/host';
import { GROUP, type FakeLogs, makeLogs, openLogs, readFor } from './cloudwatch-support';

const SECOND = 1000;
const MINUTE = 60_000;

function refusal(status: number, code: string, message: string, headers = {}): WebAnswer {
  return { status, headers, body: JSON.stringify({ __type: code, message }) };
}

/** What is told beside the first message. */
function told(logs: FakeLogs): string[] {
  return logs.host.logs
    .map(({ message }) => message)
    .filter((message) => !/^(reading |AWS credentials come)/.test(message));
}

const name = `the log group "${GROUP}"`;
const DENIED =
  'User: arn:aws:sts::123456789012:assumed-role/falco/i-0 is not authorized to perform: logs:FilterLogEvents on ' +
  'resource: arn:aws:logs:eu-west-1:123456789012:log-group:/aws/eks/prod/cluster:log-stream: because no ' +
  'identity-based policy allows the logs:FilterLogEvents action';

interface Case {
  title: string;
  answer: WebAnswer;
  message: string;
  config?: object;
  counter?: 'cloud_calls_throttled' | 'cloud_calls_failed';
  /** Milliseconds after which it is tried again: at least, and at most. */
  wait?: [number, number];
}

const MINUTELY: [number, number] = [MINUTE, MINUTE + SECOND];

const CASES: Case[] = [
  {
    title: 'too many requests',
    answer: refusal(400, 'ThrottlingException', 'Rate exceeded'),
    message: `CloudWatch Logs wants fewer requests than come from this account: ThrottlingException (HTTP status 400): Rate exceeded; ${name} is read more slowly for a while, and nothing is lost`,
    counter: 'cloud_calls_throttled',
  },
  {
    title: 'too many requests, and when to come again',
    answer: refusal(429, 'ThrottlingException', 'Rate exceeded', { 'Retry-After': '7' }),
    message: 'CloudWatch Logs wants fewer requests',
    counter: 'cloud_calls_throttled',
    wait: [7 * SECOND, 8 * SECOND],
  },
  {
    title: 'a failure of the service',
    answer: refusal(500, 'InternalFailure', ''),
    message: `cannot read ${name}: InternalFailure (HTTP status 500); trying again`,
  },
  {
    title: 'a failure before the service',
    answer: { status: 502, body: '<html>Bad Gateway</html>' },
    message: `cannot read ${name}: HTTP status 502; trying again`,
  },
  {
    title: 'a connection that is cut',
    answer: { failure: 'cut', body: '{"events":[' },
    message: `cannot read ${name}: failed: cut; trying again`,
  },
  {
    title: 'no such name',
    answer: { failure: 'name' },
    message: `cannot read ${name}: failed: name; trying again`,
  },
  {
    title: 'no permission',
    answer: refusal(400, 'AccessDeniedException', DENIED),
    message: `no permission to read ${name}: AccessDeniedException (HTTP status 400): ${DENIED}; allow logs:FilterLogEvents on this log group in the IAM policy (docs/eks.md); trying again each minute`,
    wait: MINUTELY,
  },
  {
    title: 'no such group',
    answer: refusal(400, 'ResourceNotFoundException', 'The specified log group does not exist.'),
    message: `${name} does not exist in eu-west-1: ResourceNotFoundException (HTTP status 400): The specified log group does not exist.; is audit logging enabled for the cluster (control plane logging, type audit), and is the region right? trying again each minute`,
    wait: MINUTELY,
  },
  {
    title: 'a filter that is none',
    config: { filterPattern: '{ $.' },
    answer: refusal(400, 'InvalidParameterException', 'Invalid filter pattern'),
    message: `CloudWatch Logs refuses what it is asked about ${name}: InvalidParameterException (HTTP status 400): Invalid filter pattern; look at filterPattern; trying again each minute`,
    wait: MINUTELY,
  },
  {
    title: 'credentials that have ended',
    answer: refusal(400, 'ExpiredTokenException', 'The security token included in the request is expired'),
    message: `cannot read ${name}: ExpiredTokenException (HTTP status 400): The security token included in the request is expired, so new credentials are got; trying again`,
  },
  {
    title: 'a page of somebody else',
    answer: { body: '<html>Sign in</html>' },
    message: `cannot read ${name}: the answer is not what FilterLogEvents gives: it is not JSON; trying again`,
  },
  {
    title: 'half a page',
    answer: { body: '{"events":[{"message":"' },
    message: `cannot read ${name}: the answer is not what FilterLogEvents gives: it is not JSON; trying again`,
  },
  {
    title: 'JSON of another kind',
    answer: { body: '{"Events":[]}' },
    message: `cannot read ${name}: the answer is not what FilterLogEvents gives: it has no "events"; trying again`,
  },
  {
    title: 'a token that is none',
    answer: { body: '{"events":[],"nextToken":7}' },
    message: `cannot read ${name}: the answer is not what FilterLogEvents gives: its "nextToken" is no string; trying again`,
  },
  {
    title: 'a token that is too long',
    answer: { body: `{"events":[],"nextToken":"${'x'.repeat(10_000)}"}` },
    message: `cannot read ${name}: the answer is not what FilterLogEvents gives: its "nextToken" is too long; trying again`,
  },
];

describe.each(CASES)('$title', ({ answer, message, config, counter = 'cloud_calls_failed', wait }) => {
  test('is told once in a minute, and what was asked for comes later', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 60, ...config });
    logs.put('a', SECOND);
    logs.script.push(answer, answer);
    expect(readFor(wasm, 4 * MINUTE)).toEqual(['a']);
    const messages = told(logs).filter((text) => !/AWS does not take|is read again/.test(text));
    expect(messages.length).toBeGreaterThan(0);
    for (const text of messages) expect(text.startsWith(message), text).toBe(true);
    if (messages[0] !== message) expect(message).toBe('CloudWatch Logs wants fewer requests');
    expect(wasm.metrics()[counter]).toBe(2);
    const [first, second, third] = logs.queries.map(({ at }) => at);
    const [least, most] = wait ?? [250, 2 * SECOND];
    for (const passed of [second - first, third - second]) {
      expect(passed).toBeGreaterThanOrEqual(least);
      expect(passed).toBeLessThanOrEqual(most);
    }
  });
});

test('that it is over is told, too', () => {
  const logs = makeLogs();
  const wasm = openLogs(logs);
  logs.script.push({ failure: 'connect' });
  readFor(wasm, 10 * SECOND);
  expect(told(logs).at(-1)).toBe(`${name} is read again`);
});

test('control characters of a service do not get into the log', () => {
  const logs = makeLogs();
  const wasm = openLogs(logs);
  logs.script.push(refusal(500, 'Internal\u001b[31mFailure', 'a\nb\u0007c'));
  readFor(wasm, 10 * SECOND);
  for (const text of told(logs)) {
    expect([...text].filter((char) => char < ' ')).toEqual([]);
  }
});

test('waits grow while nothing answers, up to half a minute', () => {
  const logs = makeLogs();
  const wasm = openLogs(logs);
  logs.host.onCall = () => {
    logs.queries.push({ startTime: 0, endTime: 0, limit: 0, at: logs.now });
    return { failure: 'connect' };
  };
  readFor(wasm, 20 * MINUTE);
  const times = logs.queries.map(({ at }) => at);
  const waits = times.slice(1).map((time, i) => time - times[i]);
  for (const wait of waits.slice(8)) {
    expect(wait).toBeGreaterThanOrEqual(15 * SECOND);
    expect(wait).toBeLessThanOrEqual(31 * SECOND);
  }
});

test('requests get rarer where they are too many, and more again when they are not', () => {
  const logs = makeLogs();
  const wasm = openLogs(logs, { shift: 3600 });
  names(4000).forEach((id, i) => logs.put(id, 3_000_000 - i));
  logs.pageSize = 20;
  // AWS allows two a second here.
  const taken: number[] = [];
  const answer = logs.host.onCall;
  logs.host.onCall = (call) => {
    if (taken.filter((time) => logs.now - time < SECOND).length >= 2) {
      return refusal(400, 'ThrottlingException', 'Rate exceeded');
    }
    taken.push(logs.now);
    return answer(call);
  };
  const ids = readFor(wasm, 5 * MINUTE);
  expect(ids).toEqual(names(4000));
  const { cloud_calls, cloud_calls_throttled } = wasm.metrics();
  expect(cloud_calls_throttled).toBeLessThan(cloud_calls / 2);
});

describe('pages that go nowhere', () => {
  test('the same token for ever', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 60 });
    logs.put('a', SECOND);
    const page = JSON.parse(logs.page({ startTime: 0, endTime: logs.now, limit: 10 }));
    logs.host.onCall = (call) => {
      logs.queries.push({ ...JSON.parse(call.body), at: logs.now });
      return { body: JSON.stringify({ ...page, nextToken: 'again' }) };
    };
    expect(readFor(wasm, 5 * MINUTE)).toEqual(['a']);
    // It is given up soon each time, with longer and longer waits between.
    expect(logs.queries.length).toBeLessThan(100);
    expect(told(logs)[0]).toBe(
      `a page of ${name} cannot be had: AWS gives the same token again and again; ` +
        'reading goes on from the last event that came',
    );
  });

  test('tokens that go round', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs);
    let number = 0;
    logs.host.onCall = () => ({ body: JSON.stringify({ events: [], nextToken: `t${number++ % 50}` }) });
    readFor(wasm, 5 * MINUTE);
    expect(told(logs)[0]).toContain('the same token again and again');
  });

  test('a token that has ended: the pass begins again, and nothing comes twice', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 60 });
    names(30).forEach((id, i) => logs.put(id, 50 * SECOND - i));
    logs.pageSize = 10;
    logs.script.push(
      undefined,
      refusal(400, 'InvalidParameterException', 'The specified nextToken is invalid.'),
    );
    expect(readFor(wasm, MINUTE)).toEqual(names(30));
    const { startTime, nextToken } = logs.queries[2];
    expect(nextToken).toBeUndefined();
    expect(startTime).toBe(logs.events[9].timestamp - 10 * SECOND);
  });
});

describe('answers that are too much', () => {
  test('fewer events are asked for then', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 60 });
    names(40).forEach((id, i) => {
      logs.put(id, 50 * SECOND - i, {
        message: JSON.stringify({ kind: 'Event', auditID: id, userAgent: 'x'.repeat(1_000_000) }),
      });
    });
    expect(readFor(wasm, 2 * MINUTE)).toEqual(names(40));
    expect(Math.min(...logs.queries.map(({ limit }) => limit))).toBeLessThan(40);
    expect(told(logs)[0]).toBe(`an answer about ${name} was too large; asking for 1250 events at once`);
  });

  test('numbers that are none, and members that are missing', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 60 });
    const message = (auditID: string) => JSON.stringify({ kind: 'Event', auditID });
    const events = [
      { message: message('huge'), timestamp: '99999999999999999999999', eventId: '1' },
      { message: message('e'), timestamp: '1e400', eventId: '2' },
      { message: message('negative'), timestamp: '-5', eventId: '3' },
      { message: message('text'), timestamp: '"1700000000000"', eventId: '4' },
      { message: message('null'), timestamp: 'null', eventId: '5' },
    ].map(
      (each) =>
        `{"message":${JSON.stringify(each.message)},"timestamp":${each.timestamp},"eventId":"${each.eventId}"}`,
    );
    const others = ['{}', '[]', '7', 'null', '"text"', '{"message":7}', '{"message":null,"eventId":"6"}'];
    logs.script.push({ body: `{"events":[${[...events, ...others].join(',')}]}` });
    logs.put('after', -20 * SECOND);
    expect(readFor(wasm, MINUTE).toSorted()).toEqual(
      ['after', 'e', 'huge', 'negative', 'null', 'text'].toSorted(),
    );
    expect(wasm.metrics()).toMatchObject({ events_dropped_not_audit: 7, events_without_time: 5 });
  });

  test('arrays without end', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs);
    logs.script.push({ body: '['.repeat(1_000_000) }, { body: `{"events":[${'{},'.repeat(300_000)}{}]}` });
    logs.put('a', -5 * SECOND);
    expect(readFor(wasm, MINUTE)).toEqual(['a']);
  });
});
