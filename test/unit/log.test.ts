// SPDX-License-Identifier: Apache-2.0
// Messages: at most one for each reason and minute, with the count of those held back, and nothing of the events.
import { describe, expect, test } from 'vitest';
import { drain, webhook } from '../support/drive';
import { eventOfSize, eventText, listText, shortEvent } from '../support/events';
import { Wasm } from '../support/wasm';

const MINUTE = 60_000_000_000n;
const good = shortEvent('good');

/** Bad elements by reason, and what the message about them begins with. */
const BAD: [reason: string, element: string, begins: string][] = [
  ['invalid JSON', '{x:1}', 'invalid JSON: unexpected character at byte '],
  ['not an audit event', '{"kind":"Pod"}', 'not an audit event (an Event of audit.k8s.io) at byte '],
  [
    'too large and without an auditID',
    eventText({ auditID: undefined, userAgent: 'u'.repeat(2000) }),
    'an oversized event without an auditID at byte ',
  ],
  [
    'cut and without an auditID',
    '{"kind":"Event","a":1,}',
    'a cut event without an auditID (unexpected character) at byte ',
  ],
];

function listening(): Wasm {
  const wasm = webhook('{"maxEventSize": 2000, "dedupeWindow": 0}');
  wasm.host.logs.length = 0;
  return wasm;
}

describe.each(BAD)('%s', (_, element, begins) => {
  function send(wasm: Wasm, count: number): string[] {
    const before = wasm.host.logs.length;
    // With a good event, the request itself is no reason for a message.
    wasm.host.send({ body: listText([good, ...Array<string>(count).fill(element)]) });
    wasm.nextBatch();
    return wasm.host.logs.slice(before).map(({ message }) => message);
  }

  test('one message for many, then silence for a minute', () => {
    const wasm = listening();
    const messages = send(wasm, 1000);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(/ of the body of a webhook request; it is dropped, the rest is kept$/);
    expect(messages[0].startsWith(begins)).toBe(true);
    expect(send(wasm, 1000)).toEqual([]);
  });

  test('after a minute the next one says how many there were', () => {
    const wasm = listening();
    send(wasm, 11);
    const start = wasm.host.now;
    wasm.host.now = start + MINUTE - 1n;
    expect(send(wasm, 5)).toEqual([]);
    wasm.host.now = start + MINUTE;
    const messages = send(wasm, 1);
    expect(messages).toHaveLength(1);
    expect(messages[0]).toMatch(/ \(15 more like it since the last such message\)$/);
    wasm.host.now += MINUTE;
    expect(send(wasm, 1)[0]).toMatch(/the rest is kept$/);
  });

  test('each is counted, also those without a message', () => {
    const wasm = listening();
    for (let i = 0; i < 3; i++) send(wasm, 100);
    expect(wasm.metrics()).toMatchObject({ events_received: 303, events_delivered: 3 });
  });

  test('it is a warning', () => {
    const wasm = listening();
    send(wasm, 1);
    expect(wasm.host.logs.map(({ severity }) => severity)).toEqual([4]);
  });
});

describe('reasons', () => {
  test('do not hold each other back', () => {
    const wasm = listening();
    wasm.host.send({ body: listText([good, ...BAD.map(([, element]) => element)]) });
    wasm.nextBatch();
    expect(wasm.host.logs).toHaveLength(3);
  });

  test('of other instances do not either', () => {
    for (let i = 0; i < 2; i++) {
      const wasm = listening();
      wasm.host.send({ body: `[${good},{x:1}]` });
      wasm.nextBatch();
      expect(wasm.host.logs).toHaveLength(1);
    }
  });

  test('a clock that stands at 0 does not silence the first message', () => {
    const wasm = listening();
    wasm.host.now = 0n;
    wasm.host.send({ body: `[${good},{x:1},{x:1}]` });
    wasm.nextBatch();
    expect(wasm.host.logs).toHaveLength(1);
  });
});

describe('refused requests', () => {
  test('one message for many, with the status and the reason', () => {
    const wasm = listening();
    for (let i = 0; i < 100; i++) wasm.host.send({ path: '/x', body: good });
    expect(drain(wasm).events).toEqual([]);
    expect(wasm.host.logs).toEqual([
      {
        severity: 5,
        message:
          'refused a webhook request with 404: no such path; audit events go to a path that is configured',
      },
    ]);
    wasm.host.send({ method: 'GET', body: '' });
    drain(wasm);
    expect(wasm.host.logs[1].message).toMatch(/^refused a webhook request with 405: [^(]*$/);
    wasm.host.now += MINUTE;
    wasm.host.send({ path: '/x', body: good });
    drain(wasm);
    expect(wasm.host.logs[2].message).toMatch(
      /^refused a webhook request with 404: .* \(99 more like it since/,
    );
  });
});

describe('privacy', () => {
  test('nothing of an event, of a bad element or of a request is in any message', () => {
    const wasm = listening();
    const secret = 'S3CR3T';
    const bodies = [
      secret,
      `"${secret}`,
      `{"${secret}":`,
      `{"kind":"${secret}"}`,
      `{"kind":"Event","apiVersion":"${secret}"}`,
      `{"kind":"Event","auditID":"${secret}","stageTimestamp":"${secret}","x":\\}`,
      listText([shortEvent(secret), `{"${secret}":tru}`, secret]),
      eventOfSize(3000, secret),
      `{"kind":"EventList","items":[{"auditID":"${secret}"`,
    ];
    for (const body of bodies) {
      const queued = wasm.host.send({ body });
      drain(wasm);
      expect(queued.answer?.text).not.toContain(secret);
      wasm.host.now += MINUTE;
    }
    wasm.host.send({ path: `/${secret}`, headers: { [secret]: secret }, body: secret });
    drain(wasm);
    expect(wasm.host.logs.length).toBeGreaterThan(8);
    expect(JSON.stringify(wasm.host.logs)).not.toContain(secret);
  });

  test('every message is one line of text', () => {
    const wasm = listening();
    for (const body of ['{"a\nb":1}', '\x00\x01', '"\\q"', '[', '{"kind":"Pod\n"}']) {
      wasm.host.send({ body });
      drain(wasm);
      wasm.host.now += MINUTE;
    }
    expect(wasm.host.logs.length).toBeGreaterThan(4);
    for (const { message } of wasm.host.logs) expect(message).toMatch(/^\P{Cc}+[^.\s]$/u);
  });
});
