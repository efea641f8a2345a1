// SPDX-License-Identifier: Apache-2.0
// `s3://`, against a bucket that the tests play.
import * as fs from 'node:fs';
import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { drain } from '../support/drive';
import { idsOf } from '../support/events';
import type { WebAnswer } from '../support/host';
import { Account, Cluster, ENVIRONMENT } from '../support/replica';
import type { Wasm } from '../support/wasm';
import { Workspace } from '../support/workspace';
import { Cloud, deliveryOf, errorXml, eventOf, eventsOf, idRange } from './s3-support';

const FROM_START = 's3://logs/eks/?from=start';

const ids = (wasm: Wasm): string[] => idsOf(drain(wasm).events);
/** So much time goes by that listing is due again. */
const later = (cloud: Cloud, seconds = 10): void => void (cloud.host.now += BigInt(seconds) * 1_000_000_000n);

describe('what an object may hold', () => {
  const lines = `${eventsOf('a', 'b').join('\n')}\n${eventOf('c')}`;
  const documents = deliveryOf(['a', 'b']) + deliveryOf(['c']);
  const twice = zlib.gzipSync(
    Buffer.concat([zlib.gzipSync(deliveryOf(['a', 'b'])), zlib.gzipSync(deliveryOf(['c']))]),
  );
  test.each<[string, Buffer | string]>([
    ['JSON Lines', lines],
    ['JSON Lines in gzip', zlib.gzipSync(lines)],
    [
      'gzip in several members',
      Buffer.concat([zlib.gzipSync(lines.slice(0, 99)), zlib.gzipSync(lines.slice(99))]),
    ],
    [
      'an EventList',
      JSON.stringify({ kind: 'EventList', items: eventsOf('a', 'b', 'c').map((e) => JSON.parse(e)) }),
    ],
    ['documents of CloudWatch Logs', documents],
    ['with line breaks between', deliveryOf(['a', 'b']) + '\r\n\n' + deliveryOf(['c']) + '\n'],
    ['in gzip', zlib.gzipSync(documents)],
    [
      'in gzip members',
      Buffer.concat([zlib.gzipSync(deliveryOf(['a', 'b'])), zlib.gzipSync(deliveryOf(['c']))]),
    ],
    ['in gzip in gzip', twice],
    [
      'with the events first',
      '{"logEvents":[{"message":' +
        JSON.stringify(eventOf('a')) +
        '}],"logGroup":"g"}' +
        deliveryOf(['b', 'c']),
    ],
    [
      'with a control message',
      deliveryOf(['a']).replace('DATA_MESSAGE', 'CONTROL_MESSAGE') + deliveryOf(['a', 'b', 'c']),
    ],
  ])('%s', (_name, content) => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', content);
    const wasm = cloud.open(FROM_START);
    expect(ids(wasm)).toEqual(['a', 'b', 'c']);
    expect(wasm.counts()).toMatchObject({ objects_read: 1, events_delivered: 3 });
    expect(wasm.counts()).not.toHaveProperty('objects_set_aside');
    wasm.close();
    expect(cloud.host.openFiles).toBe(0);
  });

  test.each([
    ['JSON Lines', Buffer.from(lines)],
    ['gzip', zlib.gzipSync(lines)],
    ['documents', Buffer.from(documents)],
    ['gzip in gzip', twice],
  ])('whatever comes at once: %s', (_name, content) => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', content);
    // The connection is cut behind each byte in turn.
    let cuts = 0;
    cloud.s3.onGet = (_key, _call, usual) => {
      if (usual.body!.length < 2) return usual;
      cuts++;
      return { ...usual, body: (usual.body as Buffer).subarray(0, 1), failure: 'cut' };
    };
    const wasm = cloud.open(FROM_START);
    const found: string[] = [];
    for (let i = 0; i < content.length * 20 && found.length < 3; i++) {
      later(cloud, 1);
      const batch = wasm.nextBatch();
      if (Array.isArray(batch)) found.push(...idsOf(batch));
    }
    expect(found).toEqual(['a', 'b', 'c']);
    expect(cuts).toBeGreaterThan(content.length / 2);
    expect(cloud.s3.gets.slice(0, 2)).toMatchObject([{}, { range: 'bytes=1-' }]);
    expect(cloud.s3.gets[1]!.ifMatch).toBeDefined();
  });

  test('the cluster is that of the log group, else the one that is given', () => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', deliveryOf(['a'], '/aws/eks/shop/cluster') + deliveryOf(['b'], '/my/group'));
    cloud.s3.put('eks/2', eventOf('c'));
    const wasm = cloud.open(`${FROM_START}&cluster=mine`);
    const clusters: unknown[] = [];
    for (let i = 0; i < 6; i++) {
      const batch = wasm.nextBatch();
      if (!Array.isArray(batch)) continue;
      for (const event of batch) {
        wasm.select(event);
        clusters.push(wasm.extract('ka.cluster.name'));
        expect(wasm.extract('ka.provider')).toBe('s3');
      }
    }
    expect(clusters).toEqual(['shop', 'mine', 'mine']);
  });

  test('what other parts of the control plane log is passed over', () => {
    const cloud = new Cloud();
    const other = deliveryOf(['x'], '/aws/eks/shop/cluster', 'authenticator-0123');
    const scheduler = deliveryOf(['y'], '/aws/eks/shop/cluster', 'kube-scheduler-0123');
    cloud.s3.put('eks/1', other + deliveryOf(['a']) + scheduler);
    const wasm = cloud.open(FROM_START);
    expect(ids(wasm)).toEqual(['a']);
    expect(wasm.counts()).toEqual(
      expect.not.objectContaining({ events_dropped_not_audit: expect.anything() }),
    );
  });

  test('an event that EKS cut is salvaged', () => {
    const cloud = new Cloud();
    const whole = eventOf('a', { requestObject: { spec: 'x'.repeat(500) } });
    const message = `${whole.slice(0, 400)}[Truncated...]`;
    cloud.s3.put('eks/1', deliveryOf(['b']).replace(JSON.stringify(eventOf('b')), JSON.stringify(message)));
    const wasm = cloud.open(FROM_START);
    expect(ids(wasm)).toEqual(['a']);
    expect(wasm.counts()).toMatchObject({ events_salvaged: 1, objects_read: 1 });
  });
});

