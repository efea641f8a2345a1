// SPDX-License-Identifier: Apache-2.0
// What can be said about the rules, their fixtures and the examples without a plugin. Whether the conditions do what
// they say is tested on the real libsinsp.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { Wasm } from '../support/wasm.ts';

interface Rule {
  rule: string;
  desc: string;
  condition: string;
  output: string;
  priority: string;
  source: string;
  tags: string[];
  override?: object;
}
interface Macro {
  macro: string;
  condition: string;
}
interface List {
  list: string;
  items: string[];
}
interface Requirement {
  required_engine_version?: string;
  required_plugin_versions?: { name: string; version: string; alternatives?: unknown }[];
}
interface AuditEvent {
  kind: string;
  apiVersion: string;
  level: string;
  auditID: string;
  stage: string;
  requestURI: string;
  verb: string;
  user: object;
  sourceIPs: string[];
  userAgent: string;
  objectRef?: Record<string, string>;
  responseStatus?: { code: number };
  requestObject?: object;
  responseObject?: object;
  requestReceivedTimestamp: string;
  stageTimestamp: string;
}
interface Case {
  title: string;
  event: AuditEvent;
  output_contains?: string[];
  before?: { event: AuditEvent; times?: number }[];
}
interface Fixture {
  rule: string;
  overrides?: string;
  fires: Case[];
  near_misses: Case[];
}

const root = join(import.meta.dirname, '..', '..');
const read = (path: string): string => readFileSync(join(root, path), 'utf8');
const readYaml = <T>(path: string): T => parse(read(path)) as T;

/** What a rules file defines: what it changes of another is left out. */
function readRules(path: string) {
  const entries = readYaml<object[]>(path);
  const own = entries.filter((entry) => !('override' in entry));
  return {
    entries,
    rules: own.filter((entry): entry is Rule => 'rule' in entry),
    macros: own.filter((entry): entry is Macro => 'macro' in entry),
    lists: own.filter((entry): entry is List => 'list' in entry),
  };
}

const base = readRules('rules/k8s_audit_rules.yaml');
const extended = readRules('rules/k8s_audit_rules_extended.yaml');
const { entries, rules, macros, lists } = base;
const allRules = [...rules, ...extended.rules];
const allMacros = new Map([...macros, ...extended.macros].map(({ macro, condition }) => [macro, condition]));
const conditions = [...allRules.map(({ condition }) => condition), ...allMacros.values()];

