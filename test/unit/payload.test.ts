// SPDX-License-Identifier: Apache-2.0
// What is made of a payload (the body of a webhook request here): events in their order, each once, the good ones
// between the bad ones, and what is counted.
import { describe, expect, test } from 'vitest';
import { drain, post, webhook } from '../support/drive';
import { eventOfSize, idsOf, listText, names, shortEvent } from '../support/events';
import { generatePayload } from '../support/payloads';
import { Random } from '../support/random';
import { EVENT_HEADER } from '../support/wasm';

const a = shortEvent('a');
const b = shortEvent('b');
const c = shortEvent('c');

/** The counters of elements that were dropped. */
function dropped(metrics: Record<string, number>): Record<string, number> {
  const found = Object.entries(metrics).filter(
    ([name, count]) => name.startsWith('events_dropped') && count > 0,
  );
  return Object.fromEntries(found.map(([name, count]) => [name.slice('events_dropped_'.length), count]));
}

/** How many elements were dropped, or delivered with what could be kept of them. */
function faulty(metrics: Record<string, number>): number {
  return Object.values(dropped(metrics)).reduce((sum, count) => sum + count, metrics.events_salvaged);
}

/** Bytes of a short event up to the end of its auditID, of one character: with them, it is delivered. */
const ID_END = a.indexOf('"a"') + 3;

describe('forms', () => {
  test.each([
    ['an event', a, ['a']],
    ['an event in white space', ` \r\n\t${a}\n\n`, ['a']],
    ['events one behind the other', a + b + c, ['a', 'b', 'c']],
    ['JSON Lines', `${a}\n${b}\n${c}\n`, ['a', 'b', 'c']],
    ['JSON Lines with CRLF and empty lines', `\r\n${a}\r\n\r\n${b}\r\n`, ['a', 'b']],
    ['an array', `[${a},${b}]`, ['a', 'b']],
    ['an array in white space', ` [ ${a} , ${b} ] `, ['a', 'b']],
    ['arrays in arrays', `[[${a}],[[${b}],[]],${c}]`, ['a', 'b', 'c']],
    ['an EventList', listText([a, b]), ['a', 'b']],
    ['an EventList with one event', listText([a]), ['a']],
    ['kind in front', `{"kind":"EventList","items":[${a},${b}]}`, ['a', 'b']],
    ['kind behind', `{"items":[${a},${b}],"kind":"EventList"}`, ['a', 'b']],
    [
      'sorted keys',
      `{"apiVersion":"audit.k8s.io/v1","items":[${a},${b}],"kind":"EventList","metadata":{}}`,
      ['a', 'b'],
    ],
    ['members behind the items', `{"kind":"EventList","items":[${a}],"x":[1,{"y":"]}"}],"z":null}`, ['a']],
    ['members before the kind', `{"x":{"items":[1]},"kind":"EventList","items":[${a}]}`, ['a']],
    ['a big metadata', `{"metadata":{"a":"${'}'.repeat(200)}"},"kind":"EventList","items":[${a}]}`, ['a']],
    ['white space in a list', `{ "kind" : "EventList" , "items" : [ ${a} , ${b} ] } `, ['a', 'b']],
    [
      'items without kind and apiVersion',
      listText(['{"auditID":"n","stageTimestamp":"2024-05-01T12:00:00Z"}']),
      ['n'],
    ],
    ['lists one behind the other', `${listText([a])}\n${listText([b])}${c}`, ['a', 'b', 'c']],
    ['lists in an array', `[${listText([a])},${listText([b])},${c}]`, ['a', 'b', 'c']],
    ['lists in a list', listText([listText([a]), `{"items":[${b}],"kind":"EventList"}`, c]), ['a', 'b', 'c']],
    ['an array in a list', listText([`[${a},${b}]`, c]), ['a', 'b', 'c']],
    ['v1beta1', shortEvent('o', { apiVersion: 'audit.k8s.io/v1beta1' }), ['o']],
    ['v1alpha1', shortEvent('o', { apiVersion: 'audit.k8s.io/v1alpha1' }), ['o']],
    [
      'an event whose bodies look like lists',
      shortEvent('r', { requestObject: { items: [1] }, items: [2] }),
      ['r'],
    ],
  ])('%s', (_, body, ids) => {
    const result = post(body);
    expect(result.ids).toEqual(ids);
    expect(dropped(result.wasm.metrics())).toEqual({});
    expect(result.status).toBe(200);
    expect(result.wasm.metrics()).toMatchObject({
      events_received: ids.length,
      events_delivered: ids.length,
    });
  });

  test('the payload of an event is its own text, byte for byte', () => {
    const odd = '{ "kind" :"Event", "auditID":"é\\u0041", "x":[ 1 , {} ] }';
    const { events } = post(`{"kind":"EventList","items":[\n ${odd} , ${a}]}`);
    expect(events.map(({ payload }) => payload)).toEqual([odd, a]);
  });

  test('every place of white space in an EventList', () => {
    const tokens = [
      '{',
      '"kind"',
      ':',
      '"EventList"',
      ',',
      '"items"',
      ':',
      '[',
      a,
      ',',
      b,
      ']',
      ',',
      '"x"',
      ':',
      '1',
      '}',
    ];
    for (let at = 0; at <= tokens.length; at++) {
      expect(post([...tokens.slice(0, at), ' \n\t ', ...tokens.slice(at)].join('')).ids, `${at}`).toEqual([
        'a',
        'b',
      ]);
    }
  });

  test.each([
    ['nothing', ''],
    ['white space', ' \n '],
    ['an empty array', '[]'],
    ['empty arrays', '[[],[[]]]'],
    ['a list without items', '{"kind":"EventList"}'],
    ['a list with no items', listText([])],
    ['a list with no items, kind behind', '{"items":[],"kind":"EventList"}'],
    ['a list whose items are null', '{"kind":"EventList","items":null}'],
  ])('%s has no event and no fault', (_, body) => {
    const { ids, wasm } = post(body);
    expect(ids).toEqual([]);
    expect(dropped(wasm.metrics())).toEqual({});
  });
});

