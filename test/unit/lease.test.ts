// SPDX-License-Identifier: Apache-2.0
// One replica and its Lease, against the stand-in for the API server: what it asks, what it believes, what it says.
import { beforeAll, describe, expect, test } from 'vitest';
import type { WebAnswer, WebCall } from '../support/host';
import { tooManyRequests } from '../support/kubernetes-status';
import {
  Account,
  Cluster,
  ENVIRONMENT,
  LEASE_PATH,
  Replica,
  TOKEN,
  USER,
  compileReplica,
} from '../support/replica';

const MINUTE = 60_000;
const CONFIG = { leaseName: 'falco' };
let module: WebAssembly.Module;

beforeAll(async () => {
  module = await compileReplica();
}, 300_000);

/** A replica that is not open, its account and its cluster. */
function make(cluster = new Cluster()) {
  const account = new Account();
  const replica = new Replica(module, account, 'falco-abc', (call) => cluster.respond(call));
  return { replica, account, cluster };
}

/** One that leads. */
function leading() {
  const made = make();
  expect(made.replica.open(CONFIG)).toBe('');
  made.replica.run(12_000);
  expect(made.replica.epoch).toBe(1);
  return made;
}

/** Puts a Lease there as somebody else. */
function hold(cluster: Cluster, spec: object): void {
  const metadata = { name: 'falco', labels: { app: 'ours' } };
  const path = LEASE_PATH.slice(0, -'/falco'.length);
  expect(cluster.ask('POST', path, { metadata, spec }).status).toBe(201);
}

const OTHER = { holderIdentity: 'falco-xyz_1', leaseDurationSeconds: 10, leaseTransitions: 4 };

