// SPDX-License-Identifier: Apache-2.0
// How fields are asked for: which event is meant, arguments, caching, offsets, memory.
import { describe, expect, test } from 'vitest';
import { drain, post, webhook } from '../support/drive';
import { auditEvent, eventText, listText, names, shortEvent } from '../support/events';
import { EVENT_HEADER, type Event, Wasm } from '../support/wasm';

const POD = {
  objectRef: { resource: 'pods', namespace: 'n', name: 'p' },
  requestURI: '/api/v1/pods?a=1&b=%20x',
  user: { username: 'al"ice', groups: ['g1', 'g\\2', 'grüppe'] },
  requestObject: {
    data: { key: ' value ' },
    spec: {
      hostNetwork: true,
      containers: [
        {
          name: 'c1',
          image: 'i1',
          command: ['a', 'b'],
          ports: [{ hostPort: 1 }],
          securityContext: { privileged: true },
        },
        { name: 'c2', image: 'i2' },
      ],
      volumes: [{ name: 'v', hostPath: { path: '/etc' } }],
    },
  },
};

function foreign(members: Record<string, unknown> | string): Wasm {
  const wasm = new Wasm().init();
  wasm.selectForeign(typeof members === 'string' ? members : eventText(members));
  return wasm;
}

describe('which event is meant', () => {
  test('the events of a batch by their address', () => {
    const { wasm, events } = post(listText(names(256).map((id) => shortEvent(id))));
    // Only the last batch is there; take it anew.
    const live = webhook();
    live.host.send({ body: listText(names(256).map((id) => shortEvent(id))) });
    const batch = live.nextBatch() as Event[];
    for (const event of [...batch, ...batch.toReversed()]) {
      live.select(event);
      expect(live.extract('ka.auditid')).toBe((JSON.parse(event.payload) as { auditID: string }).auditID);
    }
    expect(() => wasm.select(events[0])).toThrow('not an event of the batch');
  });

  test('an address in front of, inside or behind an event is none', () => {
    const wasm = webhook();
    wasm.host.send({ body: listText(names(3).map((id) => shortEvent(id))) });
    const batch = wasm.nextBatch() as Event[];
    const starts = batch.map(({ address }) => address);
    for (let address = starts[0] - 64; address < starts[2] + 400; address++) {
      expect(wasm.exports.selectOwn(address), `${address - starts[0]}`).toBe(
        starts.includes(address) ? 0 : -1,
      );
    }
    for (const address of [0, 1, 4, 100_000_000, 2 ** 31, 2 ** 32 - 1]) {
      expect(wasm.exports.selectOwn(address)).toBe(-1);
    }
  });

  test('no event: no values', () => {
    const wasm = new Wasm().init();
    expect(wasm.extract('ka.verb')).toBeNull();
    wasm.selectForeign(eventText());
    expect(wasm.extract('ka.verb')).toBe('get');
    wasm.open('http://:9765');
    wasm.nextBatch();
    expect(wasm.extract('ka.verb')).toBeNull();
  });

  test('a new event at the old address is another event', () => {
    const wasm = webhook();
    // Then all memory that a batch needs is there.
    wasm.host.send({ body: listText(names(20).map((id) => shortEvent(id))) });
    drain(wasm);
    const values = ['x', 'y'].map((verb) => {
      wasm.host.send({ body: shortEvent('a', { verb }) });
      const [event] = drain(wasm).events;
      wasm.host.send({ body: shortEvent('b') });
      return event;
    });
    expect(values[0].address).toBe(values[1].address);
    const live = webhook();
    for (const verb of ['x', 'y']) {
      live.host.send({ body: shortEvent('a', { verb }) });
      const [event] = live.nextBatch() as Event[];
      live.select(event);
      expect(live.extract('ka.verb')).toBe(verb);
    }
  });

  test('events from elsewhere, between our own', () => {
    const wasm = webhook();
    wasm.host.send({
      body: listText([shortEvent('own1', { verb: 'v1' }), shortEvent('own2', { verb: 'v2' })]),
    });
    const [first, second] = wasm.nextBatch() as Event[];
    for (let i = 0; i < 3; i++) {
      wasm.select(first);
      expect(wasm.extract('ka.verb')).toBe('v1');
      wasm.selectForeign(eventText({ verb: `f${i}` }));
      expect(wasm.extract('ka.verb')).toBe(`f${i}`);
      wasm.select(second);
      expect(wasm.extract('ka.verb')).toBe('v2');
    }
  });

  test.each([
    ['nothing', ''],
    ['white space', ' \n'],
    ['garbage', 'garbage'],
    ['bytes', Buffer.from([0, 255, 0])],
    ['an array', `[${eventText()}]`],
    ['a list', listText([eventText()])],
    ['another kind', eventText({ kind: 'Pod' })],
    ['another API', eventText({ apiVersion: 'v1' })],
    ['no auditID', eventText({ auditID: undefined })],
    ['an auditID that is null', eventText({ auditID: null })],
    ['a cut event', eventText().slice(0, -1)],
  ])('from elsewhere, %s has no values', (_, payload) => {
    const wasm = new Wasm().init();
    wasm.selectForeign(payload);
    expect(
      wasm.fields.flatMap(({ name, arg }) => wasm.extract(arg?.isKey ? `${name}[x]` : name) ?? []),
    ).toEqual([]);
  });

  test('an item of a list, without kind and apiVersion, has', () => {
    expect(foreign('{"auditID":"i","verb":"get"}').extract('ka.verb')).toBe('get');
  });
});

