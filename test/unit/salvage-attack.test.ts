// SPDX-License-Identifier: Apache-2.0
// Requests that are made to hide something from the rules: padded until the event is above maxEventSize, or written
// so that two readers may differ. Each field that rules/k8s_audit_rules.yaml looks into is attacked.
import { describe, expect, test } from 'vitest';
import { ask } from '../support/ask';
import { drain, post, webhook } from '../support/drive';
import { auditEvent, eventText, listText, shortEvent } from '../support/events';
import type { Value } from '../support/wasm';

const LIMIT = 262_144;

interface Outcome {
  payloads: string[];
  counts: Record<string, number>;
  ask(request: string): Value;
}

/** What comes of a body at the default limits: the payloads, and the fields of the first event. */
/** The limit of the official plugin, at which padding is cheap, and bodies of any size. */
const OFFICIAL = '{"maxEventSize": 262144, "webhookMaxBatchSize": 134217728, "dedupeWindow": 0}';

function outcome(body: string | Buffer, config = OFFICIAL): Outcome {
  const { wasm, events } = post({ body: body as string }, config);
  return {
    payloads: events.map(({ payload }) => payload),
    counts: wasm.counts(),
    ask: (request) => {
      wasm.selectForeign(events[0].payload);
      return wasm.extract(request);
    },
  };
}

/** The outcome of an event that has to be made smaller; it must stay one, and say so. */
function smaller(event: string, config = OFFICIAL): Outcome {
  expect(Buffer.byteLength(event)).toBeGreaterThan(LIMIT);
  const result = outcome(event, config);
  expect(result.payloads).toHaveLength(1);
  expect(Buffer.byteLength(result.payloads[0])).toBeLessThanOrEqual(LIMIT);
  expect(JSON.parse(result.payloads[0])).toMatchObject({ auditID: 'a', 'k8saudit.truncated': true });
  expect(result.counts).toMatchObject({ events_received: 1, events_salvaged: 1, events_delivered: 1 });
  expect(result.ask('ka.truncated')).toBe('true');
  return result;
}

const many = <T>(count: number, make: (i: number) => T): T[] =>
  Array.from({ length: count }, (_, i) => make(i));
const long = 'x'.repeat(3000);
/** A container that is long in everything an attacker can choose. */
const bulky = (i: number) => ({
  name: `c${i}`,
  image: `nginx:${i}`,
  command: many(100, () => long),
  args: many(100, () => long),
  env: many(100, () => ({ name: long, value: long })),
  volumeMounts: many(50, (n) => ({ name: `v${n}`, mountPath: long })),
});
const labels = Object.fromEntries(many(20_000, (i) => [`label-${i}`, long.slice(0, 30)]));
const pod = (spec: object) =>
  eventText({ requestObject: { metadata: { name: 'p', labels, annotations: { a: long } }, spec } });