describe('bad objects', () => {
  const good = deliveryOf(['a', 'b']);
  test.each<[string, Buffer | string, string[], string]>([
    [
      'gzip that breaks off',
      zlib.gzipSync(eventsOf('a', 'b').join('\n') + '\n').subarray(0, -9),
      ['a', 'b'],
      'gzip data',
    ],
    [
      'gzip with garbage behind',
      Buffer.concat([zlib.gzipSync(good), Buffer.from('garbage!')]),
      ['a', 'b'],
      'gzip data',
    ],
    ['no JSON', 'this is no JSON\n', [], 'no audit event'],
    ['an image', Buffer.from([0x89, 0x50, 0x4e, 0x47, 0, 1, 2, 3]), [], 'no audit event'],
    ['JSON of something else', '{"a":1}\n{"b":2}\n', [], 'no audit event'],
  ])('%s is set aside, and what is good is delivered', (_name, content, expected, why) => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', content).put('eks/2', eventOf('z'));
    const wasm = cloud.open(FROM_START);
    expect(ids(wasm)).toEqual([...expected, 'z']);
    expect(wasm.counts()).toMatchObject({ objects_read: 1, objects_set_aside: 1 });
    expect(cloud.messages.join('\n')).toMatch(new RegExp(`set aside.*s3://logs/eks/1: .*${why}`));
    later(cloud);
    expect(ids(wasm)).toEqual([]);
    expect(cloud.s3.gets).toHaveLength(2);
  });

  test.each<[string, string, string[]]>([
    ['a document that breaks off', good.slice(0, -40) + deliveryOf(['c']), ['a', 'c']],
    ['at the end', deliveryOf(['c']) + good.slice(0, -40), ['c', 'a']],
    ['with a broken log event', good.replace('"id"', 'id') + deliveryOf(['c']), ['c']],
    ['garbage between', `${good}%%%]]}${deliveryOf(['c'])}`, ['a', 'b', 'c']],
    ['a log event without a message', good.replace('"message"', '"massage"') + deliveryOf(['c']), ['b', 'c']],
    ['a message that is no event', good.replace('\\"kind\\"', '\\"kond\\"') + deliveryOf(['c']), ['b', 'c']],
  ])('%s costs only itself', (_name, content, expected) => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', content);
    const wasm = cloud.open(FROM_START);
    expect(ids(wasm)).toEqual(expected);
    const counts = wasm.counts();
    expect(
      (counts.events_dropped_invalid_json ?? 0) + (counts.events_dropped_not_audit ?? 0),
    ).toBeGreaterThan(0);
  });

  test('a document above 16 MiB is passed over without being held', () => {
    const cloud = new Cloud();
    const huge = deliveryOf(['x']).replace(
      '"subscriptionFilters"',
      `"padding":"${'x'.repeat(40 << 20)}","a"`,
    );
    cloud.s3.put('eks/1', deliveryOf(['a']) + huge + deliveryOf(['b']));
    const wasm = cloud.open(FROM_START);
    expect(ids(wasm)).toEqual(['a', 'b']);
    expect(wasm.counts()).toMatchObject({ events_dropped_too_large: 1, objects_read: 1 });
    expect(wasm.memoryBytes).toBeLessThan(100 << 20);
  });

  test('nested beginnings of documents cost bounded work', () => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', '{"messageType":1,'.repeat(400_000)).put('eks/2', eventOf('z'));
    const wasm = cloud.open(FROM_START);
    const found: string[] = [];
    for (let i = 0; i < 1000 && found.length === 0; i++) {
      const batch = wasm.nextBatch();
      if (Array.isArray(batch)) found.push(...idsOf(batch));
    }
    expect(found).toEqual(['z']);
    expect(wasm.counts()).toMatchObject({ objects_set_aside: 1 });
  });

  test.each([
    ['vanished', 404, 'NoSuchKey', 'NoSuchKey'],
    ['archived', 403, 'InvalidObjectState', 'InvalidObjectState'],
    ['encrypted with a key of the customer', 400, 'InvalidRequest', 'InvalidRequest'],
  ])('%s: set aside at once', (_name, status, code, why) => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', eventOf('a')).put('eks/2', eventOf('b'));
    cloud.s3.onGet = (key) => (key === 'eks/1' ? { status, body: errorXml(code) } : undefined);
    const wasm = cloud.open(FROM_START);
    expect(ids(wasm)).toEqual(['b']);
    expect(wasm.counts()).toMatchObject({ objects_read: 1, objects_set_aside: 1 });
    expect(cloud.messages.join('\n')).toContain(why);
  });

  test('denied to all: waited for, with the permission that is missing', () => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', eventOf('a'));
    let isDenied = true;
    cloud.s3.onGet = () => (isDenied ? { status: 403, body: errorXml('AccessDenied') } : undefined);
    const wasm = cloud.open(FROM_START);
    for (let i = 0; i < 20; i++) {
      later(cloud);
      expect(ids(wasm)).toEqual([]);
    }
    expect(cloud.messages.join('\n')).toContain('s3:GetObject on arn:aws:s3:::logs/eks/1');
    expect(wasm.counts()).not.toHaveProperty('objects_set_aside');
    isDenied = false;
    later(cloud, 60);
    expect(ids(wasm)).toEqual(['a']);
  });

  test('denied for one: set aside after some attempts', () => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', eventOf('a')).put('eks/2', eventOf('b')).put('eks/3', eventOf('c'));
    cloud.s3.onGet = (key) => (key === 'eks/2' ? { status: 403, body: errorXml('AccessDenied') } : undefined);
    const wasm = cloud.open(FROM_START);
    const found = ids(wasm);
    for (let i = 0; i < 10; i++) {
      later(cloud, 60);
      found.push(...ids(wasm));
    }
    expect(found).toEqual(['a', 'c']);
    expect(wasm.counts()).toMatchObject({ objects_set_aside: 1 });
  });
});

