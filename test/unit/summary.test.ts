// SPDX-License-Identifier: Apache-2.0
// plugin_event_to_string: an event in one short line.
import { describe, expect, test } from 'vitest';
import { eventText } from '../support/events';
import { Wasm } from '../support/wasm';

function summaryOf(event: Record<string, unknown> | string): string {
  const wasm = new Wasm().init();
  wasm.selectForeign(typeof event === 'string' ? event : eventText(event));
  return wasm.summary();
}

describe('lines', () => {
  const user = { username: 'alice' };
  const responseStatus = { code: 200 };

  test.each<[Record<string, unknown>, string]>([
    [
      {
        verb: 'create',
        user,
        objectRef: { resource: 'pods', subresource: 'exec', namespace: 'kube-system', name: 'web-0' },
        responseStatus: { code: 101 },
      },
      'create pods/exec kube-system/web-0 by alice → 101',
    ],
    [
      { user, objectRef: { resource: 'pods', namespace: 'default', name: 'web' }, responseStatus },
      'get pods default/web by alice → 200',
    ],
    [
      { verb: 'list', user, objectRef: { resource: 'secrets', namespace: 'default' } },
      'list secrets default by alice',
    ],
    [
      { verb: 'list', user, objectRef: { resource: 'secrets' }, responseStatus },
      'list secrets by alice → 200',
    ],
    [{ user, objectRef: { resource: 'nodes', name: 'n1' } }, 'get nodes n1 by alice'],
    [
      { user, objectRef: { resource: 'nodes', name: 'n1', subresource: '', namespace: '' } },
      'get nodes n1 by alice',
    ],
    [{ user, requestURI: '/healthz?verbose' }, 'get /healthz?verbose by alice'],
    [{ user, objectRef: {}, requestURI: '/x' }, 'get /x by alice'],
    [{ user, objectRef: null, requestURI: '/x' }, 'get /x by alice'],
    [{ verb: undefined, requestURI: undefined }, '? ? by ?'],
    [{ verb: 5, user: { username: { a: ' b' } }, requestURI: '/x' }, '5 /x by {"a":" b"}'],
    [{ verb: 'gët', user: { username: '中😀' }, requestURI: '/x' }, 'gët /x by 中😀'],
  ])('%#: %s', (event, line) => expect(summaryOf(event)).toBe(line));

  test('what is no event', () => {
    for (const text of [
      '',
      'garbage',
      '{}',
      '[]',
      eventText({ auditID: undefined }),
      eventText({ kind: 'Pod' }),
    ]) {
      expect(summaryOf(text), text).toBe('(not an audit event)');
    }
    expect(new Wasm().init().summary()).toBe('(not an audit event)');
  });
});

describe('hostile events', () => {
  test('line breaks and other control characters become question marks', () => {
    const all = Array.from({ length: 32 }, (_, i) => String.fromCharCode(i)).join('');
    const line = summaryOf({ verb: all, user: { username: 'a\nb\x7fc' }, requestURI: '/x\r\n' });
    expect(line).toBe(`${'?'.repeat(32)} /x?? by a?b?c`);
  });

  test('each part has at most 256 bytes, cut between characters', () => {
    const long = (character: string): string => character.repeat(1000);
    expect(summaryOf({ verb: long('a'), user: { username: 'u' }, requestURI: '/x' })).toBe(
      `${'a'.repeat(256)} /x by u`,
    );
    expect(summaryOf({ verb: long('é'), user: { username: 'u' }, requestURI: '/x' })).toBe(
      `${'é'.repeat(128)} /x by u`,
    );
    expect(summaryOf({ verb: long('中'), user: { username: 'u' }, requestURI: '/x' })).toBe(
      `${'中'.repeat(85)} /x by u`,
    );
    expect(summaryOf({ verb: `a${long('😀')}`, user: { username: 'u' }, requestURI: '/x' })).toBe(
      `a${'😀'.repeat(63)} /x by u`,
    );
  });

  test('all parts as long as can be', () => {
    const long = 'x'.repeat(1000);
    const line = summaryOf({
      verb: long,
      user: { username: long },
      objectRef: { resource: long, subresource: long, namespace: long, name: long },
      responseStatus: { code: long },
    });
    const part = 'x'.repeat(256);
    expect(line).toBe(`${part} ${part}/${part} ${part}/${part} by ${part} → ${part}`);
  });

  test('bytes that are no UTF-8 do not lead out of the line', () => {
    const wasm = new Wasm().init();
    const bytes = Buffer.from(
      `{"kind":"Event","auditID":"a","verb":"${'\x80'.repeat(1000)}","requestURI":"/x"}`,
      'latin1',
    );
    wasm.selectForeign(bytes);
    expect(wasm.summary()).toMatch(/^\ufffd* \/x by \?$/);
  });

  test('a hundred thousand times takes no memory', () => {
    const wasm = new Wasm().init();
    wasm.selectForeign(eventText({ user: { username: 'x'.repeat(5000) } }));
    const run = (count: number): number => {
      for (let i = 0; i < count; i++) wasm.exports.summary();
      return wasm.memoryBytes;
    };
    const before = run(100);
    expect(run(100_000)).toBe(before);
  });
});
