// SPDX-License-Identifier: Apache-2.0
// @ts-check
// CI: kubectl apply and helm upgrade, from inside of the cluster and from outside.
import { ADD_ONS, AGENTS } from '../agents.mjs';
import { controller, HELM, kubelet, KUBECTL, NODES, pipeline, pod, runner } from '../actors.mjs';
import { appSpec, binding, daemonSet, deployment, generatedPod, job, role } from '../objects.mjs';
import { schedule } from './control-plane.mjs';

/** @typedef {import('../healthy.mjs').Work} Work */
/** @typedef {import('../cluster.mjs').Cluster} Cluster */
/** @typedef {import('../cluster.mjs').Actor} Actor */

/** What becomes of a new template. @param {Cluster} cluster @param {string} namespace @param {string} app @param {Record<string, unknown>} spec */
function rollsOut(cluster, namespace, app, spec) {
  const set = `${app}-${cluster.letters(9)}`;
  const body = {
    kind: 'ReplicaSet',
    apiVersion: 'apps/v1',
    metadata: { name: set, namespace },
    spec: { replicas: 3, template: { metadata: {}, spec } },
  };
  cluster.request(controller('deployment-controller'), {
    verb: 'create',
    resource: 'replicasets',
    namespace,
    name: set,
    body,
  });
  for (let i = 0; i < 3; i++) {
    cluster.wait(2000);
    const body = generatedPod(set, namespace, spec);
    const name = cluster.request(controller('replicaset-controller'), {
      verb: 'create',
      resource: 'pods',
      namespace,
      body,
    });
    schedule(cluster, namespace, name);
    const node = cluster.random.pick(NODES);
    cluster.request(kubelet(node), { verb: 'get', resource: 'pods', namespace, name });
    cluster.request(kubelet(node), { verb: 'patch', resource: 'pods/status', namespace, name });
  }
  cluster.request(controller('deployment-controller'), {
    verb: 'update',
    resource: 'deployments/status',
    namespace,
    name: app,
  });
}

/** kubectl apply looks at each object first, then creates or patches it. @param {Cluster} cluster @param {number} i */
function appliesManifests(cluster, i) {
  const app = ['storefront', 'checkout', 'mailer'][i % 3] ?? 'storefront';
  const namespace = 'shop';
  const actor = runner(KUBECTL);
  const tag = `v2.${i}.0`;
  const spec = appSpec(app, tag);
  cluster.request(actor, { verb: 'get', path: '/openapi/v3', query: 'timeout=32s' });
  cluster.request(actor, { verb: 'get', resource: 'configmaps', namespace, name: `${app}-config` });
  const data = {
    'application.properties': `server.port=8080\ndb.url=jdbc:postgresql://ledger-db-rw/${app}\nversion=${tag}\n`,
  };
  cluster.request(actor, {
    verb: 'patch',
    resource: 'configmaps',
    namespace,
    name: `${app}-config`,
    query: 'fieldManager=kubectl-client-side-apply',
    body: { data },
  });
  // The first time, the secret is not there yet.
  cluster.request(actor, {
    verb: 'get',
    resource: 'secrets',
    namespace,
    name: `${app}-mail`,
    code: i === 0 ? 404 : 200,
  });
  cluster.request(actor, {
    verb: i === 0 ? 'create' : 'patch',
    resource: 'secrets',
    namespace,
    name: `${app}-mail`,
  });
  cluster.request(actor, { verb: 'get', resource: 'deployments', namespace, name: app });
  const body = {
    metadata: { annotations: { 'kubectl.kubernetes.io/last-applied-configuration': '{}' } },
    spec: {
      template: {
        spec: {
          $setElementOrder: { containers: [{ name: app }] },
          containers: [
            { name: app, image: spec.containers && `registry.example.com:5000/shop/${app}:${tag}` },
          ],
        },
      },
    },
  };
  cluster.request(actor, {
    verb: 'patch',
    resource: 'deployments',
    namespace,
    name: app,
    query: 'fieldManager=kubectl-client-side-apply',
    body,
  });
  cluster.request(actor, { verb: 'get', resource: 'services', namespace, name: app });
  rollsOut(cluster, namespace, app, spec);
  cluster.request(actor, {
    verb: 'watch',
    resource: 'deployments',
    namespace,
    name: app,
    query: `fieldSelector=metadata.name%3D${app}&watch=true`,
  });
}