describe('what passes', () => {
  test.each<[string, object]>([
    ['throttling', { status: 503, body: errorXml('SlowDown') }],
    ['an internal error', { status: 500, body: errorXml('InternalError') }],
    ['no connection', { failure: 'connect' }],
    ['expired credentials', { status: 400, body: errorXml('ExpiredToken') }],
    ['a proxy’s page', { status: 502, body: '<html>bad gateway</html>' }],
  ])('%s, of a listing and of an object', (_name, fault) => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', eventOf('a'));
    let listed = 0;
    let got = 0;
    cloud.s3.onList = () => (listed++ < 3 ? fault : undefined);
    cloud.s3.onGet = () => (got++ < 3 ? fault : undefined);
    const wasm = cloud.open(FROM_START);
    const found: string[] = [];
    for (let i = 0; i < 30 && found.length === 0; i++) {
      later(cloud, 5);
      found.push(...ids(wasm));
    }
    expect(found).toEqual(['a']);
    expect(cloud.messages.filter((text) => text.includes('trying again')).length).toBeGreaterThan(0);
  });

  test('a content that changes while it is read is read from its start', () => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', `${eventsOf(...idRange(0, 300)).join('\n')}\n`);
    let isFirst = true;
    cloud.s3.onGet = (key, _call, usual) => {
      if (!isFirst) return undefined;
      isFirst = false;
      cloud.s3.put(key, `${eventsOf('new').join('\n')}\n`);
      return { ...usual, body: (usual.body as Buffer).subarray(0, 20_000), failure: 'cut' };
    };
    const wasm = cloud.open(FROM_START);
    const found = ids(wasm);
    later(cloud);
    found.push(...ids(wasm));
    expect(found.at(-1)).toBe('new');
    expect(new Set(found).size).toBe(found.length);
    expect(cloud.messages.join('\n')).toContain('another content');
  });

  test('a server that knows no ranges', () => {
    const cloud = new Cloud();
    const content = `${eventsOf(...idRange(0, 300)).join('\n')}\n`;
    cloud.s3.put('eks/1', content);
    let isFirst = true;
    cloud.s3.onGet = (_key, _call, { headers }) => {
      const answer = { headers: headers ?? {}, body: Buffer.from(content) };
      if (!isFirst) return answer;
      isFirst = false;
      return { ...answer, body: answer.body.subarray(0, 20_000), failure: 'cut' };
    };
    const wasm = cloud.open(FROM_START);
    const found = ids(wasm);
    later(cloud);
    found.push(...ids(wasm));
    expect(found).toEqual(idRange(0, 300));
  });
});

