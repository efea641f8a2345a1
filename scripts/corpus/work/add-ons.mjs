// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What runs in the cluster and uses its API: monitoring, certificates, GitOps, storage, backups, an operator.
import { agentOn, controller, NODES, pod } from '../actors.mjs';
import { appSpec, binding, generatedPod, role } from '../objects.mjs';
import { schedule } from './control-plane.mjs';

/** @typedef {import('../healthy.mjs').Work} Work */
/** @typedef {import('../cluster.mjs').Cluster} Cluster */
/** @typedef {import('../cluster.mjs').Actor} Actor */

const LEADERS = /** @type {const} */ ([
  ['cert-manager', 'cert-manager', 'cert-manager-controller'],
  ['cert-manager', 'cert-manager-cainjector', 'cert-manager-cainjector-leader-election'],
  ['ingress-nginx', 'ingress-nginx', 'ingress-nginx-leader'],
  ['kube-system', 'ebs-csi-controller-sa', 'ebs-csi-aws-com'],
  ['cnpg-system', 'cnpg-manager', 'db9c8771.cnpg.io'],
  ['kube-system', 'cluster-autoscaler', 'cluster-autoscaler'],
]);

/** @param {Cluster} cluster @param {Actor} actor @param {string} resource @param {string} [namespace] */
function watches(cluster, actor, resource, namespace) {
  const version = 10_000_000 + cluster.random.below(90_000_000);
  const place = namespace === undefined ? {} : { namespace };
  cluster.request(actor, { ...place, verb: 'list', resource, query: 'limit=500&resourceVersion=0' });
  cluster.request(actor, {
    ...place,
    verb: 'watch',
    resource,
    query: `allowWatchBookmarks=true&resourceVersion=${version}&timeoutSeconds=412&watch=true`,
  });
}

/** @param {Cluster} cluster @param {number} i */
function leads(cluster, i) {
  const [namespace, account, name] = LEADERS[i % LEADERS.length] ?? LEADERS[0];
  const actor = pod(namespace, account);
  cluster.request(actor, { verb: 'get', resource: 'leases', namespace, name });
  cluster.request(actor, { verb: 'update', resource: 'leases', namespace, name });
}

/** @param {Cluster} cluster @param {number} i */
function discoversTargets(cluster, i) {
  watches(
    cluster,
    pod('monitoring', 'prometheus', 'Prometheus/2.55.1'),
    ['pods', 'endpoints', 'services', 'nodes', 'endpointslices'][i % 5] ?? 'pods',
  );
}

/** @param {Cluster} cluster @param {number} i */
function operatesPrometheus(cluster, i) {
  const actor = pod('monitoring', 'prometheus-operator', 'PrometheusOperator/0.78.2');
  watches(
    cluster,
    actor,
    ['prometheuses', 'servicemonitors', 'secrets', 'configmaps'][i % 4] ?? 'prometheuses',
  );
  cluster.request(actor, {
    verb: 'get',
    resource: 'secrets',
    namespace: 'monitoring',
    name: 'prometheus-k8s',
  });
  cluster.request(actor, {
    verb: 'update',
    resource: 'secrets',
    namespace: 'monitoring',
    name: 'prometheus-k8s',
  });
  if (i === 0)
    cluster.request(actor, {
      verb: 'create',
      resource: 'selfsubjectaccessreviews',
      body: {
        kind: 'SelfSubjectAccessReview',
        apiVersion: 'authorization.k8s.io/v1',
        spec: {
          resourceAttributes: { verb: 'list', group: 'monitoring.coreos.com', resource: 'prometheuses' },
        },
      },
    });
}

/** Grafana's sidecar looks for dashboards in config maps and secrets. @param {Cluster} cluster @param {number} i */
function findsDashboards(cluster, i) {
  const actor = pod('monitoring', 'grafana', 'OpenAPI-Generator/30.1.0/python');
  const query = 'labelSelector=grafana_dashboard%3D1&timeoutSeconds=60&watch=True';
  cluster.request(actor, { verb: 'watch', resource: i % 2 === 0 ? 'configmaps' : 'secrets', query });
}

