// SPDX-License-Identifier: Apache-2.0
// Fields of pods: the pod, its containers of all three kinds, its volumes.
import { describe, expect, test } from 'vitest';
import { ask } from '../support/ask';
import type { Value } from '../support/wasm';

const ofPod = (spec: unknown, field: string): Value =>
  ask({ requestObject: { kind: 'Pod', spec } }, `ka.req.${field}`);

/** What stands where a list should be. An object counts as its only element, as in the official plugin. */
const NO_LIST = [undefined, null, 'text', 5, true, []];

describe.each(['containers', 'initContainers', 'ephemeralContainers'])('%s', (kind) => {
  const of = (containers: unknown, field: string, pod: Record<string, unknown> = {}): Value =>
    ofPod({ ...pod, [kind]: containers }, `pod.${kind}.${field}`);

  // A web server, a sidecar without anything, and one that is not there.
  const containers = [
    {
      name: 'web',
      image: 'registry.example:5000/team/web:1.2@sha256:abc',
      command: ['/bin/sh', '-c', 'echo "hi" && sleep 1'],
      args: ['--verbose', ''],
      ports: [{ containerPort: 80 }, { containerPort: 81, hostPort: 8081 }],
      securityContext: {
        privileged: true,
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        runAsUser: 0,
        runAsGroup: 10,
        procMount: 'Unmasked',
        capabilities: { add: ['SYS_ADMIN', 'NET_ADMIN'], drop: ['ALL'] },
      },
    },
    { name: 'sidecar', image: 'envoy' },
    null,
    { name: 'last', image: 'last:1', securityContext: { privileged: false, runAsUser: 5, capabilities: {} } },
  ];

  test.each<[string, Value]>([
    ['name', ['web', 'sidecar', 'last']],
    ['name[1]', ['sidecar']],
    ['name[2]', null],
    ['image', ['registry.example:5000/team/web:1.2@sha256:abc', 'envoy', 'last:1']],
    ['image[3]', ['last:1']],
    ['image[4]', null],
    ['image.repository', ['registry.example:5000/team/web', 'envoy', 'last']],
    ['image.repository[0]', ['registry.example:5000/team/web']],
    ['command', ['/bin/sh -c echo "hi" && sleep 1']],
    ['command[0]', ['/bin/sh -c echo "hi" && sleep 1']],
    ['command[1]', null],
    ['args', ['--verbose ']],
    ['privileged', ['true', 'false']],
    ['privileged[0]', ['true']],
    ['privileged[1]', null],
    ['privileged[3]', ['false']],
    ['allow_privilege_escalation', ['false']],
    ['read_only_fs', ['true']],
    ['run_as_user', ['0', '5']],
    ['run_as_group', ['10']],
    ['proc_mount', ['Unmasked']],
    ['add_capabilities', ['SYS_ADMIN', 'NET_ADMIN']],
    ['add_capabilities[0]', ['SYS_ADMIN', 'NET_ADMIN']],
    ['add_capabilities[1]', null],
  ])('%s', (field, expected) => expect(of(containers, field)).toEqual(expected));

  test('without a list of containers', () => {
    const fields =
      'name image image.repository command args privileged allow_privilege_escalation read_only_fs run_as_user';
    const more = 'run_as_group eff_run_as_user eff_run_as_group proc_mount add_capabilities';
    for (const field of `${fields} ${more}`.split(' ')) {
      for (const value of NO_LIST) expect(of(value, field), `${field} ${JSON.stringify(value)}`).toBeNull();
    }
  });

  test('an object where the list should be', () => {
    const only = { name: 'n', image: 'r:1', command: ['c'], securityContext: { privileged: true } };
    expect(
      ['name', 'image', 'image.repository', 'command', 'privileged'].map((field) => of(only, field)),
    ).toEqual([['n'], ['r:1'], ['r'], ['c'], ['true']]);
    // It is no list of containers that would run as somebody.
    expect(of(only, 'eff_run_as_user')).toBeNull();
  });

  test('a security context that is null, or no object', () => {
    for (const securityContext of [null, 'text', 5, []]) {
      expect(of([{ securityContext }], 'privileged')).toBeNull();
      expect(of([{ securityContext }], 'add_capabilities')).toBeNull();
      expect(of([{ securityContext }], 'eff_run_as_user')).toEqual(['0']);
    }
  });

  describe('eff_run_as_user and eff_run_as_group', () => {
    const own = { securityContext: { runAsUser: 7, runAsGroup: 8 } };
    const nulled = { securityContext: { runAsUser: null, runAsGroup: null } };

    test.each<[string, unknown[], Record<string, unknown>, string[]]>([
      ['the own one', [own], {}, ['7', '8']],
      [
        'the own one, not that of the pod',
        [own],
        { securityContext: { runAsUser: 1, runAsGroup: 2 } },
        ['7', '8'],
      ],
      ['that of the pod', [{}], { securityContext: { runAsUser: 1, runAsGroup: 2 } }, ['1', '2']],
      [
        'that of the pod for null',
        [nulled],
        { securityContext: { runAsUser: 1, runAsGroup: 2 } },
        ['1', '2'],
      ],
      ['0', [{}], {}, ['0', '0']],
      ['0 for null', [nulled], { securityContext: { runAsUser: null } }, ['0', '0']],
      [
        '0 that is set',
        [{ securityContext: { runAsUser: 0 } }],
        { securityContext: { runAsUser: 1 } },
        ['0', '0'],
      ],
      [
        'not what stands beside the contexts',
        [{ runAsUser: 9 }],
        { runAsUser: 9, runAsGroup: 9 },
        ['0', '0'],
      ],
    ])('%s', (_, list, pod, [user, group]) => {
      expect([of(list, 'eff_run_as_user', pod), of(list, 'eff_run_as_group', pod)]).toEqual([
        [user],
        [group],
      ]);
    });

    test('one for each container, or for the one with the index', () => {
      const pod = { securityContext: { runAsUser: 1 } };
      expect(of([own, {}, own], 'eff_run_as_user', pod)).toEqual(['7', '1', '7']);
      expect([0, 1, 2, 3].map((i) => of([own, {}, own], `eff_run_as_user[${i}]`, pod))).toEqual([
        ['7'],
        ['1'],
        ['7'],
        null,
      ]);
    });
  });

  describe('image.repository', () => {
    test.each([
      ['nginx', 'nginx'],
      ['nginx:1.25', 'nginx'],
      ['nginx@sha256:abc', 'nginx'],
      ['nginx:1.25@sha256:abc', 'nginx'],
      ['library/nginx:1', 'library/nginx'],
      ['docker.io/library/nginx:latest', 'docker.io/library/nginx'],
      ['reg:5000/a/b:1', 'reg:5000/a/b'],
      ['reg:5000/a/b', 'reg:5000/a/b'],
      ['reg:5000/a@sha256:abc', 'reg:5000/a'],
      ['[::1]:5000/a:1', '[::1]:5000/a'],
      ['a/b:1.2-x_y', 'a/b'],
      ['', ''],
      [':', ''],
      ['@', ''],
      ['a:', 'a'],
      ['a:b:c', 'a:b'],
      ['a/', 'a/'],
      ['é/中:1', 'é/中'],
      ['a"b:1', 'a"b'],
    ])('%s', (image, repository) => {
      expect(of([{ image }], 'image.repository')).toEqual([repository]);
      if (kind === 'containers') {
        expect(ofPod({ containers: [{ image }, { image: 'x' }] }, 'container.image.repository')).toBe(
          repository,
        );
      }
    });
  });

  describe('command and args', () => {
    test.each<[unknown, Value]>([
      [['a', 'b c'], ['a b c']],
      [[''], ['']],
      [['', ''], [' ']],
      [['a"\\\n'], ['a"\\\n']],
      [['a', 1, true, { x: ' ' }], ['a 1 true {"x":" "}']],
      [['cut\u0000here', 'x'], ['cut']],
      ['text', null],
      [5, null],
      [{ a: 1 }, null],
      [null, null],
    ])('%j', (value, expected) => {
      expect(of([{ command: value, args: value }], 'command')).toEqual(expected);
      expect(of([{ command: value, args: value }], 'args')).toEqual(expected);
    });

    test('a long one', () => {
      const words = Array.from({ length: 20_000 }, (_, i) => `word${i}`);
      expect(of([{ args: words }], 'args')).toEqual([words.join(' ')]);
    });
  });
});

