// SPDX-License-Identifier: Apache-2.0
// Bodies that come packed: what is unpacked, what is refused, and how much memory that may take.
import * as zlib from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { EVERY_EVENT, WEBHOOK, drain, driveThroughTraps, post, webhook } from '../support/drive';
import { eventOfSize, idsOf, listText, names, shortEvent } from '../support/events';
import { type FakeRequest, Host } from '../support/host';

const a = shortEvent('a');

function packed(body: Buffer, encoding = 'gzip', more: Partial<FakeRequest> = {}): FakeRequest {
  return {
    headers: { 'Content-Type': 'application/json', 'Content-Encoding': encoding },
    body,
    ...more,
  };
}

const limit = (bytes: number): string => JSON.stringify({ webhookMaxBatchSize: bytes, dedupeWindow: 0 });

describe('what is taken', () => {
  test.each(['gzip', 'x-gzip', 'GZIP', 'Gzip '])('Content-Encoding: %j', (encoding) => {
    const result = post(packed(zlib.gzipSync(a), encoding));
    expect(result).toMatchObject({ status: 200, ids: ['a'] });
    expect(result.wasm.metrics().bytes_received).toBe(a.length);
    expect(result.wasm.host.openFiles).toBe(0);
  });

  test('in chunks', () => {
    expect(post(packed(zlib.gzipSync(a), 'gzip', { isChunked: true })).ids).toEqual(['a']);
  });

  test('several members behind each other', () => {
    const [start, end] = [a.slice(0, 20), a.slice(20)].map((part) => zlib.gzipSync(part));
    const empty = zlib.gzipSync('');
    expect(post(packed(Buffer.concat([start, empty, end, empty]))).ids).toEqual(['a']);
  });

  test.each([262_143, 262_144, 262_145, 524_288, 1_000_000])('a body of %i bytes', (bytes) => {
    const events = [eventOfSize(200_000, 'a'), eventOfSize(bytes - 200_001, 'b')];
    const config = JSON.stringify({ maxEventSize: 1_000_000, dedupeWindow: 0 });
    const { ids, wasm } = post(packed(zlib.gzipSync(events.join('\n'))), config);
    expect(ids).toEqual(['a', 'b']);
    expect(wasm.metrics().bytes_received).toBe(bytes);
  });

  test('one over several batches, through traps', () => {
    const host = new Host();
    host.poisoned = true;
    const wasm = webhook(EVERY_EVENT, host);
    const texts = names(600).map((id, i) =>
      shortEvent(id, [3, 300].includes(i) ? { stageTimestamp: undefined } : {}),
    );
    const queued = host.send(packed(zlib.gzipSync(listText(texts))));
    const run = driveThroughTraps(wasm, WEBHOOK, EVERY_EVENT);
    expect(run.ids).toEqual(names(600).filter((id) => id !== 'e3' && id !== 'e300'));
    expect([run.traps, queued.answer?.status]).toEqual([2, 200]);
  });

  test('a plain body stays plain, whatever it looks like', () => {
    expect(post({ body: zlib.gzipSync(a) }).status).toBe(400);
  });
});

describe('what is refused', () => {
  const whole = zlib.gzipSync(a);
  const flipped = Buffer.from(whole);
  flipped[whole.length - 6] ^= 1;

  test.each([
    ['nothing', Buffer.alloc(0)],
    ['plain text', Buffer.from(a)],
    ['a start', whole.subarray(0, 5)],
    ['a cut stream', whole.subarray(0, whole.length - 12)],
    ['a cut trailer', whole.subarray(0, whole.length - 1)],
    ['a wrong checksum', flipped],
    ['one byte behind', Buffer.concat([whole, Buffer.from('x')])],
    ['garbage behind', Buffer.concat([whole, Buffer.from('garbage behind the last member')])],
    ['a cut second member', Buffer.concat([whole, whole.subarray(0, 15)])],
    ['zlib, not gzip', zlib.deflateSync(a)],
  ])('%s: 400', (_, body) => {
    const result = post(packed(body));
    expect(result).toMatchObject({
      status: 400,
      ids: [],
      text: 'bad request: the body is not gzip, or is cut or damaged\n',
    });
    expect(result.wasm.counts()).toEqual({ http_answers_4xx: 1 });
    expect(result.wasm.host.openFiles).toBe(0);
  });

  test('an empty text: there is no event in it', () => {
    expect(post(packed(zlib.gzipSync('')))).toMatchObject({
      status: 400,
      text: 'bad request: the body holds no audit event\n',
    });
  });

  test('more than webhookMaxBatchSize unpacked: 413; exactly so much is taken', () => {
    const body = zlib.gzipSync(eventOfSize(5000, 'a'));
    expect(post(packed(body), limit(5000))).toMatchObject({ status: 200, ids: ['a'] });
    const large = post(packed(body), limit(4999));
    expect(large).toMatchObject({ status: 413, ids: [] });
    expect(large.wasm.counts()).toEqual({ http_answers_4xx: 1, http_refused_too_large: 1 });
    expect(large.wasm.host.openFiles).toBe(0);
  });

  test('more than webhookMaxBatchSize packed, before it is read', () => {
    const large = post(packed(zlib.gzipSync(eventOfSize(5000, 'a'), { level: 0 })), limit(5000));
    expect(large.status).toBe(413);
    expect(large.wasm.host.requests[0].maxBody).toBe(0);
  });

  test('a flood of bombs is not in the way of plain bodies, and one call does not work on all of them', () => {
    const bomb = zlib.gzipSync(Buffer.alloc(13_000_000, ' '));
    const wasm = webhook();
    const bombs = Array.from({ length: 8 }, () => wasm.host.send(packed(bomb)));
    const plain = names(3).map((id) => wasm.host.send({ body: shortEvent(id) }));
    const refused: number[] = [];
    const ids: string[] = [];
    for (let i = 0; i < 4; i++) {
      const batch = wasm.nextBatch();
      if (typeof batch !== 'string') ids.push(...idsOf(batch));
      refused.push(bombs.filter(({ answer }) => answer).length);
    }
    expect(refused).toEqual([1, 2, 3, 4]);
    expect(ids).toEqual(names(3));
    drain(wasm);
    expect(plain.map(({ answer }) => answer?.status)).toEqual([200, 200, 200]);
    expect(bombs.map(({ answer }) => answer?.status)).toEqual(Array(8).fill(413));
  });

  test('a bomb costs the limit, not what it would become', () => {
    const bomb = zlib.gzipSync(Buffer.alloc(64 * 1024 * 1024));
    const wasm = webhook(limit(1_000_000));
    const before = wasm.memoryBytes;
    for (let i = 0; i < 5; i++) {
      const queued = wasm.host.send(packed(bomb));
      drain(wasm);
      expect(queued.answer?.status).toBe(413);
    }
    expect(wasm.memoryBytes - before).toBeLessThan(8 * 1024 * 1024);
    wasm.host.send({ body: a });
    expect(idsOf(drain(wasm).events)).toEqual(['a']);
  });
});