describe('a Lease', () => {
  test('that is not there is made, and counts as led by somebody for one duration', () => {
    const { replica, cluster } = make();
    expect(replica.open(CONFIG)).toBe('');
    replica.run(9900);
    expect([replica.epoch, replica.counter('leading')]).toEqual([0, 0]);
    replica.run(300);
    expect([replica.epoch, replica.counter('leading')]).toEqual([1, 1]);
    expect(replica.messages).toEqual([
      expect.stringMatching(
        /^init_config: key "leaseName" without "stateConfigMap": a replica that takes over/,
      ),
      'Lease "falco/falco" is made anew; waiting for 10 s, in case that somebody still leads by one that was deleted',
      expect.stringMatching(
        /^Lease "falco\/falco": this replica, "falco-abc_[0-9a-f]{16}", leads now$/,
      ) as string,
    ]);
    const { spec } = cluster.lease ?? {};
    expect(spec).toMatchObject({ leaseDurationSeconds: 10, leaseTransitions: 0 });
    expect(spec.holderIdentity).toMatch(/^falco-abc_[0-9a-f]{16}$/);
    // The times are ours, to the microsecond.
    const age = Number(replica.host.now / 1_000_000n) - Date.parse(spec.renewTime);
    expect(age).toBeLessThan(3400);
    expect(age).toBeGreaterThanOrEqual(0);
    expect(spec.renewTime).toMatch(/T\d\d:\d\d:\d\d\.\d{6}Z$/);
  });

  test('is renewed each third of its duration, and nothing waits', () => {
    const { replica, cluster } = leading();
    const before = replica.host.calls.length;
    replica.run(MINUTE);
    const calls = replica.host.calls.slice(before);
    expect(calls.length).toBeGreaterThanOrEqual(17);
    expect(calls.length).toBeLessThanOrEqual(19);
    expect(new Set(calls.map(({ method }) => method))).toEqual(new Set(['PATCH']));
    expect(replica.host.waits).toEqual([]);
    expect(cluster.lease?.['spec'].leaseTransitions).toBe(0);
    expect(replica.epoch).toBe(1);
  });

  test('of nobody is taken at once, and what others wrote beside stays', () => {
    const { replica, cluster } = make();
    hold(cluster, { leaseTransitions: 4 });
    replica.open(CONFIG);
    replica.run(200);
    expect(replica.epoch).toBe(1);
    expect(cluster.lease?.['metadata'].labels).toEqual({ app: 'ours' });
    expect(cluster.lease?.['spec'].leaseTransitions).toBe(5);
  });

  test('of another is left to it while it changes, and taken when it does not for its duration', () => {
    const { replica, cluster } = make();
    hold(cluster, OTHER);
    replica.open(CONFIG);
    for (let second = 0; second < 60; second++) {
      replica.run(1000);
      cluster.edit(LEASE_PATH, {
        spec: { renewTime: `2020-01-01T00:00:${String(second).padStart(2, '0')}.000000Z` },
      });
      expect(replica.epoch).toBe(0);
    }
    expect(replica.messages.filter((message) => message.includes('stands by'))).toEqual([
      'Lease "falco/falco": "falco-xyz_1" leads; this replica stands by',
    ]);
    // A change of something else is no sign of life.
    for (let second = 0; second < 13; second++) {
      cluster.edit(LEASE_PATH, { metadata: { annotations: { tick: String(second) } } });
      replica.run(1000);
    }
    expect(replica.epoch).toBe(1);
    expect(cluster.lease?.['spec'].leaseTransitions).toBe(5);
  });

  test('that somebody deletes is made anew by who leads, without an end', () => {
    const { replica, cluster } = leading();
    cluster.remove({ plural: 'leases' } as never, 'falco', 'falco');
    replica.run(MINUTE);
    expect(replica.epoch).toBe(1);
    expect(cluster.lease?.['spec'].holderIdentity).toContain('falco-abc');
  });

  test('that another has taken is given way to', () => {
    const { replica, cluster } = leading();
    cluster.edit(LEASE_PATH, { spec: { holderIdentity: 'falco-xyz_1' } });
    replica.run(4000);
    expect([replica.epoch, replica.counter('leading')]).toEqual([0, 0]);
    expect(replica.messages.at(-2)).toBe(
      'Lease "falco/falco": this replica leads no more, and does not read: another replica has taken it',
    );
    expect(replica.messages.at(-1)).toContain('"falco-xyz_1" leads; this replica stands by');
  });

  test.each([
    ['negative', -5],
    ['none', undefined],
    ['beyond what it may be', 1_000_000_000],
    ['beyond numbers', 1e300],
    ['a text', '3'],
  ])('of another with a duration that is %s is waited for as long as ours', (_, leaseDurationSeconds) => {
    const { replica } = make();
    const metadata = { name: 'falco', resourceVersion: '7' };
    const body = JSON.stringify({ metadata, spec: { ...OTHER, leaseDurationSeconds } });
    replica.open(CONFIG);
    replica.host.onCall = () => ({ body });
    replica.run(9900);
    expect(replica.host.calls.some(({ method }) => method === 'PATCH')).toBe(false);
    replica.run(500);
    expect(replica.host.calls.some(({ method }) => method === 'PATCH')).toBe(true);
  });

  test('with a longer duration is waited for as long', () => {
    const { replica, cluster } = make();
    hold(cluster, { ...OTHER, leaseDurationSeconds: 30 });
    replica.open(CONFIG);
    replica.run(29_900);
    expect(replica.epoch).toBe(0);
    replica.run(500);
    expect(replica.epoch).toBe(1);
  });
});

test('its times are those of the calendar, to the microsecond', () => {
  const days = [1970, 1999, 2000, 2024, 2026, 2099, 2100, 2101].flatMap((year) =>
    [0, 1, 2, 5, 11].flatMap((month) => [
      Date.UTC(year, month, 1) + 86_399_999,
      Date.UTC(year, month + 1, 0),
    ]),
  );
  for (const day of days) {
    const { replica, cluster } = make();
    hold(cluster, {});
    replica.host.now = BigInt(day) * 1_000_000n + 7_000n;
    replica.open(CONFIG);
    for (let i = 0; i < 4; i++) replica.turn();
    expect(cluster.lease?.['spec'].acquireTime).toBe(new Date(day).toISOString().replace('Z', '007Z'));
  }
});