describe('host_port', () => {
  const ports = [{ containerPort: 80 }, { containerPort: 81, hostPort: 8081 }, { hostPort: 9 }, {}, null];

  test.each(['containers', 'initContainers'])('of %s', (kind) => {
    const of = (spec: Record<string, unknown>, index = ''): Value =>
      ofPod(spec, `pod.${kind}.host_port${index}`);
    const list = { [kind]: [{ ports }, {}, { ports: [{ hostPort: 1, containerPort: 2 }] }] };
    expect(of(list)).toEqual(['8081', '9', '1']);
    expect(of({ ...list, hostNetwork: false })).toEqual(['8081', '9', '1']);
    expect(of({ ...list, hostNetwork: 'true' })).toEqual(['8081', '9', '1']);
    expect(of({ ...list, hostNetwork: true })).toEqual(['80', '8081', '9', '1']);
    expect(['[0]', '[1]', '[2]', '[3]'].map((index) => of(list, index))).toEqual([
      ['8081', '9'],
      null,
      ['1'],
      null,
    ]);
    for (const value of NO_LIST) expect(of({ [kind]: [{ ports: value }], hostNetwork: true })).toBeNull();
  });
});

describe('the pod', () => {
  test('supplemental_groups', () => {
    const of = (supplementalGroups: unknown): Value =>
      ofPod({ securityContext: { supplementalGroups } }, 'pod.supplemental_groups');
    expect(of([1, 2, null, 3])).toEqual(['1', '2', '3']);
    for (const value of NO_LIST) expect(of(value)).toBeNull();
  });

  test('the first container', () => {
    const of = (containers: unknown, field: string): Value => ofPod({ containers }, `container.${field}`);
    expect(of([{ image: 'r:5/a:1' }, { image: 'x' }], 'image')).toBe('r:5/a:1');
    expect(of([{}, { image: 'x' }], 'image')).toBeNull();
    expect(of([{}, { image: 'x' }], 'image.repository')).toBeNull();
    for (const value of NO_LIST) {
      expect(of(value, 'image')).toBeNull();
      expect(of(value, 'image.repository')).toBeNull();
    }
  });

  test('container.privileged: whether any is; nothing without a list', () => {
    const of = (containers: unknown): Value => ofPod({ containers }, 'container.privileged');
    const container = (privileged: unknown) => ({ securityContext: { privileged } });
    expect(of([container(false), {}, container(true)])).toBe('true');
    expect(of([container(false), {}, null, container('true'), container(null)])).toBe('false');
    expect(of([{}])).toBe('false');
    expect(of([])).toBe('false');
    for (const value of [undefined, null, 'text', 5, true]) expect(of(value)).toBeNull();
    // Init containers do not count here; they have their own field.
    expect(ofPod({ containers: [{}], initContainers: [container(true)] }, 'container.privileged')).toBe(
      'false',
    );
  });

  test('a pod in the template of a deployment is not looked at', () => {
    const pod = { hostNetwork: true, containers: [{ image: 'x', securityContext: { privileged: true } }] };
    const deployment = { template: { spec: pod } };
    for (const field of [
      'pod.host_network',
      'pod.containers.image',
      'container.privileged',
      'container.image',
    ]) {
      expect(ofPod(deployment, field)).toBeNull();
    }
  });
});

