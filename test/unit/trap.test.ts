// SPDX-License-Identifier: Apache-2.0
// A trap in the middle: a new instance takes over, and nothing is lost or handed over twice. An event without a time
// ends in a trap here while it is read (Host.poisoned); Wasm.successor alone is a trap between two calls, as in
// an extraction.
import * as fs from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Run, WEBHOOK, drain, driveThroughTraps, webhook } from '../support/drive';
import { generatePayload } from '../support/payloads';
import { Random } from '../support/random';
import { idsOf, listText, names, shortEvent } from '../support/events';
import { Host } from '../support/host';
import { type Event, Wasm } from '../support/wasm';
import { Workspace, lines } from '../support/workspace';

const poison = (auditID: string): string => shortEvent(auditID, { stageTimestamp: undefined });

/** `count` events; those at the places given cannot be read. */
function withPoison(count: number, ...places: number[]): string[] {
  return names(count).map((id, i) => (places.includes(i) ? poison(id) : shortEvent(id)));
}

function expected(count: number, ...places: number[]): string[] {
  return names(count).filter((_, i) => !places.includes(i));
}

function poisonedHost(): Host {
  const host = new Host();
  host.poisoned = true;
  return host;
}

/** Each trap has dropped one element, and nothing else was dropped. */
function expectCounts({ wasm, ids, traps }: Run): void {
  expect(wasm.metrics()).toMatchObject({
    events_delivered: ids.length,
    events_dropped_trap: traps,
    events_dropped_invalid_json: 0,
    events_dropped_not_audit: 0,
  });
}

/** A source of each kind, opened over these texts, one a line or element. */
const SOURCES: [
  name: string,
  open: (texts: string[]) => { start: Wasm; params: string; finish(run: Run): void },
][] = [
  [
    'a file of lines',
    (texts) => {
      const params = new Workspace().write('audit.log', lines(texts));
      return { start: new Wasm(poisonedHost()).init().open(params), params, finish: () => {} };
    },
  ],
  [
    'a file with one line, a list',
    (texts) => {
      const params = new Workspace().write('audit.log', lines([listText(texts)]));
      return { start: new Wasm(poisonedHost()).init().open(params), params, finish: () => {} };
    },
  ],
  [
    'a directory with a file for every three lines',
    (texts) => {
      const workspace = new Workspace();
      for (let i = 0; i < texts.length; i += 3) {
        workspace.write(`logs/${String(i).padStart(6, '0')}.log`, lines(texts.slice(i, i + 3)));
      }
      const params = workspace.at('logs');
      return { start: new Wasm(poisonedHost()).init().open(params), params, finish: () => {} };
    },
  ],
  [
    'a followed file',
    (texts) => {
      const params = `file://${new Workspace().write('audit.log', lines(texts))}?from=start`;
      return { start: new Wasm(poisonedHost()).init().open(params), params, finish: () => {} };
    },
  ],
  [
    'a webhook, one list',
    (texts) => {
      const start = webhook('', poisonedHost());
      const queued = start.host.send({ body: listText(texts) });
      return {
        start,
        params: WEBHOOK,
        finish: () => expect([queued.answer?.status, queued.sent]).toEqual([200, true]),
      };
    },
  ],
  [
    'a webhook, a request for every three',
    (texts) => {
      const start = webhook('', poisonedHost());
      const queued = names(Math.ceil(texts.length / 3)).map((_, i) =>
        start.host.send({ body: texts.slice(3 * i, 3 * i + 3).join('\n') }),
      );
      return {
        start,
        params: WEBHOOK,
        finish: () => expect(queued.filter(({ sent }) => !sent)).toEqual([]),
      };
    },
  ],
];

