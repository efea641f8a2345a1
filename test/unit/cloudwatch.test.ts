// SPDX-License-Identifier: Apache-2.0
// eks:// and cloudwatch:// in open_params, against a log group that a test fills: what is read, when, and how often.
import { describe, expect, test } from 'vitest';
import { names, shortEvent } from '../support/events';
import { Random } from '../support/random';
import type { Event } from '../support/wasm';
import { GROUP, STREAM, isLate, makeLogs, openLogs, readFor } from './cloudwatch-support';

const SECOND = 1000;
const MINUTE = 60_000;

describe('what is asked', () => {
  test('FilterLogEvents of the cluster’s group, signed, from shift seconds ago on', () => {
    const logs = makeLogs();
    const start = logs.now;
    const wasm = openLogs(logs, { shift: 60 });
    readFor(wasm, SECOND);
    const [call] = logs.host.calls;
    expect(call).toMatchObject({
      method: 'POST',
      url: 'https://logs.eu-west-1.amazonaws.com/',
      signing: 'aws:amz:eu-west-1:logs',
      keyId: 'AKID',
      headers: {
        'content-type': 'application/x-amz-json-1.1',
        'x-amz-target': 'Logs_20140328.FilterLogEvents',
      },
    });
    expect(logs.queries[0]).toEqual({
      logGroupName: GROUP,
      logStreamNamePrefix: 'kube-apiserver-audit',
      startTime: start - 60 * SECOND,
      endTime: start + 300 * SECOND,
      limit: 10_000,
      at: start,
    });
    const [{ message }] = logs.host.logs.filter((line) => line.message.startsWith('reading'));
    expect(message).toBe(
      `reading the log group "${GROUP}" in eu-west-1 from ${new Date(start - 60 * SECOND).toISOString()} on ` +
        '(a first start: shift)',
    );
  });

  test('another end point, region and filter', () => {
    const logs = makeLogs();
    const filterPattern = '{ $.sourceIPs[0] != "::1" \t}\\';
    const config = { region: 'us-east-2', awsEndpoints: { logs: 'https://vpce.example' }, filterPattern };
    readFor(openLogs(logs, config), SECOND);
    expect(logs.host.calls[0]).toMatchObject({
      url: 'https://vpce.example/',
      signing: 'aws:amz:us-east-2:logs',
    });
    expect(logs.queries[0].filterPattern).toBe(filterPattern);
  });

  test.each([
    ['cloudwatch:///aws/eks/blue_1/cluster', '/aws/eks/blue_1/cluster', 'kube-apiserver-audit'],
    ['cloudwatch:///aws/eks/blue/cluster?prefix=kube-api', '/aws/eks/blue/cluster', 'kube-api'],
    ['cloudwatch:///aws/eks/blue/cluster?prefix=', '/aws/eks/blue/cluster', undefined],
    ['cloudwatch://my%23group', 'my#group', undefined],
    ['CloudWatch://k3s.audit?prefix=a%20b', 'k3s.audit', 'a b'],
  ])('%s', (params, logGroupName, prefix) => {
    const logs = makeLogs();
    readFor(openLogs(logs, {}, params), SECOND);
    expect(logs.queries[0]).toMatchObject({ logGroupName });
    expect(logs.queries[0].logStreamNamePrefix).toBe(prefix);
  });

  test('a group by its ARN', () => {
    const logs = makeLogs();
    const arn = 'arn:aws:logs:eu-west-1:123456789012:log-group:/aws/eks/blue/cluster';
    readFor(openLogs(logs, {}, `cloudwatch://${arn}:*`), SECOND);
    expect(logs.queries[0]).toMatchObject({
      logGroupIdentifier: arn,
      logStreamNamePrefix: 'kube-apiserver-audit',
    });
    expect(logs.queries[0].logGroupName).toBeUndefined();
  });
});

