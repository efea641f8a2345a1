// SPDX-License-Identifier: Apache-2.0
// Fields of the pods that a request brings: itself, or as the template of a workload.
import { describe, expect, test } from 'vitest';
import { ask, catalogue } from '../support/ask';
import type { Value } from '../support/wasm';
import { TEMPLATED } from '../support/workloads';

type Json = Record<string, unknown>;

const TEMPLATES: [resource: string, kind: string, wrap: (pod: Json) => Json][] = [
  ['pods', 'Pod', (pod) => pod],
  ['podtemplates', 'PodTemplate', (template) => ({ template })],
  ['cronjobs', 'CronJob', (template) => ({ spec: { jobTemplate: { spec: { template } } } })],
  ...TEMPLATED.map(([resource, kind]): (typeof TEMPLATES)[number] => [
    resource,
    kind,
    (template) => ({ spec: { replicas: 2, template } }),
  ]),
];

/** An event of a request with this body on a resource. */
function request(resource: string, verb: string, requestObject: unknown, subresource?: string): Json {
  return {
    verb,
    objectRef: { resource, subresource, namespace: 'default', name: 'web', apiVersion: 'v1' },
    requestObject,
  };
}

const spec = {
  hostPID: true,
  serviceAccountName: 'web',
  securityContext: { runAsUser: 1000 },
  tolerations: [{ operator: 'Exists' }],
  volumes: [
    { name: 'root', hostPath: { path: '/etc' } },
    { name: 'tmp', emptyDir: {} },
  ],
  initContainers: [{ name: 'init', image: 'reg:5000/init:1', securityContext: { privileged: true } }],
  containers: [
    { name: 'web', image: 'nginx:1', securityContext: { capabilities: { add: ['NET_ADMIN'] } } },
    { name: 'side', image: 'envoy', securityContext: { runAsUser: 0, privileged: false } },
  ],
  ephemeralContainers: [{ name: 'debug', image: 'busybox', command: ['sh', '-c', 'id'] }],
};
const EXPECTED: [field: string, value: Value][] = [
  ['host_pid', 'true'],
  ['host_network', null],
  ['service_account', 'web'],
  ['run_as_user', '1000'],
  ['tolerations', ['{"operator":"Exists"}']],
  ['volumes.hostpath', ['/etc']],
  ['volumes.volume_type[1]', ['emptyDir']],
  ['volume.hostpath[/etc]', 'true'],
  ['volume.hostpath[/proc]', 'false'],
  ['containers.image', ['nginx:1', 'envoy']],
  ['containers.image[1]', ['envoy']],
  ['containers.eff_run_as_user', ['1000', '0']],
  ['containers.eff_run_as_group', ['0', '0']],
  ['containers.add_capabilities', ['NET_ADMIN']],
  ['initContainers.image.repository', ['reg:5000/init']],
  ['initContainers.privileged', ['true']],
  ['ephemeralContainers.command', ['sh -c id']],
  ['all_containers.name', ['web', 'side', 'init', 'debug']],
  ['all_containers.privileged', ['false', 'true']],
  ['all_containers.eff_run_as_user', ['1000', '0', '1000', '1000']],
];

