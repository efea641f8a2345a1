// SPDX-License-Identifier: Apache-2.0
// ka.value[…]: any value of the event, by JSON pointer.
import { describe, expect, test } from 'vitest';
import { ask } from '../support/ask';
import { Wasm } from '../support/wasm';
import { auditEvent } from '../support/events';

const event = auditEvent({
  verb: 'create',
  user: {
    username: 'u',
    extra: { 'authentication.kubernetes.io/pod-name': ['p', { q: [1] }] },
    groups: ['g'],
  },
  requestObject: {
    spec: {
      tls: [{ hosts: ['a', 'b'] }, { secretName: 's' }],
      replicas: 3,
      paused: false,
      nothing: null,
      empty: '',
    },
    'a/b': 1,
    'm~n': 2,
    '~1': 3,
    '': { '': 4 },
    0: 'zero',
    'é"x': 5,
  },
  responseObject: { metadata: { name: 'r' } },
  annotations: { 'authorization.k8s.io/decision': 'allow' },
});

describe('pointers', () => {
  test.each([
    ['/verb', 'create'],
    ['/requestObject/spec/replicas', '3'],
    ['/requestObject/spec/paused', 'false'],
    ['/requestObject/spec/empty', ''],
    ['/requestObject/spec/nothing', null],
    ['/requestObject/spec/missing', null],
    ['/requestObject/spec/tls', '[{"hosts":["a","b"]},{"secretName":"s"}]'],
    ['/requestObject/spec/tls/0', '{"hosts":["a","b"]}'],
    ['/requestObject/spec/tls/0/hosts/1', 'b'],
    ['/requestObject/spec/tls/1/secretName', 's'],
    ['/requestObject/spec/tls/2', null],
    ['/requestObject/spec/tls/-', null],
    ['/requestObject/spec/tls/00', null],
    ['/requestObject/spec/tls/01', null],
    ['/requestObject/spec/tls/+1', null],
    ['/requestObject/spec/tls/1x', null],
    ['/requestObject/spec/tls/', null],
    ['/requestObject/spec/tls/4294967296', null],
    ['/requestObject/spec/tls/99999999999999999999', null],
    ['/requestObject/spec/tls/hosts', null],
    ['/requestObject/0', 'zero'],
    ['/requestObject/a~1b', '1'],
    ['/requestObject/m~0n', '2'],
    ['/requestObject/~01', '3'],
    ['/requestObject//', '4'],
    ['/requestObject/a/b', null],
    ['/requestObject/m~n', null],
    ['/requestObject/m~2n', null],
    ['/requestObject/m~', null],
    ['/requestObject/é"x', '5'],
    ['/requestObject/\\u00e9\\"x', null],
    ['/responseObject/metadata/name', 'r'],
    ['/user/extra/authentication.kubernetes.io~1pod-name/1/q/0', '1'],
    ['/annotations/authorization.k8s.io~1decision', 'allow'],
    ['/verb/x', null],
    ['/verb/0', null],
    ['verb', null],
    ['/Verb', null],
    ['/verb/', null],
    [`${'/a'.repeat(300)}`, null],
    [`/requestObject/${'k'.repeat(10_000)}`, null],
    [`/requestObject/${'~1'.repeat(10_000)}`, null],
  ])('%s', (pointer, expected) => expect(ask(event, `ka.value[${pointer}]`)).toBe(expected));

  test('the empty pointer is the whole event, as compact JSON', () => {
    const wasm = new Wasm().init();
    wasm.selectForeign(JSON.stringify(event, null, 2));
    expect(wasm.extract('ka.value[]')).toBe(JSON.stringify(event));
  });

  test('agrees with a walk through what JSON.parse gives, for every place of the event', () => {
    let places = 0;
    const walk = (value: unknown, pointer: string): void => {
      places++;
      const shown = typeof value === 'string' || value === null ? value : JSON.stringify(value);
      expect(ask(event, `ka.value[${pointer}]`), pointer).toBe(shown);
      if (typeof value !== 'object' || value === null) return;
      for (const [key, member] of Object.entries(value)) {
        walk(member, `${pointer}/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`);
      }
    };
    walk(event, '');
    expect(places).toBeGreaterThan(30);
  });

  test('keys that are written with escapes are found by what they mean', () => {
    const text = '{"kind":"Event","auditID":"a","x":{"caf\\u00e9":1,"q\\"r":2,"s\\/t":3,"plain":4}}';
    expect(
      ['/x/café', '/x/q"r', '/x/s~1t', '/x/plain'].map((pointer) => ask(text, `ka.value[${pointer}]`)),
    ).toEqual(['1', '2', '3', '4']);
    expect(ask(text, 'ka.value[/x/caf\\u00e9]')).toBeNull();
  });

  test('a body that is no JSON has no value, whole or in part', () => {
    const text = '{"kind":"Event","auditID":"a","verb":"get","requestObject":{"a":1,"b":tru}}';
    expect(ask(text, 'ka.value[/requestObject/a]')).toBeNull();
    expect(ask(text, 'ka.value[/requestObject]')).toBeNull();
    expect(ask(text, 'ka.value[/verb]')).toBe('get');
  });

  test('an event without auditID has no value', () => {
    expect(ask({ auditID: undefined }, 'ka.value[/verb]')).toBeNull();
  });
});