describe('listing', () => {
  test('pages in the order of keys, and what is unusual in them', () => {
    const cloud = new Cloud();
    const keys = [
      'a b',
      'a+b',
      'ü&<x>',
      '100%',
      'x=1/y',
      '..',
      'a//b',
      'emoji😀',
      'tab\there',
      "it's",
      '(1)*',
    ];
    keys.forEach((key) => cloud.s3.put(`eks/${key}`, eventOf(key)));
    cloud.s3.put('other/1', eventOf('other'));
    cloud.s3.put('eks/', '');
    cloud.s3.pageSize = 3;
    const wasm = cloud.open(FROM_START);
    const sorted = [...keys].sort((one, other) => Buffer.compare(Buffer.from(one), Buffer.from(other)));
    expect(ids(wasm)).toEqual(sorted);
    const [first, second] = cloud.host.calls.filter(({ url }) => url.includes('list-type'));
    expect(first!.url).toBe('http://s3/logs/?encoding-type=url&list-type=2&prefix=eks%2F');
    expect(second!.url).toMatch(
      /^http:\/\/s3\/logs\/\?continuation-token=\S+&encoding-type=url&list-type=2&prefix=eks%2F$/,
    );
    expect(first!.signing).toBe('aws:amz:eu-west-1:s3');
  });

  test('the addresses of AWS', () => {
    const cloud = new Cloud();
    cloud.host.onCall = () => ({ failure: 'connect' });
    cloud.open('s3://logs/x?from=start', { awsEndpoints: {} }).nextBatch();
    cloud.open('s3://my.logs/?from=start', { awsEndpoints: {} }).nextBatch();
    expect(cloud.host.calls.map(({ url }) => url)).toEqual([
      'https://logs.s3.eu-west-1.amazonaws.com/?encoding-type=url&list-type=2&prefix=x',
      'https://s3.eu-west-1.amazonaws.com/my.logs/?encoding-type=url&list-type=2',
    ]);
  });

  test('new objects and late ones are found, each once', () => {
    const cloud = new Cloud();
    cloud.s3.put('eks/2', eventOf('2')).put('eks/4', eventOf('4'));
    const wasm = cloud.open(FROM_START);
    expect(ids(wasm)).toEqual(['2', '4']);
    cloud.s3.put('eks/5', eventOf('5')).put('eks/3', eventOf('3')).put('eks/1', eventOf('1'));
    later(cloud);
    expect(ids(wasm)).toEqual(['1', '3', '5']);
    cloud.s3.objects.delete('eks/3');
    later(cloud);
    expect(ids(wasm)).toEqual([]);
    expect(cloud.s3.gets).toHaveLength(5);
  });

  test('more objects than are remembered', () => {
    const cloud = new Cloud();
    const key = (number: number): string => `eks/${String(number).padStart(5, '0')}`;
    for (let i = 0; i < 2500; i++) cloud.s3.put(key(i * 2), eventOf(`e${i * 2}`));
    const wasm = cloud.open(FROM_START);
    expect(ids(wasm)).toHaveLength(2500);
    cloud.host.calls.length = 0;
    cloud.s3.put(key(4001), eventOf('late')).put(key(99), eventOf('too late'));
    later(cloud);
    expect(ids(wasm)).toEqual(['late']);
    // A look for new ones is one page, behind the oldest that is remembered.
    const lists = cloud.host.calls.filter(({ url }) => url.includes('list-type'));
    expect(lists.map(({ url }) => /start-after=([^&]*)/.exec(url)?.[1])).toEqual(['eks%2F02998', undefined]);
  }, 120_000);

  test('from now on', () => {
    const cloud = new Cloud();
    for (let i = 10; i < 40; i++) cloud.s3.put(`eks/${i}`, eventOf(`old${i}`));
    cloud.s3.pageSize = 7;
    const wasm = cloud.open('s3://logs/eks/');
    expect(ids(wasm)).toEqual([]);
    expect(cloud.s3.gets).toEqual([]);
    cloud.s3.put('eks/40', eventOf('new')).put('eks/235', eventOf('late'));
    later(cloud);
    expect(ids(wasm)).toEqual(['late', 'new']);
  });

  test('behind a key', () => {
    const cloud = new Cloud();
    ['1', '2', '3'].forEach((id) => cloud.s3.put(`eks/${id}`, eventOf(id)));
    expect(ids(cloud.open('s3://logs/eks/?startAfter=eks%2F1'))).toEqual(['2', '3']);
  });

  test.each<[string, string | Buffer]>([
    ['no XML', 'hello'],
    ['HTML', '<html><body>login</body></html>'],
    ['cut', '<ListBucketResult><IsTruncated>false</IsTruncated><Contents><Key>eks/1</Key>'],
    ['more without a token', '<ListBucketResult><IsTruncated>true</IsTruncated></ListBucketResult>'],
    ['a key without a size', '<ListBucketResult><Contents><Key>eks/1</Key></Contents></ListBucketResult>'],
    [
      'a wrong encoding',
      '<ListBucketResult><EncodingType>url</EncodingType><Contents><Key>%zz</Key><Size>1</Size></Contents></ListBucketResult>',
    ],
    [
      'a key that is too long',
      `<ListBucketResult><Contents><Key>${'k'.repeat(1025)}</Key><Size>1</Size></Contents></ListBucketResult>`,
    ],
    [
      'too many keys',
      `<ListBucketResult>${'<Contents><Key>k</Key><Size>1</Size></Contents>'.repeat(1001)}</ListBucketResult>`,
    ],
  ])('a hostile listing: %s', (_name, body) => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', eventOf('a'));
    let isHostile = true;
    cloud.s3.onList = () => (isHostile ? { body } : undefined);
    const wasm = cloud.open(FROM_START);
    expect(ids(wasm)).toEqual([]);
    expect(cloud.messages.join('\n')).toMatch(/cannot list s3:\/\/logs\/eks\/: the answer/);
    isHostile = false;
    later(cloud);
    expect(ids(wasm)).toEqual(['a']);
  });

  test('a listing of empty pages without an end does not spin', () => {
    const cloud = new Cloud();
    cloud.s3.onList = () => ({
      body: '<ListBucketResult><IsTruncated>true</IsTruncated><NextContinuationToken>t</NextContinuationToken></ListBucketResult>',
    });
    const wasm = cloud.open(FROM_START);
    for (let i = 0; i < 200; i++) wasm.nextBatch();
    expect(cloud.s3.lists).toBeLessThan(20);
  });

  test.each([
    ['NoSuchBucket', 404, {}, 'NoSuchBucket'],
    [
      'PermanentRedirect',
      301,
      { 'x-amz-bucket-region': 'us-east-2' },
      'in the region us-east-2: set "region"',
    ],
    ['AccessDenied', 403, {}, 's3:ListBucket on arn:aws:s3:::logs'],
  ])('%s is told, and asked again', (code, status, headers, words) => {
    const cloud = new Cloud();
    cloud.s3.onList = () => ({ status, headers, body: errorXml(code) });
    const wasm = cloud.open(FROM_START);
    drain(wasm);
    later(cloud);
    drain(wasm);
    expect(cloud.messages.join('\n')).toContain(words);
    expect(cloud.s3.lists).toBeGreaterThan(1);
  });
});