describe('a pod that is padded with all that is at hand still shows', () => {
  const padding = { containers: many(2, bulky) };

  test.each(['hostNetwork', 'hostPID', 'hostIPC'])('%s', (key) => {
    const field = `ka.req.pod.${key === 'hostNetwork' ? 'host_network' : key === 'hostPID' ? 'host_pid' : 'host_ipc'}`;
    expect(smaller(pod({ ...padding, [key]: true })).ask(field)).toBe('true');
  });

  test.each(['containers', 'initContainers', 'ephemeralContainers'])('a privileged one of the %s', (kind) => {
    const privileged = { name: 'x', image: 'evil', securityContext: { privileged: true } };
    for (const count of [1, 10, 60]) {
      const list = [...many(count, bulky), privileged];
      const { ask } = smaller(pod({ ...padding, [kind]: list }));
      expect(ask(`ka.req.pod.${kind}.privileged`)).toEqual(['true']);
    }
  });

  test('a sensitive host path behind a thousand others', () => {
    const volumes = many(1000, (i) => ({ name: `v${i}`, hostPath: { path: `/var/log/${i}` } }));
    volumes.push({ name: 'x', hostPath: { path: '/etc/kubernetes/pki' } });
    volumes.push(...many(20, (i) => ({ name: `w${i}`, hostPath: { path: `/srv/${i}` } })));
    const { ask } = smaller(pod({ volumes, ...padding }));
    expect(ask('ka.req.volume.hostpath[/etc/kubernetes/*]')).toBe('true');
  });

  test('a host path behind two hundred others, when every list of the pod is padded', () => {
    const volumes = many(2000, (i) => ({ name: `v${i}`, hostPath: { path: `/var/log/${i}` } }));
    volumes[200] = { name: 'x', hostPath: { path: '/etc/shadow' } };
    const lists = {
      containers: many(20, bulky),
      initContainers: many(20, bulky),
      ephemeralContainers: many(20, bulky),
    };
    const { ask } = smaller(pod({ ...lists, volumes }));
    expect(ask('ka.req.volume.hostpath[/etc/shadow*]')).toBe('true');
  });

  test('a capability behind five hundred others', () => {
    const add = [...many(500, () => 'CHOWN'), 'SYS_ADMIN', 'KILL'];
    const list = [
      { name: 'x', image: 'evil', securityContext: { capabilities: { add } } },
      ...padding.containers,
    ];
    const { ask } = smaller(pod({ containers: list }));
    expect(ask('ka.req.pod.containers.add_capabilities')).toContain('SYS_ADMIN');
  });

  test('an image behind twenty containers', () => {
    const list = [
      ...many(20, (i) => ({ name: `c${i}`, image: 'falcosecurity/falco' })),
      { name: 'x', image: 'evil' },
    ];
    const { ask } = smaller(pod({ containers: [...list, ...padding.containers] }));
    expect(ask('ka.req.pod.containers.image.repository')).toContain('evil');
  });

  test('what stands last in a list, behind any number', () => {
    const volumes = many(20_000, (i) => ({ name: `v${i}`, hostPath: { path: `/var/log/${i}` } }));
    volumes.push({ name: 'x', hostPath: { path: '/etc/shadow' } });
    const { ask } = smaller(pod({ volumes, ...padding }));
    expect(ask('ka.req.volume.hostpath[/etc/shadow*]')).toBe('true');
  });
});

test('what no field reads stays when cutting long strings is enough', () => {
  const labels = { app: 'shop', tier: 'web' };
  const { payloads } = smaller(
    eventText({ requestObject: { metadata: { labels, annotations: { a: 'x'.repeat(300_000) } } } }),
  );
  expect(JSON.parse(payloads[0])).toMatchObject({ requestObject: { metadata: { labels } } });
});

describe('a padded template for pods still shows', () => {
  const templates: [resource: string, around: (template: object) => object][] = [
    ['deployments', (template) => ({ spec: { replicas: 1, template } })],
    ['cronjobs', (template) => ({ spec: { jobTemplate: { spec: { template } } } })],
    ['podtemplates', (template) => ({ template })],
  ];
  const containers = [
    ...many(10, bulky),
    { name: 'x', image: 'evil', securityContext: { privileged: true } },
  ];
  const spec = {
    containers,
    hostPID: true,
    serviceAccountName: 'admin',
    tolerations: [{ operator: 'Exists' }],
  };

  test.each(templates)('of %s', (resource, around) => {
    const template = { metadata: { labels }, spec: { ...labels, ...spec } };
    const { ask } = smaller(eventText({ objectRef: { resource }, requestObject: around(template) }));
    expect(ask('ka.req.workload.kind')).not.toBeNull();
    expect(ask('ka.req.workload.all_containers.privileged')).toEqual(['true']);
    expect(ask('ka.req.workload.host_pid')).toBe('true');
    expect(ask('ka.req.workload.service_account')).toBe('admin');
    expect(ask('ka.req.workload.tolerations')).toEqual(['{"operator":"Exists"}']);
  });
});

