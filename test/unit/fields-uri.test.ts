// SPDX-License-Identifier: Apache-2.0
// ka.uri.param[…]: a parameter of the request URI's query.
import { describe, expect, test } from 'vitest';
import { ask } from '../support/ask';
import type { Value } from '../support/wasm';

const parameter = (requestURI: unknown, key: string): Value => ask({ requestURI }, `ka.uri.param[${key}]`);

describe('of an exec', () => {
  const uri =
    '/api/v1/namespaces/default/pods/web-0/exec?command=sh&command=-c&command=id&container=web&stdin=true&tty=false&x=a%2Fb';

  test.each([
    ['command', 'sh'],
    ['container', 'web'],
    ['stdin', 'true'],
    ['tty', 'false'],
    ['x', 'a/b'],
    ['stderr', null],
    ['comman', null],
    ['commands', null],
    ['Command', null],
    ['api', null],
  ])('%s', (key, value) => expect(parameter(uri, key)).toBe(value));
});

describe('forms', () => {
  test.each<[string, string, Value]>([
    ['/x?a=1', 'a', '1'],
    ['/x?a=1#f', 'a', '1'],
    ['/x#f?a=1', 'a', null],
    ['?a=1', 'a', '1'],
    ['/x?a=', 'a', ''],
    ['/x?a', 'a', ''],
    ['/x?a&b=2', 'a', ''],
    ['/x?a&b=2', 'b', '2'],
    ['/x?a=1&a=2', 'a', '1'],
    ['/x?a=&a=2', 'a', ''],
    ['/x?a=1=2', 'a', '1=2'],
    ['/x?a==', 'a', '='],
    ['/x?&&a=1&&', 'a', '1'],
    ['/x?b=?a=1', 'a', null],
    ['/x?b=?a=1', 'b', '?a=1'],
    ['/x?a=b+c', 'a', 'b c'],
    ['/x?a=b%2Bc', 'a', 'b+c'],
    ['/x?a=b%20c', 'a', 'b c'],
    ['/x?a=%C3%A9%e4%b8%ad%F0%9F%98%80', 'a', 'é中😀'],
    ['/x?a=é', 'a', 'é'],
    ['/x?a%20b=1', 'a b', '1'],
    ['/x?a+b=1', 'a b', '1'],
    ['/x?%61=1', 'a', '1'],
    ['/x?é=1', 'é', '1'],
    ['/x?a[]=1', 'a[]', '1'],
    ['/x?a=%26%3d%3b', 'a', '&=;'],
    ['/x?a=%41', 'a', 'A'],
    ['/x', 'a', null],
    ['/x?', 'a', null],
    ['', 'a', null],
    ['/x?a=b%00c', 'a', 'b'],
  ])('%s [%s]', (uri, key, value) => expect(parameter(uri, key)).toBe(value));
});

describe('a malformed parameter is passed over, the others are had', () => {
  // prettier-ignore
  const URIS = [
    '/x?a=%&b=2', '/x?a=%4&b=2', '/x?a=%zz&b=2', '/x?a=%4g&b=2', '/x?a=%g4&b=2', '/x?a=1;c=3&b=2', '/x?%zz=1&b=2', '/x?a%=1&b=2',
    '/x?b=2&a=%', '/x?b=2&a=%4', '/x?;&b=2', '/%zz?a=%&b=2', '/x\u0001y?a=%&b=2',
  ];

  test.each(URIS)('%j', (uri) => {
    expect(parameter(uri, 'b')).toBe('2');
    expect(parameter(uri, 'a')).toBeNull();
  });

  test('the next one of the same name is taken', () => {
    expect(parameter('/x?a=%zz&a=2', 'a')).toBe('2');
    expect(parameter('/x?a=1;2&a=3', 'a')).toBe('3');
  });
});

describe('other URIs', () => {
  test('with escapes of JSON', () => {
    expect(
      ask('{"kind":"Event","auditID":"a","requestURI":"\\/x?a=\\u00e9\\n\\"&b=2"}', 'ka.uri.param[a]'),
    ).toBe('é\n"');
    expect(
      ask('{"kind":"Event","auditID":"a","requestURI":"/x\\u003fa=1\\u0026b=2"}', 'ka.uri.param[b]'),
    ).toBe('2');
  });

  test('missing or of another type', () => {
    for (const uri of [undefined, null, 5, true, {}, []]) expect(parameter(uri, 'a')).toBeNull();
  });

  test('with a hundred thousand parameters', () => {
    const query = Array.from({ length: 100_000 }, (_, i) => `k${i}=${i}`).join('&');
    expect(parameter(`/x?${query}`, 'k99999')).toBe('99999');
    expect(parameter(`/x?${query}`, 'none')).toBeNull();
    expect(parameter(`/x?${'&'.repeat(200_000)}a=1`, 'a')).toBe('1');
    expect(parameter(`/x?${'%41'.repeat(60_000)}=1`, 'A'.repeat(60_000))).toBe('1');
  });

  test('agrees with URLSearchParams on well-formed queries', () => {
    const queries = ['a=1&b=2', 'a=x+y%2Bz&b', '=x&a', 'a=%E2%82%AC&b=%25', 'a&a=1', 'b=1&a=2&b=3'];
    for (const query of queries) {
      for (const key of ['a', 'b', 'c']) {
        expect(parameter(`/p?${query}`, key), `${query} ${key}`).toBe(new URLSearchParams(query).get(key));
      }
    }
  });
});