describe('refused at once', () => {
  test.each([
    ['eks://', 'must name a cluster'],
    ['eks://a/b', 'must name a cluster'],
    ['eks://-a', 'must name a cluster'],
    [`eks://${'a'.repeat(101)}`, 'must name a cluster'],
    ['eks://prod?prefix=x', 'unknown parameter "prefix"; known are none'],
    ['cloudwatch://', 'must name a log group'],
    ['cloudwatch://a b', 'must name a log group'],
    ['cloudwatch://a"', 'must name a log group'],
    ['cloudwatch://a?x=1', 'unknown parameter "x"; known are prefix=STREAMS and cluster=NAME'],
    ['cloudwatch://a?prefix=a%2A', 'is no name of log streams'],
    ['cloudwatch://a?cluster=', 'cluster="" must be a name'],
    ['cloudwatch://a?prefix=a&prefix=b', 'parameter "prefix" is given twice'],
  ])('%s', (params, reason) => {
    expect(() => openLogs(makeLogs(), {}, params)).toThrow(reason);
  });

  test('no region', () => {
    const logs = makeLogs();
    logs.host.environment.delete('AWS_REGION');
    logs.host.environment.set('AWS_EC2_METADATA_DISABLED', 'true');
    expect(() => openLogs(logs)).toThrow('key "region" is missing');
  });
});

describe('each event is delivered once', () => {
  test('in the order of their times, over many pages', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 3600 });
    const ids = names(2500);
    ids.forEach((id, i) => logs.put(id, 3000 * SECOND - i));
    logs.pageSize = 100;
    expect(readFor(wasm, MINUTE)).toEqual(ids);
    expect(wasm.metrics()).toMatchObject({ events_received: 2500, events_delivered: 2500, events_late: 0 });
  });

  test('over empty pages', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 60 });
    logs.put('a', SECOND);
    for (let i = 0; i < 5; i++) {
      logs.script.push({ body: JSON.stringify({ events: [], nextToken: `[0,${-i - 10}]` }) });
    }
    expect(readFor(wasm, 10 * SECOND)).toEqual(['a']);
    expect(logs.queries[5].nextToken).toBe('[0,-14]');
  });

  test('with the same time, and some of them later', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 60 });
    const timestamp = logs.now;
    logs.pageSize = 7;
    for (const id of names(50)) logs.put(id, 0, { timestamp });
    expect(readFor(wasm, 20 * SECOND).toSorted()).toEqual(names(50).toSorted());
    for (const id of names(30, 'f')) logs.put(id, 0, { timestamp });
    expect(readFor(wasm, 20 * SECOND)).toEqual(names(30, 'f'));
    expect(readFor(wasm, 5 * MINUTE)).toEqual([]);
  });

  test('when a page brings it again', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 60 });
    const first = logs.put('a', SECOND);
    logs.events.push({ ...first }, { ...first });
    expect(readFor(wasm, 5 * MINUTE)).toEqual(['a']);
  });

  test('when it has no id: by all that is said of it', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 60 });
    logs.put('a', SECOND, { eventId: undefined });
    logs.put('a', 999, { eventId: undefined });
    expect(readFor(wasm, 5 * MINUTE)).toEqual(['a', 'a']);
  });

  test('when it comes late, which is counted', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 60 });
    logs.put('a');
    expect(readFor(wasm, 10 * SECOND)).toEqual(['a']);
    logs.put('late', 25 * SECOND);
    logs.put('b');
    expect(readFor(wasm, 35 * SECOND).toSorted()).toEqual(['b', 'late']);
    expect(wasm.metrics()).toMatchObject({ events_late: 1, events_delivered: 3 });
    expect(readFor(wasm, 10 * MINUTE)).toEqual([]);
  });

  test('also from a listing that is not in the order of time', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 3600 });
    const events = names(300).map((id, i) => logs.put(id, (i % 2 === 0 ? 1000 - i : 2000 - i) * SECOND));
    const page = (from: number) => ({
      body: JSON.stringify({
        events: events.slice(from, from + 100),
        ...(from < 200 ? { nextToken: `${from}` } : {}),
      }),
    });
    logs.script.push(page(0), page(100), page(200));
    expect(readFor(wasm, 10 * MINUTE)).toEqual(names(300));
  });
});

test('a stream that is some seconds behind another is not late', () => {
  const logs = makeLogs();
  const wasm = openLogs(logs, { shift: 60 });
  for (let i = 0; i < 20; i++) {
    logs.put(`a${i}`);
    logs.put(`b${i}`, 4 * SECOND, { stream: `${STREAM}0` });
    expect(readFor(wasm, 6 * SECOND)).toEqual([`b${i}`, `a${i}`]);
  }
  expect(wasm.metrics().events_late).toBe(0);
});

