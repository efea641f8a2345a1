// SPDX-License-Identifier: Apache-2.0
// The list of fields: the names, types and arguments of the official plugin and our own, and a value for each of them.
import { describe, expect, test } from 'vitest';
import { OFFICIAL_FIELDS, words } from '../../bench/lib/official-fields.mjs';
import { ask, catalogue } from '../support/ask';
import { SIGNING_REQUEST } from '../support/csr';
import { auditEvent } from '../support/events';
import { OF_OWN_EVENTS } from '../support/remembered';

/** Fields of a pod that the official plugin does not have. */
const POD = words(
  'service_account node_name tolerations* automount_token host_users share_process_ns runtime_class seccomp apparmor',
);
/** All fields of a pod, which workloads have, too. */
const PODS = [
  ...POD,
  ...OFFICIAL_FIELDS.filter((name) => name.startsWith('ka.req.pod.')).map((name) => name.slice(11)),
];
/** Fields that the official plugin does not have. */
const OWN = [
  ...words(`truncated value[k] req.value[k] resp.value[k] level annotation[k] uri.path user.uid user.extra[k]
  user.type user.sa.namespace user.sa.name impuser.groups* impuser.uid impuser.extra[k] target.apigroup
  target.apiversion target.uid response.status response.message exec.command exec.container portforward.ports*
  req.labels[k] req.annotations[k] req.role.rules.resource_names*[i] req.binding.role_kind req.secret.type
  req.service.external_ips* req.csr.signer req.csr.user req.csr.groups* req.csr.usages* req.token.audiences*
  req.review.verb req.review.resource req.review.namespace req.review.user`).map((name) => `ka.${name}`),
  ...POD.map((name) => `ka.req.pod.${name}`),
  ...PODS.map((name) => `ka.req.workload.${name}`),
  ...PODS.filter((name) => name.startsWith('containers.')).map(
    (name) => `ka.req.workload.all_${name.slice(0, -3)}`,
  ),
  ...words('provider target.pod.hostpath* target.pod.images* target.pod.service_account').map(
    (name) => `ka.${name}`,
  ),
  'ka.req.workload.kind',
  'ka.req.workload.volume.hostpath[k]',
];

/** Those that are no strings. */
const TYPED: Record<string, string> = {
  'ka.timestamp': 'abstime',
  'ka.latency': 'reltime',
  'ka.source.ip*': 'ipaddr',
  'ka.source.is_public': 'bool',
  'ka.response.status_code': 'uint64',
  'ka.req.token.expiration': 'uint64',
  'ka.exec.stdin': 'bool',
  'ka.exec.tty': 'bool',
  'ka.user.first_seen': 'reltime',
  'ka.user.denied_recently': 'uint64',
  'ka.target.pod.known': 'bool',
  'ka.target.pod.privileged': 'bool',
  'ka.target.pod.host_network': 'bool',
  'ka.target.pod.host_pid': 'bool',
};
/** What Falco shows with every alert. */
const SHOWN = `auditid user.name verb target.resource target.namespace target.name response.code truncated`;

describe('the catalogue', () => {
  test('has the 100 fields of the official plugin and our own, with their arguments', () => {
    const all = catalogue().map(({ name, isList, arg }) => {
      const argument = arg?.isKey ? '[k]' : arg?.isIndex ? '[i]' : '';
      return name + (isList ? '*' : '') + argument;
    });
    expect(OFFICIAL_FIELDS).toHaveLength(100);
    expect(all.toSorted()).toEqual([...OFFICIAL_FIELDS, ...OWN, ...Object.keys(TYPED)].toSorted());
  });

  test('types: all are strings but a few of our own, and no list is of truth values', () => {
    for (const { name, type, isList } of catalogue()) {
      expect(type, name).toBe(TYPED[name + (isList ? '*' : '')] ?? 'string');
      expect(type === 'bool' && isList, name).toBeFalsy();
    }
  });

  test('a key must be given, an index may be', () => {
    for (const { name, arg } of catalogue()) {
      expect([undefined, { isIndex: true }, { isRequired: true, isKey: true }], name).toContainEqual(arg);
    }
  });

  test('what every alert shows is one text each, and needs no argument', () => {
    const shown = catalogue().filter(({ addOutput }) => addOutput);
    expect(shown.map(({ name }) => name).toSorted()).toEqual(
      words(SHOWN)
        .map((name) => `ka.${name}`)
        .toSorted(),
    );
    for (const { isList, arg } of shown) expect([isList, arg]).toEqual([undefined, undefined]);
  });

  test('descriptions: each has its own, in one line', () => {
    const descriptions = catalogue().map(({ desc }) => desc);
    for (const description of descriptions) expect(description).toMatch(/^[A-Z][^\n]{5,}[^.\s]$/);
    expect(new Set(descriptions).size).toBeGreaterThan(95);
  });
});