describe('who leads', () => {
  test('stops two thirds of the duration after the last good renewal, and leads anew when it can', () => {
    const { replica, cluster } = leading();
    replica.host.onCall = () => ({ failure: 'connect' });
    replica.run(3000);
    expect(replica.epoch).toBe(1);
    replica.run(4000);
    expect(replica.epoch).toBe(0);
    replica.run(3 * MINUTE);
    const messages = replica.messages.slice(3);
    expect(messages.filter((message) => message.includes('could not be renewed in time'))).toHaveLength(1);
    const failures = messages.filter((message) => message.includes('cannot'));
    expect(failures.length).toBeGreaterThanOrEqual(3);
    expect(failures.length).toBeLessThanOrEqual(4);
    expect(failures[0]).toBe(
      'cannot patch Lease "falco/falco": failed: connect; this replica still leads; trying again',
    );
    expect(failures[1]).toMatch(
      /^cannot \w+ Lease .* this replica does not lead, and does not read; trying again/,
    );
    replica.host.onCall = (call) => cluster.respond(call);
    replica.run(4000);
    expect(replica.epoch).toBe(2);
  });

  test('and was stopped while an answer came believes the time, not the answer', () => {
    const { replica, cluster } = leading();
    replica.host.onCall = (call) => ({ ...cluster.respond(call), after: 100 });
    let sent = replica.host.calls.length;
    while (replica.host.calls.length === sent) replica.run(50);
    sent = replica.host.calls.length;
    replica.pass(20_000);
    expect(replica.turn()).toBe(0);
    // It asks, and only that answer counts.
    expect(replica.host.calls.length).toBe(sent + 1);
    replica.run(200);
    expect(replica.epoch).toBe(2);
  });

  test('is told to come again later, and does before it is too late', () => {
    const { replica, cluster } = leading();
    let refused = 0;
    replica.host.onCall = (call) => (refused++ < 2 ? tooManyRequests(300) : cluster.respond(call));
    replica.run(10_000);
    expect(refused).toBeGreaterThan(2);
    expect(replica.epoch).toBe(1);
  });

  test('ends within 100 ms, whether the API server answers or not', () => {
    const answers: ((call: WebCall, cluster: Cluster) => WebAnswer)[] = [
      (call, cluster) => ({ ...cluster.respond(call), after: 20 }),
      () => ({ after: 60_000 }),
      () => ({ failure: 'cut' }),
      () => ({ status: 500 }),
      () => ({ body: '{' }),
    ];
    const ends = answers.map((answer) => {
      const { replica, cluster } = leading();
      replica.host.onCall = (call) => answer(call, cluster);
      replica.close();
      expect(replica.host.waits.reduce((sum, wait) => sum + wait, 0)).toBeLessThanOrEqual(100);
      expect(replica.host.openFiles).toBe(0);
      expect(replica.counter('leading')).toBe(0);
      return [replica.messages.at(-1), cluster.lease?.['spec'].holderIdentity === undefined];
    });
    const text = 'Lease "falco/falco" is given up: this replica ends';
    expect(ends[0]).toEqual([text, true]);
    for (const end of ends.slice(1))
      expect(end).toEqual([text.replace('given up', 'left to run out'), false]);
  });

  test('has the same name after a trap, and goes on without waiting', () => {
    const { replica, account, cluster } = leading();
    const next = new Replica(module, account, 'falco-abc', (call) => cluster.respond(call));
    next.host.now = replica.host.now;
    next.number = replica.number;
    next.open(CONFIG);
    next.run(200);
    expect(next.epoch).toBe(1);
    expect(cluster.lease?.['spec'].leaseTransitions).toBe(0);
  });
});

