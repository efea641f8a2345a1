// SPDX-License-Identifier: Apache-2.0
// What is remembered of users and pods, and what fields say of it at later events.
import * as fs from 'node:fs';
import * as os from 'node:os';
import { describe, expect, test } from 'vitest';
import { webhook } from '../support/drive';
import { auditEvent, listText } from '../support/events';
import { lockedStates } from '../support/host';
import { Random } from '../support/random';
import { type Event, type Value, Wasm } from '../support/wasm';
import { Workspace } from '../support/workspace';

type Members = Record<string, unknown>;
const START = Date.parse('2025-03-18T09:00:00Z');
const SECOND = 1_000_000_000n;

/** An event `seconds` after the start. */
function at(seconds: number, members: Members): Members {
  return auditEvent({
    auditID: `e${seconds}`,
    stageTimestamp: new Date(START + seconds * 1000).toISOString(),
    ...members,
  });
}

/** Sends events as one request; the values of fields at each of them. */
function values(wasm: Wasm, events: (Members | string)[], fields: string[], path?: string): Value[][] {
  const texts = events.map((event) => (typeof event === 'string' ? event : JSON.stringify(event)));
  const body = texts.length === 1 ? texts[0]! : listText(texts);
  wasm.host.send({ body, ...(path === undefined ? {} : { path }) });
  const found: Value[][] = [];
  for (;;) {
    const batch = wasm.nextBatch();
    if (batch === 'timeout' || batch === 'end') return found;
    for (const event of batch as Event[]) {
      wasm.select(event);
      found.push(fields.map((field) => wasm.extract(field)));
    }
  }
}

/** The values of one field. */
function column(wasm: Wasm, events: (Members | string)[], field: string, path?: string): Value[] {
  return values(wasm, events, [field], path).map(([value]) => value!);
}

describe('ka.user.first_seen', () => {
  const by = (username: unknown, seconds: number) => at(seconds, { user: { username } });
  const FIELD = 'ka.user.first_seen';

  test('is the time since the first event of the user', () => {
    const events = [by('alice', 0), by('bob', 5), by('alice', 7), by('alice', 3600), by('bob', 3600)];
    expect(column(webhook(), events, FIELD)).toEqual([0n, 0n, 7n * SECOND, 3600n * SECOND, 3595n * SECOND]);
  });

  test('goes on over batches and requests', () => {
    const wasm = webhook();
    expect(column(wasm, [by('alice', 0)], FIELD)).toEqual([0n]);
    const many = Array.from({ length: 600 }, (_, i) => by('alice', i + 1));
    expect(column(wasm, many, FIELD)).toEqual(many.map((_, i) => BigInt(i + 1) * SECOND));
  });

  test('is 0 when an event is older than the first one that came', () => {
    expect(column(webhook(), [by('alice', 60), by('alice', 0)], FIELD)).toEqual([0n, 0n]);
  });

  test('is none without a name, and for an event that no source of ours brought', () => {
    const wasm = webhook();
    const events = [at(0, {}), at(1, { user: {} }), by(null, 2), by(7, 3), by({ a: 1 }, 4)];
    expect(column(wasm, events, FIELD)).toEqual([null, null, null, null, null]);
    wasm.selectForeign(JSON.stringify(by('alice', 0)));
    for (const field of [FIELD, 'ka.user.denied_recently', 'ka.target.pod.known', 'ka.provider']) {
      expect(wasm.extract(field), field).toBeNull();
    }
  });

  test('tells names apart whose beginnings or ends are the same, and long ones', () => {
    const names = ['a', 'aa', 'aaaaaaaa', 'aaaaaaaab', 'baaaaaaaa', 'x'.repeat(255), 'x'.repeat(256)];
    names.push('x'.repeat(300), `${'x'.repeat(299)}y`, '', 'é', 'system:serviceaccount:kube-system:default');
    const events = [...names, ...names].map((name, i) => by(name, i));
    const age = BigInt(names.length) * SECOND;
    expect(column(webhook(), events, FIELD)).toEqual([...names.map(() => 0n), ...names.map(() => age)]);
  });

  test('each cluster has its own users', () => {
    const wasm = webhook('{"dedupeWindow": 0, "webhookClusters": {"/a": "one", "/b": "two"}}');
    expect(column(wasm, [by('alice', 0)], FIELD, '/a')).toEqual([0n]);
    expect(column(wasm, [by('alice', 10)], FIELD, '/b')).toEqual([0n]);
    expect(column(wasm, [by('alice', 20)], FIELD)).toEqual([0n]);
    expect(column(wasm, [by('alice', 30)], FIELD, '/a')).toEqual([30n * SECOND]);
  });
});