/** A condition with its macros written out. */
function writeOut(condition: string): string {
  const bare = condition.replace(/"[^"]*"|'[^']*'/g, "''");
  return bare.replace(/(?<![\w.\-/])[a-z][a-z0-9_]*(?![\w.\-/[])/g, (word) => {
    const macro = allMacros.get(word);
    return macro === undefined ? word : `(${writeOut(macro)})`;
  });
}

const fixtureDir = 'rules/tests';
const fixtures = readdirSync(join(root, fixtureDir)).map((file) => ({
  file,
  fixture: readYaml<Fixture>(`${fixtureDir}/${file}`),
}));
const cases = fixtures.flatMap(({ file, fixture }) =>
  [...fixture.fires, ...fixture.near_misses].flatMap(({ title, event, before = [] }) =>
    [event, ...before.map(({ event }) => event)].map((event) => ({ where: `${file}: ${title}`, event })),
  ),
);
const sampleLog = read('examples/attack.jsonl')
  .trimEnd()
  .split('\n')
  .map((line) => JSON.parse(line) as AuditEvent);

/** The words of a text. */
function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

// The names are an interface: users' overrides name them.
const ruleNames: Record<string, string[]> = {
  ERROR: ['K8s Secret Get Successfully', 'Untrusted Node Successfully Joined the Cluster'],
  WARNING: [
    'Disallowed K8s User',
    'Create Disallowed Pod',
    'Create Privileged Pod',
    'Create Sensitive Mount Pod',
    'Create HostNetwork Pod',
    'Create HostPid Pod',
    'Create HostIPC Pod',
    'Create NodePort Service',
    'Create/Modify Configmap With Private Credentials',
    'Anonymous Request Allowed',
    'Create Disallowed Namespace',
    'Pod Created in Kube Namespace',
    'Service Account Created in Kube Namespace',
    'System ClusterRole Modified/Deleted',
    'Attach to cluster-admin Role',
    'ClusterRole With Wildcard Created',
    'ClusterRole With Pod Exec Created',
    'K8s Secret Get Unsuccessfully Tried',
    'Full K8s Administrative Access',
    'Ingress Object without TLS Certificate Created',
    'Untrusted Node Unsuccessfully Tried to Join the Cluster',
  ],
  NOTICE: [
    'Attach/Exec Pod',
    'port-forward',
    'EphemeralContainers Created',
    'ClusterRole With Write Privileges Created',
    'Truncated Audit Event For Workload Or Role',
    'Secret Read By A Service Account',
  ],
  INFO: words(
    'Deployment Service ConfigMap Namespace Serviceaccount Role ClusterRole RoleBinding ClusterRoleBinding Secret',
  ).flatMap((kind) => [`K8s ${kind} Created`, `K8s ${kind} Deleted`]),
  DEBUG: ['All K8s Audit Events'],
};
const macroNames =
  words(`k8s_audit_always_true k8s_audit_never_true non_system_user kevt kevt_started allowed_k8s_containers
  response_successful kget kcreate kmodify kdelete pod pod_subresource deployment service configmap namespace
  serviceaccount clusterrole clusterrolebinding role rolebinding secret health_endpoint live_endpoint ready_endpoint
  any_container_privileged sensitive_vol_mount user_known_node_port_service contains_private_credentials
  user_known_exec_pod_activities user_known_portforward_activities user_known_pod_debug_activities
  allowed_kube_namespace_pods trusted_sa writable_verbs consider_activity_events kactivity consider_all_events kall
  allowed_full_admin_users ingress ingress_tls node allow_all_k8s_nodes workload_template workload_requested
  secret_caches user_known_secret_reads helm_release_read known_secret_reads allow_all_k8s_users allow_all_namespaces
  attack_client routine_secret_get refers_to_credentials known_wildcard_role known_wildcard_role_bound
  known_wildcard_account_bound known_system_role`);
const listStarts: Record<string, string[]> = Object.fromEntries(
  Object.entries({
    k8s_audit_stages: 'ResponseComplete',
    vertical_pod_autoscaler_users: 'vpa-recommender vpa-updater',
    allowed_k8s_users: 'minikube minikube-user kubelet kops admin kube',
    eks_allowed_k8s_users: `eks:node-manager eks:certificate-controller eks:fargate-scheduler eks:k8s-metrics eks:authenticator
    eks:cluster-event-watcher`,
    k8s_audit_sensitive_mount_images: `falcosecurity/falco docker.io/falcosecurity/falco public.ecr.aws/falcosecurity/falco
    docker.io/sysdig/sysdig sysdig/sysdig gcr.io/google_containers/hyperkube`,
    k8s_audit_privileged_images: `falcosecurity/falco docker.io/falcosecurity/falco public.ecr.aws/falcosecurity/falco
    docker.io/calico/node calico/node docker.io/cloudnativelabs/kube-router`,
    k8s_audit_hostnetwork_images: `gcr.io/google-containers/prometheus-to-sd gcr.io/projectcalico-org/typha
    gcr.io/projectcalico-org/node gke.gcr.io/gke-metadata-server gke.gcr.io/kube-proxy
    gke.gcr.io/netd-amd64`,
    k8s_audit_hostpid_images: 'quay.io/prometheus/node-exporter',
    k8s_audit_hostipc_images: '',
    allowed_namespaces: 'kube-system kube-public default',
    user_trusted_image_list: '',
    user_allowed_kube_namespace_image_list: 'user_trusted_image_list',
    k8s_image_list: '',
    allowed_kube_namespace_image_list: `gcr.io/google-containers/prometheus-to-sd gcr.io/projectcalico-org/node gke.gcr.io/addon-resizer
    gke.gcr.io/heapster gke.gcr.io/gke-metadata-server registry.k8s.io/ip-masq-agent-amd64`,
    user_known_sa_list: '',
    known_sa_list: `coredns coredns-autoscaler cronjob-controller daemon-set-controller deployment-controller
    disruption-controller`,
    full_admin_k8s_users: `admin kubernetes-admin kubernetes-admin@kubernetes kubernetes-admin@cluster.local minikube-user`,
    allowed_k8s_nodes: '',
    workload_templates: 'replicationcontrollers podtemplates deployments replicasets statefulsets',
    known_system_roles: 'system:coredns system:metrics-server system:metrics-server-aggregated-reader',
    known_wildcard_roles: 'argocd-application-controller argocd-server',
    known_wildcard_accounts: 'argocd:argocd-application-controller argocd:argocd-server',
    known_secret_readers: 'system:serviceaccount:argocd:argocd-application-controller',
    user_known_secret_readers: '',
  }).map(([list, items]) => [list, words(items)]),
);
/** Macros that switch something on or off, with the side on which the official rules ship them, or we our own. */
const switches: Record<string, 'k8s_audit_always_true' | 'k8s_audit_never_true'> = {
  allowed_k8s_containers: 'k8s_audit_always_true',
  allowed_full_admin_users: 'k8s_audit_always_true',
  allow_all_k8s_users: 'k8s_audit_always_true',
  allow_all_k8s_nodes: 'k8s_audit_always_true',
  consider_activity_events: 'k8s_audit_always_true',
  consider_all_events: 'k8s_audit_never_true',
  user_known_node_port_service: 'k8s_audit_never_true',
  user_known_exec_pod_activities: 'k8s_audit_never_true',
  user_known_portforward_activities: 'k8s_audit_never_true',
  user_known_pod_debug_activities: 'k8s_audit_never_true',
  user_known_secret_reads: 'k8s_audit_never_true',
};

/** Names of all fields that the plugin has. */
function readFieldNames(): Set<string> {
  const generated = 'build/generated/fields.json';
  if (existsSync(join(root, generated))) {
    return new Set((JSON.parse(read(generated)) as { name: string }[]).map(({ name }) => name));
  }
  if (existsSync(join(root, 'docs/fields.md'))) {
    return new Set(fieldsIn(read('docs/fields.md')));
  }
  throw new Error(
    `Neither docs/fields.md nor ${generated} is there to say which fields exist: run npm run build.`,
  );
}

/** Every field named in a text, without arguments. */
function fieldsIn(text: string): string[] {
  return text.match(/\bka(?:\.[A-Za-z_]+)+/g) ?? [];
}

describe('names', () => {
  it('has the 50 rules, with their priorities', () => {
    expect(rules).toHaveLength(50);
    for (const [priority, names] of Object.entries(ruleNames)) {
      const found = rules.filter((rule) => rule.priority === priority).map(({ rule }) => rule);
      expect(found.sort(), priority).toEqual([...names].sort());
    }
  });

  it('has the 60 macros', () => {
    expect(macroNames).toHaveLength(60);
    expect(macros.map(({ macro }) => macro).sort()).toEqual([...macroNames].sort());
  });

  it('has the 24 lists, with the items that stand first', () => {
    expect(lists.map(({ list }) => list).sort()).toEqual(Object.keys(listStarts).sort());
    expect(lists).toHaveLength(24);
    for (const { list, items } of lists) {
      const start = listStarts[list] ?? [];
      expect(items.slice(0, start.length), list).toEqual(start);
      expect(new Set(items).size, `${list} names nothing twice`).toBe(items.length);
    }
    const empty = lists.filter(({ items }) => items.length === 0).map(({ list }) => list);
    expect(empty.sort()).toEqual(
      Object.keys(listStarts)
        .filter((list) => listStarts[list]?.length === 0)
        .sort(),
    );
  });

  it('has none in the extended file that the base file has, but to change it', () => {
    const names = ({ rules, macros, lists }: typeof base) => [
      ...rules.map(({ rule }) => rule),
      ...macros.map(({ macro }) => macro),
      ...lists.map(({ list }) => list),
    ];
    expect(names(extended).filter((name) => names(base).includes(name))).toEqual([]);
    expect(new Set(names(extended)).size).toBe(names(extended).length);
  });

  it('has nothing yours in the extended file that is not empty or off', () => {
    const yours = (name: string) => name.startsWith('user_known_');
    const macrosOfYours = extended.macros.filter(({ macro }) => yours(macro));
    expect(macrosOfYours.length).toBeGreaterThan(5);
    for (const { macro, condition } of macrosOfYours) expect(condition, macro).toBe('(k8s_audit_never_true)');
    for (const { list, items } of extended.lists) expect(items.length === 0, list).toBe(yours(list));
  });

  it.each(Object.entries(switches))('ships the switch %s as %s', (name, side) => {
    expect(macros.find(({ macro }) => macro === name)?.condition).toBe(`(${side})`);
  });
});

describe('rules', () => {
  it.each([base, extended])('need this plugin and no other', ({ entries }) => {
    const required = entries.filter(
      (entry): entry is Requirement => Object.keys(entry)[0]?.startsWith('required') ?? false,
    );
    const engine = required.find((entry) => entry.required_engine_version !== undefined);
    expect(engine?.required_engine_version).toMatch(/^\d+\.\d+\.\d+$/);
    const { name, version } = readYaml<{ name: string; version: string }>('package.json');
    const plugins = required.flatMap((entry) => entry.required_plugin_versions ?? []);
    expect(plugins).toEqual([{ name, version }]);
  });

  it.each(allRules)('$rule is complete', ({ desc, condition, output, source, tags, rule }) => {
    expect(desc).not.toBe('');
    expect(source).toBe('k8s_audit');
    expect(tags).toContain('k8s');
    expect(tags.includes('network')).toBe(rule.startsWith('Ingress Object'));
    expect(tags.filter((tag) => /^maturity_(stable|incubating|sandbox)$/.test(tag))).toHaveLength(1);
    const known = /^(maturity_[a-z]+|k8s|network|mitre_[a-z_]+|T\d{4}(\.\d{3})?|MS-TA90\d\d)$/;
    expect(tags.filter((tag) => !known.test(tag))).toEqual([]);
    if (!['All K8s Audit Events', 'Deprecated API Used'].includes(rule)) {
      expect(tags.some((tag) => /^mitre_[a-z_]+$/.test(tag))).toBe(true);
      expect(tags.some((tag) => /^T\d{4}(\.\d{3})?$/.test(tag))).toBe(true);
    }
    const whole = writeOut(condition);
    expect(whole).toContain('ka.stage');
    // Nearly every event passes it, so each rule that begins with it asks one field more of each event.
    if (rule !== 'All K8s Audit Events') expect(whole).not.toMatch(/^[\s(]*ka\.(stage|auditid)/);
    for (const field of ['ka.user.name', 'ka.sourceips', 'ka.response.code', 'ka.auditid']) {
      expect(output).toContain(`%${field}`);
    }
  });

  it.each([base, extended])('stand in order of priority, so that none hides a graver one', ({ rules }) => {
    const order = ['CRITICAL', ...Object.keys(ruleNames)];
    const positions = rules.map(({ priority }) => order.indexOf(priority));
    expect(positions).toEqual([...positions].sort((a, b) => a - b));
  });

  it('use fields of this plugin only', () => {
    const known = readFieldNames();
    const used = new Set([...conditions, ...allRules.map(({ output }) => output)].flatMap(fieldsIn));
    expect(used.size).toBeGreaterThan(20);
    expect([...used].filter((field) => !known.has(field))).toEqual([]);
    for (const condition of conditions) {
      expect(condition).not.toMatch(/\b(jevt|evt|json)\./);
    }
  });

  it('show no secrets', () => {
    for (const { rule, output } of allRules) {
      expect(output, rule).not.toContain('ka.req.configmap.obj');
      expect(output, rule).not.toMatch(/ontainers\.(args|command)/);
      // Of what exec runs, the program alone; of a path, not the query.
      expect(output, rule).not.toContain('ka.exec.command');
      expect(output, rule).not.toMatch(/%ka\.(req\.|resp\.)?value\[/);
      expect(output, rule).not.toContain('last-applied-configuration');
      expect(output.includes('%ka.uri '), rule).toBe(rule === 'Anonymous Request Allowed');
    }
  });

  it('define macros and lists before they are used', () => {
    const names = new Set([...allMacros.keys(), ...[...lists, ...extended.lists].map(({ list }) => list)]);
    const seen = new Set<string>();
    for (const entry of [...entries, ...extended.entries]) {
      const text =
        'items' in entry
          ? (entry as List).items.join(' ')
          : 'condition' in entry
            ? String(entry.condition)
            : '';
      const bare = text.replace(/"[^"]*"/g, ' ').replace(/\bka(\.[A-Za-z_]+)+/g, ' ');
      const missing = bare
        .split(/[^\w-]+/)
        .filter((word) => word.includes('_') && names.has(word) && !seen.has(word));
      expect(missing).toEqual([]);
      seen.add('macro' in entry ? (entry as Macro).macro : 'list' in entry ? (entry as List).list : '');
    }
  });

  it('are all in docs/rules.md, with priority and techniques', () => {
    const rows = read('docs/rules.md').split('\n');
    for (const { rule, priority, tags } of allRules) {
      const row = rows.find((line) => line.startsWith(`| ${rule} `));
      expect(row, rule).toContain(`| ${priority} `);
      for (const technique of tags.filter((tag) => /^T\d/.test(tag))) {
        expect(row, rule).toContain(technique);
      }
    }
  });
});

describe('fixtures', () => {
  it('exist for each rule, once', () => {
    expect(fixtures.map(({ fixture }) => fixture.rule).sort()).toEqual(
      allRules.map(({ rule }) => rule).sort(),
    );
  });

  it.each(fixtures)('$file has events of both kinds', ({ fixture, file }) => {
    const stem = fixture.rule.toLowerCase().replace(/[^a-z0-9]+/g, '-');
    expect(basename(file, '.yaml')).toBe(stem);
    expect(fixture.fires.length).toBeGreaterThan(0);
    expect(fixture.near_misses.length).toBeGreaterThan(0);
    if (fixture.overrides !== undefined) {
      expect(Array.isArray(parse(fixture.overrides))).toBe(true);
      expect(read(`${fixtureDir}/${file}`)).toMatch(/^# SPDX.*\n# .*(default)/);
    }
  });

  it('are audit events', () => {
    for (const { where, event } of cases) {
      expectAuditEvent(event, where);
    }
  });
});

describe('examples', () => {
  const files = readdirSync(join(root, 'examples'));

  it.each(files.filter((file) => file.endsWith('.yaml')))('%s is valid YAML', (file) => {
    const documents = parseAllDocuments(read(`examples/${file}`));
    expect(documents.length).toBeGreaterThan(0);
    for (const document of documents) {
      expect(document.errors).toEqual([]);
    }
  });

  const configurations = files.filter((file) => file.startsWith('falco'));

  it('have three configurations of Falco', () => {
    expect(configurations).toEqual(['falco-file.yaml', 'falco-https.yaml', 'falco.yaml']);
  });

  it.each(configurations)('%s loads the plugin, which takes its init_config', (file) => {
    const config = readYaml<{ load_plugins: string[]; plugins: Record<string, unknown>[] }>(
      `examples/${file}`,
    );
    expect(config.load_plugins).toEqual(['k8saudit-ts']);
    expect(config.plugins).toHaveLength(1);
    expect(config.plugins[0]).toMatchObject({
      name: 'k8saudit-ts',
      library_path: '/usr/share/falco/plugins/libk8saudit-ts.so',
    });
    // Falco hands a map over as JSON, and a text as it is.
    const given = config.plugins[0]?.['init_config'];
    new Wasm().init(typeof given === 'string' ? given : JSON.stringify(given));
  });

  it('has a policy that keeps the bodies of secrets out of the log, and the end of each request in it', () => {
    const policy = readYaml<{ omitStages: string[]; rules: PolicyRule[] }>('examples/audit-policy.yaml');
    expect(policy.omitStages).toEqual(['RequestReceived']);
    expect(policy.rules[0]).toMatchObject({ level: 'Metadata', resources: [{ resources: ['secrets'] }, {}] });
    const whole = policy.rules.filter(({ level }) => level === 'RequestResponse');
    expect(whole.map(({ resources }) => resources)).toEqual([[{ group: '', resources: ['pods'] }]]);
    expect(policy.rules.at(-1)).toEqual({ level: 'Metadata' });
    for (const resource of [
      'pods',
      'pods/ephemeralcontainers',
      'services',
      'ingresses',
      'configmaps',
      'clusterrolebindings',
      'serviceaccounts/token',
      'deployments',
      'daemonsets',
      'cronjobs',
      'namespaces',
      'serviceaccounts',
      'certificatesigningrequests',
      'selfsubjectaccessreviews',
    ]) {
      const levels = policy.rules
        .filter(({ resources }) => resources?.some((group) => group.resources.includes(resource)))
        .map(({ level }) => level);
      expect(levels, resource).toContain('Request');
    }
  });
});

describe('the sample log', () => {
  it('has whole events, in order of time', () => {
    expect(sampleLog.length).toBeGreaterThanOrEqual(30);
    sampleLog.forEach((event, i) => expectAuditEvent(event, `line ${i + 1}`));
    const times = sampleLog.map(({ stageTimestamp }) => stageTimestamp);
    expect(times).toEqual([...times].sort());
  });

  it('has a request three times at most, once at each stage', () => {
    const keys = sampleLog.map(({ auditID, stage }) => `${auditID} ${stage}`);
    expect(new Set(keys).size).toBe(keys.length);
    expect(new Set(sampleLog.map(({ stage }) => stage))).toEqual(
      new Set(['RequestReceived', 'ResponseStarted', 'ResponseComplete']),
    );
    expect(new Set(sampleLog.map(({ level }) => level))).toEqual(
      new Set(['Metadata', 'Request', 'RequestResponse']),
    );
  });
});

interface PolicyRule {
  level: string;
  resources?: { group: string; resources: string[] }[];
}

/** What kube-apiserver writes at every level, and the objects that belong to the event's own level. */
function expectAuditEvent(event: AuditEvent, where: string): void {
  expect(event, where).toMatchObject({
    kind: 'Event',
    apiVersion: 'audit.k8s.io/v1',
    level: expect.stringMatching(/^(Metadata|Request|RequestResponse)$/) as string,
    auditID: expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string,
    stage: expect.stringMatching(/^(RequestReceived|ResponseStarted|ResponseComplete|Panic)$/) as string,
  });
  // Of an event that was cut, the members behind the cut are missing.
  if ('k8saudit.truncated' in event) return;
  expect(event, where).toMatchObject({
    requestURI: expect.stringMatching(/^\//) as string,
    verb: expect.stringMatching(/^[a-z]+$/) as string,
    user: expect.any(Object) as object,
    userAgent: expect.any(String) as string,
  });
  expect(event.sourceIPs.length, where).toBeGreaterThan(0);
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$/;
  expect(event.requestReceivedTimestamp, where).toMatch(isTime);
  expect(event.stageTimestamp, where).toMatch(isTime);
  expect(event.stageTimestamp >= event.requestReceivedTimestamp, `${where}: ends after it begins`).toBe(true);
  expect(event.responseStatus === undefined, where).toBe(event.stage === 'RequestReceived');
  if (/^\/apis?\/.+/.test(event.requestURI)) {
    expect(event.objectRef, where).toBeDefined();
  }
  const { namespace, resource, subresource } = event.objectRef ?? {};
  const path = event.requestURI.split('?')[0]?.split('/');
  for (const part of [namespace, resource, subresource].filter((part) => part !== undefined)) {
    // A namespace that is being created has no place in the path yet.
    if (!(resource === 'namespaces' && part === namespace)) {
      expect(path, where).toContain(part);
    }
  }
  if (event.level === 'Metadata') {
    expect(event.requestObject, where).toBeUndefined();
  }
  expect(event.responseObject === undefined, where).toBe(event.level !== 'RequestResponse');
}