describe.each(SOURCES)('%s', (_, open) => {
  function run(texts: string[], maxTraps = 20): Run {
    const { start, params, finish } = open(texts);
    const result = driveThroughTraps(start, params, '', maxTraps);
    expect(result.finished, `${result.traps} traps`).toBe(true);
    finish(result);
    return result;
  }

  test('without a trap everything comes (the test itself is right)', () => {
    const result = run(withPoison(600));
    expect([result.ids, result.traps]).toEqual([names(600), 0]);
    expectCounts(result);
  });

  test.each([
    ['the first event', 10, [0]],
    ['an event in the first batch', 10, [4]],
    ['the last event', 10, [9]],
    ['the only event but one', 2, [1]],
    ['the first event of the second batch', 600, [256]],
    ['an event of the second batch', 600, [300]],
    ['the last event of a batch', 600, [255]],
    ['two events beside each other', 10, [3, 4]],
    ['two events of one batch', 30, [3, 20]],
    ['events of several batches', 900, [10, 11, 300, 600, 601, 899]],
    ['every third event', 30, [0, 3, 6, 9, 12, 15, 18, 21, 24, 27]],
    ['five in a row', 12, [4, 5, 6, 7, 8]],
  ])('%s', (_name, count, places) => {
    const result = run(withPoison(count, ...places));
    expect(result.ids).toEqual(expected(count, ...places));
    expect(result.traps).toBe(places.length);
    expectCounts(result);
  });

  test('an element that is read again after a trap is counted as received once', () => {
    const { ids, traps, wasm } = run(withPoison(600, 3, 20, 21, 300));
    expect([ids.length, traps]).toEqual([596, 4]);
    expect(wasm.metrics().events_received).toBe(600);
  });

  test('a trap between two batches, at each of them', () => {
    for (const at of [0, 1, 2, 3]) {
      const { start, params, finish } = open(withPoison(600));
      const before: Event[] = [];
      for (let i = 0, batches = 0; batches < at && i < 2000; i++) {
        const batch = start.nextBatch();
        if (batch === 'end') break;
        if (batch === 'timeout') continue;
        before.push(...batch);
        batches++;
      }
      const ids = idsOf(before);
      const rest = driveThroughTraps(start.successor('', params), params);
      expect([...ids, ...rest.ids], `behind batch ${at}`).toEqual(names(600));
      finish(rest);
      expect(rest.wasm.metrics()).toMatchObject({ events_received: 600, events_delivered: 600 });
    }
  });

  test('a trap between two batches, then one while an event is read', () => {
    const { start, params } = open(withPoison(600, 300));
    let first = start.nextBatch();
    for (let i = 0; typeof first === 'string' && i < 10; i++) first = start.nextBatch();
    const ids = idsOf(first as Event[]);
    const rest = driveThroughTraps(start.successor('', params), params);
    expect([...ids, ...rest.ids]).toEqual(expected(600, 300));
    expect(rest.finished).toBe(true);
  });

  test('traps between all batches', () => {
    const { start, params } = open(withPoison(600));
    let wasm = start;
    const ids: string[] = [];
    for (let i = 0; i < 1500 && ids.length < 600; i++) {
      const batch = wasm.nextBatch();
      if (batch === 'end') break;
      if (batch !== 'timeout') {
        ids.push(...idsOf(batch));
        wasm = wasm.successor('', params);
      }
    }
    expect(ids).toEqual(names(600));
    expect(driveThroughTraps(wasm, params).ids).toEqual([]);
  });

  test('the configuration stays', () => {
    const config = '{"maxEventSize": 2000}';
    const { params, start } = open([
      poison('p'),
      shortEvent('large', { verb: 'v'.repeat(3000) }),
      shortEvent('a'),
    ]);
    // The source was opened with the defaults; the instance that takes over gets the configuration.
    const result = driveThroughTraps(start, params, config);
    expect(result.ids).toEqual(['large', 'a']);
    expect(result.wasm.metrics()).toMatchObject({ events_salvaged: 1, events_dropped_trap: 1 });
  });
});

describe('generated payloads', () => {
  test('200 requests of good, bad, cut and trapping elements, with traps between the batches too', () => {
    const random = new Random(5);
    for (let run = 0; run < 40; run++) {
      const start = webhook('', poisonedHost());
      const isPoison = new Set<string>();
      const requests = names(5).map((_, i) => {
        const hasTime = (id: string): boolean => {
          if (random.below(12) !== 0) return true;
          isPoison.add(`${i}-${id}`);
          return false;
        };
        const payload = generatePayload(random, hasTime);
        const body = payload.body.replaceAll('"auditID":"g', `"auditID":"${i}-g`);
        return { ...payload, queued: start.host.send({ body }), ids: payload.good.map((id) => `${i}-${id}`) };
      });
      const good = requests.flatMap(({ ids }) => ids);
      const { wasm, ids: got } = driveThroughTraps(
        start,
        WEBHOOK,
        '',
        isPoison.size,
        () => random.below(3) === 0,
      );
      expect(got).toEqual(good.filter((id) => !isPoison.has(id)));
      expect(wasm.metrics()).toMatchObject({
        events_delivered: got.length,
        events_dropped_trap: isPoison.size,
        events_received: good.length + requests.reduce((sum, { bad }) => sum + bad, 0),
      });
      expect(requests.filter(({ queued }) => !queued.sent)).toEqual([]);
    }
  });
});

