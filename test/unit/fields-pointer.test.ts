// SPDX-License-Identifier: Apache-2.0
import { describe, expect, test } from 'vitest';
import { Wasm } from '../support/wasm';

const event = JSON.stringify({
  kind: 'Event',
  auditID: 'a',
  'a/b': 1,
  'm~n': { '': 'empty key' },
  nothing: null,
  requestObject: { spec: { tls: [{ hosts: ['x', 'y'] }], replicas: 3, on: true } },
});

function value(pointer: string): unknown {
  const wasm = new Wasm().init();
  wasm.selectForeign(event);
  return wasm.extract(`ka.value[${pointer}]`);
}

describe('ka.value', () => {
  test.each([
    ['/auditID', 'a'],
    ['/a~1b', '1'],
    ['/m~0n/', 'empty key'],
    ['/requestObject/spec/tls', '[{"hosts":["x","y"]}]'],
    ['/requestObject/spec/tls/0/hosts/1', 'y'],
    ['/requestObject/spec/replicas', '3'],
    ['/requestObject/spec/on', 'true'],
  ])('%s is %s', (pointer, expected) => {
    expect(value(pointer)).toBe(expected);
  });

  test('an empty pointer is the whole event', () => {
    expect(JSON.parse(value('') as string)).toEqual(JSON.parse(event));
  });

  test.each([
    ['a member that is not there', '/requestObject/spec/none'],
    ['an element that is not there', '/requestObject/spec/tls/1'],
    ['a leading zero', '/requestObject/spec/tls/00'],
    ['a sign', '/requestObject/spec/tls/-1'],
    ['a number too large', '/requestObject/spec/tls/99999999999999999999'],
    ['a step into a scalar', '/auditID/x'],
    ['null', '/nothing'],
    ['no slash at the start', 'auditID'],
    ['a tilde that escapes nothing', '/m~n'],
    ['a tilde at the end', '/m~'],
    ['a long escaped token', `/~0${'x'.repeat(300)}`],
    ['more tokens than any event has', '/x'.repeat(400)],
  ])('%s has no value', (_, pointer) => {
    expect(value(pointer)).toBeNull();
  });
});