describe('ka.user.denied_recently', () => {
  const FIELD = 'ka.user.denied_recently';
  const answer = (seconds: number, code: unknown, members: Members = {}) =>
    at(seconds, { user: { username: 'alice' }, responseStatus: { metadata: {}, code }, ...members });

  test('counts 401 and 403, and no other answers', () => {
    const codes = [200, 403, 404, 401, 500, 400, 403, 409, 429, '403', 4030, null, 201];
    expect(
      column(
        webhook(),
        codes.map((code, i) => answer(i, code)),
        FIELD,
      ),
    ).toEqual([0, 1, 1, 2, 2, 2, 3, 3, 3, 4, 4, 4, 4].map(BigInt));
  });

  test('wherever the code stands in the status', () => {
    const status = (text: string) => `{"kind":"Event","auditID":"a","stage":"ResponseComplete",${text}}`;
    const events = [
      status('"responseStatus":{"code":403,"reason":"Forbidden"}'),
      status('"responseStatus": { "code" : 403 , "message" : "x" }'),
      status('"responseStatus":{"metadata":{},"details":{"code":200},"code":403}'),
      status('"responseStatus":{}'),
      status('"responseStatus":403'),
      status('"responseStatus":[{"code":403}]'),
      status('"responseStatus":{"metadata":{},"code":200}'),
      status('"responseStatus":{"code":403,"other":200}'),
      status('"responseStatus":{"code":403,"details":{"code":200}}'),
    ];
    expect(column(webhook(), events, FIELD)).toEqual([1, 2, 3, 3, 3, 3, 3, 4, 5].map(BigInt));
  });

  test('counts a request once: at its end', () => {
    const stages = ['RequestReceived', 'ResponseStarted', 'ResponseComplete', 'Panic', undefined];
    const events = stages.map((stage, i) => answer(i, 403, { stage }));
    expect(column(webhook(), events, FIELD)).toEqual([0, 0, 1, 1, 1].map(BigInt));
  });

  test('forgets what is older than five minutes, to ten seconds', () => {
    const wasm = webhook();
    const events = [answer(0, 403), answer(100, 403), answer(289, 200), answer(300, 200), answer(389, 200)];
    expect(column(wasm, events, FIELD)).toEqual([1, 2, 2, 1, 1].map(BigInt));
    expect(column(wasm, [answer(400, 200), answer(401, 403)], FIELD)).toEqual([0, 1].map(BigInt));
    // After a long time, nothing is left of any part of the window.
    expect(column(wasm, [answer(100_000, 200)], FIELD)).toEqual([0n]);
  });

  test('a late one counts when it was, one that is too late does not', () => {
    const events = [
      answer(1000, 403),
      answer(900, 403),
      answer(1001, 200),
      answer(500, 403),
      answer(1205, 200),
    ];
    expect(column(webhook(), events, FIELD)).toEqual([1, 2, 2, 2, 1].map(BigInt));
  });

  test('says at each event of a batch what was then, not what comes behind it', () => {
    const events = Array.from({ length: 50 }, (_, i) => answer(i, 403));
    expect(column(webhook(), events, FIELD)).toEqual(events.map((_, i) => BigInt(i + 1)));
  });

  test('those who failed to authenticate have no name, and are counted together', () => {
    const event = (seconds: number, user: unknown) => at(seconds, { user, responseStatus: { code: 401 } });
    expect(column(webhook(), [event(0, {}), event(1, undefined), event(2, {})], FIELD)).toEqual([1n, 2n, 3n]);
  });

  test('a burst is counted whole', () => {
    const wasm = webhook();
    const events = Array.from({ length: 5000 }, (_, i) => answer(i / 100, 403));
    expect(column(wasm, events, FIELD).at(-1)).toBe(5000n);
  });
});

const POD_FIELDS = [
  'known',
  'privileged',
  'host_network',
  'host_pid',
  'hostpath',
  'images',
  'service_account',
].map((name) => `ka.target.pod.${name}`);
const UNKNOWN = [false, null, null, null, null, null, null];
const pod = (name: string | undefined, spec: unknown, more: Members = {}) => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: {
    name,
    generateName: 'web-',
    namespace: 'shop',
    labels: { serviceAccountName: 'spoofed', image: 'x' },
  },
  spec,
  ...more,
});
const SPEC = {
  volumes: [{ name: 'v', csi: { driver: 'd', volumeAttributes: { serviceAccountName: 'spoofed' } } }],
  containers: [{ name: 'c', image: 'nginx:1', securityContext: { runAsUser: 5 } }],
  serviceAccountName: 'web',
  serviceAccount: 'web',
};
const PLAIN = [true, false, false, false, null, ['nginx:1'], 'web'];
const ref = (name: string | undefined, subresource?: string) => ({
  resource: 'pods',
  namespace: 'shop',
  name,
  apiVersion: 'v1',
  subresource,
});
const made = (name: string, requestObject: unknown, responseObject?: unknown, more: Members = {}) =>
  at(0, {
    verb: 'create',
    objectRef: ref(name),
    responseStatus: { metadata: {}, code: 201 },
    requestObject,
    responseObject,
    ...more,
  });
