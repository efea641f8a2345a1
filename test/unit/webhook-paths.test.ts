// SPDX-License-Identifier: Apache-2.0
// Paths of the webhook: clusters, and health.
import { describe, expect, test } from 'vitest';
import { WEBHOOK, webhook } from '../support/drive';
import { listText, names, shortEvent } from '../support/events';
import { type Event, Wasm } from '../support/wasm';

const FIELD = 'ka.cluster.name';
const annotated = (auditID: string): string =>
  shortEvent(auditID, { annotations: { cluster_name: 'noted' } });

function refusalOf(config: object, params = WEBHOOK): string {
  try {
    new Wasm().init(JSON.stringify(config)).open(params);
  } catch (error) {
    return (error as Error).message;
  }
  throw new Error('it was opened');
}

/** What ka.cluster.name is for an event that comes to a path. */
function clusterOf(wasm: Wasm, path: string, body = shortEvent(path)) {
  wasm.host.send({ path, body });
  const batch = wasm.nextBatch();
  if (typeof batch === 'string') return undefined;
  wasm.select(batch[0]);
  return wasm.extract(FIELD);
}

describe('the cluster', () => {
  test('of ?cluster= is the one of the path in open_params', () => {
    for (const params of ['http://:9765/x?cluster=east%201', 'unix:///s?path=/x&cluster=east%201']) {
      expect(clusterOf(new Wasm().init().open(params), '/x')).toBe('east 1');
    }
  });

  test('of webhookClusters: a path and a name each', () => {
    const config = JSON.stringify({ webhookClusters: { '/west': 'west', '/n ord': 'nörd ☃' } });
    const wasm = new Wasm().init(config).open('http://:9765/x?cluster=east');
    expect(['/x', '/west', '/n%20ord', '/west/', '/'].map((path) => clusterOf(wasm, path))).toEqual([
      ...['east', 'west', 'nörd ☃'],
      ...[undefined, undefined],
    ]);
    expect(clusterOf(wasm, '/west', annotated('b'))).toBe('west');
  });

  test('without one it is what the annotation says', () => {
    const config = JSON.stringify({ webhookClusters: { '/west': 'west' } });
    const wasm = new Wasm().init(config).open(WEBHOOK);
    expect(clusterOf(wasm, '/k8s-audit', annotated('a'))).toBe('noted');
    expect(clusterOf(wasm, '/k8s-audit')).toBeNull();
  });

  test('of events of several paths in one batch, and over several batches', () => {
    const config = JSON.stringify({ webhookClusters: { '/west': 'west' }, dedupeWindow: 0 });
    const wasm = new Wasm().init(config).open('http://:9765/east?cluster=east');
    for (let i = 0; i < 200; i++) {
      wasm.host.send({ path: '/east', body: shortEvent(`east${i}`) });
      wasm.host.send({ path: '/west', body: shortEvent(`west${i}`) });
    }
    let seen = 0;
    for (let batch = wasm.nextBatch(); batch !== 'timeout'; batch = wasm.nextBatch()) {
      for (const event of batch === 'end' ? [] : batch) {
        wasm.select(event);
        expect(event.payload).toContain(`"auditID":"${wasm.extract(FIELD) as string}`);
        seen++;
      }
    }
    expect(seen).toBe(400);
  });

  test('is asked for twice, and together with other fields', () => {
    const wasm = new Wasm().init().open('http://:9765/x?cluster=east');
    wasm.host.send({ path: '/x', body: shortEvent('a') });
    wasm.select((wasm.nextBatch() as Event[])[0]);
    expect([FIELD, 'ka.auditid', FIELD].map((name) => wasm.extract(name))).toEqual(['east', 'a', 'east']);
    expect(wasm.extractWithOffsets(FIELD).offsets).toEqual([{ start: 0, length: 0 }]);
  });

  test('of an event from elsewhere is what the annotation says', () => {
    const wasm = new Wasm().init().open('http://:9765/x?cluster=east');
    expect(clusterOf(wasm, '/x')).toBe('east');
    wasm.selectForeign(annotated('f'));
    expect(wasm.extract(FIELD)).toBe('noted');
    wasm.selectForeign(shortEvent('f'));
    expect(wasm.extract(FIELD)).toBeNull();
  });

  test('is known after a trap, for a request that came before it', () => {
    const params = 'http://:9765/x?cluster=east';
    const wasm = new Wasm().init().open(params);
    wasm.host.send({ path: '/x', body: listText(names(300).map((id) => shortEvent(id))) });
    wasm.nextBatch();
    const next = wasm.successor('', params);
    next.select((next.nextBatch() as Event[])[0]);
    expect(next.extract('ka.auditid')).toBe('e256');
    expect(next.extract(FIELD)).toBe('east');
  });

  test.each([
    [
      { webhookClusters: { '/k8s-audit': 'x' } },
      'key "webhookClusters": the path "/k8s-audit" is given twice',
    ],
    [{ webhookClusters: { west: 'x' } }, 'key "webhookClusters": the path "west" does not begin with /'],
    [{ webhookClusters: { '': 'x' } }, 'key "webhookClusters": the path "" does not begin with /'],
    [
      { webhookClusters: { '/west': '' } },
      'key "webhookClusters": the name of the cluster for the path "/west" is empty',
    ],
  ])('%j is refused', (config, message) => expect(refusalOf(config)).toBe(`init_config: ${message}`));

  test('a path that is given twice in webhookClusters is refused', () => {
    expect(() => new Wasm().init('{"webhookClusters": {"/a": "x", "/a": "y"}}').open(WEBHOOK)).toThrow(
      'init_config: key "webhookClusters": the path "/a" is given twice',
    );
  });
});

