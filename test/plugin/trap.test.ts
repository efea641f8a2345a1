// SPDX-License-Identifier: Apache-2.0
// Real traps: in the variant `small` the WASM has 24 MiB, so that an event of some megabytes ends in "out of memory".
// The host lives, what caused the trap is dropped and counted, everything else comes exactly once.
import { readFileSync, rmSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { eventOfSize, listText, names, shortEvent } from '../support/events.ts';
import type { PluginState } from '../support/plugin.ts';
import { Workspace, lines } from '../support/workspace.ts';
import { Reader, breathe, idsOf, init, messagesOf, metricsOf, open, severity } from './support.ts';
import { Webhook, post, requestText } from './webhook-support.ts';

/** Lets everything through that the memory can hold. */
const CONFIG = { maxEventSize: 67108864, webhookMaxBatchSize: 134217728 };
/** Fits into the memory once, but not with its copy in the batch. */
const LARGE = 14_000_000;
/** Does not fit at all. */
const HUGE = 26_000_000;

const large = (id: string): string => eventOfSize(LARGE, id);
const huge = (id: string): string => eventOfSize(HUGE, id);

function expectTrapsTold(state: PluginState, dropped: number): void {
  const metrics = metricsOf(state);
  expect(metrics.events_dropped_trap).toBe(dropped);
  expect(metrics.traps).toBeGreaterThanOrEqual(dropped);
  const errors = messagesOf(state.logs, severity.error);
  // Twenty a minute are told, the others only counted.
  expect(errors).toHaveLength(Math.min(metrics.traps!, 20));
  for (const error of errors) expect(error).toMatch(/^internal error while .*; recovered/);
}

describe('a cut or oversized event of 5 MB', () => {
  const start = shortEvent('x').slice(0, -1);
  const SHAPES: [name: string, text: string][] = [
    ['one string', `${start},"requestObject":"${'y'.repeat(5_000_000)}`],
    ['very many values', `${start},"requestObject":[${'1,'.repeat(2_500_000)}1`],
    ['very many members', `${start},"requestObject":{"data":{${'"a":1,'.repeat(700_000)}"b":1`],
    ['nested arrays', `${start},"requestObject":${'['.repeat(5_000_000)}`],
  ];

  test.each(SHAPES)('%s: is salvaged without a trap, and its neighbours come', (name, text) => {
    const closed = `${text}${{ 'one string': '"', 'very many values': ']', 'very many members': '}}' }[name] ?? ''}}`;
    const workspace = new Workspace();
    const path = workspace.write(
      'audit.log',
      lines([shortEvent('a'), text, shortEvent('b'), closed, shortEvent('c')]),
    );
    const reader = open(path, {}, 'small');
    expect(idsOf(reader.readToEnd())).toEqual(['a', 'x', 'b', 'x', 'c']);
    expect(reader.metrics()).toMatchObject({ events_received: 5, events_delivered: 5, events_salvaged: 2 });
    expect(metricsOf(reader.state).traps ?? 0).toBe(0);
  });
});

describe('an event too large for the memory', () => {
  const texts = [shortEvent('a'), large('x'), shortEvent('b'), shortEvent('c'), huge('y'), shortEvent('d')];

  test.each([
    ['in a file', (path: string) => path],
    ['in a followed file', (path: string) => `file://${path}?from=start`],
  ])('%s costs itself alone', (_, params) => {
    const reader = open(params(new Workspace().write('audit.log', lines(texts))), CONFIG, 'small');
    expect(idsOf(reader.read(4))).toEqual(['a', 'b', 'c', 'd']);
    expect(reader.drain()).toHaveLength(4);
    expectTrapsTold(reader.state, 2);
    expect(reader.metrics()).toMatchObject({ events_delivered: 4, events_received: 6 });
  });

  test('in the files of a directory costs itself alone', () => {
    const workspace = new Workspace();
    texts.forEach((text, i) => workspace.write(`logs/${i}.log`, lines([shortEvent(`before${i}`), text])));
    const reader = open(workspace.at('logs'), CONFIG, 'small');
    const expected = ['a', 'x', 'b', 'c', 'y', 'd'].flatMap((id, i) => [`before${i}`, id]);
    expect(idsOf(reader.readToEnd())).toEqual(expected.filter((id) => id !== 'x' && id !== 'y'));
    expectTrapsTold(reader.state, 2);
  });

  test.each([
    ['with its copy', large('x'), 400],
    ['as a body', huge('x'), 413],
  ])('in the webhook (%s) is refused, the others are answered 200 and come once', async (_, body, status) => {
    const hook = new Webhook(CONFIG, 'small');
    const before = names(5, 'before').map((id) => post(hook.port, shortEvent(id)));
    const bad = post(hook.port, body);
    const after = names(5, 'after').map((id) => post(hook.port, shortEvent(id)));
    const answers = await hook.settle('all answers', Promise.all([...before, bad, ...after]));
    const expected = [...before.map(() => 200), status, ...after.map(() => 200)];
    expect(answers.map((answer) => answer.status)).toEqual(expected);
    expect(idsOf(hook.events).sort()).toEqual([...names(5, 'after'), ...names(5, 'before')]);
    expectTrapsTold(hook.state, 1);
    expect(hook.metrics()).toMatchObject({ events_delivered: 10, http_answers_2xx: 10, http_answers_4xx: 1 });
  });

  test('in the middle of a webhook list: the rest of the list comes, and the answer is 200', async () => {
    const hook = new Webhook(CONFIG, 'small');
    const items = [...names(300).map((id) => shortEvent(id)), large('x'), shortEvent('last')];
    expect((await hook.exchange(listText(items))).status).toBe(200);
    expect(idsOf(hook.events)).toEqual([...names(300), 'last']);
    expectTrapsTold(hook.state, 1);
  });

  test('in a capture has no fields; the next one has', () => {
    const state = init({}, 'small');
    const event = state.foreignEvent(huge('x'));
    for (let i = 0; i < 3; i++) expect(state.values(event, ['ka.auditid'])).toEqual({ 'ka.auditid': null });
    expect(state.eventToString(event)).toMatch(/^\(.*\)$/);
    expect(metricsOf(state).traps).toBe(1);
    expect(messagesOf(state.logs, severity.error)).toHaveLength(1);
    expect(state.extractForeign(shortEvent('next'), ['ka.auditid'])[0]?.value).toBe('next');
  });
});

describe('a trap in an extraction', () => {
  /** Makes the WASM trap while the host holds a batch. */
  function trapIn(state: PluginState): void {
    const before = metricsOf(state).traps!;
    expect(state.values(state.foreignEvent(huge('x')), ['ka.verb'])).toEqual({ 'ka.verb': null });
    expect(metricsOf(state).traps).toBe(before + 1);
  }

  test('leaves the batch that the host holds readable, and the source where it was', () => {
    const ids = names(1000);
    const reader = open(new Workspace().write('a.log', lines(ids.map((id) => shortEvent(id)))), {}, 'small');
    while (!reader.ended) {
      const events = reader.poll();
      if (events.length > 0) trapIn(reader.state);
      for (const event of events) {
        const { auditID } = JSON.parse(event.payload.toString()) as { auditID: string };
        expect(reader.state.values(event, ['ka.auditid'])).toEqual({ 'ka.auditid': auditID });
      }
    }
    expect(idsOf(reader.events)).toEqual(ids);
    expect(reader.metrics()).toMatchObject({ events_delivered: 1000, events_received: 1000 });
  });

  test('leaves the requests of the batch to be answered behind it: 200 once, events once', async () => {
    const hook = new Webhook({}, 'small');
    const client = hook.client().send(requestText(shortEvent('a')));
    const list = hook.client().send(requestText(listText(names(600).map((id) => shortEvent(id)))));
    while (hook.events.length < 601) {
      await hook.batch();
      trapIn(hook.state);
      await breathe(10);
    }
    await hook.until('both answers', () => client.statuses.length + list.statuses.length === 2);
    expect([client.statuses, list.statuses]).toEqual([[200], [200]]);
    await hook.idle(4);
    expect(idsOf(hook.events).sort()).toEqual(['a', ...names(600)].sort());
  });

  test('while the file is gone: the other events of the batch still have their fields', () => {
    const workspace = new Workspace();
    const file = workspace.write('a.log', lines(names(10).map((id) => shortEvent(id))));
    const reader = open(file, {}, 'small');
    const events = reader.poll();
    rmSync(file);
    trapIn(reader.state);
    const seen = events.map((event) => reader.state.values(event, ['ka.auditid'])['ka.auditid']);
    expect(seen).toEqual(names(10));
    expect(reader.state.extractForeign(shortEvent('f'), ['ka.auditid'])[0]?.value).toBe('f');
  });

  test('with no source open, then a source', () => {
    const state = init({}, 'small');
    trapIn(state);
    const file = new Workspace().write('a.log', lines([shortEvent('a')]));
    const instance = state.open(file);
    expect(idsOf(instance.nextBatch().events)).toEqual(['a']);
    instance.close();
    trapIn(state);
    expect(idsOf(state.open(file).nextBatch().events)).toEqual(['a']);
  });
});

describe('many traps', () => {
  /** Mappings of this process, and the bytes of them that are in memory. */
  function memory(): { mappings: number; resident: number } {
    const resident = Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
    return {
      mappings: readFileSync('/proc/self/maps', 'utf8').split('\n').length,
      resident: resident * 1024,
    };
  }

  /** Runs `round` a few times; those after the first leave no mapping and little memory behind. */
  function expectFlat(rounds: number, round: () => void): void {
    round();
    const before = memory();
    for (let i = 1; i < rounds; i++) round();
    const after = memory();
    // Node's own heap moves a little; an instance that stays is two mappings and up to 24 MiB.
    expect(after.mappings).toBeLessThan(before.mappings + 60);
    expect(after.resident).toBeLessThan(before.resident + 300_000_000);
  }

  test('two hundred in extractions leave nothing behind', () => {
    const state = init({}, 'small');
    // In turn, because an event that has ended in a trap is not tried again.
    const events = [huge('x'), huge('y')].map((text) => state.foreignEvent(text));
    expectFlat(20, () => {
      for (let i = 0; i < 10; i++) {
        expect(state.values(events[i % 2]!, ['ka.verb'])).toEqual({ 'ka.verb': null });
      }
    });
    expect(metricsOf(state).traps).toBe(200);
  });

  test('forty while a source is read leave nothing behind', () => {
    const file = new Workspace().write(
      'a.log',
      lines(names(4).flatMap((id) => [shortEvent(id), large('x')])),
    );
    const state = init(CONFIG, 'small');
    expectFlat(10, () => {
      const reader = new Reader(state, state.open(file));
      expect(idsOf(reader.readToEnd())).toEqual(names(4));
      reader.instance.close();
    });
    expectTrapsTold(state, 40);
  });
});
