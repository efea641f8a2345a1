// SPDX-License-Identifier: Apache-2.0
// JSON Patch (RFC 6902): what its operations bring is seen by the same fields as in any other request.
import { describe, expect, test } from 'vitest';
import { Random } from '../../scripts/lib/random.mjs';
import { ask } from '../support/ask';
import { EVENT_HEADER, Wasm } from '../support/wasm';
import type { Value } from '../support/wasm';
import { TEMPLATED } from '../support/workloads';

type Operation = Record<string, unknown>;
const add = (path: string, value: unknown): Operation => ({ op: 'add', path, value });
const replace = (path: string, value: unknown): Operation => ({ op: 'replace', path, value });

/** The event of a JSON Patch. */
const patch = (operations: unknown[], resource = 'deployments', subresource?: string) => ({
  verb: 'patch',
  objectRef: { resource, subresource, namespace: 'default', name: 'web' },
  requestObject: operations,
});
const of = (operations: unknown[], field: string, resource?: string, subresource?: string): Value =>
  ask(patch(operations, resource, subresource), `ka.req.${field}`);
const workload = (operations: unknown[], field: string): Value => of(operations, `workload.${field}`);

const PODS: [resource: string, kind: string, spec: string][] = [
  ['pods', 'Pod', '/spec'],
  ['podtemplates', 'PodTemplate', '/template/spec'],
  ['cronjobs', 'CronJob', '/spec/jobTemplate/spec/template/spec'],
  ...TEMPLATED.map(([resource, kind]): (typeof PODS)[number] => [resource, kind, '/spec/template/spec']),
];