describe('every field has a value', () => {
  const container = (prefix: string) => ({
    name: `${prefix}-name`,
    image: `reg:5000/${prefix}:1`,
    command: ['cmd', prefix],
    args: ['arg', prefix],
    ports: [{ containerPort: 80, hostPort: 8080 }],
    securityContext: {
      privileged: true,
      allowPrivilegeEscalation: true,
      readOnlyRootFilesystem: false,
      runAsUser: 1,
      runAsGroup: 2,
      procMount: 'Unmasked',
      capabilities: { add: ['SYS_ADMIN'] },
    },
  });
  // One event with everything; no real one has it all.
  const event = auditEvent({
    annotations: {
      'authorization.k8s.io/decision': 'allow',
      'authorization.k8s.io/reason': 'RBAC',
      'authentication.openshift.io/decision': 'allow',
      'authentication.openshift.io/username': 'os-user',
      'validation.policy.admission.k8s.io/validation_failure': '[]',
      'pod-security.kubernetes.io/audit-violations': 'would violate',
      cluster_name: 'prod',
      k: 'v',
    },
    user: {
      username: 'system:serviceaccount:ci:builder',
      uid: '1',
      groups: ['dev'],
      extra: { k: ['v'] },
    },
    impersonatedUser: { username: 'bob', uid: '2', groups: ['dev'], extra: { k: ['v'] } },
    requestURI: '/api?k=v&command=id&container=c&ports=80',
    userAgent: 'kubectl',
    sourceIPs: ['10.0.0.1'],
    responseStatus: { code: 201, status: 'Success', reason: 'Created', message: 'made' },
    requestReceivedTimestamp: '2025-03-18T09:42:11.478281Z',
    stageTimestamp: '2025-03-18T09:42:11.488789Z',
    responseObject: { metadata: { name: 'web-1' } },
    requestObject: {
      type: 'Opaque',
      metadata: { labels: { k: 'v' }, annotations: { k: 'v' } },
      subjects: [
        { kind: 'User', name: 'u' },
        { kind: 'Group', name: 'g' },
        { kind: 'ServiceAccount', name: 's', namespace: 'n' },
      ],
      roleRef: { kind: 'ClusterRole', name: 'admin' },
      data: { a: 'b' },
      rules: [
        {
          apiGroups: [''],
          resources: ['pods'],
          verbs: ['get'],
          nonResourceURLs: ['/x'],
          resourceNames: ['n'],
        },
      ],
      spec: {
        type: 'NodePort',
        expirationSeconds: 3600,
        ports: [{ port: 80 }],
        externalIPs: ['192.0.2.1'],
        signerName: 'kubernetes.io/kube-apiserver-client',
        usages: ['client auth'],
        request: SIGNING_REQUEST,
        audiences: ['vault'],
        user: 'bob',
        resourceAttributes: { verb: 'get', resource: 'secrets', namespace: 'ns' },
        hostIPC: true,
        hostNetwork: true,
        hostPID: true,
        hostUsers: false,
        shareProcessNamespace: true,
        serviceAccountName: 'web',
        automountServiceAccountToken: false,
        nodeName: 'worker-1',
        runtimeClassName: 'gvisor',
        tolerations: [{ operator: 'Exists' }],
        securityContext: {
          runAsUser: 3,
          runAsGroup: 4,
          fsGroup: 5,
          supplementalGroups: [6],
          seccompProfile: { type: 'Unconfined' },
          appArmorProfile: { type: 'Unconfined' },
        },
        volumes: [
          { name: 'h', hostPath: { path: '/etc' } },
          { name: 'f', flexVolume: { driver: 'd' } },
        ],
        containers: [container('c')],
        initContainers: [container('i')],
        ephemeralContainers: [container('e')],
      },
    },
  });

  // Members that mean something else in other objects.
  const ABOUT: [prefix: string, resource: string, subresource: string][] = [
    ['ka.portforward.', 'pods', 'portforward'],
    ['ka.req.workload.', 'pods', ''],
    ['ka.req.secret.', 'secrets', ''],
    ['ka.req.csr.', 'certificatesigningrequests', ''],
    ['ka.req.token.', 'serviceaccounts', 'token'],
    ['ka.req.review.', 'subjectaccessreviews', ''],
    ['', 'pods', 'exec'],
  ];
  const of = (name: string) => {
    const [, resource, subresource] = ABOUT.find(([prefix]) => name.startsWith(prefix))!;
    const ref = { resource, subresource, namespace: 'ns', name: 'web', uid: '3' };
    return { ...event, objectRef: { ...ref, apiGroup: 'apps', apiVersion: 'v1' } };
  };
  const KEYS: Record<string, string> = {
    'ka.value': '/verb',
    'ka.req.value': '/spec/user',
    'ka.resp.value': '/metadata/name',
  };

  // What earlier events showed, and what brought the event, is not in it: fields-examples.test.ts asks for it.
  const inEvent = catalogue().filter(({ name }) => !OF_OWN_EVENTS.test(name));
  test.each(inEvent.map(({ name, isList, arg }) => [name, isList, arg] as const))(
    '%s',
    (name, isList, arg) => {
      const event = of(name);
      const value = ask(event, arg?.isKey ? `${name}[${KEYS[name] ?? 'k'}]` : name);
      expect(value).not.toBeNull();
      expect(Array.isArray(value)).toBe(isList ?? false);
      if (arg?.isIndex) {
        // The flex volume is the second one.
        expect([0, 1].map((index) => ask(event, `${name}[${index}]`))).not.toEqual([null, null]);
        expect(ask(event, `${name}[2]`)).toBeNull();
      }
    },
  );

  test('and none with an event that has nothing but its id, except those that need nothing', () => {
    const found = catalogue().filter(
      ({ name, arg }) =>
        ask(
          {
            ...{ stage: undefined, verb: undefined, requestURI: undefined },
            ...{ level: undefined, stageTimestamp: undefined },
          },
          arg?.isKey ? `${name}[k]` : name,
        ) !== null,
    );
    expect(found.map(({ name }) => name)).toEqual([
      'ka.auditid',
      'ka.truncated',
      'ka.req.binding.subject.has_name',
    ]);
  });
});