describe('what the API server answers', () => {
  const object = (metadata: unknown, spec: unknown = OTHER): WebAnswer => ({
    body: JSON.stringify({ metadata, spec }),
  });

  test.each<[string, WebAnswer, RegExp]>([
    ['nothing', { body: '' }, /the answer is no JSON; is it an API server\?/],
    ['HTML', { body: '<html>' }, /the answer is no JSON/],
    ['JSON that breaks off', { body: '{"metadata":{"resourceVersion":"7"' }, /the answer is no JSON/],
    ['a number', { body: '7' }, /the answer is no such object/],
    ['an array', { body: '[{"metadata":{"resourceVersion":"7"}}]' }, /the answer is no such object/],
    ['no metadata', { body: '{}' }, /the answer is no such object/],
    ['metadata that is none', object([]), /the answer is no such object/],
    ['a version with a line break', object({ resourceVersion: '7\n8' }), /the answer is no such object/],
    ['a version without end', object({ resourceVersion: '7'.repeat(1000) }), /the answer is no such object/],
    ['too much', { body: ' '.repeat(300_000) }, /the answer has more than 262144 bytes/],
    ['a redirect', { status: 302, headers: { location: 'https://elsewhere/' } }, /HTTP status 302/],
    ['no content', { status: 204, body: '' }, /the answer is no JSON/],
    [
      'an error without end',
      { status: 500, body: JSON.stringify({ message: 'm'.repeat(5000) }) },
      /m{512}…;/,
    ],
    [
      'an error that is none',
      { status: 500, body: '{"message":{"a":[1]}}' },
      /HTTP status 500: \{"a":\[1\]\};/,
    ],
  ])('%s: nobody leads, it is told once a minute, and gone on', (_, answer, message) => {
    const { replica, cluster } = make();
    replica.host.onCall = () => answer;
    replica.open(CONFIG);
    replica.run(59_000);
    expect(replica.epoch).toBe(0);
    const told = replica.messages.slice(1);
    expect(told).toHaveLength(1);
    expect(told[0]).toMatch(/^cannot get Lease "falco\/falco": /);
    expect(told[0]).toMatch(message);
    expect(replica.host.calls.length).toBeGreaterThan(15);
    replica.host.onCall = (call) => cluster.respond(call);
    replica.run(20_000);
    expect(replica.epoch).toBe(1);
  });

  test.each([
    ['a version with quotes', { resourceVersion: '7","x":"' }, OTHER],
    ['a version that is a number', { resourceVersion: 7 }, OTHER],
    ['a spec that is a text', { resourceVersion: '7' }, 'spec'],
    ['a holder that is a number', { resourceVersion: '7' }, { ...OTHER, holderIdentity: 7 }],
    ['a holder that is an object', { resourceVersion: '7' }, { ...OTHER, holderIdentity: { a: 'b"' } }],
    ['transitions below zero', { resourceVersion: '7' }, { ...OTHER, leaseTransitions: -9 }],
    ['transitions without end', { resourceVersion: '7' }, { ...OTHER, leaseTransitions: 1e300 }],
  ])('%s: what it sends is JSON', (_, metadata, spec) => {
    const { replica } = make();
    replica.host.onCall = () => object(metadata, spec);
    replica.open(CONFIG);
    replica.run(12_000);
    const patches = replica.host.calls.filter(({ method }) => method === 'PATCH');
    expect(patches.length).toBeGreaterThan(0);
    for (const { body } of patches) {
      const sent = JSON.parse(body);
      expect(Object.keys(sent)).toEqual(['metadata', 'spec']);
      expect(sent.metadata).toEqual({ resourceVersion: String(metadata.resourceVersion) });
      expect(sent.spec.leaseTransitions).toBeGreaterThanOrEqual(0);
      expect(sent.spec.leaseTransitions).toBeLessThanOrEqual(2 ** 31 - 1);
    }
  });

  test('a conflict again and again is not answered by a flood', () => {
    const { replica, cluster } = make();
    hold(cluster, {});
    replica.open(CONFIG);
    replica.host.onCall = (call) => (call.method === 'PATCH' ? { status: 409 } : cluster.respond(call));
    replica.run(MINUTE);
    expect(replica.epoch).toBe(0);
    expect(replica.host.calls.length).toBeLessThan(150);
  });

  test.each(['get', 'create', 'patch'])('may not %s: the rule that is missing is told', (verb) => {
    const { replica, cluster } = make();
    cluster.deny(verb, 'leases');
    replica.open(CONFIG);
    replica.run(20_000);
    const { messages } = replica;
    expect(messages.find((message) => message.includes('403'))).toMatch(
      new RegExp(
        `^cannot ${verb} Lease "falco/falco": HTTP status 403: leases.coordination.k8s.io .*is forbidden: User ` +
          `"${USER}" cannot ${verb} resource "leases" in API group "coordination.k8s.io" in the namespace "falco"; ` +
          'the Role of its service account in namespace falco needs apiGroups: \\["coordination.k8s.io"\\], ' +
          'resources: \\["leases"\\], verbs: \\[get, create, patch\\]; this replica',
      ),
    );
    cluster.permit(verb, 'leases');
    replica.run(20_000);
    expect(replica.epoch).not.toBe(0);
  });

  test('a namespace that is not there', () => {
    const { replica } = make();
    expect(replica.open({ ...CONFIG, kubernetesNamespace: 'elsewhere' })).toBe('');
    replica.run(5000);
    expect(replica.messages[1]).toBe(
      'cannot create Lease "elsewhere/falco": HTTP status 404: namespaces "elsewhere" not found; ' +
        'this replica does not lead, and does not read; trying again',
    );
  });
});