describe('what is noted', () => {
  test('bad elements that were counted before the trap are not counted again', () => {
    const start = webhook('', poisonedHost());
    start.host.send({ body: listText(['{x:1}', '5', ...names(300).map((id) => shortEvent(id)), '{x:1}']) });
    const first = idsOf(start.nextBatch() as Event[]);
    const rest = driveThroughTraps(start.successor('', WEBHOOK), WEBHOOK);
    expect([...first, ...rest.ids]).toEqual(names(300));
    expect(rest.wasm.metrics()).toMatchObject({
      events_received: 303,
      events_dropped_invalid_json: 2,
      events_dropped_not_audit: 1,
    });
  });

  test('what a refused request held is counted, although the batch that read it ended in a trap', () => {
    const start = webhook('', poisonedHost());
    const refused = start.host.send({ body: '{x:1}' });
    start.host.send({ body: listText([shortEvent('a'), poison('p')]) });
    const { ids, wasm } = driveThroughTraps(start, WEBHOOK);
    expect([ids, refused.answer?.status]).toEqual([['a'], 400]);
    expect(wasm.metrics()).toMatchObject({
      events_received: 3,
      events_dropped_invalid_json: 1,
      events_dropped_trap: 1,
      http_answers_4xx: 1,
      http_answers_2xx: 1,
    });
  });

  test('the element that is dropped is told in the log, without its text', () => {
    const start = webhook('', poisonedHost());
    start.host.send({ body: listText([shortEvent('a'), poison('secret-id')]) });
    const { wasm } = driveThroughTraps(start, WEBHOOK);
    const warning = wasm.host.logs.filter(({ severity }) => severity === 4).map(({ message }) => message);
    expect(warning).toHaveLength(1);
    expect(warning[0]).toMatch(
      /^an element that made the plugin stop with an internal error at byte \d+ of the body of/,
    );
    expect(JSON.stringify(wasm.host.logs)).not.toContain('secret-id');
  });

  test('a cut element and one that is too large are dropped alone when they trap', () => {
    const large = shortEvent('l', { stageTimestamp: undefined, verb: 'v'.repeat(300_000) });
    const start = webhook('', poisonedHost());
    start.host.send({
      body: [
        shortEvent('a'),
        poison('p').slice(0, -1),
        shortEvent('b'),
        large,
        shortEvent('c').slice(0, -1),
      ].join('\n'),
    });
    const { ids, traps, wasm } = driveThroughTraps(start, WEBHOOK);
    expect([ids, traps]).toEqual([['a', 'b', 'c'], 2]);
    expect(wasm.metrics()).toMatchObject({
      events_received: 5,
      events_delivered: 3,
      events_salvaged: 1,
      events_dropped_trap: 2,
    });
  });

  test('a request in which only the element that traps would be an event is refused', () => {
    const start = webhook('', poisonedHost());
    const bad = start.host.send({ body: poison('p') });
    const good = start.host.send({ body: shortEvent('a') });
    const { ids } = driveThroughTraps(start, WEBHOOK);
    expect(ids).toEqual(['a']);
    expect([bad.answer?.status, good.answer?.status]).toEqual([400, 200]);
  });

  test('answers that waited for the acknowledgement are sent once', () => {
    const start = webhook();
    const queued = start.host.send({ body: shortEvent('a') });
    expect(idsOf(start.nextBatch() as Event[])).toEqual(['a']);
    expect(queued.sent).toBe(false);
    const next = start.successor('', WEBHOOK);
    expect(queued.sent).toBe(false);
    expect(next.nextBatch()).toBe('timeout');
    expect(queued.sent).toBe(true);
    expect(next.metrics().http_answers_2xx).toBe(1);
  });

  test('an element at the same offset of another file is not dropped', () => {
    // The second file has the poison where the first has a good event.
    const workspace = new Workspace();
    workspace.write('logs/1', lines(names(300, 'x').map((id) => shortEvent(id))));
    workspace.write(
      'logs/2',
      lines(names(300, 'x').map((id, i) => (i === 280 ? poison(id) : shortEvent(id)))),
    );
    const params = workspace.at('logs');
    const { ids, traps, finished } = driveThroughTraps(new Wasm(poisonedHost()).init().open(params), params);
    expect([finished, traps]).toEqual([true, 1]);
    expect(ids).toEqual([...names(300, 'x'), ...names(300, 'x').filter((id) => id !== 'x280')]);
  });

  test('a new open after close begins anew', () => {
    const params = new Workspace().write('audit.log', lines(names(300).map((id) => shortEvent(id))));
    const wasm = new Wasm().init().open(params);
    expect(wasm.nextBatch()).toHaveLength(256);
    wasm.close();
    wasm.open(params);
    expect(idsOf(wasm.readAll())).toEqual(names(300));
  });
});