describe('what is no audit event', () => {
  // prettier-ignore
  const ELEMENTS = [
    'null', 'true', '5', '"text"', '{}', '{"kind":null}', '{"kind":5}', '{"kind":"event"}', '{"kind":"Pod"}',
    '{"kind":"Event","apiVersion":"v1"}', '{"kind":"Event","apiVersion":"events.k8s.io/v1"}', '{"kind":"Event","apiVersion":5}',
    '{"kind":"EventList","apiVersion":"v1","items":[]}', '{"auditID":"no kind"}',
  ];

  test.each(ELEMENTS)('%s', (element) => {
    const { ids, wasm } = post(`[${a},${element},${b}]`);
    expect(ids).toEqual(['a', 'b']);
    expect(dropped(wasm.metrics())).toEqual({ not_audit: 1 });
  });

  test.each([
    `{"kind":"EventList","apiVersion":"v1","items":[${a}]}`,
    `{"apiVersion":"v1","kind":"EventList","items":[${a}]}`,
    `{"apiVersion":"v1","items":[${a}],"kind":"EventList"}`,
    `{"items":[${a}],"kind":"EventList","apiVersion":"v1"}`,
    `{"kind":"PodList","items":[${a}]}`,
    `{"items":[${a}]}`,
  ])('a list of another API: %s', (body) => {
    const { ids, wasm } = post(body);
    expect(ids).toEqual([]);
    expect(dropped(wasm.metrics())).toEqual({ not_audit: 1 });
  });

  test('in a list, an item of another API', () => {
    const { ids, wasm } = post(
      listText([a, '{"kind":"Pod"}', '{"apiVersion":"v1","auditID":"x"}', '5', 'null', b]),
    );
    expect(ids).toEqual(['a', 'b']);
    expect(dropped(wasm.metrics())).toEqual({ not_audit: 4 });
  });
});

