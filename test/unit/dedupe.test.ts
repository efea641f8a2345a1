// SPDX-License-Identifier: Apache-2.0
// Events that a client sends again: which are not delivered again, and when their request is answered.
import { describe, expect, test } from 'vitest';
import { WEBHOOK, drain, webhook } from '../support/drive';
import { idsOf, listText, names, shortEvent } from '../support/events';
import { Random } from '../support/random';
import { Wasm } from '../support/wasm';
import { Workspace, lines } from '../support/workspace';

const a = shortEvent('a');
const b = shortEvent('b');
const windowOf = (size: number): string => JSON.stringify({ dedupeWindow: size });

/** The ids that are delivered of requests that come one after the other. */
function deliver(wasm: Wasm, ...bodies: string[]): string[] {
  return bodies.flatMap((body) => {
    const queued = wasm.host.send({ body });
    const ids = idsOf(drain(wasm).events);
    expect([queued.answer?.status, queued.sent]).toEqual([200, true]);
    return ids;
  });
}

describe('an event that comes again', () => {
  test('is not delivered again, but counted, and its request is good', () => {
    const wasm = webhook('');
    expect(deliver(wasm, a, a, b, a)).toEqual(['a', 'b']);
    expect(wasm.counts()).toMatchObject({
      ...{ events_received: 4, events_delivered: 2, events_deduplicated: 2 },
      ...{ http_answers_2xx: 4, batches: 2 },
    });
    const info = wasm.host.logs.slice(1);
    expect(info).toEqual([
      { severity: 6, message: 'an event that came again was not delivered again (dedupeWindow)' },
    ]);
  });

  test('within a request, a batch, and over batches', () => {
    const wasm = webhook('');
    wasm.host.send({ body: listText([a, b, a]) });
    wasm.host.send({ body: b });
    expect(idsOf(drain(wasm).events)).toEqual(['a', 'b']);
    const many = listText(names(600).map((id) => shortEvent(id)));
    expect(deliver(wasm, many)).toEqual(names(600));
    expect(deliver(wasm, many)).toEqual([]);
  });

  test('is told by all of its text, not by its auditID and stage, which an attacker chooses', () => {
    const wasm = webhook('');
    const text = (verb: string) => shortEvent('same', { stage: 'ResponseComplete', verb });
    expect(deliver(wasm, text('get'), text('delete'), text('delete'), text('create'))).toHaveLength(3);
    expect(deliver(wasm, ` ${text('get')}`)).toEqual([]);
    expect(deliver(wasm, text('get').replace(':', ': '))).toEqual(['same']);
  });

  test('at another length, by one byte at each place', () => {
    const wasm = webhook('');
    const texts = Array.from({ length: 40 }, (_, i) => shortEvent('x', { userAgent: 'u'.repeat(i) }));
    for (const place of [0, 1, 7, 8, 15, 30]) {
      texts.push(shortEvent('x', { userAgent: `${'u'.repeat(place)}v${'u'.repeat(39 - place)}` }));
    }
    expect(deliver(wasm, listText(texts))).toHaveLength(46);
    expect(deliver(wasm, listText(texts))).toEqual([]);
  });

  test('is always delivered when it carries no auditID', () => {
    const wasm = webhook('');
    const without = shortEvent('', { auditID: undefined });
    wasm.host.send({ body: `${without}\n${without}` });
    expect(drain(wasm).events).toHaveLength(2);
    expect(wasm.metrics().events_deduplicated).toBe(0);
  });

  test('is another one when it comes to the path of another cluster', () => {
    const wasm = new Wasm().init('{"webhookClusters": {"/b": "b"}}').open('http://:9765/a?cluster=a');
    for (const path of ['/a', '/b', '/a', '/b']) wasm.host.send({ path, body: a });
    expect(idsOf(drain(wasm).events)).toEqual(['a', 'a']);
  });

  test('is delivered again from a file, and with a window of 0', () => {
    const file = new Workspace().write('audit.log', lines([a, a]));
    expect(idsOf(new Wasm().init().open(file).readAll())).toEqual(['a', 'a']);
    expect(deliver(webhook(windowOf(0)), a, a)).toEqual(['a', 'a']);
  });

  test.each([
    ['that was cut', shortEvent('a').slice(0, -1)],
    ['that was too large', shortEvent('a', { userAgent: 'x'.repeat(3000) })],
  ])('%s and salvaged is known by the text that came', (_, text) => {
    const wasm = webhook('{"maxEventSize": 2000}');
    expect(deliver(wasm, text)).toEqual(['a']);
    expect(deliver(wasm, text)).toEqual([]);
    expect(wasm.counts()).toMatchObject({ events_salvaged: 1, events_deduplicated: 1, events_received: 2 });
  });

  test('is another one when what salvaging left out is different', () => {
    const wasm = webhook('{"maxEventSize": 2000}');
    for (const end of ['1', '2']) {
      expect(deliver(wasm, shortEvent('a', { userAgent: 'x'.repeat(3000) + end }))).toEqual(['a']);
    }
    expect(wasm.counts()).toMatchObject({ events_salvaged: 2, events_delivered: 2 });
  });
});