/** Who scrapes through kube-rbac-proxy is looked up by it. @param {Cluster} cluster */
function guardsMetrics(cluster) {
  const actor = pod('monitoring', 'kube-state-metrics', 'kube-rbac-proxy/v0.18.1');
  cluster.request(actor, { verb: 'create', resource: 'tokenreviews' });
  cluster.request(actor, { verb: 'create', resource: 'subjectaccessreviews' });
}

/** An older Prometheus configuration reads kubelets through the API server. @param {Cluster} cluster @param {number} i */
function scrapesThroughProxy(cluster, i) {
  const name = NODES[i % NODES.length] ?? 'worker-1';
  const tail = i % 2 === 0 ? '/metrics' : '/metrics/cadvisor';
  cluster.request(pod('monitoring', 'prometheus', 'Prometheus/2.55.1'), {
    verb: 'get',
    resource: 'nodes/proxy',
    name,
    tail,
  });
}

/** A certificate is renewed over HTTP-01: with a pod, a service and an ingress for the proof. @param {Cluster} cluster @param {number} i */
function renewsCertificate(cluster, i) {
  const actor = pod(
    'cert-manager',
    'cert-manager',
    'cert-manager-certificates/v1.16.2 (linux/amd64) cert-manager/0ee1ab5',
  );
  const namespace = 'shop';
  const name = `storefront-tls-${i + 1}`;
  const spec = { acme: { solver: 'http01' } };
  cluster.request(actor, {
    verb: 'create',
    resource: 'certificaterequests',
    namespace,
    name,
    body: { spec },
  });
  cluster.request(actor, { verb: 'create', resource: 'orders', namespace, name, body: { spec } });
  cluster.request(actor, { verb: 'create', resource: 'challenges', namespace, name, body: { spec } });
  const metadata = {
    generateName: 'cm-acme-http-solver-',
    namespace,
    labels: { 'acme.cert-manager.io/http01-solver': 'true' },
  };
  const solver = {
    containers: [
      {
        name: 'acmesolver',
        image: 'quay.io/jetstack/cert-manager-acmesolver:v1.16.2',
        args: ['--listen-port=8089', '--domain=shop.example.org'],
        securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
      },
    ],
    automountServiceAccountToken: false,
  };
  cluster.request(actor, {
    verb: 'create',
    resource: 'pods',
    namespace,
    body: { kind: 'Pod', apiVersion: 'v1', metadata, spec: solver },
  });
  cluster.request(actor, {
    verb: 'create',
    resource: 'services',
    namespace,
    body: {
      kind: 'Service',
      apiVersion: 'v1',
      metadata,
      spec: { type: 'NodePort', ports: [{ name: 'http', port: 8089, targetPort: 8089 }] },
    },
  });
  cluster.request(actor, {
    verb: 'create',
    resource: 'ingresses',
    namespace,
    body: {
      kind: 'Ingress',
      apiVersion: 'networking.k8s.io/v1',
      metadata: {
        ...metadata,
        annotations: { 'nginx.ingress.kubernetes.io/whitelist-source-range': '0.0.0.0/0,::/0' },
      },
      spec: { rules: [{ host: 'shop.example.org' }] },
    },
  });
  for (const resource of ['pods', 'services', 'ingresses']) {
    cluster.request(actor, {
      verb: 'delete',
      resource,
      namespace,
      name: `cm-acme-http-solver-${cluster.suffix()}`,
    });
  }
  cluster.request(actor, { verb: 'get', resource: 'secrets', namespace, name: 'storefront-tls' });
  cluster.request(actor, {
    verb: 'patch',
    resource: 'secrets',
    namespace,
    name: 'storefront-tls',
    query: 'fieldManager=cert-manager-certificates-issuing&force=true',
  });
  watches(cluster, actor, 'secrets');
}