describe.each(PODS)('%s', (resource, kind, spec) => {
  const evil = {
    name: 'x',
    image: 'evil:1',
    securityContext: { privileged: true, capabilities: { add: ['BPF'] } },
  };
  const podSpec = { hostPID: true, containers: [evil], volumes: [{ hostPath: { path: '/etc' } }] };
  /** The object around a pod's spec, from the start of the path to it. */
  const around = (path: string, value: unknown): unknown =>
    path
      .split('/')
      .slice(1)
      .reduceRight((inner, key) => ({ [key]: inner }), value);

  test.each<[what: string, operation: Operation, field: string, value: Value]>([
    ['the whole object', add('', around(spec, podSpec)), 'containers.privileged', ['true']],
    [
      'the spec',
      replace('/spec', (around(spec, podSpec) as { spec?: unknown }).spec),
      'host_pid',
      spec.startsWith('/spec') ? 'true' : null,
    ],
    ["the pod's spec", replace(spec, podSpec), 'volumes.hostpath', ['/etc']],
    ['all containers', add(`${spec}/containers`, [evil]), 'all_containers.image', ['evil:1']],
    ['one container more', add(`${spec}/containers/-`, evil), 'all_containers.privileged', ['true']],
    ['one before the first', add(`${spec}/initContainers/0`, evil), 'all_containers.privileged', ['true']],
    ['another first one', replace(`${spec}/containers/0`, evil), 'containers.name', ['x']],
    [
      'a security context',
      add(`${spec}/containers/0/securityContext`, { privileged: true }),
      'containers.privileged',
      ['true'],
    ],
    [
      'a flag',
      replace(`${spec}/containers/3/securityContext/privileged`, true),
      'all_containers.privileged',
      ['true'],
    ],
    [
      'a capability',
      add(`${spec}/containers/0/securityContext/capabilities/add/-`, 'SYS_ADMIN'),
      'containers.add_capabilities',
      ['SYS_ADMIN'],
    ],
    [
      'capabilities',
      add(`${spec}/containers/0/securityContext/capabilities`, { add: ['A', 'B'] }),
      'all_containers.add_capabilities',
      ['A', 'B'],
    ],
    [
      'an image',
      replace(`${spec}/containers/0/image`, 'reg:5000/a:1'),
      'containers.image.repository',
      ['reg:5000/a'],
    ],
    ['a word of a command', add(`${spec}/containers/0/command/0`, 'sh'), 'containers.command', ['sh']],
    ['hostPID', add(`${spec}/hostPID`, true), 'host_pid', 'true'],
    ['hostNetwork false', replace(`${spec}/hostNetwork`, false), 'host_network', 'false'],
    ['a volume', add(`${spec}/volumes/-`, { name: 'v', hostPath: { path: '/' } }), 'volumes.hostpath', ['/']],
    ['a path of one', replace(`${spec}/volumes/0/hostPath/path`, '/proc'), 'volume.hostpath[/proc]', 'true'],
    [
      'the user',
      add(`${spec}/containers/0/securityContext/runAsUser`, 0),
      'containers.eff_run_as_user',
      ['0'],
    ],
    [
      'a toleration',
      add(`${spec}/tolerations/-`, { operator: 'Exists' }),
      'tolerations',
      ['{"operator":"Exists"}'],
    ],
    [
      'a part of one',
      add(`${spec}/tolerations/0/operator`, 'Exists'),
      'tolerations',
      ['{"operator":"Exists"}'],
    ],
    ['the older name of the account', add(`${spec}/serviceAccount`, 'admin'), 'service_account', 'admin'],
    ['seccomp', add(`${spec}/securityContext/seccompProfile/type`, 'Unconfined'), 'seccomp', 'Unconfined'],
  ])('%s', (_, operation, field, value) => {
    expect(of([operation], `workload.${field}`, resource)).toEqual(value);
    if (resource === 'pods') {
      const same = field === 'volume.hostpath[/proc]' ? field : `pod.${field}`;
      if (!field.startsWith('all_')) expect(of([operation], same, resource)).toEqual(value);
    }
    if (value !== null) expect(of([operation], 'workload.kind', resource)).toBe(kind);
  });

  test('operations together', () => {
    const operations = [
      add(`${spec}/securityContext`, { runAsUser: 5 }),
      replace(`${spec}/containers/0/image`, 'a:1'),
      add(`${spec}/containers/0/securityContext`, { privileged: true }),
      replace(`${spec}/containers/1/image`, 'b:1'),
      add(`${spec}/ephemeralContainers`, [evil]),
    ];
    const read = (field: string) => of(operations, `workload.${field}`, resource);
    expect(read('containers.image')).toEqual(['a:1', 'b:1']);
    expect(read('containers.privileged[0]')).toEqual(['true']);
    expect(read('containers.eff_run_as_user')).toEqual(['5', '5']);
    expect(read('all_containers.image')).toEqual(['a:1', 'b:1', 'evil:1']);
    expect(read('host_pid')).toBeNull();
  });

  test('what is removed or tested, or stands elsewhere, is no value', () => {
    const operations = [
      { op: 'remove', path: `${spec}/hostPID` },
      { op: 'test', path: `${spec}/hostPID`, value: true },
      { op: 'remove', path: `${spec}/hostPID`, value: true },
      add('/spec/replicas', 3),
      add('/status/hostPID', true),
      add('/hostPID', true),
      add(`${spec}/hostPID/x`, true),
      add(`${spec}x/hostPID`, true),
      add(`x${spec}/hostPID`, true),
    ];
    expect(of(operations, 'workload.host_pid', resource)).not.toBe('true');
  });
});