describe('the token', () => {
  test('is read anew for each request', () => {
    const { replica, account, cluster } = leading();
    cluster.allow('another-one', USER);
    account.write('token', 'another-one');
    cluster.revoke(TOKEN);
    replica.run(MINUTE);
    expect(replica.epoch).toBe(1);
    expect(replica.host.calls.at(-1)?.headers['authorization']).toBe('Bearer another-one');
  });

  test('that is not taken, or cannot be read, is told, and never shown', () => {
    const { replica, account, cluster } = leading();
    cluster.revoke(TOKEN);
    replica.run(5000);
    expect(replica.messages.find((message) => message.includes('401'))).toBe(
      'cannot patch Lease "falco/falco": HTTP status 401: Unauthorized; it does not take the token in ' +
        '"/var/run/secrets/kubernetes.io/serviceaccount/token"; this replica still leads; trying again',
    );
    account.write('token', 'two words');
    replica.run(MINUTE);
    expect(replica.messages.at(-1)).toMatch(
      /HTTP status 403: .*; init_config: key "kubernetesTokenFile": "\/var\/.*" has a token with a space or/,
    );
    const said = replica.messages.join('\n');
    expect(said).not.toContain(TOKEN);
    expect(said).not.toContain('two words');
  });
});

describe('where the API server is', () => {
  test('by default that of the pod, never through a proxy', () => {
    const { replica, account } = make();
    replica.open(CONFIG);
    replica.turn();
    const [call] = replica.host.calls as [WebCall];
    expect(call).toMatchObject({
      ...{ method: 'GET', url: `https://10.96.0.1:443${LEASE_PATH}`, isDirect: true, signing: '' },
      ...{ authorities: '/var/run/secrets/kubernetes.io/serviceaccount/ca.crt', totalTime: 2500 },
    });
    expect(call.headers).toEqual({ accept: 'application/json', authorization: `Bearer ${TOKEN}` });
    expect(account).toBeDefined();
  });

  test.each([
    ['fd00::1', 'https://[fd00::1]:443/apis'],
    ['[fd00::1]', 'https://[fd00::1]:443/apis'],
    ['kubernetes.default.svc', 'https://kubernetes.default.svc:443/apis'],
  ])('its address is %s', (address, url) => {
    const { replica } = make();
    replica.host.environment.set('KUBERNETES_SERVICE_HOST', address);
    replica.open(CONFIG);
    replica.turn();
    expect(replica.host.calls[0]?.url.startsWith(url)).toBe(true);
  });

  test('or that of the configuration, with its own files', () => {
    const { replica, account } = make();
    account.write('other-token', 'given');
    const config = { kubernetesUrl: 'https://api.example:6443/', kubernetesNamespace: 'audit' };
    const files = { kubernetesTokenFile: account.at('other-token'), kubernetesCaFile: '/ca.pem' };
    expect(replica.open({ ...CONFIG, ...config, ...files })).toBe('');
    replica.turn();
    expect(replica.host.calls[0]).toMatchObject({
      url: 'https://api.example:6443/apis/coordination.k8s.io/v1/namespaces/audit/leases/falco',
      ...{ isDirect: false, authorities: '/ca.pem', headers: { authorization: 'Bearer given' } },
    });
  });

  test("the pod's token does not go over http://, one that is named does", () => {
    for (const named of [false, true]) {
      const { replica, account } = make();
      const file = named ? { kubernetesTokenFile: account.at('token') } : {};
      expect(replica.open({ ...CONFIG, kubernetesUrl: 'http://127.0.0.1:8001', ...file })).toBe('');
      replica.turn();
      expect('authorization' in (replica.host.calls[0]?.headers ?? {})).toBe(named);
    }
  });

  const NAMES = 'must be the name of an object: lower case letters, digits, hyphens and dots';
  const URL_FORM = 'init_config: key "kubernetesUrl" must be http://host:port or https://host:port';
  test.each<[object, string]>([
    [{ leaseName: 'Falco' }, `init_config: key "leaseName" ${NAMES}`],
    [{ leaseName: 'a/b' }, `init_config: key "leaseName" ${NAMES}`],
    [{ leaseName: '..' }, `init_config: key "leaseName" ${NAMES}`],
    [{ leaseName: 'a'.repeat(254) }, `init_config: key "leaseName" ${NAMES}`],
    [{ stateConfigMap: 'a_b' }, `init_config: key "stateConfigMap" ${NAMES}`],
    [{ stateConfigMap: '-a' }, `init_config: key "stateConfigMap" ${NAMES}`],
    [
      { ...CONFIG, kubernetesNamespace: 'a.b' },
      'init_config: key "kubernetesNamespace" must be the name of a namespace: lower case letters, digits and hyphens',
    ],
    [{ ...CONFIG, kubernetesUrl: 'api:6443' }, URL_FORM],
    [{ ...CONFIG, kubernetesUrl: 'https://user:word@api' }, URL_FORM],
    [
      { ...CONFIG, stateDir: '/var/lib/falco' },
      'init_config: key "leaseName" needs "stateConfigMap" for what is kept: "stateDir" is of one replica alone',
    ],
  ])('%j is refused', (config, problem) => {
    const { replica } = make();
    expect(replica.open(config)).toBe(problem);
    expect(replica.host.calls).toEqual([]);
  });

  test('what is not there is named', () => {
    const missing = (change: (replica: Replica) => void, config: object = CONFIG): string => {
      const { replica } = make();
      change(replica);
      return replica.open(config);
    };
    const away = (name: string) => (replica: Replica) => {
      replica.host.redirects.set(`/var/run/secrets/kubernetes.io/serviceaccount/${name}`, '/nonexistent');
    };
    for (const key of ['leaseName', 'stateConfigMap'])
      expect(
        missing(({ host }) => host.environment.delete('KUBERNETES_SERVICE_HOST'), { [key]: 'falco' }),
      ).toBe(
        `init_config: key "${key}" needs an API server: KUBERNETES_SERVICE_HOST is not set, so that this is no pod ` +
          'of a cluster; set "kubernetesUrl"',
      );
    expect(missing(away('namespace'))).toBe(
      'init_config: key "kubernetesNamespace" is missing, and there is no ' +
        '/var/run/secrets/kubernetes.io/serviceaccount/namespace',
    );
    expect(missing(away('token'))).toBe(
      'init_config: key "kubernetesTokenFile": "/var/run/secrets/kubernetes.io/serviceaccount/token" cannot be ' +
        'opened: ENOENT; does the pod have automountServiceAccountToken: false?',
    );
    expect(Object.keys(ENVIRONMENT)).toContain('KUBERNETES_SERVICE_HOST');
  });
});