describe('volumes', () => {
  const volumes = [
    { name: 'etc', hostPath: { path: '/etc', type: 'Directory' } },
    { emptyDir: {}, name: 'tmp' },
    { name: 'flex', flexVolume: { driver: 'k8s/lvm', options: {} } },
    { name: 'both', secret: { secretName: 's' }, hostPath: { path: '/var/run/docker.sock' } },
    { name: 'odd', hostPath: {} },
    { name: 'null', hostPath: null },
    null,
    'text',
    { 'a\\u0041"é': 1 },
  ];

  test.each<[string, Value]>([
    ['hostpath', ['/etc', '/var/run/docker.sock']],
    ['hostpath[0]', ['/etc']],
    ['hostpath[1]', null],
    ['hostpath[3]', ['/var/run/docker.sock']],
    ['hostpath[9]', null],
    ['flexvolume_driver', ['k8s/lvm']],
    ['flexvolume_driver[2]', ['k8s/lvm']],
    ['flexvolume_driver[0]', null],
    [
      'volume_type',
      ['hostPath', 'emptyDir', 'flexVolume', 'secret', 'hostPath', 'hostPath', 'hostPath', 'a\\u0041"é'],
    ],
    ['volume_type[1]', ['emptyDir']],
    ['volume_type[3]', ['secret', 'hostPath']],
    ['volume_type[6]', null],
  ])('%s', (field, expected) => expect(ofPod({ volumes }, `pod.volumes.${field}`)).toEqual(expected));

  test.each([
    ['/etc', 'true'],
    ['/et', 'false'],
    ['/etc/', 'false'],
    ['/etc*', 'true'],
    ['/et*', 'true'],
    ['/etc/*', 'false'],
    ['/*', 'true'],
    ['*', 'true'],
    ['/var/run/docker.sock', 'true'],
    ['/var/*', 'true'],
    ['/var/run/docker.sock*', 'true'],
    ['/var/run/docker.sockx', 'false'],
    ['/proc*', 'false'],
    ['', 'false'],
    ['**', 'false'],
    ['/e*c', 'false'],
    ['/ETC', 'false'],
  ])('volume.hostpath[%s] is %s', (key, expected) => {
    expect(ofPod({ volumes }, `volume.hostpath[${key}]`)).toBe(expected);
  });

  test('volume.hostpath of a path with escapes', () => {
    expect(ofPod({ volumes: [{ hostPath: { path: '/a"b\\é' } }] }, 'volume.hostpath[/a"b\\é]')).toBe('true');
  });

  test('volume.hostpath without volumes: nothing; without host paths: false', () => {
    expect(ofPod({}, 'volume.hostpath[/etc]')).toBeNull();
    expect(ofPod({ volumes: null }, 'volume.hostpath[/etc]')).toBeNull();
    expect(ofPod({ volumes: [] }, 'volume.hostpath[/etc]')).toBe('false');
    expect(ofPod({ volumes: [{ name: 'x' }] }, 'volume.hostpath[/etc]')).toBe('false');
  });

  test('without a list of volumes', () => {
    for (const value of NO_LIST) {
      for (const field of ['hostpath', 'flexvolume_driver', 'volume_type']) {
        expect(ofPod({ volumes: value }, `pod.volumes.${field}`), JSON.stringify(value)).toBeNull();
      }
    }
  });
});