/** @param {Cluster} cluster @param {Actor} actor @param {string} release @param {string} namespace @param {number} revision @param {() => void} change */
function upgrades(cluster, actor, release, namespace, revision, change) {
  const selector = `labelSelector=name%3D${release}%2Cowner%3Dhelm%2Cstatus%3Ddeployed`;
  const secrets = { resource: 'secrets', namespace };
  cluster.request(actor, { verb: 'get', path: '/version', query: 'timeout=32s' });
  cluster.request(actor, { ...secrets, verb: 'list', query: selector });
  cluster.request(actor, { ...secrets, verb: 'get', name: `sh.helm.release.v1.${release}.v${revision}` });
  cluster.request(actor, {
    ...secrets,
    verb: 'create',
    name: `sh.helm.release.v1.${release}.v${revision + 1}`,
    query: 'fieldManager=helm',
  });
  change();
  cluster.request(actor, { ...secrets, verb: 'update', name: `sh.helm.release.v1.${release}.v${revision}` });
  cluster.request(actor, {
    ...secrets,
    verb: 'update',
    name: `sh.helm.release.v1.${release}.v${revision + 1}`,
  });
}

/** What Helm sends for an object of which nothing changes but the version. @param {string} chart @param {string} version */
const newVersion = (chart, version) => ({
  metadata: { labels: { 'app.kubernetes.io/version': version, 'helm.sh/chart': chart } },
});

/** @param {Cluster} cluster @param {number} i */
function upgradesApplication(cluster, i) {
  const [namespace, app] = ['shop', 'storefront'];
  upgrades(cluster, pipeline(HELM), app, namespace, 40 + i, () => {
    const spec = appSpec(app, `v4.${i}.1`);
    const migrate = {
      verb: 'create',
      resource: 'jobs',
      namespace,
      name: `${app}-migrate`,
      body: job(`${app}-migrate`, namespace, spec),
    };
    cluster.request(pipeline(HELM), migrate);
    cluster.request(controller('job-controller'), {
      verb: 'create',
      resource: 'pods',
      namespace,
      body: generatedPod(`${app}-migrate`, namespace, spec),
    });
    for (const resource of ['serviceaccounts', 'configmaps', 'services', 'deployments', 'ingresses']) {
      cluster.request(pipeline(HELM), { verb: 'get', resource, namespace, name: app });
    }
    cluster.request(pipeline(HELM), {
      verb: 'patch',
      resource: 'deployments',
      namespace,
      name: app,
      query: 'fieldManager=helm',
      body: {
        spec: {
          template: {
            spec: { containers: [{ name: app, image: `registry.example.com:5000/shop/${app}:v4.${i}.1` }] },
          },
        },
      },
    });
    rollsOut(cluster, namespace, app, spec);
  });
}

/** The monitoring stack: a namespace that has to let node-exporter in, and an agent on every node. @param {Cluster} cluster */
function upgradesMonitoring(cluster) {
  const actor = pipeline(HELM);
  const kubectl = pipeline(KUBECTL);
  const labels = { 'pod-security.kubernetes.io/enforce': 'privileged' };
  cluster.request(kubectl, { verb: 'get', resource: 'namespaces', name: 'monitoring' });
  cluster.request(kubectl, {
    verb: 'patch',
    resource: 'namespaces',
    name: 'monitoring',
    query: 'fieldManager=kubectl-client-side-apply',
    body: { metadata: { labels } },
  });
  upgrades(cluster, actor, 'monitoring', 'monitoring', 7, () => {
    const { spec = {} } = AGENTS['node-exporter'] ?? {};
    cluster.request(actor, {
      verb: 'patch',
      resource: 'daemonsets',
      namespace: 'monitoring',
      name: 'node-exporter',
      query: 'fieldManager=helm',
      body: daemonSet('node-exporter', 'monitoring', spec),
    });
    const name = 'kube-state-metrics';
    const rules = [
      { verbs: ['list', 'watch'], apiGroups: [''], resources: ['pods', 'nodes', 'secrets', 'configmaps'] },
    ];
    cluster.request(actor, {
      verb: 'patch',
      resource: 'clusterroles',
      name,
      body: role('ClusterRole', name, undefined, rules),
    });
    cluster.request(actor, {
      verb: 'patch',
      resource: 'validatingwebhookconfigurations',
      name: 'monitoring-admission',
      query: 'fieldManager=helm',
      body: newVersion('kube-prometheus-stack-66.3.0', '66.3.0'),
    });
    const grafana = {
      'grafana.ini':
        '[server]\nroot_url = https://grafana.example.org\n[auth.generic_oauth]\nclient_id = grafana\nclient_secret = $__env{OAUTH_SECRET}\n',
    };
    cluster.request(actor, {
      verb: 'patch',
      resource: 'configmaps',
      namespace: 'monitoring',
      name: 'grafana',
      body: { data: grafana },
    });
  });
}

