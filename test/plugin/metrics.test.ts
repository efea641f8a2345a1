// SPDX-License-Identifier: Apache-2.0
// plugin_get_metrics: what is counted, and that it may be asked at any time and from another thread.
import { execFileSync } from 'node:child_process';
import { expect, test } from 'vitest';
import { eventOfSize, names, shortEvent } from '../support/events.ts';
import { Workspace, lines } from '../support/workspace.ts';
import { compileDriver, init, metricsOf, open, pluginFile } from './support.ts';

/** What is now, and may fall. */
const gauges = [
  'http_connections',
  'http_held',
  'certificate_expires_in',
  'checkpoint_age',
  'files_followed',
  'event_lag_milliseconds',
  'event_lag_milliseconds_max',
  'users_known',
  'pods_known',
  'leading',
  'credentials_expire_in',
];

test('are 64-bit numbers with plain names, all 0 at first; all but the gauges only grow', () => {
  const metrics = init().metrics();
  expect(metrics.map(({ name }) => name)).toEqual(expect.arrayContaining(gauges));
  for (const { name, monotonic, valueType, value } of metrics) {
    expect(name).toMatch(/^[a-z][a-z0-9_]+$/);
    expect([monotonic, valueType, value], name).toEqual([!gauges.includes(name), 'u64', 0n]);
  }
});

test('every element is delivered, salvaged or counted as dropped by its reason', () => {
  const withoutTime = '{"kind":"Event","auditID":"no time"}';
  const texts = [
    shortEvent('a'),
    'x',
    '{"kind":"Pod"}',
    eventOfSize(3000, 'large'),
    withoutTime,
    `"${'y'.repeat(9000)}"`,
  ];
  const content = lines(texts);
  const reader = open(new Workspace().write('a.log', content), {
    maxEventSize: 2048,
    webhookMaxBatchSize: 8192,
  });
  reader.drain();
  const metrics = reader.metrics();
  expect(metrics).toMatchObject({
    events_received: 6,
    events_delivered: 3,
    events_salvaged: 1,
    bytes_received: content.length,
    batches: 1,
    events_dropped_invalid_json: 1,
    events_dropped_not_audit: 1,
    events_dropped_too_large: 1,
    events_dropped_trap: 0,
    events_without_time: 1,
    traps: 0,
  });
});

test('count on over sources, and start anew with a state', () => {
  const file = new Workspace().write('a.log', lines(names(10).map((id) => shortEvent(id))));
  const state = init();
  for (let round = 1; round <= 3; round++) {
    const instance = state.open(file);
    while (instance.nextBatch().rc !== 'eof');
    instance.close();
    expect(metricsOf(state).events_delivered).toBe(10 * round);
  }
  expect(metricsOf(init()).events_delivered).toBe(0);
});

test('a body that is no JSON is a field error, and the other fields have their values', () => {
  const bad = shortEvent('a', { requestObject: { rules: 1 } }).replace('{"rules":1}', '{"rules":[01]}');
  const reader = open(new Workspace().write('a.log', lines([bad])));
  const [event] = reader.poll();
  expect(event === undefined || reader.state.values(event, ['ka.auditid', 'ka.req.role.rules'])).toEqual(
    event === undefined || { 'ka.auditid': 'a', 'ka.req.role.rules': null },
  );
  reader.poll();
  const { field_errors: errors, events_dropped_invalid_json: dropped } = reader.metrics();
  expect(errors! + dropped!).toBe(1);
});

test('may be read from another thread all the time, and never fall', () => {
  const workspace = new Workspace();
  const file = workspace.write('a.log', lines(names(100_000).map((id) => shortEvent(id))));
  const output = execFileSync(compileDriver(workspace.path), [pluginFile(), '{}', 'metrics', file], {
    encoding: 'utf8',
    timeout: 50_000,
  });
  expect(output).toMatch(/^events_delivered 100000$/m);
  expect(output).toMatch(/^events 100000$/m);
});

test('also over traps', () => {
  const workspace = new Workspace();
  const texts = names(8).flatMap((id) => [shortEvent(id), eventOfSize(14_000_000, 'x')]);
  const file = workspace.write('a.log', lines(texts));
  const config = '{"maxEventSize": 67108864, "webhookMaxBatchSize": 67108864}';
  const output = execFileSync(compileDriver(workspace.path), [pluginFile('small'), config, 'metrics', file], {
    encoding: 'utf8',
    timeout: 50_000,
  });
  expect(output).toMatch(/^traps 8$/m);
  expect(output).toMatch(/^events_dropped_trap 8$/m);
  expect(output).toMatch(/^events 8$/m);
});