describe('a padded JSON Patch still shows', () => {
  const spec = '/spec/template/spec';
  const add = (path: string, value: unknown) => ({ op: 'add', path, value });
  const evil = { name: 'x', image: 'evil', securityContext: { privileged: true } };
  const padding = many(5000, (i) => add(`/metadata/annotations/k${i}`, long.slice(0, 50)));
  const padded = (operations: object[], pad: object[] = padding) =>
    smaller(
      eventText({
        verb: 'patch',
        objectRef: { resource: 'deployments' },
        requestObject: [...pad, ...operations, ...pad],
      }),
    ).ask;

  test.each<[string, object, string, Value]>([
    ['a container', add(`${spec}/containers/-`, evil), 'containers.privileged', ['true']],
    ['a spec', add(spec, { containers: [evil] }), 'containers.privileged', ['true']],
    ['an object', add('', { spec: { template: { spec: { hostPID: true } } } }), 'host_pid', 'true'],
    ['a flag', add(`${spec}/hostPID`, true), 'host_pid', 'true'],
    ['a host path', add(`${spec}/volumes/0/hostPath/path`, '/etc'), 'volumes.hostpath', ['/etc']],
    ['a flag, the value first', { value: true, op: 'add', path: `${spec}/hostPID` }, 'host_pid', 'true'],
  ])('%s', (_, operation, field, value) => {
    expect(padded([operation])(`ka.req.workload.${field}`)).toEqual(value);
  });

  test('a flag that another operation has set to false before', () => {
    const harmless = [add(`${spec}/hostPID`, false), add('/x', true)];
    expect(
      padded([add(`${spec}/hostPID`, true)], [...harmless, ...padding])('ka.req.workload.host_pid'),
    ).toBe('true');
  });

  test('a label in an object that is patched, and what is padded in it', () => {
    const value = { labels: { ...labels, enforce: 'privileged' }, annotations: { a: long } };
    const event = eventText({ requestObject: [add('/metadata', value), add('/metadata/labels/last', 'x')] });
    expect(smaller(event).ask('ka.req.labels[label-0]')).not.toBeNull();
    expect(smaller(event).ask('ka.req.labels[last]')).toBe('x');
  });
});

test('labels and annotations are kept as long as there is room', () => {
  const metadata = {
    labels: { 'pod-security.kubernetes.io/enforce': 'privileged', ...labels },
    annotations: { a: 'b', big: long.repeat(100) },
  };
  const event = { annotations: { 'k8s.io/deprecated': 'true', ...labels }, requestObject: { metadata } };
  const { ask } = smaller(eventText({ ...event, user: { username: 'u', extra: { a: ['b'] } } }));
  expect(ask('ka.req.labels[pod-security.kubernetes.io/enforce]')).toBe('privileged');
  expect(ask('ka.req.annotations[a]')).toBe('b');
  expect(ask('ka.annotation[k8s.io/deprecated]')).toBe('true');
  expect(ask('ka.user.extra[a]')).toBe('b');
});

describe('a padded role still shows', () => {
  const harmless = (i: number) => ({
    verbs: ['get', 'list'],
    apiGroups: [`group-${i}`],
    resources: [`r${i}`],
    resourceNames: many(200, () => long.slice(0, 100)),
  });
  const role = (rules: object[]) =>
    eventText({ verb: 'create', requestObject: { metadata: { labels }, rules } });

  test.each([
    ['resources', '*'],
    ['verbs', '*'],
    ['resources', 'pods/exec'],
    ['resources', '*/exec'],
    ['resources', 'secrets'],
    ['verbs', 'create'],
  ])('in its %s: %s', (key, value) => {
    const rules = [...many(200, harmless), { ...harmless(0), [key]: [value] }, ...many(200, harmless)];
    expect(smaller(role(rules)).ask(`ka.req.role.rules.${key}`)).toContain(value);
  });

  test.each(['resources', 'verbs'])('a * behind any number of %s of one rule, and of rules', (key) => {
    const rule = {
      verbs: ['get'],
      resources: ['pods'],
      [key]: [...many(50_000, (i) => `x${i}`), '*', 'y', 'z'],
    };
    const others = many(3000, (i) => ({ verbs: ['get'], apiGroups: [`group-${i}`], resources: [`r${i}`] }));
    const rules = [...others, rule, harmless(1)];
    expect(smaller(role(rules)).ask(`ka.req.role.rules.${key}`)).toContain('*');
  });
});