describe('labels, annotations and other objects', () => {
  test.each<[Operation, string, Value]>([
    [
      add('/metadata/labels/pod-security.kubernetes.io~1enforce', 'privileged'),
      'labels[pod-security.kubernetes.io/enforce]',
      'privileged',
    ],
    [add('/metadata/labels', { app: 'x' }), 'labels[app]', 'x'],
    [add('/metadata/annotations/a~0b~1c~01', 'x'), 'annotations[a~b/c~1]', 'x'],
    [replace('/metadata/annotations/0', 'x'), 'annotations[0]', 'x'],
    [add('/metadata/labels/-', 'x'), 'labels[-]', 'x'],
    [add('/metadata/labels/quote"\\', 'x'), 'labels[quote"\\]', 'x'],
    [add('/metadata', { annotations: { a: 'x' } }), 'annotations[a]', 'x'],
    [add('/rules/-', { verbs: ['*'], resources: ['secrets'] }), 'role.rules.verbs', ['*']],
    [add('/rules/0/verbs/-', 'escalate'), 'role.rules.verbs', ['escalate']],
    [add('/rules/0/verbs/-', 'escalate'), 'role.rules', ['{"verbs":["escalate"]}']],
    [
      add('/subjects/-', { kind: 'Group', name: 'system:masters' }),
      'binding.subjects.group_names',
      ['system:masters'],
    ],
    [replace('/roleRef/name', 'cluster-admin'), 'binding.role', 'cluster-admin'],
    [add('/data/a"b', { x: [1] }), 'configmap.obj', '{"a\\"b":{"x":[1]}}'],
    [add('/spec/externalIPs/-', '192.0.2.1'), 'service.external_ips', ['192.0.2.1']],
    [add('/data', null), 'configmap.obj', null],
  ])('%j', (operation, field, value) => expect(of([operation], field)).toEqual(value));

  test('the operations themselves, as they stand', () => {
    const event = patch([add('/a', 1)]);
    expect(ask(event, 'ka.value[/requestObject/0/path]')).toBe('/a');
    expect(ask(event, 'ka.req.value[/0/value]')).toBe('1');
  });

  test('the ephemeral containers of a pod', () => {
    const operations = [
      add('/spec/ephemeralContainers/-', { name: 'debug', securityContext: { privileged: true } }),
    ];
    expect(of(operations, 'workload.all_containers.privileged', 'pods', 'ephemeralcontainers')).toEqual([
      'true',
    ]);
    expect(of(operations, 'workload.all_containers.privileged', 'pods', 'status')).toBeNull();
  });
});

