// SPDX-License-Identifier: Apache-2.0
// Requests to services (assembly/web), against a host whose services the tests play.
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import * as support from '../support/assembly';
import { TEXTS, compileAssembly, unpack, type Part } from '../support/assembly';
import { Host, type WebAnswer, type WebCall } from '../support/host';

const SOURCE = `
import { AwsCall } from './cloud/aws/call';
import { Credentials } from './cloud/aws/credentials';
import { WebMethod } from './host';
import { Backoff } from './web/backoff';
import { Exchange } from './web/exchange';
import { Request } from './web/request';
import { percentEncoded } from './web/text';
import { XmlCursor } from './web/xml';

${TEXTS}
const exchange = new Exchange(1000);
export function begin(): void {
  const request = new Request(WebMethod.Get, 'http://service/' + given());
  request.headers.push('accept: text/plain');
  exchange.begin(request);
}
export function turn(): bool { return exchange.turn(); }
export function status(): i32 { return exchange.status; }
export function failure(): i32 { return exchange.failure; }
export function problem(): u64 { return pack(exchange.problem); }
export function body(): u64 { return pack(exchange.text); }
export function header(): u64 { const value = exchange.header(given()); return pack(value ? '=' + value : 'absent'); }
export function close(): void { exchange.close(); exchange.isStreamed = false; }
export function stream(): void { exchange.isStreamed = true; }
export function read(capacity: u32): i32 { return exchange.read(room(capacity), capacity); }
export function got(): u64 { return pack(given()); }

const call = new AwsCall(100000);
export function beginCall(): void {
  const credentials = new Credentials('AKID', 'SECRET', 'test');
  credentials.token = 'TOKEN';
  call.beginJson('https://logs/', '/ca.pem', 'Logs_20140328.FilterLogEvents', '1.1', '{}', 'logs', 'eu-west-1', credentials);
}
export function outcome(): i32 { return call.turn(); }
export function code(): u64 { return pack(call.code); }
export function callProblem(): u64 { return pack(call.problem); }
export function retryAfter(): u32 { return call.retryAfter; }

const backoff = new Backoff(100, 5000);
export function fail(atLeast: u32): u32 { return backoff.fail(atLeast); }
export function isDue(): bool { return backoff.isDue(); }
export function succeed(): void { backoff.succeed(); }

export function encoded(keepSlashes: bool): u64 { return pack(percentEncoded(given(), keepSlashes)); }
export function xml(): u64 {
  const cursor = new XmlCursor(space, length);
  let out = '';
  while (cursor.next()) out += cursor.depth.toString() + ' ' + cursor.name + '=' + cursor.text() + '\\n';
  return pack(out + (cursor.isBroken ? 'broken' : 'whole'));
}
`;

let host: Host;
let part: Part;

beforeAll(async () => {
  host = new Host();
  part = await compileAssembly(SOURCE, host);
}, 120_000);

beforeEach(() => {
  part.call.close();
  host.calls.length = 0;
});

const give = (bytes: string): void => support.give(part, bytes);
const text = (packed: number | bigint): string => unpack(part, packed).toString();
const ended = () => Boolean(part.call.turn());

test('a request and its answer', () => {
  host.onCall = () => ({ status: 201, headers: { 'X-Id': '7' }, body: 'made' });
  give('a/b');
  part.call.begin();
  expect(ended()).toBe(true);
  expect([part.call.status(), text(part.call.body())]).toEqual([201, 'made']);
  give('x-id');
  expect(text(part.call.header())).toBe('=7');
  give('x-other');
  expect(text(part.call.header())).toBe('absent');
  const [call] = host.calls as [WebCall];
  expect(call).toMatchObject({ method: 'GET', url: 'http://service/a/b', signing: '', isDirect: false });
  expect(call.headers).toEqual({ accept: 'text/plain' });
});