test('a * is seen behind any number of rules, also when everything that fields read is padded', () => {
  // Objects in objects, each member under a key that fields read: so much that each value gets a share only.
  const tree = (depth: number): object | number =>
    depth === 0
      ? 1
      : Object.fromEntries(
          ['spec', 'metadata', 'name', 'data', 'volumes', 'verbs', 'ports', 'args'].map((key) => [
            key,
            tree(depth - 1),
          ]),
        );
  const rules = [
    ...many(9000, () => ({ verbs: ['get'], resources: ['pods'] })),
    { verbs: ['*'], resources: ['pods'] },
  ];
  rules.push({ verbs: ['get'], resources: ['nodes'] });
  const { ask } = smaller(eventText({ requestObject: { metadata: tree(6), rules } }));
  expect(ask('ka.req.role.rules.verbs')).toContain('*');
});

test('a role that is patched shows behind members that other objects have', () => {
  // The API server passes over members of a patch that a role does not have. Each is a tree of such names.
  const keys = [...'spec metadata name data containers volumes ports args'.split(' ')];
  const tree = (depth: number): object | number =>
    depth === 0 ? 1 : Object.fromEntries(keys.map((key) => [key, tree(depth - 1)]));
  const junk = Object.fromEntries(
    [
      ...keys,
      ...'user objectRef annotations kind namespace path hostPath image verbs resources subjects'.split(' '),
    ].map((key) => [key, tree(4)]),
  );
  const { ask } = smaller(
    eventText({ verb: 'patch', requestObject: { ...junk, rules: [{ verbs: ['*'] }] } }),
  );
  expect(ask('ka.req.role.rules.verbs')).toEqual(['*']);
});