describe('followed files and traps', () => {
  test('what stood in the file before open is not read after a trap', () => {
    const workspace = new Workspace();
    const params = `file://${workspace.write('audit.log', lines([shortEvent('old')]))}`;
    const wasm = new Wasm(poisonedHost()).init().open(params);
    workspace.append('audit.log', lines([shortEvent('a'), poison('p'), shortEvent('b')]));
    const { ids, traps, finished } = driveThroughTraps(wasm, params);
    expect([finished, traps]).toEqual([true, 1]);
    expect(ids).toEqual(['a', 'b']);
  });

  test('a trap behind a rotation', () => {
    const workspace = new Workspace();
    const file = workspace.write('audit.log', lines([shortEvent('a')]));
    const params = `file://${file}?from=start`;
    const wasm = new Wasm(poisonedHost()).init().open(params);
    expect(drain(wasm).sizes).toEqual([1]);
    workspace.append('audit.log', lines([shortEvent('b')]));
    fs.renameSync(file, workspace.at('audit.log.1'));
    workspace.write('audit.log', lines([shortEvent('c'), poison('p'), shortEvent('d')]));
    const { ids, traps, finished } = driveThroughTraps(wasm, params);
    expect([finished, traps]).toEqual([true, 1]);
    expect(ids).toEqual(['b', 'c', 'd']);
  });

  test('a trap behind a truncation', () => {
    const workspace = new Workspace();
    const file = workspace.write('audit.log', lines(names(20, 'x').map((id) => shortEvent(id))));
    const params = `file://${file}?from=start`;
    const wasm = new Wasm(poisonedHost()).init().open(params);
    expect(drain(wasm).sizes).toEqual([20]);
    fs.truncateSync(file, 0);
    workspace.append('audit.log', lines([shortEvent('c'), poison('p'), shortEvent('d')]));
    const { ids, traps, finished } = driveThroughTraps(wasm, params);
    expect([finished, traps]).toEqual([true, 1]);
    expect(ids).toEqual(['c', 'd']);
  });

  test('a partial line is kept over a trap', () => {
    const workspace = new Workspace();
    const file = workspace.write('audit.log', lines([shortEvent('a')]) + shortEvent('b').slice(0, 20));
    const params = `file://${file}?from=start`;
    const wasm = new Wasm().init().open(params);
    expect(drain(wasm).sizes).toEqual([1]);
    const next = wasm.successor('', params);
    expect(drain(next).sizes).toEqual([]);
    workspace.append('audit.log', `${shortEvent('b').slice(20)}\n`);
    expect(idsOf(drain(next).events)).toEqual(['b']);
  });

  test('a line that is too long stays dropped over a trap, and is counted once', () => {
    const config = '{"maxEventSize": 2000, "webhookMaxBatchSize": 3000}';
    const workspace = new Workspace();
    const params = `file://${workspace.write('audit.log', 'x'.repeat(10_000))}?from=start`;
    const wasm = new Wasm().init(config).open(params);
    expect(drain(wasm).sizes).toEqual([]);
    const next = wasm.successor(config, params);
    workspace.append('audit.log', `${shortEvent('part of the line')}\n${shortEvent('a')}\n`);
    expect(idsOf(drain(next).events)).toEqual(['a']);
    expect(next.counts()).toMatchObject({
      events_received: 2,
      events_delivered: 1,
      events_dropped_too_large: 1,
    });
  });

  test('a file that appears and traps at once', () => {
    const workspace = new Workspace();
    const params = `file://${workspace.at('audit.log')}`;
    const wasm = new Wasm(poisonedHost()).init().open(params);
    expect(wasm.nextBatch()).toBe('timeout');
    workspace.write('audit.log', lines([poison('p'), shortEvent('a')]));
    const { ids, traps, finished } = driveThroughTraps(wasm, params);
    expect([finished, traps]).toEqual([true, 1]);
    expect(ids).toEqual(['a']);
  });
});