/** @param {Cluster} cluster @param {number} i */
function injectsCa(cluster, i) {
  const actor = pod(
    'cert-manager',
    'cert-manager-cainjector',
    'cert-manager-cainjector/v1.16.2 (linux/amd64) cert-manager/0ee1ab5',
  );
  const resource = i % 2 === 0 ? 'validatingwebhookconfigurations' : 'mutatingwebhookconfigurations';
  cluster.request(actor, {
    verb: 'patch',
    resource,
    name: 'cert-manager-webhook',
    body: { webhooks: [{ name: 'webhook.cert-manager.io', clientConfig: { caBundle: 'LS0tLS1CRUdJTi…' } }] },
  });
}

/** @param {Cluster} cluster @param {number} i */
function reconciles(cluster, i) {
  const actor = pod('argocd', 'argocd-application-controller', 'argocd-application-controller/v2.13.2');
  watches(
    cluster,
    actor,
    ['deployments', 'secrets', 'configmaps', 'services', 'ingresses', 'daemonsets'][i % 6] ?? 'deployments',
  );
  cluster.request(actor, {
    verb: 'patch',
    resource: 'applications',
    namespace: 'argocd',
    name: 'storefront',
    body: { status: { sync: { status: 'Synced' } } },
  });
  cluster.request(pod('argocd', 'argocd-server', 'argocd-server/v2.13.2'), {
    verb: 'get',
    resource: 'secrets',
    namespace: 'argocd',
    name: 'argocd-secret',
  });
  if (i % 6 !== 0) return;
  const patch = {
    spec: {
      template: {
        spec: { containers: [{ name: 'ledger', image: `registry.example.com:5000/shop/ledger:v3.${i}.0` }] },
      },
    },
  };
  cluster.request(actor, {
    verb: 'patch',
    resource: 'deployments',
    namespace: 'shop',
    name: 'ledger',
    query: 'fieldManager=argocd-controller',
    body: patch,
  });
  const container = { name: 'fluent-bit', image: 'cr.fluentbit.io/fluent/fluent-bit:3.2.2' };
  const template = { spec: { template: { spec: { containers: [container] } } } };
  cluster.request(actor, {
    verb: 'patch',
    resource: 'daemonsets',
    namespace: 'logging',
    name: 'fluent-bit',
    body: template,
  });
}

/** The operator for databases starts, and renews the certificate of its webhooks. @param {Cluster} cluster */
function startsOperator(cluster) {
  const actor = pod('cnpg-system', 'cnpg-manager', 'manager/v1.24.1');
  for (const resource of ['clusters', 'pods', 'secrets', 'configmaps', 'jobs'])
    watches(cluster, actor, resource);
  cluster.request(actor, {
    verb: 'get',
    resource: 'secrets',
    namespace: 'cnpg-system',
    name: 'cnpg-webhook-cert',
  });
  cluster.request(actor, {
    verb: 'update',
    resource: 'secrets',
    namespace: 'cnpg-system',
    name: 'cnpg-webhook-cert',
  });
  for (const resource of ['mutatingwebhookconfigurations', 'validatingwebhookconfigurations']) {
    const name = `cnpg-${resource.replace('configurations', '-configuration')}`;
    cluster.request(actor, {
      verb: 'patch',
      resource,
      name,
      body: { webhooks: [{ name: 'mcluster.cnpg.io', clientConfig: { caBundle: 'LS0tLS1CRUdJTi…' } }] },
    });
  }
}