describe('a bad element costs only itself', () => {
  const BAD = [
    ['an object with a bad value', '{"kind":"Event","id":"x","y":tru}'],
    ['an object with a bad key', '{x:1}'],
    ['an object with a comma too many', '{"kind":"Event","id":"x",}'],
    ['an object with mixed brackets', '{"a":[1}]'],
    ['an object with a bad escape', '{"kind":"Event","id":"x","y":"\\q]}"}'],
    ['a bad atom', 'nonsense'],
    ['a number in a bad form', '1.'],
    ['a string with a bad escape', '"\\q"'],
    ['a string with brackets and a bad escape', '"a]b,c}d\\q"'],
    ['an array that is nested too deep', `${'['.repeat(300)}${']'.repeat(300)}`],
    ['an object with too many values', `{"kind":"Event","a":[${'1,'.repeat(263_000)}1]}`],
  ] as const;

  test.each(BAD)('%s', (_, bad) => {
    for (const [before, behind] of [
      [[], [a, b, c]],
      [[a], [b, c]],
      [[a, b, c], []],
    ]) {
      const elements = [...before, bad, ...behind];
      for (const body of [`[${elements.join(',')}]`, `[[${elements.join(',')}]]`, listText(elements)]) {
        const { ids, wasm, status } = post(body);
        expect(ids, body.slice(0, 200)).toEqual(['a', 'b', 'c']);
        expect(faulty(wasm.metrics()), body.slice(0, 200)).toBeGreaterThan(0);
        expect(status).toBe(200);
      }
      expect(post(`${elements.join('\n')}\n`).ids).toEqual(['a', 'b', 'c']);
    }
  });

  test('each is counted once', () => {
    const bad = ['{"kind":"Pod","y":tru}', '{x:1}', 'nonsense', '"\\q"'];
    for (const body of [`[${bad.join(',')},${a}]`, listText([...bad, a]), `${bad.join('\n')}\n${a}`]) {
      const { ids, wasm } = post(body);
      expect(ids).toEqual(['a']);
      expect(wasm.metrics()).toMatchObject({
        events_received: 5,
        events_delivered: 1,
        events_dropped_invalid_json: 4,
      });
    }
  });

  test('an event that is too large is made smaller', () => {
    const large = eventOfSize(2001, 'large');
    for (const body of [`[${a},${large},${b}]`, listText([a, large, b]), [a, large, b].join('\n')]) {
      const { ids, wasm } = post(body, '{"maxEventSize":2000}');
      expect(ids).toEqual(['a', 'large', 'b']);
      expect(dropped(wasm.metrics())).toEqual({});
      expect(wasm.metrics()).toMatchObject({ events_received: 3, events_salvaged: 1 });
    }
  });

  test('every start of a line is dropped, or salvaged once it has its auditID, without the good lines around it', () => {
    for (let length = 1; length < b.length; length++) {
      const cut = b.slice(0, length);
      const { ids, wasm } = post(`${a}\n${cut}\n${c}\n${a}\n`);
      const kept = length >= ID_END ? ['b'] : [];
      expect(ids, cut).toEqual(['a', ...kept, 'c', 'a']);
      expect(wasm.metrics(), cut).toMatchObject({
        events_received: 4,
        events_delivered: 3 + kept.length,
        events_salvaged: kept.length,
      });
    }
  });

  test('every end of a line is dropped without the good lines around it', () => {
    for (let length = 1; length < b.length; length++) {
      const cut = b.slice(length);
      expect(post(`${a}\n${cut}\n${c}\n`).ids, cut).toEqual(['a', 'c']);
    }
  });

  test('every start of an array on a line is read without the good lines behind it', () => {
    const array = `[${b},${b}]`;
    for (let length = 1; length < array.length; length++) {
      const { ids } = post(`${array.slice(0, length)}\n${c}\n`);
      expect(
        ids.filter((id) => id === 'c'),
        array.slice(0, length),
      ).toEqual(['c']);
      const starts = [1, b.length + 2];
      expect(ids.length - 1).toBe(starts.filter((start) => length >= start + ID_END).length);
    }
  });

  test('every start of a list on a line is read without the good lines behind it', () => {
    for (const list of [listText([b, b]), `{"items":[${b}],"kind":"EventList"}`]) {
      for (let length = 1; length < list.length; length++) {
        const { ids, wasm } = post(`${list.slice(0, length)}\n${c}\n`);
        expect(
          ids.filter((id) => id === 'c'),
          list.slice(0, length),
        ).toEqual(['c']);
        expect(faulty(wasm.metrics()), list.slice(0, length)).toBeGreaterThan(0);
      }
    }
  });

  test('half of two thousand lines are cut: the other half is delivered', () => {
    const body = names(2000).map((id, i) => (i % 2 === 0 ? shortEvent(id) : shortEvent(id).slice(0, 20)));
    const { ids, wasm } = post(body.join('\n'));
    expect(ids).toHaveLength(1000);
    expect(ids).toEqual(names(2000).filter((_, i) => i % 2 === 0));
    expect(wasm.metrics()).toMatchObject({ events_delivered: 1000, events_dropped_without_id: 1000 });
  });
});

describe('generated payloads', () => {
  test('500 of them: all good events, in order, each once; each bad element counted once', () => {
    const random = new Random(4);
    let events = 0;
    for (let run = 0; run < 500; run++) {
      const { body, good, bad } = generatePayload(random);
      const { ids, wasm } = post(body);
      expect(ids, body).toEqual(good);
      const { events_received: received, events_delivered: delivered } = wasm.metrics();
      expect([delivered, received - delivered], body).toEqual([good.length, bad]);
      events += good.length;
    }
    expect(events).toBeGreaterThan(2500);
  });
});