test('what comes together with much else is not read again and again', () => {
  const logs = makeLogs();
  const wasm = openLogs(logs, { shift: 60 });
  logs.pageSize = 50;
  let number = 0;
  logs.host.onWait = () => void logs.put(`e${number++}`);
  readFor(wasm, 3 * MINUTE);
  const first = logs.queries.length;
  const before = number;
  readFor(wasm, MINUTE);
  const passes = logs.queries.slice(first).filter((query) => !isLate(query) && query.nextToken === undefined);
  expect(passes.length).toBeGreaterThan(5);
  // Ten seconds hold more than six pages.
  for (const { startTime, at } of passes) expect(at - startTime).toBeLessThan(9 * SECOND);
  expect(number - before).toBeGreaterThan(1000);
});

/** Puts events for some minutes, each as late as `lateness` says; gives what was delivered, and all ids. */
function readLate(config: object, minutes: number, lateness: (random: Random) => number) {
  const random = new Random(5);
  const logs = makeLogs();
  logs.delay = 120;
  const wasm = openLogs(logs, config);
  const coming: { id: string; timestamp: number; at: number }[] = [];
  for (let i = 0; i < minutes * 120; i++) {
    const timestamp = logs.now + i * 500;
    coming.push({ id: `e${i}`, timestamp, at: timestamp + lateness(random) });
  }
  coming.sort((one, other) => one.at - other.at);
  const ids: string[] = [];
  let next = 0;
  logs.host.onWait = () => {
    for (; next < coming.length && coming[next].at <= logs.now; next++) {
      const { id, timestamp } = coming[next];
      logs.put(id, 0, { timestamp });
    }
  };
  ids.push(...readFor(wasm, (minutes + 15) * MINUTE));
  return { logs, wasm, ids, all: coming.map(({ id }) => id) };
}

describe('events that come late', () => {
  test('by up to half of lateWindow are found, and none comes twice', () => {
    const { wasm, ids, all } = readLate({}, 20, (random) => random.below(150 * SECOND));
    expect(ids.toSorted()).toEqual(all.toSorted());
    expect(wasm.metrics().events_late).toBeGreaterThan(all.length / 2);
  });

  test('with another window', () => {
    const { ids, all } = readLate({ lateWindow: 40 }, 10, (random) => random.below(20 * SECOND));
    expect(ids.toSorted()).toEqual(all.toSorted());
  });

  test('a few of many, by chance', () => {
    const late = (random: Random) =>
      random.below(100) === 0 ? random.below(150 * SECOND) : random.below(300);
    const { ids, all, logs } = readLate({}, 20, late);
    expect(ids.toSorted()).toEqual(all.toSorted());
    const sweeps = logs.queries.filter((query) => isLate(query) && query.nextToken === undefined);
    // Each time is read again when it is old enough, and not for ever.
    expect(sweeps.length).toBeGreaterThan(20);
    for (const { startTime, endTime } of sweeps) expect(endTime - startTime).toBeLessThan(240 * SECOND);
  });

  test('are not looked for when lateWindow is 0', () => {
    const { logs, ids, all } = readLate({ lateWindow: 0 }, 5, () => 0);
    expect(ids).toEqual(all);
    expect(logs.queries.some(isLate)).toBe(false);
  });

  test('are not looked for any more when all is old', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs);
    logs.put('a');
    expect(readFor(wasm, 10 * MINUTE)).toEqual(['a']);
    const before = logs.queries.length;
    readFor(wasm, 10 * MINUTE);
    expect(logs.queries.slice(before).some(isLate)).toBe(false);
  });
});