describe('restarts', () => {
  const begin = () => {
    const cloud = new Cloud();
    const state = new Workspace().at('state');
    return { cloud, state, open: (params = FROM_START) => cloud.open(params, { stateDir: state }) };
  };

  /** Two batches are acknowledged, a third is not. */
  const readInPart = (wasm: Wasm): void => {
    for (let batches = 0; batches < 3;) if (Array.isArray(wasm.nextBatch())) batches++;
  };

  test.each<[string, (list: string[]) => Buffer | string]>([
    ['JSON Lines', (list) => `${eventsOf(...list).join('\n')}\n`],
    ['gzip', (list) => zlib.gzipSync(`${eventsOf(...list).join('\n')}\n`)],
    ['one document', (list) => deliveryOf(list)],
    ['documents', (list) => list.map((id) => deliveryOf([id])).join('')],
    [
      'a list longer than a batch',
      (list) =>
        `${JSON.stringify({ kind: 'EventList', items: eventsOf(...list).map((e) => JSON.parse(e)) })}\n`,
    ],
  ])('killed in the middle of an object of %s: at most a batch comes twice', (_name, make) => {
    const { cloud, open } = begin();
    cloud.s3.put('eks/1', make(idRange(0, 1000))).put('eks/2', make(idRange(1000, 1600)));
    const seen: string[] = [];
    const repeated: number[] = [];
    // Each process is given so many batches, and then killed without an end.
    for (let process = 0; process < 12; process++) {
      const wasm = open();
      const before = new Set(seen);
      const fresh: string[] = [];
      for (let i = 0; i < 12 && fresh.length < 300; i++) {
        const batch = wasm.nextBatch();
        if (Array.isArray(batch)) fresh.push(...idsOf(batch));
      }
      repeated.push(fresh.filter((id) => before.has(id)).length);
      seen.push(...fresh);
      cloud.host.afterTrap();
    }
    expect(new Set(seen)).toEqual(new Set(idRange(0, 1600)));
    expect(Math.max(...repeated)).toBeLessThanOrEqual(256);
  });

  test('killed before anything of an object has come', () => {
    const { cloud, open } = begin();
    cloud.s3.put('eks/1', deliveryOf(['a'])).put('eks/2', deliveryOf(['b']));
    cloud.s3.onGet = (key, _call, usual) => (key === 'eks/2' ? { ...usual, after: 1e9 } : undefined);
    expect(ids(open())).toEqual(['a']);
    cloud.host.afterTrap();
    cloud.s3.onGet = () => undefined;
    expect(ids(open())).toEqual(['b']);
  });

  test('goes on where it was; late objects are found then, too', () => {
    const { cloud, open } = begin();
    cloud.s3.put('eks/2', eventOf('2')).put('eks/4', eventOf('4'));
    const wasm = open();
    expect(ids(wasm)).toEqual(['2', '4']);
    wasm.close();
    cloud.s3.put('eks/3', eventOf('3')).put('eks/5', eventOf('5'));
    expect(ids(open())).toEqual(['3', '5']);
  });

  test('what came late does not move the object that was read in part', () => {
    const { cloud, open } = begin();
    cloud.s3.put('eks/2', `${eventsOf(...idRange(0, 600)).join('\n')}\n`);
    readInPart(open());
    cloud.host.afterTrap();
    cloud.s3.put('eks/1', eventOf('late'));
    const later = ids(open());
    expect(later).toContain('late');
    expect(later).not.toContain('e0');
  });

  test('an object that changed since it was read in part is read from its start', () => {
    const { cloud, open } = begin();
    cloud.s3.put('eks/1', `${eventsOf(...idRange(0, 600)).join('\n')}\n`);
    readInPart(open());
    cloud.host.afterTrap();
    cloud.s3.put('eks/1', `${eventsOf('x', 'y').join('\n')}\n`);
    expect(ids(open())).toEqual(['x', 'y']);
    expect(cloud.messages.join('\n')).toContain('another content');
  });

  test('an object that is gone since it was read in part', () => {
    const { cloud, open } = begin();
    cloud.s3.put('eks/1', `${eventsOf(...idRange(0, 600)).join('\n')}\n`).put('eks/2', eventOf('z'));
    readInPart(open());
    cloud.host.afterTrap();
    cloud.s3.objects.delete('eks/1');
    expect(ids(open())).toEqual(['z']);
    expect(cloud.messages.join('\n')).toContain('read in part and is gone');
  });

  test('a survey that was not ended is begun anew', () => {
    const { cloud, open } = begin();
    for (let i = 10; i < 40; i++) cloud.s3.put(`eks/${i}`, eventOf(`old${i}`));
    cloud.s3.pageSize = 7;
    let lists = 0;
    cloud.s3.onList = () => (++lists > 2 ? { failure: 'connect' } : undefined);
    drain(open('s3://logs/eks/'));
    cloud.host.afterTrap();
    cloud.s3.onList = () => undefined;
    const wasm = open('s3://logs/eks/');
    expect(ids(wasm)).toEqual([]);
    cloud.s3.put('eks/99', eventOf('new'));
    later(cloud);
    expect(ids(wasm)).toEqual(['new']);
  });

  test('the folder for state cannot be used', () => {
    const { cloud, state } = begin();
    fs.writeFileSync(state, '');
    expect(() => cloud.open(FROM_START, { stateDir: state })).toThrow(/key "stateDir": cannot use/);
  });
});