describe('operations one after the other', () => {
  const S = '/spec/template/spec';

  test('the last value counts', () => {
    expect(workload([add(`${S}/hostPID`, false), add(`${S}/hostPID`, true)], 'host_pid')).toBe('true');
    expect(workload([add(`${S}/hostPID`, true), replace(`${S}/hostPID`, false)], 'host_pid')).toBe('false');
    expect(workload([add(S, { hostPID: false }), replace(`${S}/hostPID`, true)], 'host_pid')).toBe('true');
    expect(workload([add(`${S}/hostPID`, true), add(S, { hostIPC: true })], 'host_pid')).toBeNull();
    expect(workload([add(`${S}/hostPID`, true), add('', {})], 'host_pid')).toBeNull();
  });

  test('in what an operation before has brought', () => {
    const operations = [
      add(`${S}/containers`, [{ name: 'a', securityContext: { privileged: false } }, { name: 'b' }]),
      replace(`${S}/containers/0/securityContext/privileged`, true),
      add(`${S}/containers/1/image`, 'evil'),
      add(`${S}/containers/-`, { name: 'c' }),
    ];
    expect(workload(operations, 'containers.privileged')).toEqual(['true']);
    expect(workload(operations, 'containers.name')).toEqual(['a', 'b', 'c']);
    expect(workload(operations, 'containers.image[1]')).toEqual(['evil']);
  });

  test('elements that are put in beside each other are all there', () => {
    const names = ['a', 'b', 'c', 'd'];
    for (const at of ['0', '-'])
      expect(
        workload(
          names.map((name) => add(`${S}/containers/${at}`, { name })),
          'containers.name',
        ),
      ).toEqual(names);
  });

  test('another number of an element does not hide it', () => {
    const evil = { name: 'evil', image: 'evil', securityContext: { privileged: true } };
    const tame = (at: number) => [
      replace(`${S}/containers/${at}/securityContext/privileged`, false),
      replace(`${S}/containers/${at}/image`, 'good'),
    ];
    for (const operations of [
      // The first is number 2 after the second.
      [add(`${S}/containers/1`, evil), add(`${S}/containers/0`, { name: 'good' }), ...tame(1)],
      [add(`${S}/containers/1`, evil), { op: 'remove', path: `${S}/containers/0` }, ...tame(1)],
      [add(`${S}/containers/1`, evil), { op: 'move', from: `${S}/containers/0`, path: '/x' }, ...tame(1)],
      [add(`${S}/containers/-`, evil), ...tame(0)],
    ]) {
      expect(workload(operations, 'containers.image'), JSON.stringify(operations)).toContain('evil');
      expect(workload(operations, 'containers.privileged')).toContain('true');
    }
    // One that is where it was is changed.
    expect(workload([add(`${S}/containers/1`, evil), ...tame(1)], 'containers.image')).toEqual(['good']);
  });

  test('what is copied or moved', () => {
    const hidden = { name: 'x', securityContext: { privileged: true } };
    const from = (op: string, source: string, path: string) => ({ op, from: source, path });
    for (const op of ['copy', 'move']) {
      for (const operations of [
        [add('/x', hidden), from(op, '/x', `${S}/containers/-`)],
        [add('/x', [hidden]), from(op, '/x', `${S}/containers`)],
        [add('/x', { y: hidden }), from(op, '/x/y', `${S}/containers/0`)],
        [add('/x', {}), add('/x/privileged', true), from(op, '/x', `${S}/containers/0/securityContext`)],
        [add('/x', true), from(op, '/x', `${S}/containers/0/securityContext/privileged`)],
        [add('/x', hidden), from(op, '/x', '/y'), from(op, '/y', `${S}/containers/-`)],
        [add('/x', { spec: { template: { spec: { containers: [hidden] } } } }), from(op, '/x', '')],
      ]) {
        expect(workload(operations, 'containers.privileged'), JSON.stringify(operations)).toEqual(['true']);
      }
    }
    expect(workload([from('move', `${S}/x`, `${S}/hostPID`)], 'host_pid')).toBeNull();
    expect(
      workload([add('/x', true), from('move', '/x', '/y'), from('copy', '/x', `${S}/hostPID`)], 'host_pid'),
    ).toBeNull();
    expect(
      workload([add(`${S}/hostPID`, true), from('move', `${S}/hostPID`, `${S}/hostPID`)], 'host_pid'),
    ).toBe('true');
    // Into itself: kube-apiserver refuses the one, and copies what was there before for the other.
    for (const op of ['copy', 'move'])
      expect(workload([add(`${S}/hostPID`, true), from(op, '/spec', '/spec/x/y')], 'host_pid')).toBe('true');
    expect(workload([add('/spec/hostPID', true), from('copy', '', '/spec/template')], 'host_pid')).toBe(
      'true',
    );
    expect(
      workload([add('/spec/hostPID', true), from('copy', '/spec', '/spec/template/spec')], 'host_pid'),
    ).toBe('true');
    expect(
      workload(
        [add('/a/b', { hostPID: true }), from('move', '/a/b', '/a'), from('move', '/a', S)],
        'host_pid',
      ),
    ).toBe('true');
  });
});