test('more events than can be known within lateWindow: told, counted, and looked for in a shorter time', () => {
  const logs = makeLogs();
  const wasm = openLogs(logs, { shift: 60 });
  const most = 1 << 20;
  let number = 0;
  const from = logs.now - 50 * SECOND;
  // No audit events, so that this is quick; their ids are known all the same.
  logs.host.onCall = (call) => {
    const query = { ...JSON.parse(call.body), at: logs.now };
    logs.queries.push(query);
    if (isLate(query)) return { body: '{"events":[]}' };
    const events = Array.from({ length: number < most + 20_000 ? 10_000 : 0 }, () => {
      const timestamp = from + Math.floor(number / 100);
      return { timestamp, message: '', eventId: String(number++) };
    });
    return { body: JSON.stringify({ events, ...(events.length > 0 ? { nextToken: `t${number}` } : {}) }) };
  };
  readFor(wasm, 2 * MINUTE);
  const forgotten = number - most;
  expect(forgotten).toBeGreaterThan(0);
  expect(wasm.metrics()).toMatchObject({ events_dropped_not_audit: number, event_ids_forgotten: forgotten });
  expect(logs.host.logs.map(({ message }) => message)).toContainEqual(
    expect.stringMatching(/^more than 1048576 events of the log group .* lower lateWindow/),
  );
  const late = logs.queries.filter(isLate).at(-1)!;
  expect(late.startTime).toBe(from + Math.floor((forgotten - 1) / 100) + 1);
});