const session = (name: string, subresource = 'exec', more: Members = {}) =>
  at(9, { verb: 'create', objectRef: ref(name, subresource), ...more });

/** What is known of the pod `web` after these events, lists in order. */
function after(...events: (Members | string)[]): Value[] {
  const wasm = webhook();
  // Each in a request of its own: what is wrong with one must not end the list for the next.
  for (const event of events) values(wasm, [event], []);
  const [found] = values(wasm, [session('web')], POD_FIELDS);
  return found!.map((value) => (Array.isArray(value) ? value.toSorted() : value));
}

describe('ka.target.pod.*', () => {
  test('of a pod that was made before', () => {
    expect(after(made('web', pod('web', SPEC)))).toEqual(PLAIN);
  });

  test('of a pod that nobody showed', () => {
    expect(after()).toEqual(UNKNOWN);
    expect(after(made('other', pod('other', SPEC)))).toEqual(UNKNOWN);
    const elsewhere = { objectRef: { ...ref('web'), namespace: 'else' } };
    expect(after(made('web', pod('web', SPEC), undefined, elsewhere))).toEqual(UNKNOWN);
  });

  test.each(['exec', 'attach', 'portforward', 'ephemeralcontainers'])('at pods/%s', (subresource) => {
    const events = [made('web', pod('web', SPEC)), session('web', subresource)];
    expect(values(webhook(), events, POD_FIELDS)).toEqual([POD_FIELDS.map(() => null), PLAIN]);
  });

  test('at nothing else', () => {
    const others = ['log', 'status', ''].map((name) => session('web', name, { verb: 'get' }));
    const service = session('web', 'proxy', { objectRef: { ...ref('web', 'proxy'), resource: 'services' } });
    for (const found of values(webhook(), [made('web', pod('web', SPEC)), ...others, service], POD_FIELDS)) {
      expect(found).toEqual(POD_FIELDS.map(() => null));
    }
  });

  test('whatever is dangerous in it', () => {
    const spec = {
      hostNetwork: true,
      hostPID: true,
      volumes: [
        { name: 'a', hostPath: { path: '/', type: '' } },
        { name: 'b', hostPath: { type: 'Directory', path: '/etc' } },
        { name: 'c', emptyDir: {} },
      ],
      initContainers: [
        { image: 'init:1', securityContext: { capabilities: { add: ['A'] }, privileged: true } },
      ],
      containers: [
        { image: 'one:1', command: ['sh', '-c', '"image":"fake","privileged":true'] },
        { image: 'two:2', env: [{ name: 'image', value: 'fake' }], securityContext: { privileged: false } },
      ],
      ephemeralContainers: [{ image: 'debug:1' }],
      serviceAccountName: 'root',
    };
    const expected = [true, true, true, true, ['/', '/etc'], ['debug:1', 'init:1', 'one:1', 'two:2'], 'root'];
    expect(after(made('web', pod('web', spec)))).toEqual(expected);
    // Also in white space, and with escapes, which take another way.
    const pretty = JSON.stringify(made('web', pod('web', spec)), null, 2);
    expect(after(pretty)).toEqual(expected);
    expect(after(pretty.replaceAll('"spec"', String.raw`"\u0073pec"`))).toEqual(expected);
    expect(after(pretty.replaceAll('"privileged"', String.raw`"privilege\u0064"`))).toEqual(expected);
    expect(after(pretty.replaceAll('"/etc"', String.raw`"\/etc"`))).toEqual(expected);
  });

  test.each<[string, unknown, boolean]>([
    ['securityContext', { privileged: true }, true],
    ['securityContext', { privileged: 'true' }, false],
    ['securityContext', { privileged: false }, false],
    ['securityContext', null, false],
    ['securityContext', [{ privileged: true }], false],
    ['lifecycle', { privileged: true }, false],
  ])('a container with %s %j: %s', (key, value, isPrivileged) => {
    const spec = { ...SPEC, containers: [{ image: 'nginx:1', [key]: value }] };
    expect(after(made('web', pod('web', spec)))[1]).toBe(isPrivileged);
  });

  test('as it was made, not as it was asked for: admission may have changed it', () => {
    const changed = { ...SPEC, initContainers: [{ image: 'mesh:1', securityContext: { privileged: true } }] };
    const answered = pod('web', changed, {
      status: { phase: 'Pending', containerStatuses: [{ image: 'no' }] },
    });
    const expected = [true, true, false, false, null, ['mesh:1', 'nginx:1'], 'web'];
    expect(after(made('web', pod('web', SPEC), answered))).toEqual(expected);
  });

  test('under the name that the answer gives, when the server made it', () => {
    const event = at(0, {
      verb: 'create',
      objectRef: ref(undefined),
      responseStatus: { code: 201 },
      requestObject: pod(undefined, SPEC),
      responseObject: pod('web', SPEC),
    });
    expect(after(event)).toEqual(PLAIN);
    // At level Request nobody can tell.
    expect(after({ ...event, responseObject: undefined })).toEqual(UNKNOWN);
  });

  test('without a name in the path, under the one in the request', () => {
    expect(after(made('', pod('web', SPEC), undefined, { objectRef: ref(undefined) }))).toEqual(PLAIN);
  });

  test.each<[string, Members]>([
    ['refused', { responseStatus: { code: 403 } }],
    ['in conflict', { responseStatus: { code: 409 } }],
    ['refused, with a number behind the code', { responseStatus: { code: 403, other: 200 } }],
    ['not finished', { stage: 'RequestReceived', responseStatus: undefined }],
    ['a dry run', { requestURI: '/api/v1/namespaces/shop/pods?dryRun=All' }],
    ['a dry run with more', { requestURI: '/api/v1/namespaces/shop/pods?fieldManager=x&dryRun=All&a=b' }],
    ['read', { verb: 'get' }],
    ['of another resource', { objectRef: { ...ref('web'), resource: 'podtemplates' } }],
    ['a subresource', { objectRef: ref('web', 'status') }],
    ['without a body', { requestObject: undefined }],
    ['without a spec', { requestObject: pod('web', undefined) }],
    ['with another spec', { requestObject: pod('web', 'text') }],
  ])('a request that is %s shows no pod', (_, members) => {
    const event = made('web', pod('web', SPEC), undefined, members);
    expect(after(event)).toEqual(UNKNOWN);
    const privileged = { ...SPEC, hostPID: true };
    expect(after(made('web', pod('web', privileged)), event)[3]).toBe(true);
  });

  test('an update takes the place of what was known', () => {
    const updated = made('web', pod('web', { ...SPEC, containers: [{ image: 'nginx:2' }] }), undefined, {
      verb: 'update',
      responseStatus: { code: 200 },
    });
    expect(after(made('web', pod('web', { ...SPEC, hostPID: true })), updated)).toEqual([
      true,
      false,
      false,
      false,
      null,
      ['nginx:2'],
      'web',
    ]);
  });

  test('a pod that is made anew under the same name', () => {
    expect(after(made('web', pod('web', { hostNetwork: true })), made('web', pod('web', SPEC)))).toEqual(
      PLAIN,
    );
  });

  describe('a patch', () => {
    const patch = (body: unknown, response?: unknown, more: Members = {}) =>
      made('web', body, response, { verb: 'patch', responseStatus: { code: 200 }, ...more });
    const body = { spec: { containers: [{ name: 'c', image: 'nginx:2' }] } };

    test('adds to what is known', () => {
      expect(after(made('web', pod('web', SPEC)), patch(body))[5]).toEqual(['nginx:1', 'nginx:2']);
      const operations = [{ op: 'replace', path: '/spec/containers/0/image', value: 'nginx:3' }];
      expect(after(made('web', pod('web', SPEC)), patch(operations))[5]).toEqual(['nginx:1', 'nginx:3']);
    });

    test('of an unknown pod shows nothing: it is a part', () => {
      expect(after(patch(body))).toEqual(UNKNOWN);
    });

    test('with the whole pod in the answer shows it', () => {
      expect(after(patch(body, pod('web', SPEC)))).toEqual(PLAIN);
    });

    test('that adds a debug container', () => {
      const debug = {
        spec: { ephemeralContainers: [{ image: 'busybox', securityContext: { privileged: true } }] },
      };
      const event = patch(debug, undefined, { objectRef: ref('web', 'ephemeralcontainers') });
      const events = [made('web', pod('web', SPEC)), event, session('web')];
      const [, atDebug, atExec] = values(webhook(), events, POD_FIELDS);
      expect(atDebug).toEqual(PLAIN);
      expect(atExec).toEqual([true, true, false, false, null, ['nginx:1', 'busybox'], 'web']);
    });
  });

  test('what was cut shows a part', () => {
    const whole = JSON.stringify(made('web', pod('web', { ...SPEC, hostPID: true })));
    const cut = whole.slice(0, whole.indexOf('"hostPID"'));
    expect(after(cut)).toEqual(UNKNOWN);
    expect(after(made('web', pod('web', SPEC)), cut)).toEqual(PLAIN);
  });

  test('a body that is no JSON shows nothing, and costs nothing', () => {
    const broken = JSON.stringify(made('web', pod('web', SPEC))).replace('"nginx:1"', 'nginx');
    const wasm = webhook();
    expect(values(wasm, [broken, session('web')], ['ka.target.pod.known'])).toEqual([[null], [false]]);
    expect(wasm.metrics().traps).toBe(0);
  });

  test('a record is bounded: what does not fit is left out, the flags are right', () => {
    const images = Array.from({ length: 500 }, (_, i) => `registry.example.org/team/image-${i}:1`);
    const spec = { containers: images.map((image) => ({ image })), hostPID: true, serviceAccountName: 'web' };
    const [known, , , hostPid, , found] = after(made('web', pod('web', spec)));
    expect([known, hostPid]).toEqual([true, true]);
    expect((found as string[]).length).toBeGreaterThan(40);
    expect(images).toEqual(expect.arrayContaining(found as string[]));
  });

  test('each text once', () => {
    const spec = { ...SPEC, containers: [{ image: 'a' }, { image: 'b' }, { image: 'a' }] };
    expect(after(made('web', pod('web', spec)))[5]).toEqual(['a', 'b']);
  });
});

