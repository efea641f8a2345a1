// SPDX-License-Identifier: Apache-2.0
// Payloads that are made to cost time: all end in a time that grows with their length, not with its square.
import { describe, expect, test } from 'vitest';
import { drain, webhook } from '../support/drive';

describe('hostile payloads end in time that grows with their length', () => {
  // Each of these would take minutes or hours if every element made the scanner look at all that follows.
  test.each([
    ['objects that never close', '{x\n'],
    ['arrays that never close', '[[[[[[[[[\n'],
    ['objects with a value missing', '{"a":\n'],
    ['strings that never close', '{"a\n'],
    ['lists without their end', '{"kind":"EventList","items":[]\n'],
    ['lists in arrays without their end', '[{"kind":"EventList","items":[]\n'],
    ['lists with a cut metadata', '{"kind":"EventList","metadata":{\n'],
    ['lists with a cut event', '{"kind":"EventList","items":[{"a":1\n'],
    ['bodies that never close', '{"requestObject":{\n'],
    ['lists with kind behind, without their end', '{"items":[],"kind":"EventList"\n'],
    ['arrays that close one level less each time', '[[],\n'],
    ['commas', ',\n'],
    ['closing brackets', ']}\n'],
    ['quotes', '"\n'],
    ['lists without their end, with something else between', '{"kind":"EventList","items":[]\n1\n'],
    ['cut objects, with something else between', '{"a":\n"b"\n'],
    ['cut lines in an array whose first line is long', '{x\n', `[${' '.repeat(2_000_000)}\n`],
    ['elements on one line before very many blank lines', '{x}', '{"a":\n{"b":1}', '\n'.repeat(2_000_000)],
    ['cut objects in one line', '{"a":[}'],
    ['cut atoms in one array', '"\\x,', '['],
    ['cut objects in arrays in one line', '[[{x}],'],
  ])(
    '%s',
    (_, piece, start = '', end = '\n') => {
      const body = `${start}${piece.repeat(Math.floor(4_000_000 / piece.length))}${end}`;
      const wasm = webhook();
      const queued = wasm.host.send({ body });
      let turns = 0;
      while (!queued.sent && turns++ < 100) wasm.nextBatch();
      expect(queued.answer?.status).toBe(400);
      expect(wasm.metrics().events_dropped_invalid_json).toBeGreaterThan(0);
    },
    10_000,
  );

  // Each of them is salvaged; reading on behind each to the end would cost the square.
  test.each([
    ['broken events', '{"kind":"Event","auditID":"x","a":tru}\n'],
    ['cut events', '{"kind":"Event","auditID":"x","a":\n'],
    ['cut bodies', '{"kind":"Event","auditID":"x","requestObject":{"a":[{\n'],
    ['events that EKS has cut', '{"kind":"Event","auditID":"x","a":"[Truncated...]\n'],
    ['broken events on one line', '{"kind":"Event","auditID":"x","a":tru}'],
  ])(
    '12 MB of %s are all delivered',
    (_, piece) => {
      const wasm = webhook();
      const count = Math.floor(12_000_000 / piece.length);
      wasm.host.send({ body: piece.repeat(count) });
      expect(drain(wasm).events).toHaveLength(count);
      expect(wasm.metrics()).toMatchObject({ events_received: count, events_salvaged: count });
    },
    20_000,
  );

  test.each([
    ['one array', '[', '1,', '1]'],
    ['members', '{"k":0', ',"k":1', '}'],
    ['members that fields read', '{"k":0', ',"spec":{"name":{"rules":[{"verbs":1}]}}', '}'],
    ['containers', '{"spec":{"containers":[', '{"name":"c","image":"i"},', '1]}}'],
    ['brackets', '', '[', ''],
    ['escapes', '"', '\\ud83d\\ude00', '"'],
  ])(
    'an event of 12 MB of %s is one event in bounded memory',
    (_, start, piece, end) => {
      const wasm = webhook();
      const body = start + piece.repeat(Math.floor(12_000_000 / piece.length)) + end;
      wasm.host.send({ body: `{"kind":"Event","auditID":"x","requestObject":${body}}`.slice(0, 12_582_912) });
      expect(drain(wasm).events).toHaveLength(1);
      expect(wasm.metrics()).toMatchObject({ events_received: 1, events_salvaged: 1 });
      expect(wasm.memoryBytes).toBeLessThan(40_000_000);
    },
    20_000,
  );

  test('a poll ends when it has gone through enough, also without an event', () => {
    const wasm = webhook('{"webhookMaxBatchSize": 60000000}');
    const queued = wasm.host.send({ body: '5\n'.repeat(6_000_000) });
    expect(wasm.nextBatch()).toBe('timeout');
    expect(queued.answer).toBeUndefined();
    let turns = 1;
    while (!queued.sent && turns++ < 100) wasm.nextBatch();
    expect(queued.answer?.status).toBe(400);
    expect(turns).toBeGreaterThan(1);
  });
});
