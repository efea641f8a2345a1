// SPDX-License-Identifier: Apache-2.0
// The time that Falco sees for an event: RFC 3339 timestamps, and what stands in for them.
import { describe, expect, test } from 'vitest';
import { post } from '../support/drive';
import { shortEvent } from '../support/events';

/** Host.now when a test begins: the time of arrival. */
const ARRIVAL = 1_700_000_000_000_000_000n;

function timeOf(members: Record<string, unknown>): bigint {
  const { events } = post(shortEvent('t', members));
  expect(events).toHaveLength(1);
  return events[0].time;
}

const stageTime = (stamp: string): bigint => timeOf({ stageTimestamp: stamp });
const nanoseconds = (iso: string, fraction = 0n): bigint => BigInt(Date.parse(iso)) * 1_000_000n + fraction;

// prettier-ignore
const INVALID = [
  '', 'x', 'now', '2024-05-01', '2024-05-01T12:34:56', '2024-05-01 12:34:56Z', '2024-05-01T12:34Z', '2024-5-1T12:34:56Z',
  '24-05-01T12:34:56Z', '2024-00-01T12:34:56Z', '2024-13-01T12:34:56Z', '2024-05-00T12:34:56Z', '2024-04-31T12:34:56Z',
  '2023-02-29T12:34:56Z', '2100-02-29T12:34:56Z', '2024-05-01T24:00:00Z', '2024-05-01T12:60:00Z', '2024-05-01T12:34:61Z',
  '2024-05-01T12:34:56.Z', '2024-05-01T12:34:56.5', '2024-05-01T12:34:56,5Z', '2024-05-01T12:34:56+0200',
  '2024-05-01T12:34:56+2:00', '2024-05-01T12:34:56+24:00', '2024-05-01T12:34:56+02:60', '2024-05-01T12:34:56+02:00Z',
  '2024-05-01T12:34:56ZZ', '2024-05-01T12:34:56 Z', ' 2024-05-01T12:34:56Z', '2024-05-01T12:34:56Z ', '-024-05-01T12:34:56Z',
  '2024/05/01T12:34:56Z', '+2024-05-01T12:34:56Z', '1969-12-31T23:59:59Z', '2262-01-01T00:00:00Z', '9999-12-31T23:59:59Z',
  '1970-01-01T00:00:00+00:01', '1970-01-01T22:00:00+23:00', '0001-01-01T00:00:00Z',
];

describe('timestamps', () => {
  test.each([
    ['2024-05-01T12:34:56Z', '2024-05-01T12:34:56Z', 0n],
    ['2024-05-01T12:34:56.1Z', '2024-05-01T12:34:56Z', 100_000_000n],
    ['2024-05-01T12:34:56.123456Z', '2024-05-01T12:34:56Z', 123_456_000n],
    ['2024-05-01T12:34:56.123456789Z', '2024-05-01T12:34:56Z', 123_456_789n],
    ['2024-05-01T12:34:56.000000001Z', '2024-05-01T12:34:56Z', 1n],
    ['2024-05-01T12:34:56.1234567899999Z', '2024-05-01T12:34:56Z', 123_456_789n],
    ['2024-05-01t12:34:56z', '2024-05-01T12:34:56Z', 0n],
    ['2024-05-01T12:34:56+00:00', '2024-05-01T12:34:56Z', 0n],
    ['2024-05-01T12:34:56-00:00', '2024-05-01T12:34:56Z', 0n],
    ['2024-05-01T12:34:56+02:00', '2024-05-01T10:34:56Z', 0n],
    ['2024-05-01T12:34:56.5-05:30', '2024-05-01T18:04:56Z', 500_000_000n],
    ['2024-05-01T00:30:00+01:00', '2024-04-30T23:30:00Z', 0n],
    ['2024-12-31T23:59:59-23:59', '2025-01-01T23:58:59Z', 0n],
    ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00Z', 0n],
    ['1970-01-01T00:00:00.000000001Z', '1970-01-01T00:00:00Z', 1n],
    ['2261-12-31T23:59:59.999999999Z', '2261-12-31T23:59:59Z', 999_999_999n],
    ['2016-12-31T23:59:60Z', '2017-01-01T00:00:00Z', 0n],
  ])('%s', (stamp, iso, fraction) => expect(stageTime(stamp)).toBe(nanoseconds(iso, fraction)));

  test('every first and last day of a month from 1970 to 2100, and each 29 February', () => {
    const stamps: string[] = [];
    for (let year = 1970; year <= 2100; year++) {
      for (let month = 0; month < 12; month++) {
        stamps.push(
          new Date(Date.UTC(year, month, 1)).toISOString(),
          new Date(Date.UTC(year, month + 1, 0)).toISOString(),
        );
      }
    }
    expect(stamps.filter((stamp) => stamp.includes('-02-29'))).toHaveLength(32); // 2100 is no leap year
    const { events } = post(
      stamps.map((stamp, i) => shortEvent(`${i}`, { stageTimestamp: stamp })).join('\n'),
    );
    expect(events.map(({ time }) => time)).toEqual(stamps.map((stamp) => nanoseconds(stamp)));
  });

  test.each(INVALID)('%j is none', (stamp) => expect(stageTime(stamp)).toBe(ARRIVAL));

  test('every letter in every place of a timestamp makes it none', () => {
    const stamp = '2024-05-01T12:34:56.789+02:00';
    const broken = [...stamp].map((_, at) => `${stamp.slice(0, at)}x${stamp.slice(at + 1)}`);
    const { events } = post(broken.map((text, i) => shortEvent(`${i}`, { stageTimestamp: text })).join('\n'));
    expect(events.map(({ time }) => time)).toEqual(broken.map(() => ARRIVAL));
  });
});

describe('what stands in for the stage timestamp', () => {
  const stamps = {
    stageTimestamp: '2024-05-01T12:00:03Z',
    requestReceivedTimestamp: '2024-05-01T12:00:02Z',
    timestamp: '2024-05-01T12:00:01Z',
  };

  test('requestReceivedTimestamp, then timestamp (v1alpha1), then the time of arrival', () => {
    expect(timeOf(stamps)).toBe(nanoseconds(stamps.stageTimestamp));
    expect(timeOf({ ...stamps, stageTimestamp: undefined })).toBe(
      nanoseconds(stamps.requestReceivedTimestamp),
    );
    expect(timeOf({ timestamp: stamps.timestamp, stageTimestamp: undefined })).toBe(
      nanoseconds(stamps.timestamp),
    );
    expect(timeOf({ stageTimestamp: undefined })).toBe(ARRIVAL);
  });

  test.each([null, '', 'x', 5, true, {}, []])('%j counts as no timestamp', (stamp) => {
    expect(timeOf({ ...stamps, stageTimestamp: stamp })).toBe(nanoseconds(stamps.requestReceivedTimestamp));
    expect(timeOf({ ...stamps, stageTimestamp: stamp, requestReceivedTimestamp: stamp })).toBe(
      nanoseconds(stamps.timestamp),
    );
    expect(timeOf({ stageTimestamp: stamp, requestReceivedTimestamp: stamp, timestamp: stamp })).toBe(
      ARRIVAL,
    );
  });

  test('events with the time of arrival are counted, others are not', () => {
    const { wasm } = post([shortEvent('a'), shortEvent('b', { stageTimestamp: 'x' })].join('\n'));
    expect(wasm.metrics()).toMatchObject({ events_delivered: 2, events_without_time: 1 });
  });
});