describe('arguments', () => {
  test('an index picks one element; beyond the last there is none', () => {
    const wasm = foreign(POD);
    const ask = (index: string) => wasm.extract(`ka.req.pod.containers.image${index}`);
    expect(['', '[0]', '[1]', '[2]', '[4294967296]', '[9223372036854775807]'].map(ask)).toEqual([
      ['i1', 'i2'],
      ['i1'],
      ['i2'],
      null,
      null,
      null,
    ]);
  });

  test('an index counts elements, also those without a value', () => {
    const containers = [{ image: 'a' }, {}, { image: null }, 5, { image: 'b' }];
    const wasm = foreign({ requestObject: { spec: { containers } } });
    const ask = (index: string) => wasm.extract(`ka.req.pod.containers.image${index}`);
    expect(['', '[0]', '[1]', '[2]', '[3]', '[4]'].map(ask)).toEqual([
      ['a', 'b'],
      ['a'],
      null,
      null,
      null,
      ['b'],
    ]);
  });

  test('a field that does not exist has no value', () => {
    const { exports, fields } = foreign(POD);
    for (const id of [fields.length, fields.length + 1, 0xffff_ffff])
      expect(exports.extract(id, 0n, 0)).toBe(0n);
  });

  test('an empty key, a long key, a key with bytes that are no UTF-8', () => {
    const wasm = foreign({ ...POD, requestURI: '/x?=empty&a=1' });
    expect(wasm.extract('ka.uri.param[]')).toBe('empty');
    expect(wasm.extract(`ka.uri.param[${'k'.repeat(100_000)}]`)).toBeNull();
    expect(wasm.extract('ka.uri.param[a]')).toBe('1');
    expect(wasm.extract('ka.req.volume.hostpath[]')).toBe('false');
    expect(wasm.extract('ka.req.volume.hostpath[\xff]')).toBe('false');
  });
});

describe('caching', () => {
  test('the same question twice has the same answer at the same place', () => {
    // Those without an argument are kept by native/plugin.c: see the driver's command "lifetime".
    const wasm = foreign(POD);
    for (const request of ['ka.req.pod.containers.eff_run_as_user', 'ka.req.pod.containers.name']) {
      const id = wasm.fields.findIndex(({ name }) => name === request);
      const answers = Array.from({ length: 3 }, () => wasm.exports.extract(id, 0n, 0));
      expect(new Set(answers).size, request).toBe(1);
    }
  });

  test('questions that differ in their argument only have their own answers, in any order', () => {
    const wasm = foreign({ ...POD, requestURI: '/x?a=1&b=2' });
    for (let i = 0; i < 2; i++) {
      expect(wasm.extract('ka.uri.param[a]')).toBe('1');
      expect(wasm.extract('ka.uri.param[b]')).toBe('2');
      expect(wasm.extract('ka.uri.param[]')).toBeNull();
      expect(wasm.extract('ka.req.pod.containers.name[1]')).toEqual(['c2']);
      expect(wasm.extract('ka.req.pod.containers.name')).toEqual(['c1', 'c2']);
      expect(wasm.extract('ka.req.pod.containers.name[0]')).toEqual(['c1']);
    }
  });

  test('an answer is not taken over to the next event', () => {
    const wasm = new Wasm().init();
    for (let i = 0; i < 50; i++) {
      wasm.selectForeign(eventText(i % 2 === 0 ? { user: { username: `u${i}` } } : {}));
      expect(wasm.extract('ka.user.name')).toBe(i % 2 === 0 ? `u${i}` : null);
    }
  });

  test('every field twice in a row, forwards and backwards, is the same', () => {
    const wasm = foreign(POD);
    const requests = wasm.fields.map(({ name, arg }) => (arg?.isKey ? `${name}[a]` : name));
    const first = requests.map((request) => wasm.extract(request));
    expect(requests.map((request) => wasm.extract(request))).toEqual(first);
    expect(requests.toReversed().map((request) => wasm.extract(request))).toEqual(first.toReversed());
  });
});