describe('cut payloads', () => {
  test('every start of an EventList gives the events up to the cut', () => {
    const body = listText([a, b, c]);
    const ends = [a, b, c].map((event) => body.indexOf(event) + ID_END);
    for (let length = 0; length < body.length; length++) {
      const { ids, wasm, status } = post(body.slice(0, length));
      expect(ids, body.slice(0, length)).toEqual(['a', 'b', 'c'].filter((_, i) => ends[i] <= length));
      expect(status).toBe(ids.length > 0 ? 200 : 400);
      if (length > 0) expect(faulty(wasm.metrics()), body.slice(0, length)).toBe(1);
    }
  });

  test('every start of an array gives the events up to the cut', () => {
    const body = `[${a},${b}]`;
    for (let length = 1; length < body.length; length++) {
      const { ids, wasm } = post(body.slice(0, length));
      const second = a.length + 2;
      expect(ids).toEqual(['a', 'b'].filter((_, i) => length >= (i === 0 ? 1 : second) + ID_END));
      expect(faulty(wasm.metrics())).toBe(1);
    }
  });
});

describe('batches', () => {
  test('an event is laid out as libscap reads it', () => {
    const { events, wasm } = post(listText([a, b]));
    for (const { address, payload, time } of events) {
      const length = Buffer.byteLength(payload);
      const header = new DataView(wasm.host.memory.buffer, address, EVENT_HEADER);
      expect(address % 16).toBe(0);
      expect({
        time: header.getBigUint64(0, true),
        thread: header.getBigUint64(8, true),
        length: header.getUint32(16, true),
        type: header.getUint16(20, true),
        parameters: header.getUint32(22, true),
        lengths: [header.getUint32(26, true), header.getUint32(30, true)],
        plugin: header.getUint32(34, true),
      }).toEqual({
        time,
        thread: 2n ** 64n - 1n,
        length: EVENT_HEADER + length,
        type: 322,
        parameters: 2,
        lengths: [4, length],
        plugin: 0,
      });
    }
  });

  test.each([
    [255, [255]],
    [256, [256]],
    [257, [256, 1]],
    [600, [256, 256, 88]],
  ])('%i events', (count, sizes) => {
    const events = names(count).map((id) => shortEvent(id));
    for (const body of [events.join('\n'), `[${events.join(',')}]`, listText(events)]) {
      const result = post(body);
      expect(result.sizes).toEqual(sizes);
      expect(result.ids).toEqual(names(count));
    }
  });

  test('10000 items, in order, each once, in every form', () => {
    const events = names(10_000).map((id) => shortEvent(id));
    const reversed = `{"items":[${events.join(',')}],"kind":"EventList"}`;
    for (const body of [listText(events), reversed, events.join('\n')]) {
      const { ids, sizes, wasm, status } = post(body);
      expect(ids).toEqual(names(10_000));
      expect(Math.max(...sizes)).toBe(256);
      expect(status).toBe(200);
      expect(wasm.metrics()).toMatchObject({
        events_received: 10_000,
        events_delivered: 10_000,
        batches: 40,
      });
    }
  });

  test('a batch is full with about 1 MiB; one event may go over', () => {
    const events = names(20).map((id) => eventOfSize(200_000, id));
    const { sizes, ids } = post(listText(events));
    expect(sizes).toEqual([6, 6, 6, 2]);
    expect(ids).toEqual(names(20));
  });

  test('an event above a batch comes alone', () => {
    const config = '{"maxEventSize": 5000000}';
    const events = ['x', 'y', 'z'].map((id) => eventOfSize(4_000_000, id));
    expect(post(listText(events), config)).toMatchObject({ sizes: [1, 1, 1], ids: ['x', 'y', 'z'] });
  });

  test('several requests share a batch, and one request takes several', () => {
    const wasm = webhook();
    for (let i = 0; i < 10; i++)
      wasm.host.send({ body: listText(names(100, `r${i}-`).map((id) => shortEvent(id))) });
    const { sizes, events } = drain(wasm);
    expect(sizes).toEqual([256, 44, 256, 44, 256, 44, 100]);
    expect(idsOf(events)).toEqual(Array.from({ length: 10 }, (_, i) => names(100, `r${i}-`)).flat());
  });

  test('the memory of a huge batch is given back', () => {
    const wasm = webhook('{"maxEventSize": 60000000, "webhookMaxBatchSize": 60000000, "dedupeWindow": 0}');
    const sizes: number[] = [];
    for (let i = 0; i < 6; i++) {
      wasm.host.send({ body: eventOfSize(8_000_000, 'x') });
      expect(idsOf(drain(wasm).events)).toEqual(['x']);
      wasm.host.requests.length = 0;
      sizes.push(wasm.memoryBytes);
    }
    expect(sizes[5]).toBe(sizes[2]);
  });
});