describe('traps', () => {
  // An event without a time is what the host can make trap.
  const poison = eventOf('poison', { stageTimestamp: undefined });

  test.each<[string, (events: string[]) => Buffer | string]>([
    ['JSON Lines', (events) => `${events.join('\n')}\n`],
    ['gzip', (events) => zlib.gzipSync(`${events.join('\n')}\n`)],
    [
      'documents',
      (events) =>
        events
          .map((event) => `{"messageType":"DATA_MESSAGE","logEvents":[{"message":${JSON.stringify(event)}}]}`)
          .join(''),
    ],
    [
      'one document',
      (events) =>
        `{"messageType":"DATA_MESSAGE","logEvents":[${events.map((event) => `{"message":${JSON.stringify(event)}}`).join()}]}`,
    ],
  ])('an event in %s that traps is left out, and no other', (_name, make) => {
    const cloud = new Cloud();
    const events = eventsOf(...idRange(0, 700));
    events.splice(400, 0, poison);
    cloud.s3.put('eks/1', eventOf('first')).put('eks/2', make(events)).put('eks/3', eventOf('last'));
    const config = cloud.config();
    let wasm = cloud.open(FROM_START);
    cloud.host.poisoned = true;
    const found: string[] = [];
    let traps = 0;
    for (let i = 0; i < 60; i++) {
      try {
        const batch = wasm.nextBatch();
        if (Array.isArray(batch)) found.push(...idsOf(batch));
      } catch {
        expect(++traps).toBeLessThan(3);
        wasm = wasm.successor(config, FROM_START);
      }
    }
    expect(found).toEqual(['first', ...idRange(0, 700), 'last']);
    expect(traps).toBe(1);
    expect(wasm.counts()).toMatchObject({ events_dropped_trap: 1, objects_read: 3 });
  });

  test.each([
    ['without state', false],
    ['with a checkpoint', true],
  ])('between two batches, over and over: all are delivered once: %s', (_name, hasState) => {
    const cloud = new Cloud();
    const more = hasState ? { stateDir: new Workspace().at('state') } : {};
    const list = idRange(0, 1830);
    cloud.s3.put('eks/1', `${eventsOf(...list.slice(0, 600)).join('\n')}\n`);
    cloud.s3.put('eks/2', deliveryOf(list.slice(600, 1200)));
    const items = eventsOf(...list.slice(1200, 1800)).map((event) => JSON.parse(event) as object);
    cloud.s3.put('eks/3', `${JSON.stringify({ kind: 'EventList', items })}\n`);
    list.slice(1800).forEach((id) => cloud.s3.put(`eks/4/${id.padStart(9, '_')}`, eventOf(id)));
    let wasm = cloud.open(FROM_START, more);
    const found: string[] = [];
    for (let idle = 0; idle < 10;) {
      const batch = wasm.nextBatch();
      idle = batch === 'timeout' ? idle + 1 : 0;
      if (!Array.isArray(batch)) continue;
      found.push(...idsOf(batch));
      wasm = wasm.successor(cloud.config(more), FROM_START);
    }
    expect(found).toEqual(list);
  });

  test('the first event of an object', () => {
    const cloud = new Cloud();
    cloud.s3.put('eks/1', `${eventsOf('a').join('\n')}\n`).put('eks/2', `${poison}\n${eventOf('b')}\n`);
    const config = cloud.config();
    let wasm = cloud.open(FROM_START);
    cloud.host.poisoned = true;
    const found: string[] = [];
    for (let i = 0; i < 30; i++) {
      try {
        const batch = wasm.nextBatch();
        if (Array.isArray(batch)) found.push(...idsOf(batch));
      } catch {
        wasm = wasm.successor(config, FROM_START);
      }
    }
    expect(found).toEqual(['a', 'b']);
  });
});