test('an answer that takes its time', () => {
  host.onCall = () => ({ body: 'late', after: 50 });
  give('');
  part.call.begin();
  expect(ended()).toBe(false);
  expect(part.call.status()).toBe(0);
  host.now += 50_000_000n;
  expect(ended()).toBe(true);
  expect(text(part.call.body())).toBe('late');
});

test('an answer that is too long is not taken, one of the greatest size is', () => {
  host.onCall = () => ({ body: 'x'.repeat(1000) });
  give('');
  part.call.begin();
  expect(ended()).toBe(true);
  expect(part.call.status()).toBe(200);
  host.onCall = () => ({ body: 'x'.repeat(1001) });
  part.call.begin();
  expect(ended()).toBe(true);
  expect([part.call.status(), text(part.call.problem())]).toEqual([0, 'the answer has more than 1000 bytes']);
});

test('no answer: why', () => {
  host.onCall = () => ({ failure: 'cut', body: 'a part' });
  give('');
  part.call.begin();
  expect(ended()).toBe(true);
  expect([part.call.status(), part.call.failure(), text(part.call.problem())]).toEqual([0, 5, 'failed: cut']);
});

describe('an answer that is read in parts', () => {
  const NOTHING = 0;
  const END = -1;
  const FAILED = -3;
  const begin = (answer: WebAnswer): void => {
    host.onCall = () => answer;
    part.call.stream();
    give('');
    part.call.begin();
  };
  const read = (capacity: number): number => Number(part.call.read(capacity));

  test('to its end, however long it is', () => {
    begin({ body: 'x'.repeat(5000), headers: { etag: 'e' }, after: 10 });
    expect(ended()).toBe(false);
    expect(read(100)).toBe(NOTHING);
    host.now += 10_000_000n;
    expect([ended(), part.call.status()]).toEqual([true, 200]);
    give('etag');
    expect(text(part.call.header())).toBe('=e');
    expect([read(3000), read(3000), read(3000), read(3000)]).toEqual([3000, 2000, END, END]);
  });

  test('and is cut: what came before is had', () => {
    begin({ body: 'abc', failure: 'cut' });
    expect(ended()).toBe(true);
    expect(read(3)).toBe(3);
    expect(text(part.call.got())).toBe('abc');
    expect([read(3), read(3)]).toEqual([FAILED, FAILED]);
    expect(text(part.call.problem())).toBe('failed: cut');
  });

  test('an error is taken as a whole', () => {
    begin({ status: 404, body: 'not there' });
    expect([ended(), part.call.status(), text(part.call.body())]).toEqual([true, 404, 'not there']);
  });
});

test('a request that is let go leaves nothing open', () => {
  host.onCall = () => ({ after: 1_000_000 });
  give('');
  part.call.begin();
  expect(host.openFiles).toBe(1);
  part.call.close();
  expect(host.openFiles).toBe(0);
});

const OUTCOME = { pending: 0, done: 1, throttled: 2, failed: 3, expired: 4, denied: 5, refused: 6 };