describe.each(TEMPLATES)('%s', (resource, kind, wrap) => {
  const metadata = { labels: { app: 'web' } };
  const object = wrap({ metadata, spec });
  const whole = { kind, apiVersion: 'v1', metadata: { name: 'web' }, ...object };

  test.each(['create', 'update', 'patch'])('%s of a whole object', (verb) => {
    const event = request(resource, verb, whole);
    for (const [field, value] of EXPECTED)
      expect(ask(event, `ka.req.workload.${field}`), field).toEqual(value);
    expect(ask(event, 'ka.req.workload.kind')).toBe(kind);
  });

  test('a partial object: merge, strategic merge, server-side apply', () => {
    const event = request(resource, 'patch', object);
    for (const [field, value] of EXPECTED)
      expect(ask(event, `ka.req.workload.${field}`), field).toEqual(value);
    const container = { name: 'web', securityContext: { privileged: true } };
    const patch = wrap({
      spec: { $setElementOrder: [], containers: [container, { $patch: 'delete', name: 'x' }] },
    });
    const small = request(resource, 'patch', patch);
    expect(ask(small, 'ka.req.workload.all_containers.privileged')).toEqual(['true']);
    expect(ask(small, 'ka.req.workload.containers.name')).toEqual(['web', 'x']);
    expect(ask(small, 'ka.req.workload.containers.image')).toBeNull();
    expect(ask(small, 'ka.req.workload.host_pid')).toBeNull();
  });

  test('by its kind, when the event does not tell the resource', () => {
    const event = { verb: 'create', requestObject: whole };
    expect(ask(event, 'ka.req.workload.kind')).toBe(kind);
    expect(ask(event, 'ka.req.workload.all_containers.image')).toHaveLength(4);
  });

  test('nothing of its subresources, of other places, of a body without a pod', () => {
    const fields = [
      'kind',
      'host_pid',
      'all_containers.image',
      'containers.eff_run_as_user',
      'volume.hostpath[/etc]',
    ];
    const nothing = fields.map(() => null);
    const read = (event: Json) => fields.map((field) => ask(event, `ka.req.workload.${field}`));
    expect(read(request(resource, 'update', whole, 'status'))).toEqual(nothing);
    expect(read(request(resource, 'update', whole, 'scale'))).toEqual(nothing);
    expect(
      read(request(resource, 'delete', { kind: 'DeleteOptions', propagationPolicy: 'Background' })),
    ).toEqual(nothing);
    expect(read(request(resource, 'patch', { metadata }))).toEqual(nothing);
    expect(read(request('configmaps', 'create', whole))).toEqual(nothing);
    for (const odd of [null, 5, 'text', {}, { spec: null }, wrap({ spec: null }), wrap({ metadata })])
      expect(read(request(resource, 'create', odd)), JSON.stringify(odd)).toEqual(nothing);
    expect(read({ verb: 'create', objectRef: { resource } })).toEqual(nothing);
  });

  test('a pod spec of another type', () => {
    for (const odd of [5, 'text', true, [], [spec]]) {
      const event = request(resource, 'create', wrap({ spec: odd }));
      expect(ask(event, 'ka.req.workload.host_pid'), JSON.stringify(odd)).toBeNull();
      expect(ask(event, 'ka.req.workload.all_containers.image')).toBeNull();
    }
  });

  test(`the fields of pods alone see ${kind === 'Pod' ? 'it' : 'nothing of it'}`, () => {
    const event = request(resource, 'create', whole);
    expect(ask(event, 'ka.req.pod.host_pid')).toBe(kind === 'Pod' ? 'true' : null);
  });
});

test('the ephemeral containers of a pod', () => {
  const body = { spec: { ephemeralContainers: [{ name: 'd', securityContext: { privileged: true } }] } };
  for (const verb of ['patch', 'update']) {
    const event = request('pods', verb, body, 'ephemeralcontainers');
    expect(ask(event, 'ka.req.workload.ephemeralContainers.privileged')).toEqual(['true']);
    expect(ask(event, 'ka.req.workload.all_containers.privileged')).toEqual(['true']);
    expect(ask(event, 'ka.req.workload.kind')).toBe('Pod');
  }
  expect(
    ask(request('deployments', 'patch', body, 'ephemeralcontainers'), 'ka.req.workload.kind'),
  ).toBeNull();
});

test('of a pod, all fields of workloads have the values of those of pods', () => {
  const event = request('pods', 'create', { spec });
  const names = catalogue().map(({ name }) => name);
  const pods = names.filter((name) => name.startsWith('ka.req.pod.'));
  expect(pods.length).toBeGreaterThan(60);
  for (const name of pods) {
    const workload = name.replace('.pod.', '.workload.');
    expect(names).toContain(workload);
    expect(ask(event, workload), name).toEqual(ask(event, name));
  }
});

test('a container that is an object, and one that is null', () => {
  const event = request('deployments', 'create', {
    spec: { template: { spec: { containers: { name: 'only' }, initContainers: [null, { name: 'init' }] } } },
  });
  expect(ask(event, 'ka.req.workload.all_containers.name')).toEqual(['only', 'init']);
  expect(ask(event, 'ka.req.workload.all_containers.eff_run_as_user')).toEqual(['0']);
});

describe('the older name of a service account', () => {
  const account = (pod: Json) => ask(request('pods', 'create', { spec: pod }), 'ka.req.pod.service_account');
  test.each<[Json, Value]>([
    [{ serviceAccount: 'old' }, 'old'],
    [{ serviceAccountName: 'new', serviceAccount: 'old' }, 'new'],
    [{ serviceAccountName: '', serviceAccount: 'old' }, 'old'],
    [{ serviceAccountName: null, serviceAccount: 'old' }, 'old'],
    [{ serviceAccountName: '' }, null],
    [{}, null],
  ])('%j', (pod, expected) => expect(account(pod)).toBe(expected));
});