describe('offsets', () => {
  /** The bytes of the event where the values of a field are said to stand. */
  function located(wasm: Wasm, event: Event, request: string): (string | null)[] {
    return wasm.extractWithOffsets(request).offsets.map(({ start, length }) => {
      if (start === 0 && length === 0) return null;
      expect(start).toBeGreaterThanOrEqual(EVENT_HEADER);
      expect(start + length).toBeLessThanOrEqual(EVENT_HEADER + Buffer.byteLength(event.payload));
      return wasm.buffer().toString('utf8', event.address + start, event.address + start + length);
    });
  }

  function own(members: Record<string, unknown>) {
    const wasm = webhook();
    wasm.host.send({ body: `[${shortEvent('before')},\n ${JSON.stringify(auditEvent(members), null, 1)}]` });
    const event = (wasm.nextBatch() as Event[])[1];
    wasm.select(event);
    return { wasm, event };
  }

  test.each([
    ['ka.auditid', ['a']],
    ['ka.user.name', ['al\\"ice']],
    ['ka.user.groups', ['g1', 'g\\\\2', 'grüppe']],
    ['ka.target.name', ['p']],
    ['ka.target.pod.name', ['p']],
    ['ka.req.pod.host_network', ['true']],
    ['ka.req.pod.containers.image', ['i1', 'i2']],
    ['ka.req.pod.containers.image[1]', ['i2']],
    ['ka.req.pod.containers.privileged', ['true']],
    ['ka.req.pod.containers.host_port', ['1']],
    ['ka.req.pod.volumes.hostpath', ['/etc']],
    // What is made of several places, or is not in the event as it stands, has none.
    ['ka.req.pod.containers.command', [null]],
    ['ka.req.pod.containers.image.repository', [null, null]],
    ['ka.req.pod.containers.eff_run_as_user', [null, null]],
    ['ka.req.container.privileged', [null]],
    ['ka.req.volume.hostpath[/etc]', [null]],
    ['ka.uri.param[b]', [null]],
    ['ka.req.binding.subject.has_name[x]', [null]],
    ['ka.req.pod.volumes.volume_type', [null]],
    ['ka.impuser.name', []],
  ])('%s', (request, texts) => {
    const { wasm, event } = own(POD);
    expect(located(wasm, event, request)).toEqual(texts);
  });

  test('an object is located whole, with its white space', () => {
    const { wasm, event } = own(POD);
    expect(wasm.extract('ka.req.configmap.obj')).toBe('{"key":" value "}');
    const [text] = located(wasm, event, 'ka.req.configmap.obj');
    expect(JSON.parse(text!)).toEqual({ key: ' value ' });
    expect(text).toContain('\n');
  });

  test('each value of each field is found again where it is said to stand, or has no place', () => {
    const { wasm, event } = own(POD);
    let count = 0;
    for (const { name, type, arg } of wasm.fields) {
      if (type !== 'string') continue;
      const request = arg?.isKey ? `${name}[a]` : name;
      const values = [wasm.extract(request) ?? []].flat();
      located(wasm, event, request).forEach((text, i) => {
        if (text === null) return;
        count++;
        const isJson = text.startsWith('{') || text.startsWith('[');
        const shown = isJson ? JSON.stringify(JSON.parse(text)) : (JSON.parse(`"${text}"`) as string);
        expect(shown, request).toBe(values[i]);
      });
    }
    expect(count).toBeGreaterThan(15);
  });
});