describe('the answer', () => {
  test('to duplicates of events that Falco has finished comes at once', () => {
    const wasm = webhook('');
    deliver(wasm, a);
    const queued = wasm.host.send({ body: a });
    expect(wasm.nextBatch()).toBe('timeout');
    expect([queued.answer?.status, queued.sent]).toEqual([200, true]);
  });

  test('to duplicates of events in the batch being filled waits until Falco has finished that', () => {
    const wasm = webhook('');
    const queued = [a, a].map((body) => wasm.host.send({ body }));
    expect(idsOf(wasm.nextBatch() as never)).toEqual(['a']);
    expect(queued.map(({ sent }) => sent)).toEqual([false, false]);
    wasm.nextBatch();
    expect(queued.map(({ sent }) => sent)).toEqual([true, true]);
  });

  test('to a duplicate of a request that goes on over batches comes behind the last of them', () => {
    const wasm = webhook('');
    const many = listText(names(600).map((id) => shortEvent(id)));
    const queued = [many, many].map((body) => wasm.host.send({ body }));
    for (let i = 0; i < 3; i++) {
      wasm.nextBatch();
      expect(queued.map(({ sent }) => sent)).toEqual([false, false]);
    }
    expect(wasm.nextBatch()).toBe('timeout');
    expect(queued.map(({ answer, sent }) => [answer?.status, sent])).toEqual([
      [200, true],
      [200, true],
    ]);
  });

  test('counts of duplicates last over a trap behind it', () => {
    const wasm = webhook('');
    deliver(wasm, a, a);
    const next = wasm.successor('', WEBHOOK);
    next.nextBatch();
    expect(next.metrics()).toMatchObject({ events_received: 2, events_deduplicated: 1, http_answers_2xx: 2 });
  });
});

describe('the window', () => {
  test.each([1, 2, 3, 4, 5, 7, 8, 64, 1000])('of %i events forgets the oldest, exactly', (size) => {
    const wasm = webhook(windowOf(size));
    const texts = names(size).map((id) => shortEvent(id));
    expect(deliver(wasm, listText(texts))).toHaveLength(size);
    expect(deliver(wasm, listText(texts))).toEqual([]);
    expect(deliver(wasm, shortEvent('new'))).toEqual(['new']);
    // The oldest is forgotten, the second oldest is not.
    if (size > 1) expect(deliver(wasm, shortEvent('e1'))).toEqual([]);
    expect(deliver(wasm, shortEvent('e0'))).toEqual(['e0']);
  });

  test.each([1, 2, 5, 16, 33])(
    'of %i events does what a plain list does, over ten thousand events',
    (size) => {
      const random = new Random(size);
      const wasm = webhook(windowOf(size));
      const list: string[] = [];
      const expected: string[] = [];
      const texts: string[] = [];
      for (let i = 0; i < 10_000; i++) {
        const id = `e${random.below(size * 2 + 1)}`;
        texts.push(shortEvent(id));
        if (list.includes(id)) continue;
        expected.push(id);
        list.push(id);
        if (list.length > size) list.shift();
      }
      const ids: string[] = [];
      for (let i = 0; i < texts.length; i += 1000) {
        wasm.host.send({ body: listText(texts.slice(i, i + 1000)) });
        ids.push(...idsOf(drain(wasm).events));
      }
      expect(ids).toEqual(expected);
      expect(wasm.metrics().events_deduplicated).toBe(10_000 - expected.length);
    },
  );

  test('is empty after a trap: events come twice rather than not at all', () => {
    const wasm = webhook('');
    deliver(wasm, a);
    const next = wasm.successor('', WEBHOOK);
    expect(deliver(next, a, a)).toEqual(['a']);
  });

  test('after a trap in the middle of a request each of its events comes once', () => {
    const wasm = webhook('');
    const texts = names(600).map((id) => shortEvent(id));
    wasm.host.send({ body: listText(texts) });
    const first = idsOf(wasm.nextBatch() as never);
    const next = wasm.successor('', WEBHOOK);
    expect([...first, ...idsOf(drain(next).events)]).toEqual(names(600));
    expect(next.metrics()).toMatchObject({ events_received: 600, events_deduplicated: 0 });
  });

  test('is empty after close and open', () => {
    const wasm = webhook('');
    deliver(wasm, a);
    expect(deliver(wasm.open(WEBHOOK), a)).toEqual(['a']);
  });

  test('takes no memory before the first event, and none that grows', () => {
    const wasm = webhook(windowOf(1_048_576));
    const before = wasm.memoryBytes;
    expect(before).toBeLessThan(8 * 1024 * 1024);
    deliver(wasm, a);
    const first = wasm.memoryBytes;
    expect(first).toBeGreaterThan(16 * 1024 * 1024);
    for (let i = 0; i < 20; i++) deliver(wasm, listText(names(1000, `r${i}-`).map((id) => shortEvent(id))));
    expect(wasm.memoryBytes - first).toBeLessThan(4 * 1024 * 1024);
  });
});