describe('odd and hostile patches', () => {
  const S = '/spec/template/spec';
  const evil = add(`${S}/hostPID`, true);

  test.each<[string, unknown[]]>([
    ['nothing', []],
    ['no operations', [1, 'x', null, [], {}, [{}]]],
    [
      'no path',
      [
        { op: 'add', value: true },
        { op: 'add', path: null, value: 1 },
        { op: 'add', path: 5, value: 1 },
      ],
    ],
    [
      'no op',
      [
        { path: `${S}/hostPID`, value: true },
        { op: 5, path: `${S}/hostPID`, value: true },
      ],
    ],
    ['no value', [{ op: 'add', path: `${S}/hostPID` }]],
    ['another op', [{ op: 'ADD', path: `${S}/hostPID`, value: true }]],
    ['no slash', [{ op: 'add', path: 'spec', value: { template: { spec: { hostPID: true } } } }]],
    ['scalars where objects should be', [add('/spec', 5), add('', 'x'), add('', null)]],
  ])('%s: no value, and what is behind it is seen', (_, operations) => {
    expect(workload(operations, 'host_pid')).toBeNull();
    expect(workload([...operations, evil], 'host_pid')).toBe('true');
    expect(of(operations, 'labels[x]')).toBeNull();
  });

  test('members that are there twice: the last one counts, as in kube-apiserver', () => {
    const text = (operation: string) =>
      `{"kind":"Event","auditID":"a","objectRef":{"resource":"deployments"},"requestObject":[${operation}]}`;
    for (const operation of [
      `{"op":"test","op":"add","path":"/x","path":"${S}/hostPID","value":false,"value":true}`,
      `{"value":true,"path":"${S}/hostPID","op":"add"}`,
      `{"\\u006fp":"add","p\\u0061th":"${S.replaceAll('/', '\\/')}/host\\u0050ID","value":true}`,
      `{"op":"add","op":"remove","path":"${S}/hostPID","\\u006fp":"replace","value":true}`,
    ]) {
      expect(ask(text(operation), 'ka.req.workload.host_pid'), operation).toBe('true');
    }
  });

  test('a body that is no JSON', () => {
    const text = `{"kind":"Event","auditID":"a","objectRef":{"resource":"pods"},"requestObject":[{"op":"add","path":"/spec/hostPID","value":true},tru]}`;
    expect(ask(text, 'ka.req.workload.host_pid')).toBeNull();
    expect(ask(text, 'ka.req.pod.host_pid')).toBeNull();
  });

  const many = <T>(count: number, make: (i: number) => T): T[] =>
    Array.from({ length: count }, (_, i) => make(i));
  const nested = (depth: number): unknown =>
    many(depth, () => 0).reduce<unknown>((inner) => ({ a: inner }), 1);

  test.each<[string, () => Operation[]]>([
    ['ten thousand of one path', () => many(10_000, () => add(`${S}/hostIPC`, true))],
    ['ten thousand annotations', () => many(10_000, (i) => add(`/metadata/annotations/k${i}`, 'x'))],
    ['twenty thousand containers', () => many(20_000, () => add(`${S}/containers/-`, { name: 'x' }))],
    ['ten thousand at the front', () => many(10_000, () => add(`${S}/containers/0`, { name: 'x' }))],
    [
      'numbers that are never found again',
      () => many(20_000, (i) => (i % 2 ? add(`${S}/containers/5`, {}) : replace(`${S}/containers/0/x`, 1))),
    ],
    ['long paths', () => many(5000, (i) => add(many(30, (n) => `/a${i}-${n}`).join(''), 1))],
    ['paths that are too long', () => many(500, () => add('/a'.repeat(1000), 1))],
    ['deep values', () => many(100, (i) => add(`/x${i}`, nested(250)))],
    [
      'deeper and deeper by moving',
      () =>
        many(3000, () => ({ op: 'move', from: '/a', path: '/b/a/a/a/a/a/a/a/a/a/a' })).flatMap((move) => [
          add('/a/x', 1),
          move,
          { op: 'move', from: '/b', path: '/a' },
        ]),
    ],
    [
      'copies of copies',
      () => [
        add('/x', { y: 'z' }),
        ...many(5000, () => ({ op: 'copy', from: '', path: '/x/-' })),
        ...many(5000, (i) => ({ op: 'copy', from: '/x', path: `/x/${i}` })),
      ],
    ],
    [
      'a large list that is taken apart',
      () => [
        add(
          '/x',
          many(100_000, () => 1),
        ),
        replace('/x/5', 2),
        ...many(1000, (i) => ({ op: 'move', from: `/x/${i}`, path: '/y' })),
      ],
    ],
    [
      'moves to and fro',
      () => [
        add(
          '/x',
          many(1000, (i) => ({ a: i })),
        ),
        add('/x/0/b', 1),
        ...many(5000, (i) => ({ op: 'move', from: i % 2 ? '/y' : '/x', path: i % 2 ? '/x' : '/y' })),
      ],
    ],
  ])('%s: what is behind them is seen', (_, make) => {
    const event = JSON.stringify({ kind: 'Event', auditID: 'a', ...patch([...make(), evil]) });
    expect(ask(event, 'ka.req.workload.host_pid')).toBe('true');
    expect(ask(event, 'ka.req.workload.all_containers.privileged')).toBeNull();
  });
});