describe('a pod is read alike in the quick way and in the general one', () => {
  const ODD: unknown[] = [null, true, false, 7, '', 'true', [], {}, [null], [[]], ['x'], { path: 1 }, [{}]];
  // Also names that are as long as those that are wanted, and values that look like them.
  const OTHERS: Members = {
    hostIPC: true,
    tolerations: [{ key: 'hostNetwork', operator: 'Exists' }],
    enableServiceLinks: true,
    nodeSelector: { 'kubernetes.io/hostname': 'a', image: 'not:1', hostPID: 'true' },
    securityContext: { privileged: true, sysctls: [] },
    imagePullSecrets: [{ name: 'image' }],
    overhead: {},
    schedulingGates: [],
    terminationGracePeriodSeconds: 30,
  };
  const OTHERS_OF_A_CONTAINER: Members = {
    ports: [{ containerPort: 80, image: 'not:2' }],
    imagePullPolicy: 'Always',
    stdin: true,
    env: [{ name: 'HTML', value: '<a href="x">\n{"image":"not:3","privileged":true}\\' }],
    args: ['x'.repeat(200), '"image":"not:4"', '{[', 'é…'],
    resources: { limits: { cpu: '1', memory: '1Gi' }, requests: {} },
    lifecycle: { preStop: { exec: { command: ['privileged'] } } },
    terminationMessagePath: '/dev/termination-log',
  };

  /** Makes pods whose members stand in any order, with others between them. */
  class PodMaker {
    constructor(private random: Random) {}

    some<T>(make: () => T): T[] {
      return Array.from({ length: this.random.below(4) }, make);
    }

    shuffled(members: Members): Members {
      const order = Object.entries(members).map((entry) => [this.random.below(1000), entry] as const);
      return Object.fromEntries(order.sort(([a], [b]) => a - b).map(([, entry]) => entry));
    }

    /** Some of the members, in any order. */
    of(members: Members, others: Members): Members {
      const wanted = Object.entries(members).filter(() => this.random.below(4) > 0);
      const rest = Object.entries(others).filter(() => this.random.below(3) === 0);
      return this.shuffled(Object.fromEntries([...wanted, ...rest]));
    }

    container = () =>
      this.of(
        {
          image: `registry.example.org/${'team/'.repeat(this.random.below(9))}image:${this.random.below(9)}`,
          securityContext: this.of(
            { privileged: this.random.below(2) === 0 },
            { runAsUser: 5, capabilities: { add: ['privileged'] }, procMount: 'privileged' },
          ),
        },
        OTHERS_OF_A_CONTAINER,
      );

    volume = () =>
      this.of(
        {
          hostPath: this.of({ path: `/etc/${this.random.below(9)}` }, { type: 'path', more: { path: 'x' } }),
        },
        { name: 'hostPath', emptyDir: {}, configMap: { name: 'c', items: [{ path: 'y', key: 'k' }] } },
      );

    spec(): Members {
      return this.of(
        {
          hostNetwork: this.random.below(2) === 0,
          hostPID: this.random.below(2) === 0,
          volumes: this.some(this.volume),
          containers: this.some(this.container),
          initContainers: this.some(this.container),
          ephemeralContainers: this.some(this.container),
          serviceAccountName: this.random.pick(['web', 'root', '']),
          serviceAccount: 'older',
        },
        OTHERS,
      );
    }

    /** The same with something replaced, taken out or put in, somewhere. */
    damaged(value: unknown, often: number): unknown {
      if (this.random.below(often) === 0) return this.random.pick(ODD);
      const isKept = () => this.random.below(often) > 0;
      if (Array.isArray(value)) return value.map((item) => this.damaged(item, often)).filter(isKept);
      if (typeof value !== 'object' || value === null) return value;
      const members = Object.entries(value).map(([key, each]) => [key, this.damaged(each, often)] as const);
      return Object.fromEntries(members.filter(isKept));
    }
  }

  /** A key is written with an escape: such a pod is read in the general way. */
  const escaped = (text: string) => text.replaceAll('"spec":', String.raw`"\u0073pec":`);

  test.each<[string, number, number]>([
    ['as they may be', 3000, Infinity],
    ['where something small is odd in them', 2000, 60],
    ['where much is', 2000, 12],
  ])('pods %s', (_, count, often) => {
    const random = new Random(often === Infinity ? 1 : often);
    const maker = new PodMaker(random);
    const wasm = webhook('{"dedupeWindow": 0, "knownPods": 10000}');
    const PART = 100;
    let known = 0;
    for (let first = 0; first < count; first += PART) {
      const texts = Array.from({ length: PART }, (_unused, i) => {
        const spec = often === Infinity ? maker.spec() : maker.damaged(maker.spec(), often);
        const name = `pod-${first + i}`;
        const metadata = maker.shuffled({ name, labels: { name: 'no' }, managedFields: ['{"name":', {}] });
        const body = maker.shuffled({ kind: 'Pod', apiVersion: 'v1', metadata, spec, status: { spec: {} } });
        const event = made(name, body, i % 3 === 0 ? body : undefined);
        // With white space, now and then.
        return JSON.stringify(event, null, random.below(10) === 0 ? random.below(4) : 0);
      });
      const names = texts.map((_unused, i) => `pod-${first + i}`);
      const general = texts.map((text, i) => escaped(text).replaceAll(names[i]!, `general-${first + i}`));
      values(wasm, [...texts, ...general], []);
      const asked = names.flatMap((name, i) => [session(name), session(`general-${first + i}`)]);
      // The two ways find images in another order.
      const found = values(wasm, asked, POD_FIELDS).map((all) =>
        all.map((value) => (Array.isArray(value) ? value.toSorted() : value)),
      );
      texts.forEach((text, i) => {
        expect(found[2 * i], text).toEqual(found[2 * i + 1]);
        if (found[2 * i]![0] === true) known++;
      });
    }
    expect(known).toBeGreaterThan(count * 0.6);
  });
});