/** CNI, proxy and storage are upgraded. @param {Cluster} cluster */
function upgradesAgents(cluster) {
  for (const [name, { namespace, spec }] of Object.entries(AGENTS)) {
    if (name === 'node-exporter' || name === 'fluent-bit') continue;
    cluster.request(pipeline(KUBECTL), { verb: 'get', resource: 'daemonsets', namespace, name });
    cluster.request(pipeline(KUBECTL), {
      verb: 'patch',
      resource: 'daemonsets',
      namespace,
      name,
      query: 'fieldManager=platform&force=true',
      body: daemonSet(name, namespace, spec),
    });
    cluster.request(controller('daemon-set-controller'), {
      verb: 'create',
      resource: 'controllerrevisions',
      namespace,
      name: `${name}-${cluster.letters(9)}`,
    });
  }
}

/** DNS, the controllers of network and storage, and the autoscaler are upgraded. @param {Cluster} cluster */
function upgradesAddOns(cluster) {
  const namespace = 'kube-system';
  for (const [name, spec] of Object.entries(ADD_ONS)) {
    cluster.request(pipeline(KUBECTL), { verb: 'get', resource: 'deployments', namespace, name });
    cluster.request(pipeline(KUBECTL), {
      verb: 'patch',
      resource: 'deployments',
      namespace,
      name,
      query: 'fieldManager=platform&force=true',
      body: deployment(name, namespace, spec),
    });
    rollsOut(cluster, namespace, name, spec);
  }
}

/** Argo CD is installed: its controller may do everything, by its own manifest. @param {Cluster} cluster */
function installsArgoCd(cluster) {
  const actor = pipeline(KUBECTL);
  const name = 'argocd-application-controller';
  const all = [
    { verbs: ['*'], apiGroups: ['*'], resources: ['*'] },
    { verbs: ['*'], nonResourceURLs: ['*'] },
  ];
  const account = { kind: 'ServiceAccount', name, namespace: 'argocd' };
  cluster.request(actor, {
    verb: 'patch',
    resource: 'customresourcedefinitions',
    name: 'applications.argoproj.io',
    query: 'fieldManager=kubectl&force=true',
  });
  cluster.request(actor, {
    verb: 'patch',
    resource: 'clusterroles',
    name,
    query: 'fieldManager=kubectl&force=true',
    code: 201,
    body: role('ClusterRole', name, undefined, all),
  });
  cluster.request(actor, {
    verb: 'patch',
    resource: 'clusterrolebindings',
    name,
    query: 'fieldManager=kubectl&force=true',
    code: 201,
    body: binding('ClusterRoleBinding', name, undefined, { kind: 'ClusterRole', name }, [account]),
  });
  cluster.request(actor, {
    verb: 'patch',
    resource: 'clusterroles',
    name: 'argocd-server',
    query: 'fieldManager=kubectl&force=true',
    code: 201,
    body: role('ClusterRole', 'argocd-server', undefined, [
      { verbs: ['delete', 'get', 'patch'], apiGroups: ['*'], resources: ['*'] },
      { verbs: ['list'], apiGroups: [''], resources: ['events'] },
    ]),
  });
  const config = {
    kind: 'ConfigMap',
    metadata: { name: 'argocd-cm', namespace: 'argocd' },
    data: {
      'oidc.config':
        'name: SSO\nissuer: https://sso.example.org\nclientID: argocd\nclientSecret: $oidc.sso.clientSecret\n',
    },
  };
  cluster.request(actor, {
    verb: 'patch',
    resource: 'configmaps',
    namespace: 'argocd',
    name: 'argocd-cm',
    query: 'fieldManager=kubectl&force=true',
    body: config,
  });
  const spec = {
    ...appSpec('argocd-server', 'v2.13.2'),
    containers: [{ name: 'argocd-server', image: 'quay.io/argoproj/argocd:v2.13.2' }],
  };
  cluster.request(actor, {
    verb: 'patch',
    resource: 'deployments',
    namespace: 'argocd',
    name: 'argocd-server',
    query: 'fieldManager=kubectl&force=true',
    body: deployment('argocd-server', 'argocd', spec),
  });
  rollsOut(cluster, 'argocd', 'argocd-server', spec);
}