describe('other padded requests still show', () => {
  test("a binding's role, behind its subjects", () => {
    const subjects = many(10_000, (i) => ({ kind: 'User', name: `user-${i}-${long.slice(0, 50)}` }));
    const body = { metadata: { labels }, subjects, roleRef: { kind: 'ClusterRole', name: 'cluster-admin' } };
    const { ask } = smaller(eventText({ requestObject: body }));
    expect(ask('ka.req.binding.role')).toBe('cluster-admin');
    expect(ask('ka.req.binding.subjects.user_names')).toContain(subjects[0].name);
  });

  test('credentials in a config map, as the key of one of a thousand members', () => {
    const harmless = Object.fromEntries(many(1000, (i) => [`key-${i}`, 'value']));
    const data = { ...harmless, AWS_SECRET_ACCESS_KEY: 'x', big: 'y'.repeat(300_000) };
    const { ask } = smaller(eventText({ requestObject: { metadata: { labels }, data } }));
    expect(ask('ka.req.configmap.obj')).toContain('AWS_SECRET_ACCESS_KEY');
  });

  test('credentials in the value of a config map', () => {
    const data = { 'a.yaml': `${'#'.repeat(4000)}\npassword: x${'y'.repeat(300_000)}` };
    const { ask } = smaller(eventText({ requestObject: { data } }));
    expect(ask('ka.req.configmap.obj')).toContain('password');
  });

  test('the type of a service, behind its ports', () => {
    const ports = many(20_000, (i) => ({ name: `port-${i}`, port: i }));
    const body = { metadata: { labels }, spec: { ports, selector: labels, type: 'NodePort' } };
    expect(smaller(eventText({ requestObject: body })).ask('ka.req.service.type')).toBe('NodePort');
  });

  test('that an ingress has a spec', () => {
    const spec = { rules: many(20_000, (i) => ({ host: `host-${i}.example.org` })) };
    const { ask } = smaller(eventText({ requestObject: { spec } }));
    expect(ask('ka.value[/requestObject/spec]')).not.toBeNull();
  });

  test('what exec runs, in the first 4096 bytes of its URI', () => {
    const requestURI = `/api/v1/namespaces/default/pods/p/exec?x=${'y'.repeat(4000)}&command=sh&z=${'y'.repeat(300_000)}`;
    const { ask } = smaller(eventText({ requestURI, objectRef: { resource: 'pods', subresource: 'exec' } }));
    expect(ask('ka.uri.param[command]')).toBe('sh');
    expect(ask('ka.target.subresource')).toBe('exec');
  });

  test('the address that a request came from, behind those that its sender made up', () => {
    const sourceIPs = [...many(40_000, (i) => `10.1.${i >> 8}.${i & 255}`), '192.0.2.1'];
    const ips = smaller(eventText({ sourceIPs })).ask('ka.sourceips') as string[];
    expect(ips.at(-1)).toBe('192.0.2.1');
  });

  test('user, decision and answer, behind the bodies', () => {
    const { ask } = smaller(
      eventText({
        user: {
          username: 'system:anonymous',
          groups: ['system:unauthenticated'],
          extra: { a: many(9000, () => long) },
        },
        userAgent: long.repeat(100),
        requestObject: labels,
        responseObject: { metadata: { labels, name: 'made' }, spec: { containers: many(20, bulky) } },
        responseStatus: { code: 201 },
        annotations: { ...labels, 'authorization.k8s.io/decision': 'allow' },
      }),
    );
    expect(ask('ka.user.name')).toBe('system:anonymous');
    expect(ask('ka.user.groups')).toEqual(['system:unauthenticated']);
    expect(ask('ka.auth.decision')).toBe('allow');
    expect(ask('ka.response.code')).toBe('201');
    expect(ask('ka.resp.name')).toBe('made');
  });
});

