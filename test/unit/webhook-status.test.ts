// SPDX-License-Identifier: Apache-2.0
// What the webhook shows of itself: counters, gauges and messages for what the server does alone, and the lag.
import { describe, expect, test } from 'vitest';
import { drain, webhook } from '../support/drive';
import { shortEvent } from '../support/events';
import { Host } from '../support/host';
import { Wasm } from '../support/wasm';
import { Workspace, lines } from '../support/workspace';

const NO_MORE = { ...new Host().status };

/** The counters and messages after the server told this. */
function told(status: Partial<typeof NO_MORE>, failureText = '') {
  const wasm = webhook();
  wasm.host.status = { ...NO_MORE, ...status };
  wasm.host.failureText = failureText;
  wasm.nextBatch();
  wasm.nextBatch();
  const counts = Object.fromEntries(Object.entries(wasm.metrics()).filter(([, count]) => count !== 0));
  return { counts, messages: wasm.host.logs.slice(1).map(({ message }) => message) };
}

describe('what the server does alone', () => {
  test.each([
    [{ accepted: 3 }, { http_connections_accepted: 3 }, []],
    [{ connections: 2, held: 5000 }, { http_connections: 2, http_held: 5000 }, []],
    [
      { turnedAway: 2 },
      { http_connections_turned_away: 2 },
      ['closed a webhook connection: there were more than webhookMaxConnections allows'],
    ],
    [
      { madeRoom: 1 },
      { http_connections_made_room: 1 },
      ['closed a webhook connection: there were more than webhookMaxConnections allows'],
    ],
    [
      { headsWithoutRoom: 2 },
      { http_refused_no_room: 2, http_answers_4xx: 2 },
      ['refused a webhook request with 429: more is waiting than webhookMaxWaiting allows'],
    ],
    [
      { timeouts: 2 },
      { http_timeouts: 2, http_answers_4xx: 2 },
      ['gave up a webhook request whose sender took too long (webhookHeaderTimeout, webhookRequestTimeout)'],
    ],
    [{ badRequests: 2 }, { http_answers_4xx: 2 }, ['refused a webhook request with 400: it is not HTTP']],
    [
      { headsTooLarge: 1 },
      { http_answers_4xx: 1, http_refused_headers: 1 },
      ['refused a webhook request with 431: its headers are larger than webhookMaxHeaderSize allows'],
    ],
    [
      { tlsFailures: 4 },
      { tls_failures: 4 },
      ['a TLS handshake with a webhook client failed: wrong version number'],
    ],
    [{ acceptFailures: 1 }, {}, ['cannot accept webhook connections for now: wrong version number']],
    [{ left: 9 }, { http_clients_left: 9 }, []],
  ])('%j', (status, counts, messages) => {
    expect(told(status, 'wrong version number')).toEqual({ counts, messages });
  });

  test('a flood of it is one message a minute, with the count of the rest', () => {
    const wasm = webhook();
    for (let i = 0; i < 50; i++) {
      wasm.host.status.tlsFailures = 1;
      wasm.nextBatch();
    }
    expect(wasm.host.logs).toHaveLength(2);
    wasm.host.now += 60_000_000_000n;
    wasm.host.status.tlsFailures = 1;
    wasm.nextBatch();
    expect(wasm.host.logs.at(-1)?.message).toContain('(49 more like it since the last such message)');
    expect(wasm.metrics().tls_failures).toBe(51);
  });

  test('what was counted lasts over a trap, and is counted once', () => {
    const wasm = webhook();
    wasm.host.status.accepted = 3;
    wasm.nextBatch();
    const next = wasm.successor('', 'http://:9765/k8s-audit');
    next.nextBatch();
    expect(next.metrics().http_connections_accepted).toBe(3);
  });

  test('the gauges are 0 behind close', () => {
    const wasm = webhook();
    wasm.host.status = { ...NO_MORE, connections: 2, held: 100 };
    wasm.nextBatch();
    wasm.close();
    expect(wasm.counts()).toEqual({});
  });
});

describe('the lag', () => {
  const at = (seconds: number, auditID: string): string =>
    shortEvent(auditID, { stageTimestamp: new Date((1_700_000_000 + seconds) * 1000).toISOString() });
  const lagOf = ({ event_lag_milliseconds, event_lag_milliseconds_max }: Record<string, number>) => [
    event_lag_milliseconds,
    event_lag_milliseconds_max,
  ];

  test('is the age of the newest event of the last batch; and the greatest of these', () => {
    const wasm = webhook();
    const lags = [[-10, -2, -5], [-1.5], [-7]].map((ages) => {
      wasm.host.now = 1_700_000_000_000_000_000n;
      wasm.host.send({ body: ages.map((age) => at(age, `e${age}`)).join('\n') });
      drain(wasm);
      return lagOf(wasm.metrics());
    });
    expect(lags).toEqual([
      [2000, 2000],
      [1500, 2000],
      [7000, 7000],
    ]);
  });

  test('is never negative, and events without a time do not count', () => {
    const wasm = webhook();
    wasm.host.send({ body: at(3600, 'future') });
    drain(wasm);
    expect(lagOf(wasm.metrics())).toEqual([0, 0]);
    wasm.host.now = 1_700_000_000_000_000_000n;
    wasm.host.send({ body: at(-3600, 'past') });
    wasm.host.send({ body: shortEvent('none', { stageTimestamp: undefined }) });
    wasm.nextBatch();
    expect(lagOf(wasm.metrics())).toEqual([3_600_000, 3_600_000]);
    wasm.host.now += 1_000_000_000n;
    wasm.host.send({ body: shortEvent('none', { stageTimestamp: undefined }) });
    drain(wasm);
    expect(lagOf(wasm.metrics())).toEqual([3_600_000, 3_600_000]);
  });

  test('is also that of files', () => {
    const file = new Workspace().write('audit.log', lines([at(-60, 'a'), at(-30, 'b')]));
    const wasm = new Wasm().init().open(file);
    wasm.readAll();
    expect(lagOf(wasm.metrics())).toEqual([30_000, 30_000]);
  });
});