test.each([
  ['an answer', { body: '{}' }, 'done', '', ''],
  [
    'throttling',
    { status: 400, body: '{"__type":"com.amazonaws.logs#ThrottlingException","message":"Rate exceeded"}' },
    ...([
      'throttled',
      'ThrottlingException',
      'ThrottlingException (HTTP status 400): Rate exceeded',
    ] as const),
  ],
  ['429', { status: 429, body: 'slow' }, 'throttled', '', 'HTTP status 429'],
  [
    'an error in a header',
    { status: 400, headers: { 'x-amzn-errortype': 'ExpiredTokenException:http://internal/' }, body: '{}' },
    ...(['expired', 'ExpiredTokenException', 'ExpiredTokenException (HTTP status 400)'] as const),
  ],
  [
    'a denial',
    { status: 400, body: '{"__type":"AccessDeniedException","Message":"User: u is not authorized"}' },
    ...([
      'denied',
      'AccessDeniedException',
      'AccessDeniedException (HTTP status 400): User: u is not authorized',
    ] as const),
  ],
  [
    'XML',
    {
      status: 503,
      body: '<?xml version="1.0"?><Error><Code>SlowDown</Code><Message>a &lt; b</Message></Error>',
    },
    ...(['throttled', 'SlowDown', 'SlowDown (HTTP status 503): a < b'] as const),
  ],
  ['a server that fails', { status: 500, body: '' }, 'failed', '', 'HTTP status 500'],
  ['a name that is not known', { failure: 'name' as const }, 'failed', '', 'failed: name'],
  [
    'what is wrong for ever',
    { status: 404, body: '{"__type":"ResourceNotFoundException"}' },
    'refused',
    'ResourceNotFoundException',
    'ResourceNotFoundException (HTTP status 404)',
  ],
] as const)('a call of AWS: %s', (_, answer, outcome, code, problem) => {
  host.onCall = () => answer;
  part.call.beginCall();
  expect(part.call.outcome()).toBe(OUTCOME[outcome]);
  if (outcome !== 'done')
    expect([text(part.call.code()), text(part.call.callProblem())]).toEqual([code, problem]);
  const [call] = host.calls as [WebCall];
  expect(call).toMatchObject({
    ...{ method: 'POST', url: 'https://logs/', authorities: '/ca.pem', body: '{}' },
    ...{ signing: 'aws:amz:eu-west-1:logs', keyId: 'AKID', secret: 'SECRET' },
  });
  expect(call.headers).toEqual({
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': 'Logs_20140328.FilterLogEvents',
    'x-amz-security-token': 'TOKEN',
  });
});

test('Retry-After in seconds', () => {
  host.onCall = () => ({ status: 429, headers: { 'Retry-After': '7' } });
  part.call.beginCall();
  part.call.outcome();
  expect(part.call.retryAfter()).toBe(7000);
  host.onCall = () => ({ status: 429, headers: { 'Retry-After': 'Wed, 21 Oct 2026 07:28:00 GMT' } });
  part.call.beginCall();
  part.call.outcome();
  expect(part.call.retryAfter()).toBe(0);
});

test('back-off doubles up to its bound, by chance, and at least as long as was asked for', () => {
  const waits = Array.from({ length: 12 }, () => Number(part.call.fail(0)));
  waits.forEach((wait, i) => {
    const whole = Math.min(100 * 2 ** i, 5000);
    expect(wait).toBeGreaterThanOrEqual(whole / 2);
    expect(wait).toBeLessThanOrEqual(whole);
  });
  expect(part.call.isDue()).toBe(0);
  host.now += BigInt(waits[11]) * 1_000_000n;
  expect(part.call.isDue()).toBe(1);
  expect(part.call.fail(60_000)).toBe(60_000);
  part.call.succeed();
  expect(part.call.isDue()).toBe(1);
  expect(Number(part.call.fail(0))).toBeLessThanOrEqual(100);
});

test('percent encoding', () => {
  give("a-z_.~/ü +%'");
  expect(text(part.call.encoded(0))).toBe('a-z_.~%2F%C3%BC%20%2B%25%27');
  expect(text(part.call.encoded(1))).toBe('a-z_.~/%C3%BC%20%2B%25%27');
});

test.each([
  [
    '<a><b>x</b><b/><c:d e="/>">y &amp; z&#65;&#x42;&bad;</c:d></a>',
    '0 a=\n1 b=x\n1 b=\n1 d=y & zAB&bad;\nwhole',
  ],
  ['<?xml version="1.0"?><!-- <a> --><a>1</a>\n', '0 a=1\nwhole'],
  ['<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', 'broken'],
  ['<a><b>', '0 a=\n1 b=\nbroken'],
  ['<a', 'broken'],
  ['</a>', 'broken'],
  ['<'.repeat(10), 'broken'],
  ['text alone', 'whole'],
  ['', 'whole'],
])('XML: %s', (document, expected) => {
  give(document);
  expect(text(part.call.xml())).toBe(expected);
});

test('XML nested too deep is refused', () => {
  give('<a>'.repeat(100));
  expect(text(part.call.xml())).toMatch(/broken$/);
});