describe('health', () => {
  function ask(wasm: Wasm, path: string, method = 'GET') {
    const queued = wasm.host.send({ path, method, headers: {}, body: '' });
    wasm.nextBatch();
    expect(queued.sent).toBe(true);
    return queued.answer!;
  }

  test.each(['/healthz', '/readyz', '/readyz?verbose'])('GET and HEAD of %s: 200, and no more', (path) => {
    const wasm = webhook();
    const logs = wasm.host.logs.length;
    for (const method of ['GET', 'HEAD'])
      expect(ask(wasm, path, method)).toEqual({ status: 200, text: 'ok\n' });
    expect(wasm.counts()).toEqual({});
    expect(wasm.host.logs).toHaveLength(logs);
  });

  test.each(['POST', 'PUT', 'DELETE'])('%s: 405', (method) => {
    expect(ask(webhook(), '/healthz', method).status).toBe(405);
  });

  test('ready as long as there is room', () => {
    const wasm = webhook('{"webhookMaxWaiting": 16000000}');
    const statuses = [14_000_000, 14_000_001, 16_000_000, 0].map((held) => {
      wasm.host.status.held = held;
      return [ask(wasm, '/readyz').status, ask(wasm, '/healthz').status];
    });
    expect(statuses).toEqual([
      [200, 200],
      [503, 200],
      [503, 200],
      [200, 200],
    ]);
    wasm.host.status.held = 16_000_000;
    expect(ask(wasm, '/readyz').text).toBe('not ready\n');
    expect(wasm.counts()).toEqual({});
    expect(wasm.metrics().http_held).toBe(16_000_000);
  });

  test('other paths, or none', () => {
    const wasm = webhook('{"webhookHealthPath": "/alive", "webhookReadyPath": ""}');
    expect(['/alive', '/healthz', '/readyz'].map((path) => ask(wasm, path).status)).toEqual([200, 404, 404]);
    const none = webhook('{"webhookHealthPath": "", "webhookReadyPath": ""}');
    expect(['', '/'].map((path) => ask(none, path).status)).toEqual([404, 404]);
  });

  test.each([
    [{ webhookHealthPath: '/k8s-audit' }, 'key "webhookHealthPath": the path "/k8s-audit" is given twice'],
    [{ webhookReadyPath: '/k8s-audit' }, 'key "webhookReadyPath": the path "/k8s-audit" is given twice'],
    [{ webhookClusters: { '/readyz': 'x' } }, 'key "webhookReadyPath": the path "/readyz" is given twice'],
    [
      { webhookHealthPath: '/h', webhookReadyPath: '/h' },
      'key "webhookReadyPath": the path "/h" is given twice',
    ],
    [{ webhookHealthPath: 'healthz' }, 'key "webhookHealthPath": the path "healthz" does not begin with /'],
  ])('%j is refused', (config, message) => expect(refusalOf(config)).toBe(`init_config: ${message}`));
});