// A patch stands in the event as it was sent: the API server neither sorts nor rewrites it.
describe('a patch whose keys are written with escapes', () => {
  const escaped = (text: string) =>
    text.replaceAll(/./g, (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`);
  const body = (members: string) => eventText({ requestObject: '@@' }).replace('"@@"', () => members);
  const rules = '[{"verbs":["*"]}]';

  test('is read like any other', () => {
    expect(ask(body(`{"\\u0072ules":${rules}}`), 'ka.req.role.rules.verbs')).toEqual(['*']);
    expect(ask(body(`{"${escaped('rules')}":${rules}}`), 'ka.req.role.rules.verbs')).toEqual(['*']);
    expect(ask(body(`{"\\u0064ata":{"p":1}}`), 'ka.req.configmap.obj')).toBe('{"p":1}');
    expect(ask(body(`{"\\u0052ules":${rules}}`), 'ka.req.role.rules.verbs')).toBeNull();
  });

  test('gives way to the key without escapes, wherever that stands', () => {
    for (const text of [
      `{"\\u0072ules":[],"rules":${rules}}`,
      `{"rules":${rules},"\\u0072ules":[]}`,
      `{"\\u0072ules":${rules},"r\\u0075les":[]}`,
    ]) {
      expect(ask(body(text), 'ka.req.role.rules.verbs')).toEqual(['*']);
    }
  });

  test.each([
    ['before', (pad: string) => `{"\\u0072ules":${rules},${pad}}`],
    ['behind', (pad: string) => `{${pad},"\\u0072ules":${rules}}`],
    ['behind one without a value,', (pad: string) => `{"r\\u0075les":[],${pad},"rules":${rules}}`],
  ])('is kept %s the padding', (_, write) => {
    for (const key of [(i: number) => `k${i}`, (i: number) => `\\u006b${i}`, () => '', () => '\\u0000']) {
      const pad = many(40_000, (i) => `"${key(i)}":"${i}"`).join(',');
      expect(smaller(body(write(pad))).ask('ka.req.role.rules.verbs')).toContain('*');
    }
  });

  test('gives the fields of the event as it came', () => {
    const pad = `"x":"${'y'.repeat(300_000)}"`;
    for (const text of [
      `{"\\u0072ules":[{"verbs":["a"]}],"rules":[{"verbs":["b"]}],"rules":[{"verbs":["c"]}],${pad}}`,
      `{"rules":null,"rules":${rules},${pad}}`,
      `{"Rules":${rules},"RULES":1,${pad},"rules":[{"verbs":["d"]}]}`,
      `{"":1,"":2,"rules":[{"verbs":["e"]}],${pad}}`,
    ]) {
      const whole = ask(body(text), 'ka.req.role.rules.verbs');
      expect(smaller(body(text)).ask('ka.req.role.rules.verbs'), text.slice(0, 80)).toEqual(whole);
    }
  });
});

describe('what is not well written', () => {
  const privileged = '"spec":{"containers":[{"securityContext":{"privileged":true}}]}';
  const body = (members: string) => eventText({ requestObject: '@@' }).replace('"@@"', () => members);

  test.each([
    ['lone surrogates', `"a":"${'\\ud800'.repeat(60_000)}"`],
    ['the wrong half of a pair', `"a":"${'\\udc00\\ud800'.repeat(30_000)}"`],
    ['half a pair at the end', `"a":"${'x'.repeat(300_000)}\\ud83d"`],
    [
      'huge numbers',
      many(300, (i) => `"n${i}":-${'9'.repeat(1000)}.${'1'.repeat(1000)}e+${'2'.repeat(1000)}`).join(','),
    ],
    ['white space of all kinds', `"a" ${' \t\r\n'.repeat(100_000)}:${' \t\r\n'.repeat(10)}1`],
    ['zero characters', `"a":"${'\\u0000'.repeat(60_000)}"`],
  ])('%s: hides nothing', (_, padding) => {
    expect(smaller(body(`{${padding},${privileged}}`)).ask('ka.req.pod.containers.privileged')).toEqual([
      'true',
    ]);
  });

  test.each([
    ['invalid UTF-8', Buffer.alloc(300_000, 0xff)],
    ['the first bytes of characters', Buffer.alloc(300_000, 0xf0)],
    ['the last bytes of characters', Buffer.alloc(300_000, 0x80)],
  ])('%s: hides nothing, and a string still ends in its quote', (_, bytes) => {
    const [before, behind] = body(`{"a":"@@",${privileged}}`).split('@@');
    const event = Buffer.concat([Buffer.from(before), bytes, Buffer.from(behind)]);
    const { payloads, ask } = outcome(event);
    expect(payloads).toHaveLength(1);
    expect(ask('ka.req.pod.containers.privileged')).toEqual(['true']);
    expect(ask('ka.truncated')).toBe('true');
  });

  test('a text that does not begin with a brace is no event, whatever follows', () => {
    const members = shortEvent('forged').slice(1);
    for (const first of ['x', ',', '}', ':', '-', 'tru', '\u0001', '\ufeff', '"\\q']) {
      const { payloads, counts } = outcome(`${first}${members}\n${shortEvent('good')}`);
      expect(payloads, first).toEqual([shortEvent('good')]);
      expect(counts.events_salvaged, first).toBeUndefined();
    }
  });

  test('an event is delivered once, wherever one byte of it is replaced', () => {
    const event = eventText({ requestObject: { a: [1, { b: 'c' }], d: true }, user: { username: 'u' } });
    for (const byte of ['"', '{', '}', '[', ']', ',', ':', '\\', '\n', '\0', 'x', ' ']) {
      for (let at = 0; at < event.length; at++) {
        const broken = `${event.slice(0, at)}${byte}${event.slice(at + 1)}`;
        for (const text of [broken, listText([broken]), `[${broken}]`]) {
          const wasm = webhook(OFFICIAL);
          wasm.host.send({ body: `${text}\n${shortEvent('good')}` });
          const payloads = drain(wasm).events.map(({ payload }) => payload);
          const having = (id: string) => payloads.filter((payload) => payload.includes(`"auditID":"${id}"`));
          expect(having('a').length, text).toBeLessThanOrEqual(1);
          expect(having('good'), text).toHaveLength(1);
        }
      }
    }
    // Some ten thousand instances: a busy machine takes its time.
  }, 300_000);

  test('good events around are as they were, and not marked', () => {
    const good = [shortEvent('b'), eventText({ auditID: 'c' })];
    const bad = body(`{"a":"${'y'.repeat(300_000)}",${privileged}}`);
    for (const text of [[good[0], bad, good[1]].join('\n'), listText([good[0], bad, good[1]])]) {
      const { payloads, counts } = outcome(text);
      expect([payloads[0], payloads[2]]).toEqual(good);
      expect(counts).toMatchObject({ events_received: 3, events_salvaged: 1, events_delivered: 3 });
    }
  });
});

describe('bodies of 12 MiB', () => {
  const SIZE = 12 * 1024 * 1024;
  const fill = (piece: string) => piece.repeat(Math.floor((SIZE - 5000) / piece.length));
  const start = `${eventText({ requestObject: '@@' }).split('"@@"')[0]}`;
  const SHAPES: [name: string, body: () => string][] = [
    ['brackets', () => `${start}${fill('[')}`],
    ['braces', () => `${start}${fill('{"a":')}`],
    ['keys that fields read', () => `${start}${fill('{"spec":')}`],
    ['numbers', () => `${start}[${fill('1,')}`],
    ['empty strings', () => `${start}{"args":[${fill('"",')}`],
    ['objects', () => `${start}{"containers":[${fill('{},')}`],
    ['members', () => `${start}{${fill('"a":1,')}`],
    ['keys with escapes', () => `${start}{${fill('"\\u0073":1,')}`],
    ['data', () => `${start}{"data":{${fill('"a":1,')}`],
    ['one string', () => `${start}"${fill('x')}`],
    ['escapes', () => `${start}"${fill('\\n')}`],
    ['white space', () => `${start}${fill(' ')}`],
    ['backslashes', () => `${start}"${fill('\\\\')}`],
    ['arrays in arrays', () => `${start}${fill('[[],')}`],
    ['new keys in each element', () => `${start}{"volumes":[${fill('{"name":{"spec":[true]}},')}`],
  ];

  test.each(SHAPES)(
    '%s: one event within maxEventSize comes of it',
    (_, make) => {
      const cut = make();
      for (const body of [cut, `${cut}"\n`]) {
        const { wasm, events } = post({ body }, OFFICIAL);
        expect(events).toHaveLength(1);
        expect(Buffer.byteLength(events[0].payload)).toBeLessThanOrEqual(LIMIT);
        expect(JSON.parse(events[0].payload)).toMatchObject({ auditID: 'a', 'k8saudit.truncated': true });
        expect(wasm.counts()).toMatchObject({ events_received: 1, events_salvaged: 1 });
      }
    },
    60_000,
  );

  test('one cut event after the other costs each its own bytes', () => {
    const cut = auditEvent({ requestObject: { a: 'b' } });
    const line = `${JSON.stringify(cut).slice(0, -5)}\n`;
    const count = 3000;
    const { events, wasm } = post({ body: line.repeat(count) }, OFFICIAL);
    expect(events).toHaveLength(count);
    expect(wasm.counts()).toMatchObject({ events_salvaged: count });
  });
});