/** A database is made, with an account, a role and secrets of its own. @param {Cluster} cluster @param {number} i */
function makesDatabase(cluster, i) {
  const actor = pod('cnpg-system', 'cnpg-manager', 'manager/v1.24.1');
  const [namespace, name] = ['shop', `ledger-db-${i + 1}`];
  const rules = [
    {
      verbs: ['get', 'watch'],
      apiGroups: [''],
      resources: ['secrets'],
      resourceNames: [`${name}-superuser`, `${name}-ca`],
    },
    {
      verbs: ['get', 'list', 'watch', 'update', 'patch'],
      apiGroups: ['postgresql.cnpg.io'],
      resources: ['clusters', 'clusters/status'],
    },
    { verbs: ['create', 'patch'], apiGroups: [''], resources: ['events'] },
  ];
  const account = { kind: 'ServiceAccount', name, namespace };
  cluster.request(actor, {
    verb: 'create',
    resource: 'serviceaccounts',
    namespace,
    name,
    body: { kind: 'ServiceAccount', metadata: { name, namespace } },
  });
  cluster.request(actor, {
    verb: 'create',
    resource: 'roles',
    namespace,
    name,
    body: role('Role', name, namespace, rules),
  });
  cluster.request(actor, {
    verb: 'create',
    resource: 'rolebindings',
    namespace,
    name,
    body: binding('RoleBinding', name, namespace, { kind: 'Role', name }, [account]),
  });
  for (const kind of ['superuser', 'app', 'ca']) {
    cluster.request(actor, { verb: 'create', resource: 'secrets', namespace, name: `${name}-${kind}` });
  }
  cluster.request(actor, {
    verb: 'create',
    resource: 'services',
    namespace,
    name: `${name}-rw`,
    body: {
      kind: 'Service',
      metadata: { name: `${name}-rw` },
      spec: { type: 'ClusterIP', ports: [{ port: 5432 }] },
    },
  });
  cluster.request(actor, {
    verb: 'create',
    resource: 'pods',
    namespace,
    name: `${name}-1`,
    body: generatedPod(name, namespace, appSpec(name, '16.4')),
  });
  schedule(cluster, namespace, `${name}-1`);
  cluster.request(actor, {
    verb: 'create',
    resource: 'persistentvolumeclaims',
    namespace,
    name: `${name}-1`,
  });
  cluster.request(pod('kube-system', 'ebs-csi-controller-sa', 'csi-provisioner/v5.1.0'), {
    verb: 'create',
    resource: 'persistentvolumes',
    name: `pvc-${cluster.uid()}`,
  });
  cluster.request(controller('attachdetach-controller'), {
    verb: 'create',
    resource: 'volumeattachments',
    name: `csi-${cluster.letters(64)}`,
  });
}

/** Another operator runs commands in its pods by exec. @param {Cluster} cluster @param {number} i */
function looksIntoDatabase(cluster, i) {
  cluster.request(pod('postgres-operator', 'postgres-operator', 'Go-http-client/2.0'), {
    verb: 'create',
    resource: 'pods/exec',
    namespace: 'shop',
    name: `orders-db-${i % 3}`,
    query:
      'command=patronictl&command=list&command=-f&command=json&container=postgres&stderr=true&stdout=true',
  });
}

/** @param {Cluster} cluster */
function syncsSecrets(cluster) {
  const actor = pod('external-secrets', 'external-secrets', 'external-secrets/v0.10.7');
  cluster.request(actor, { verb: 'get', resource: 'secrets', namespace: 'shop', name: 'storefront-db' });
  cluster.request(actor, { verb: 'update', resource: 'secrets', namespace: 'shop', name: 'storefront-db' });
  cluster.request(actor, {
    verb: 'update',
    resource: 'externalsecrets/status',
    namespace: 'shop',
    name: 'storefront-db',
  });
}

/** @param {Cluster} cluster */
function backsUp(cluster) {
  const actor = pod('velero', 'velero', 'velero-server/v1.15.0 (linux/amd64) 1d4f1475');
  for (const resource of ['pods', 'secrets', 'configmaps', 'services', 'deployments', 'roles']) {
    cluster.request(actor, { verb: 'list', resource, query: 'limit=500' });
  }
}