describe('who asks for what is read alike, however the event is written', () => {
  const head = '"kind":"Event","auditID":"a","stage":"ResponseComplete"';
  const event = (user: string, more = '') => `{${head},"user":${user}${more}}`;

  test('the name of a user', () => {
    const events = [
      '{"username":"alice","uid":"1"}',
      '{"uid":"1","username":"alice"}',
      '{ "username" : "alice" }',
      String.raw`{"user\u006eame":"alice"}`,
    ];
    const wasm = webhook();
    column(wasm, [event('{"username":"bob"}')], 'ka.verb');
    expect(
      column(
        wasm,
        events.map((user) => event(user)),
        'ka.user.first_seen',
      ),
    ).not.toContain(null);
    expect(wasm.metrics().users_known).toBe(2);
  });

  test('a user without a name, whatever stands behind it', () => {
    const wasm = webhook();
    const members = ',"username":"alice","objectRef":{"resource":"nodes"}';
    const users = ['{}', '"username"', '[]', 'null', '{"username":7}', '{"username":{"username":"alice"}}'];
    const events = users.map((user) => event(user, members));
    expect(column(wasm, events, 'ka.user.first_seen')).toEqual(users.map(() => null));
    expect(wasm.metrics().users_known).toBe(1);
  });

  test.each([
    ['{"resource":"pods","namespace":"shop","name":"web","subresource":"exec"}', true],
    ['{"subresource":"exec","name":"web","namespace":"shop","resource":"pods"}', true],
    ['{ "resource": "pods", "subresource": "exec", "name": "web" }', true],
    ['{"resource":"podsecuritypolicies","subresource":"exec","name":"web"}', false],
    ['{"resource":"pod","subresource":"exec","name":"web"}', false],
    ['{"resource":"pods/exec","subresource":"exec","name":"web"}', false],
    ['{"resource":["pods"],"subresource":"exec","name":"web"}', false],
  ])('the object %s', (object, isAsked) => {
    const found = column(webhook(), [event('{}', `,"objectRef":${object}`)], 'ka.target.pod.known');
    expect(found).toEqual([isAsked ? false : null]);
  });
});

