// SPDX-License-Identifier: Apache-2.0
// Exec, attach and port-forward: what their URI says. And the path of any URI.
import { describe, expect, test } from 'vitest';
import { ask } from '../support/ask';
import type { Value } from '../support/wasm';

const POD = '/api/v1/namespaces/default/pods/web-0';
const of = (subresource: unknown, query: string, field: string, resource = 'pods'): Value =>
  ask(
    { requestURI: `${POD}/${subresource as string}?${query}`, objectRef: { resource, subresource } },
    field,
  );
const command = (query: string): Value => of('exec', query, 'ka.exec.command');

describe('ka.exec.command', () => {
  test.each<[string, Value]>([
    ['command=sh&command=-c&command=cat+%2Fetc%2Fshadow&container=web&stdin=true', 'sh -c cat /etc/shadow'],
    ['container=web&command=ls&stdin=true&command=-la&tty=true', 'ls -la'],
    ['command=id', 'id'],
    ['command=', ''],
    ['command', ''],
    ['command=a&command=&command=b', 'a  b'],
    ['command=tar&command=cf&command=-&command=%2Fvar%2Frun%2Fsecrets', 'tar cf - /var/run/secrets'],
    ['command=a%26b%3Dc%2Bd%25', 'a&b=c+d%'],
    ['command=%C3%A9%e4%b8%ad', 'é中'],
    ['comman%64=id', 'id'],
    ['command=a=b', 'a=b'],
    ['command=a#command=b', 'a'],
    // What cannot be decoded is passed over, as kube-apiserver does not run it either.
    ['command=a&command=%zz&command=b', 'a b'],
    ['command=%zz', null],
    ['command=%', null],
    ['command=a;command=b&command=c', 'c'],
    ['commands=x&Command=y&xcommand=z', null],
    ['', null],
  ])('%s', (query, expected) => expect(command(query)).toBe(expected));

  test('ten thousand words', () => {
    const words = Array.from({ length: 10_000 }, (_, i) => `w${i}`);
    expect(command(words.map((word) => `command=${word}`).join('&'))).toBe(words.join(' '));
  });

  test('a word of a megabyte', () => {
    expect(command(`command=echo&command=${'%41'.repeat(1 << 20)}`)).toBe(`echo ${'A'.repeat(1 << 20)}`);
  });

  test('of pods/exec alone', () => {
    const query = 'command=id';
    for (const subresource of ['attach', 'proxy', 'log', '', null, undefined, 'execs'])
      expect(of(subresource, query, 'ka.exec.command')).toBeNull();
    expect(of('exec', query, 'ka.exec.command', 'services')).toBeNull();
    expect(ask({ requestURI: `${POD}/exec?${query}` }, 'ka.exec.command')).toBeNull();
  });

  test('a URI with escapes of JSON', () => {
    const event = `{"kind":"Event","auditID":"a","objectRef":{"resource":"pods","subresource":"exec"},
      "requestURI":"\\u002fx?command=a\\u0026command=b"}`;
    expect(ask(event, 'ka.exec.command')).toBe('a b');
  });
});

test('ka.exec.container', () => {
  const query = 'command=id&container=side%2Dcar&container=web';
  expect(of('exec', query, 'ka.exec.container')).toBe('side-car');
  expect(of('attach', query, 'ka.exec.container')).toBe('side-car');
  expect(of('log', query, 'ka.exec.container')).toBeNull();
  expect(of('exec', 'command=id', 'ka.exec.container')).toBeNull();
});

describe('ka.portforward.ports', () => {
  test.each<[string, Value]>([
    ['ports=8080', ['8080']],
    ['ports=8080&ports=443', ['8080', '443']],
    ['ports=80%2C443,8443', ['80', '443', '8443']],
    ['ports=x&ports=80&ports=-1&ports=8x&ports=', ['80']],
    ['ports=,80,,81,', ['80', '81']],
    ['ports=', null],
    ['port=80', null],
    ['', null],
  ])('%s', (query, expected) => expect(of('portforward', query, 'ka.portforward.ports')).toEqual(expected));

  test('of pods/portforward alone', () => {
    expect(of('exec', 'ports=80', 'ka.portforward.ports')).toBeNull();
    expect(of('portforward', 'ports=80', 'ka.portforward.ports', 'services')).toBeNull();
  });
});

test.each<[unknown, Value]>([
  ['/api/v1/pods?watch=true', '/api/v1/pods'],
  ['/api/v1/pods', '/api/v1/pods'],
  ['/healthz?', '/healthz'],
  ['/x%2Fy?a=b?c', '/x%2Fy'],
  ['/x#y?a', '/x'],
  ['?a', ''],
  ['', ''],
  [null, null],
  [undefined, null],
])('ka.uri.path: %j', (requestURI, expected) => expect(ask({ requestURI }, 'ka.uri.path')).toBe(expected));