/** @param {Cluster} cluster @param {number} i */
function scalesNodes(cluster, i) {
  const actor = pod('kube-system', 'cluster-autoscaler', 'cluster-autoscaler/v1.31.0');
  const status = {
    kind: 'ConfigMap',
    apiVersion: 'v1',
    metadata: { name: 'cluster-autoscaler-status', namespace: 'kube-system' },
    data: { status: 'time: 2025-03-18\nautoscalerStatus: Running\n' },
  };
  cluster.request(actor, {
    verb: 'update',
    resource: 'configmaps',
    namespace: 'kube-system',
    name: 'cluster-autoscaler-status',
    body: status,
  });
  if (i % 8 === 0)
    cluster.request(actor, {
      verb: 'create',
      resource: 'pods/eviction',
      namespace: 'shop',
      name: `storefront-${cluster.letters(9)}-${cluster.suffix()}`,
    });
}

/** @param {Cluster} cluster @param {number} i */
function routes(cluster, i) {
  watches(
    cluster,
    pod('ingress-nginx', 'ingress-nginx', 'nginx-ingress-controller/v1.11.3'),
    ['ingresses', 'secrets', 'services', 'endpointslices'][i % 4] ?? 'ingresses',
  );
}

/** A dashboard that is not allowed everything it asks for, and goes on asking. @param {Cluster} cluster */
function asksTooMuch(cluster) {
  for (let i = 0; i < 6; i++) {
    cluster.request(pod('tools', 'dashboard', 'dashboard/v7.10.0'), {
      verb: 'list',
      resource: 'nodes',
      code: 403,
    });
    cluster.wait(30_000);
  }
}

/** kube-state-metrics counts objects of every kind, KEDA looks up what its triggers log in with. @param {Cluster} cluster @param {number} i */
function countsObjects(cluster, i) {
  const metrics = pod('monitoring', 'kube-state-metrics', 'kube-state-metrics/v2.14.0');
  watches(
    cluster,
    metrics,
    ['pods', 'deployments', 'secrets', 'configmaps', 'nodes', 'jobs'][i % 6] ?? 'pods',
  );
  const keda = pod('keda', 'keda-operator', 'keda/v2.16.0');
  watches(cluster, keda, i % 2 === 0 ? 'secrets' : 'horizontalpodautoscalers');
}

/** MetalLB keeps the key with which its speakers find each other. @param {Cluster} cluster */
function announcesAddresses(cluster) {
  const namespace = 'metallb-system';
  const controllerOf = pod(namespace, 'controller', 'controller/v0.14.9');
  watches(cluster, controllerOf, 'secrets', namespace);
  watches(cluster, controllerOf, 'services');
  cluster.request(controllerOf, {
    verb: 'patch',
    resource: 'services/status',
    namespace: 'shop',
    name: 'storefront',
  });
}

/** Falco reads names of pods for its alerts. @param {Cluster} cluster @param {number} i */
function collectsMetadata(cluster, i) {
  watches(
    cluster,
    agentOn(NODES[i % NODES.length] ?? 'worker-1', 'falco', 'k8s-metacollector'),
    i % 2 === 0 ? 'pods' : 'namespaces',
  );
}

/** @type {Work[]} */
export const ADD_ON_WORK = [
  { times: 90, go: leads },
  { times: 20, go: discoversTargets },
  { times: 12, go: operatesPrometheus },
  { times: 16, go: findsDashboards },
  { times: 24, go: guardsMetrics },
  { times: 12, go: scrapesThroughProxy },
  { times: 3, go: renewsCertificate },
  { times: 6, go: injectsCa },
  { times: 36, go: reconciles },
  { times: 1, go: startsOperator },
  { times: 2, go: makesDatabase },
  { times: 8, go: looksIntoDatabase },
  { times: 24, go: syncsSecrets },
  { times: 1, go: backsUp },
  { times: 40, go: scalesNodes },
  { times: 16, go: routes },
  { times: 3, go: asksTooMuch },
  { times: 8, go: collectsMetadata },
  { times: 12, go: countsObjects },
  { times: 4, go: announcesAddresses },
];