describe('with a ConfigMap', () => {
  test('of two replicas one reads; the other one goes on from there', () => {
    const cloud = new Cloud();
    const cluster = new Cluster();
    new Account().mount(cloud.host);
    for (const [name, value] of Object.entries(ENVIRONMENT)) cloud.host.environment.set(name, value);
    const answer = cloud.host.onCall;
    cloud.host.onCall = (call) => {
      if (!call.url.includes('/api')) return answer(call);
      const { status, headers, body } = cluster.respond(call);
      return { status, headers, body } as WebAnswer;
    };
    const more = { stateConfigMap: 'progress', leaseName: 'falco', leaseDuration: 10 };
    const during = (wasm: Wasm, seconds: number): string[] => {
      const found: string[] = [];
      for (let i = 0; i < seconds; i++) {
        later(cloud, 1);
        found.push(...ids(wasm));
      }
      return found;
    };
    cloud.s3.put('eks/1', eventOf('a')).put('eks/2', `${eventsOf(...idRange(0, 600)).join('\n')}\n`);
    const first = cloud.open(FROM_START, more);
    expect(during(first, 30)).toEqual(['a', ...idRange(0, 600)]);
    // It is stopped; both share a host here, so its requests end.
    cloud.host.afterTrap();
    cloud.s3.put('eks/3', eventOf('b'));
    expect(during(cloud.open(FROM_START, more), 60)).toEqual(['b']);
  });
});

test.each([
  ['s3://', 'needs a bucket'],
  ['s3://logs:80/x', 'needs a bucket'],
  ['s3://logs/x?from=end', 'must be now or start'],
  ['s3://logs/x?from=now&startAfter=k', 'exclude each other'],
  ['s3://logs/x?prefix=y', 'unknown parameter "prefix"'],
])('%s is refused', (params, words) => {
  expect(() => new Cloud().open(params)).toThrow(words);
});

test('region and credentials are needed', () => {
  const cloud = new Cloud();
  cloud.host.environment.set('AWS_EC2_METADATA_DISABLED', 'true');
  expect(() => cloud.open('s3://logs/', { region: '' })).toThrow(/region/);
  cloud.host.environment.delete('AWS_ACCESS_KEY_ID');
  cloud.host.environment.delete('AWS_SECRET_ACCESS_KEY');
  expect(() => cloud.open('s3://logs/')).toThrow(/AWS_EC2_METADATA_DISABLED/);
});