test('offsets: of a value that stands in the event its place; none of one that is put together', () => {
  const wasm = new Wasm().init();
  const text = JSON.stringify({
    kind: 'Event',
    auditID: 'a',
    ...patch([
      add('/spec/template/spec/hostPID', true),
      add('/spec/template/spec/tolerations/0/operator', 'Exists'),
    ]),
  });
  wasm.selectForeign(text);
  const start = EVENT_HEADER + text.indexOf('true');
  expect(wasm.extractWithOffsets('ka.req.workload.host_pid')).toEqual({
    value: 'true',
    offsets: [{ start, length: 4 }],
  });
  expect(wasm.extractWithOffsets('ka.req.workload.tolerations')).toEqual({
    value: ['{"operator":"Exists"}'],
    offsets: [{ start: 0, length: 0 }],
  });
  // An object where a text should be.
  wasm.selectForeign(text.replace('hostPID', 'hostPID/x'));
  expect(wasm.extractWithOffsets('ka.req.workload.host_pid')).toEqual({
    value: '{"x":true}',
    offsets: [{ start: 0, length: 0 }],
  });
});

describe('any operations on objects', () => {
  type Tree = Record<string, unknown>;
  const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null;
  const tokensOf = (path: string) => path.split('/').slice(1);
  /** What stands at the path, or undefined. */
  const at = (root: Tree, tokens: string[]): unknown =>
    tokens.reduce<unknown>((value, token) => (isTree(value) ? value[token] : undefined), root);

  /** Applies an operation as the plugin should: what is not there is made, and nothing is taken away but by moving. */
  function apply(root: Tree, { op, from, path, value }: Record<string, string>): void {
    const tokens = tokensOf(path);
    if (op === 'remove') return;
    const source = from === undefined ? undefined : at(root, tokensOf(from));
    if (from !== undefined && source === undefined) return;
    let parent = root;
    for (const token of tokens.slice(0, -1)) {
      if (!isTree(parent[token])) parent[token] = {};
      parent = parent[token] as Tree;
    }
    const copied = structuredClone(from === undefined ? value : source);
    if (op === 'move') {
      delete (at(root, tokensOf(from).slice(0, -1)) as Tree)[tokensOf(from).at(-1)!];
    }
    parent[tokens.at(-1)!] = copied;
  }

  test('give what a simple reading of them gives', () => {
    for (let seed = 0; seed < 400; seed++) {
      const random = new Random(seed);
      const below = (depth: number): string =>
        Array.from({ length: 1 + random.below(depth) }, () => `/${'abc'[random.below(3)]}`).join('');
      const value = (depth: number): unknown =>
        depth === 0 || random.below(3) === 0
          ? random.below(10)
          : Object.fromEntries(['a', 'b', 'c'].slice(random.below(3)).map((key) => [key, value(depth - 1)]));
      const operations = Array.from({ length: 1 + random.below(12) }, () => {
        const op = ['add', 'replace', 'move', 'copy', 'remove', 'add'][random.below(6)];
        const path = `/data${below(4)}`;
        const from = `/data${below(4)}`;
        // Into itself, nothing is moved, and no text copied.
        const isTaken = (op === 'copy' || op === 'move') && !path.startsWith(`${from}/`);
        if (isTaken) return { op, from, path };
        return op === 'remove' ? { op, path } : { op: 'add', path, value: value(3) };
      });
      const expected: Tree = {};
      for (const operation of operations) apply(expected, operation as unknown as Record<string, string>);
      const text = of(operations, 'configmap.obj', 'configmaps') as string | null;
      // Where nothing but operations without effect are, nobody knows of an object that is empty.
      const seen = text === null ? {} : (JSON.parse(text) as unknown);
      expect(seen, JSON.stringify(operations)).toEqual(expected.data ?? {});
    }
  });
});