describe('bounds', () => {
  const LIMITS = '{"dedupeWindow": 0, "knownPods": 100, "knownUsers": 50}';
  const seen = (i: number, seconds = 0) =>
    at(seconds, {
      user: { username: `user-${i}` },
      verb: 'create',
      objectRef: ref(`pod-${i}`),
      responseStatus: { code: 201 },
      requestObject: pod(`pod-${i}`, SPEC),
    });

  test('the one that was asked for longest ago is forgotten first', () => {
    const wasm = webhook(LIMITS);
    values(
      wasm,
      Array.from({ length: 100 }, (_, i) => seen(i)),
      [],
    );
    // Asked for: it stays.
    expect(column(wasm, [session('pod-0')], 'ka.target.pod.known')).toEqual([true]);
    values(wasm, [seen(100), seen(101)], []);
    const sessions = [0, 1, 2, 3, 100, 101].map((i) => session(`pod-${i}`));
    expect(column(wasm, sessions, 'ka.target.pod.known')).toEqual([true, false, false, true, true, true]);
    expect(wasm.metrics()).toMatchObject({ pods_known: 100, pods_forgotten: 2, users_known: 50 });
    // 102 users, and those of the sessions, who have no name.
    expect(wasm.metrics().users_forgotten).toBe(53);
  });

  test('0: nothing is remembered, and the fields have no value', () => {
    const wasm = webhook('{"dedupeWindow": 0, "knownPods": 0, "knownUsers": 0}');
    const fields = [...POD_FIELDS, 'ka.user.first_seen', 'ka.user.denied_recently'];
    for (const found of values(wasm, [seen(1), session('pod-1')], fields)) {
      expect(found).toEqual(fields.map(() => null));
    }
    expect(wasm.metrics()).toMatchObject({ pods_known: 0, users_known: 0 });
  });

  test('another source begins anew', () => {
    const wasm = webhook(LIMITS);
    values(wasm, [seen(1)], []);
    wasm.open('http://:9765/k8s-audit');
    expect(wasm.metrics()).toMatchObject({ pods_known: 0, users_known: 0 });
    expect(column(wasm, [session('pod-1')], 'ka.target.pod.known')).toEqual([false]);
  });

  test('a million pods and users take the memory of ten thousand', () => {
    const wasm = webhook('{"dedupeWindow": 0}');
    const batch = (first: number) =>
      values(
        wasm,
        Array.from({ length: 2000 }, (_, i) => seen(first + i, first / 1000)),
        [],
      );
    for (let first = 0; first < 20_000; first += 2000) batch(first);
    const before = wasm.memoryBytes;
    for (let first = 20_000; first < 1_000_000; first += 2000) batch(first);
    expect(wasm.metrics()).toMatchObject({
      pods_known: 10_000,
      pods_forgotten: 990_000,
      users_known: 10_000,
      users_forgotten: 990_000,
    });
    expect(wasm.memoryBytes - before).toBeLessThan(1024 * 1024);
    const sessions = [session('pod-999999'), session('pod-990000'), session('pod-989999')];
    expect(column(wasm, sessions, 'ka.target.pod.known')).toEqual([true, true, false]);
  }, 300_000);
});