describe('memory', () => {
  test('the same keyed questions on one event, for ever', () => {
    const wasm = webhook();
    const pairs = names(200, 'k').map((key) => `${key}=${'v'.repeat(100)}`);
    wasm.host.send({ body: shortEvent('a', { requestURI: `/x?${pairs.join('&')}` }) });
    const [event] = wasm.nextBatch() as Event[];
    const run = (count: number): number => {
      for (let i = 0; i < count; i++) {
        wasm.select(event);
        expect(wasm.extract(`ka.uri.param[k${i % 200}]`)).toHaveLength(100);
      }
      return wasm.memoryBytes;
    };
    const before = run(400);
    expect(run(8000)).toBe(before);
  });

  test('very many different questions on one event take memory up to a limit, and not from the next event', () => {
    const wasm = webhook();
    const requestURI = `/x?a=1&long=${'v'.repeat(200_000)}`;
    wasm.host.send({ body: listText([shortEvent('a', { requestURI }), shortEvent('b', { requestURI })]) });
    const [event, next] = wasm.nextBatch() as Event[];
    // Each question takes the length of the URI: without a limit, these would take 600 MB.
    for (let i = 0; i < 3000; i++) {
      wasm.select(event);
      expect(wasm.extract(`ka.uri.param[none${i}]`)).toBeNull();
    }
    expect(wasm.memoryBytes).toBeLessThan(200_000_000);
    wasm.select(next);
    expect([wasm.extract('ka.auditid'), wasm.extract('ka.uri.param[a]')]).toEqual(['b', '1']);
  });

  test('many events', () => {
    const wasm = webhook();
    const run = (count: number): number => {
      for (let i = 0; i < count; i++) {
        wasm.host.send({ body: eventText({ ...POD, auditID: `${i}` }) });
        const [event] = wasm.nextBatch() as Event[];
        wasm.host.requests.length = 0;
        wasm.select(event);
        for (const { name, arg } of wasm.fields) wasm.extract(arg?.isKey ? `${name}[a]` : name);
        wasm.summary();
      }
      return wasm.memoryBytes;
    };
    const before = run(50);
    expect(run(500)).toBe(before);
  });

  test('many events from elsewhere, large ones between', () => {
    const wasm = new Wasm().init();
    const run = (count: number): number => {
      for (let i = 0; i < count; i++) {
        wasm.selectForeign(eventText({ ...POD, userAgent: 'u'.repeat(i % 10 === 0 ? 3_000_000 : 10) }));
        expect(wasm.extract('ka.useragent')).toHaveLength(i % 10 === 0 ? 3_000_000 : 10);
        expect(wasm.extract('ka.req.pod.containers.image')).toEqual(['i1', 'i2']);
      }
      return wasm.memoryBytes;
    };
    const before = run(120);
    expect(run(200)).toBe(before);
  });

  test('a list of 65536 values is whole, of more it is cut there', () => {
    const ask = (count: number) =>
      foreign({ user: { groups: Array.from({ length: count }, (_, i) => `${i}`) } }).extract(
        'ka.user.groups',
      );
    expect(ask(65_536)).toHaveLength(65_536);
    expect(ask(70_000)).toHaveLength(65_536);
  });
});

describe('a body that is no JSON', () => {
  test('has no values, is counted and told at debug once a minute, without its text', () => {
    const wasm = new Wasm().init();
    for (let i = 0; i < 3; i++) {
      wasm.selectForeign(
        `{"kind":"Event","auditID":"a","verb":"get","requestObject":{"spec":{"secret":tru}}}`,
      );
      expect(wasm.extract('ka.req.pod.host_network')).toBeNull();
      expect(wasm.extract('ka.verb')).toBe('get');
    }
    expect(wasm.metrics().field_errors).toBe(3);
    expect(wasm.host.logs).toEqual([
      {
        severity: 7,
        message:
          'a request or response body, or a part of it, is not valid JSON; the fields in it have no value',
      },
    ]);
  });

  test('each of the two bodies by itself', () => {
    const wasm = foreign(
      '{"kind":"Event","auditID":"a","requestObject":{"data":{"x":1}},"responseObject":{"metadata":{"name":"n"},}}',
    );
    expect(wasm.extract('ka.req.configmap.obj')).toBe('{"x":1}');
    expect(wasm.extract('ka.resp.name')).toBeNull();
    expect(wasm.extract('ka.req.configmap.obj')).toBe('{"x":1}');
    expect(wasm.metrics().field_errors).toBe(1);
  });

  test('both bodies, asked for by turns', () => {
    const wasm = foreign({ requestObject: { data: 'q' }, responseObject: { metadata: { name: 'r' } } });
    for (let i = 0; i < 3; i++) {
      expect([wasm.extract('ka.req.configmap.obj'), wasm.extract('ka.resp.name')]).toEqual(['q', 'r']);
    }
  });

  test.each(['"text"', '5', 'null', 'true', '[]', '[{"data":1}]'])(
    'a body that is %s has no members',
    (body) => {
      const wasm = foreign(`{"kind":"Event","auditID":"a","requestObject":${body}}`);
      expect(wasm.extract('ka.req.configmap.obj')).toBeNull();
      expect(wasm.extract('ka.req.pod.containers.image')).toBeNull();
      expect(wasm.metrics().field_errors).toBe(0);
    },
  );
});