/** A preview environment comes, and goes. @param {Cluster} cluster @param {number} i */
function makesPreview(cluster, i) {
  const actor = runner(KUBECTL);
  const name = `preview-${400 + i}`;
  cluster.request(actor, { verb: 'get', resource: 'namespaces', name, code: 404 });
  cluster.request(actor, {
    verb: 'create',
    resource: 'namespaces',
    name,
    body: { kind: 'Namespace', apiVersion: 'v1', metadata: { name } },
  });
  const subject = { kind: 'Group', name: 'developers' };
  cluster.request(actor, {
    verb: 'create',
    resource: 'rolebindings',
    namespace: name,
    name: 'developers',
    body: binding('RoleBinding', 'developers', name, { kind: 'ClusterRole', name: 'edit' }, [subject]),
  });
  cluster.wait(60_000);
  cluster.request(actor, { verb: 'delete', resource: 'namespaces', name });
}

/** A CronJob of the platform cleans up with kubectl. @param {Cluster} cluster */
function cleansUp(cluster) {
  const actor = pod('ops', 'janitor', KUBECTL);
  cluster.request(actor, {
    verb: 'list',
    resource: 'pods',
    query: 'fieldSelector=status.phase%3DFailed&limit=500',
  });
  for (let i = 0; i < 2; i++) {
    cluster.request(actor, {
      verb: 'delete',
      resource: 'pods',
      namespace: 'shop',
      name: `report-${cluster.letters(8)}-${cluster.suffix()}`,
    });
  }
}

/** metrics-server is upgraded: an aggregated API. @param {Cluster} cluster */
function upgradesMetricsServer(cluster) {
  const actor = pipeline(HELM);
  upgrades(cluster, actor, 'metrics-server', 'kube-system', 3, () => {
    cluster.request(actor, {
      verb: 'patch',
      resource: 'apiservices',
      name: 'v1beta1.metrics.k8s.io',
      query: 'fieldManager=helm',
      body: newVersion('metrics-server-3.12.2', '0.7.2'),
    });
    for (const name of ['system:metrics-server', 'system:metrics-server-aggregated-reader'])
      cluster.request(actor, {
        verb: 'patch',
        resource: 'clusterroles',
        name,
        query: 'fieldManager=helm',
        body: newVersion('metrics-server-3.12.2', '0.7.2'),
      });
    const container = {
      name: 'metrics-server',
      image: 'registry.k8s.io/metrics-server/metrics-server:v0.7.2',
      args: ['--secure-port=10250'],
    };
    const spec = {
      ...appSpec('metrics-server', 'v0.7.2'),
      priorityClassName: 'system-cluster-critical',
      containers: [container],
    };
    cluster.request(actor, {
      verb: 'patch',
      resource: 'deployments',
      namespace: 'kube-system',
      name: 'metrics-server',
      body: deployment('metrics-server', 'kube-system', spec),
    });
    rollsOut(cluster, 'kube-system', 'metrics-server', spec);
  });
}

/** @type {Work[]} */
export const DELIVERY_WORK = [
  { times: 9, go: appliesManifests },
  { times: 4, go: upgradesApplication },
  { times: 1, go: upgradesMonitoring },
  { times: 1, go: upgradesAgents },
  { times: 1, go: upgradesAddOns },
  { times: 1, go: installsArgoCd },
  { times: 3, go: makesPreview },
  { times: 6, go: cleansUp },
  { times: 1, go: upgradesMetricsServer },
];