describe('over a restart, with stateDir', () => {
  const MINUTE = 60_000_000_000n;
  const by = (username: string, seconds: number) => at(seconds, { user: { username } });
  const showing = made('web', pod('web', { ...SPEC, hostPID: true }));

  function start(folder: string, more: Members = {}, params = 'http://:9765/k8s-audit'): Wasm {
    return new Wasm().init(JSON.stringify({ dedupeWindow: 0, stateDir: folder, ...more })).open(params);
  }

  /** What is known of alice, who came at 0, and of the pod. */
  const known = (wasm: Wasm) => [
    ...column(wasm, [by('alice', 100)], 'ka.user.first_seen'),
    ...values(wasm, [session('web')], ['ka.target.pod.known', 'ka.target.pod.host_pid']).flat(),
  ];
  const KEPT = [100n * SECOND, true, true];
  const LOST = [0n, false, null];

  test('all is known again after the end', () => {
    const folder = new Workspace().at('state');
    const wasm = start(folder);
    values(wasm, [by('alice', 0), showing], []);
    wasm.close();
    const next = start(folder);
    expect(next.metrics()).toMatchObject({ pods_known: 1, users_known: 2 });
    expect(known(next)).toEqual(KEPT);
  });

  test('and after a kill, what was known a minute before', () => {
    const folder = new Workspace().at('state');
    const wasm = start(folder);
    values(wasm, [by('alice', 0), showing], []);
    wasm.host.afterTrap();
    expect(known(start(folder)), 'at once').toEqual(LOST);
    const longer = start(folder);
    values(longer, [by('alice', 0), showing], []);
    longer.host.now += MINUTE;
    longer.nextBatch();
    longer.host.afterTrap();
    expect(known(start(folder))).toEqual(KEPT);
  });

  test('not with another source, and not without stateDir', () => {
    const folder = new Workspace().at('state');
    const wasm = start(folder);
    values(wasm, [by('alice', 0), showing], []);
    wasm.close();
    expect(known(start(folder, {}, 'http://127.0.0.1:9765/k8s-audit'))).toEqual(LOST);
    expect(known(webhook())).toEqual(LOST);
  });

  test('the clusters are told by their names', () => {
    const folder = new Workspace().at('state');
    const wasm = start(folder, { webhookClusters: { '/a': 'one', '/b': 'two' } });
    column(wasm, [by('alice', 0)], 'ka.verb', '/a');
    column(wasm, [by('alice', 50)], 'ka.verb', '/b');
    wasm.close();
    const next = start(folder, { webhookClusters: { '/c': 'two', '/d': 'three' } });
    const ages = ['/c', '/d', undefined].flatMap((path) =>
      column(next, [by('alice', 100)], 'ka.user.first_seen', path),
    );
    expect(ages).toEqual([50n * SECOND, 0n, 0n]);
  });

  test('with other limits, users and pods are learnt anew', () => {
    const folder = new Workspace().at('state');
    for (const limits of [{}, { knownUsers: 5 }, { knownUsers: 5, knownPods: 0 }, { knownUsers: 0 }]) {
      const wasm = start(folder, limits);
      expect(wasm.metrics(), JSON.stringify(limits)).toMatchObject({
        users_known: 0,
        pods_known: 0,
        checkpoint_errors: 0,
      });
      values(wasm, [by('alice', 0), showing], []);
      wasm.close();
    }
    expect(known(start(folder))).toEqual(KEPT);
    expect(start(folder, { knownUsers: 5 }).metrics()).toMatchObject({ users_known: 2, pods_known: 1 });
    expect(start(folder, { knownUsers: 0 }).metrics()).toMatchObject({ users_known: 0, pods_known: 1 });
    const neither = new Workspace().at('state');
    start(neither, { knownUsers: 0, knownPods: 0 }).close();
    expect(fs.existsSync(neither)).toBe(false);
  });

  test('ten thousand pods and users', () => {
    const folder = new Workspace().at('state');
    const wasm = start(folder);
    for (let first = 0; first < 10_000; first += 1000) {
      const events = Array.from({ length: 1000 }, (_, i) =>
        made(`pod-${first + i}`, pod(`pod-${first + i}`, SPEC), undefined, {
          user: { username: `user-${first + i}` },
        }),
      );
      values(wasm, events, []);
    }
    wasm.close();
    const next = start(folder);
    expect(next.metrics()).toMatchObject({ pods_known: 10_000, users_known: 10_000, checkpoint_errors: 0 });
    expect(column(next, [session('pod-0'), session('pod-9999')], 'ka.target.pod.known')).toEqual([
      true,
      true,
    ]);
  });

  test('a file that is damaged costs what was known, and is told', () => {
    const folder = new Workspace().at('state');
    const wasm = start(folder);
    values(wasm, [by('alice', 0), showing], []);
    wasm.close();
    const [name] = fs.readdirSync(folder);
    const file = `${folder}/${name!}`;
    const content = fs.readFileSync(file);
    content.fill(0x55, 100, 200);
    fs.writeFileSync(file, content);
    const next = start(folder);
    expect(next.metrics().checkpoint_errors).toBe(1);
    expect(next.host.logs.map(({ message }) => message).join()).toContain('is damaged');
    expect(known(next)).toEqual(LOST);
  });

  test.each([
    ['a folder that cannot be made', '/proc/none/state'],
    ['a file', '/proc/self/status'],
  ])('stateDir is %s: the source is refused', (_, folder) => {
    expect(() => start(folder)).toThrow(/^init_config: key "stateDir": cannot use .*known-[0-9a-f]{16}/);
  });

  test('only one process has it', () => {
    const folder = new Workspace().at('state');
    start(folder).close();
    const file = `${folder}/${fs.readdirSync(folder)[0]!}`;
    lockedStates.add(file);
    expect(() => start(folder)).toThrow('another process uses it');
    lockedStates.delete(file);
  });

  test('a disk that is full is told, and events go on', () => {
    const wasm = start(new Workspace().at('state'));
    wasm.host.failState.write = os.constants.errno.ENOSPC;
    wasm.host.now += MINUTE;
    expect(column(wasm, [by('alice', 0)], 'ka.user.first_seen')).toEqual([0n]);
    const text = wasm.host.logs.map(({ message }) => message).join();
    expect(text).toMatch(
      /cannot write the checkpoint .*known-.*: .*users and pods is forgotten if Falco ends now/,
    );
    expect(wasm.metrics().checkpoint_errors).toBe(1);
  });
});

test('ka.provider says what brought the event', () => {
  expect(column(webhook(), [at(0, {})], 'ka.provider')).toEqual(['webhook']);
});