describe('the pace', () => {
  test('four requests a second at most, however much there is', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 3600 });
    names(5000).forEach((id, i) => logs.put(id, 3_000_000 - i));
    logs.pageSize = 50;
    const times: number[] = [];
    const answer = logs.host.onCall;
    logs.host.onCall = (call) => {
      times.push(logs.now);
      return answer(call);
    };
    expect(readFor(wasm, 40 * SECOND)).toHaveLength(5000);
    times.forEach((time, i) => {
      if (i >= 4) expect(time - times[i - 4]).toBeGreaterThanOrEqual(SECOND);
    });
    expect(times.length).toBeGreaterThan(100);
  });

  test('one request in pollingInterval when there is nothing', () => {
    const logs = makeLogs();
    readFor(openLogs(logs, { pollingInterval: 10 }), 10 * MINUTE);
    expect(logs.queries.length).toBeGreaterThan(55);
    expect(logs.queries.length).toBeLessThanOrEqual(61);
  });

  test('the next page is asked for before this one is delivered, and no more than one', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 3600 });
    names(5000).forEach((id, i) => logs.put(id, 3_000_000 - i));
    logs.pageSize = 1000;
    logs.delay = 300;
    // Two pages are delivered, and the third one is asked for.
    readFor(wasm, 610);
    const seen: number[] = [];
    for (let i = 0; i < 3; i++) {
      // Falco takes its time.
      logs.host.now += 2_000_000_000n;
      expect(wasm.nextBatch()).toHaveLength(256);
      seen.push(logs.queries.length);
    }
    expect(seen).toEqual([4, 4, 4]);
  });

  test('the late lane has its share when the fast one always has more', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { lateWindow: 60 });
    let number = 0;
    // More than four pages a second.
    logs.pageSize = 6;
    logs.host.onWait = () => void logs.put(`e${number++}`);
    readFor(wasm, 20 * SECOND);
    logs.put('late', 15 * SECOND);
    const ids = readFor(wasm, 3 * MINUTE);
    expect(ids).toContain('late');
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('what an event is', () => {
  function delivered(put: (logs: ReturnType<typeof makeLogs>) => void, params = 'eks://prod') {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 3600 }, params);
    put(logs);
    const events: Event[] = [];
    readFor(wasm, 6 * MINUTE, (batch) => events.push(...batch));
    return { logs, wasm, events };
  }

  test.each([
    ['eks://prod', 'prod'],
    ['cloudwatch:///aws/eks/blue/cluster', 'blue'],
    ['cloudwatch://other?cluster=green', 'green'],
    ['cloudwatch:///aws/eks/blue/cluster?cluster=green', 'green'],
    ['cloudwatch://other', null],
  ])('%s: the name of the cluster, and what brought it', (params, cluster) => {
    const logs = makeLogs();
    const wasm = openLogs(logs, { shift: 60 }, params);
    logs.put('a', SECOND);
    readFor(wasm, SECOND, ([event]) => {
      wasm.select(event);
      expect(wasm.extract('ka.cluster.name')).toBe(cluster);
      expect(wasm.extract('ka.provider')).toBe('eks');
    });
    expect(wasm.metrics().events_delivered).toBe(1);
  });

  test('one without a time has the log’s', () => {
    const { events, wasm } = delivered((logs) => {
      logs.put('a', 5000, { message: '{"kind":"Event","auditID":"a"}', timestamp: logs.now - 5000 });
    });
    expect(events[0].time % 1_000_000_000_000n).toBe(1_699_999_995_000_000_000n % 1_000_000_000_000n);
    expect(wasm.metrics().events_without_time).toBe(0);
  });

  test('one that EKS has cut is salvaged', () => {
    const { events, wasm } = delivered((logs) => {
      const whole = shortEvent('cut', { verb: 'get', requestObject: { a: 'x'.repeat(100) } });
      logs.put('cut', 0, { message: `${whole.slice(0, -30)}[Truncated...]` });
    });
    expect(events).toHaveLength(1);
    wasm.selectForeign(events[0].payload);
    expect([wasm.extract('ka.auditid'), wasm.extract('ka.truncated')]).toEqual(['cut', 'true']);
    expect(wasm.metrics().events_salvaged).toBe(1);
  });

  test('characters of every kind', () => {
    const userAgent = 'a"b\\c\n\t\u0001ü€😀/';
    const { events } = delivered((logs) => logs.put('a', 0, { message: shortEvent('a', { userAgent }) }));
    expect(JSON.parse(events[0].payload)).toMatchObject({ userAgent });
  });

  test('what is none is counted once, however often it is read', () => {
    const { events, wasm, logs } = delivered((logs) => {
      logs.put('x', 0, { message: 'I1126 server started', stream: 'kube-apiserver-1' });
      logs.put('y', 0, { message: '{"some":"json"}', stream: 'authenticator-1' });
      logs.put('z', 0, { message: '  ', stream: 'authenticator-1' });
      logs.put('w', 0, { message: '', stream: 'authenticator-1' });
      logs.put('a');
    }, 'cloudwatch://other');
    expect(events).toHaveLength(1);
    expect(wasm.metrics()).toMatchObject({
      events_dropped_invalid_json: 1,
      events_dropped_not_audit: 2,
    });
    expect(logs.host.logs.map(({ message }) => message)).toContain(
      'not an audit event (an Event of audit.k8s.io) at byte 0 of an event of the log group "other"; ' +
        'it is dropped, the rest is kept',
    );
  });

  test('large ones, and ten thousand small ones on a page', () => {
    const large = shortEvent('large', { requestObject: { data: 'x'.repeat(900_000) } });
    const { events } = delivered((logs) => {
      logs.put('large', 1000, { message: large });
      names(10_000).forEach((id) => logs.put(id, 500));
    });
    expect(events).toHaveLength(10_001);
    expect(events[0].payload).toBe(large);
  });

  test('a list within one log event goes over batches', () => {
    const items = names(600).map((id) => shortEvent(id));
    const message = `{"kind":"EventList","apiVersion":"audit.k8s.io/v1","items":[${items.join(',')}]}`;
    const { events } = delivered((logs) => {
      logs.put('list', 0, { message });
      logs.put('b');
    });
    expect(events).toHaveLength(601);
  });

  test('streams that others write are left out', () => {
    const { events } = delivered((logs) => {
      logs.put('a');
      logs.put('b', 0, { stream: 'kube-scheduler-1' });
      logs.put('c', 0, { stream: STREAM.replace('1', '2') });
    });
    expect(events).toHaveLength(2);
  });

  test('of the future, by two hours: it does not hide the others', () => {
    const logs = makeLogs();
    const wasm = openLogs(logs);
    logs.put('soon', -200 * SECOND);
    logs.put('future', -7200 * SECOND);
    expect(readFor(wasm, 10 * SECOND)).toEqual(['soon']);
    logs.put('a');
    expect(readFor(wasm, 10 * SECOND)).toEqual(['a']);
    logs.put('late', 15 * SECOND);
    expect(readFor(wasm, 40 * SECOND)).toEqual(['late']);
    expect(readFor(wasm, 10 * MINUTE)).toEqual([]);
    logs.host.now += 6400_000_000_000n;
    expect(readFor(wasm, 5 * MINUTE)).toEqual(['future']);
    expect(readFor(wasm, 10 * MINUTE)).toEqual([]);
  });
});
