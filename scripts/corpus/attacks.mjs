// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Eight attacks after the techniques of Stratus Red Team for Kubernetes, as the API server logs them. Each says which rule
// has to report a step first; the other steps are what the attacker does around it.
import { HELM, KUBECTL, person, pod } from './actors.mjs';
import { HOUR } from './cluster.mjs';
import { healthyDay } from './healthy.mjs';
import { appSpec, binding, generatedPod, role } from './objects.mjs';

/** @typedef {import('./cluster.mjs').Cluster} Cluster */
/** @typedef {import('./cluster.mjs').Actor} Actor */

/**
 * @typedef {object} Attack
 * @property {string} name
 * @property {string} technique of MITRE ATT&CK
 * @property {(cluster: Cluster) => void} go writes its events
 */

/** A developer's laptop in the wrong hands: the name is known, the client ordinary. */
const stolenLaptop = () => person('ben', 'developers', KUBECTL);
/** The platform's administrator, the same way. */
const stolenAdministrator = () => person('eva', 'platform', KUBECTL);
/** A pod whose application has a hole, and the token that it mounts. */
const stolenToken = () => pod('shop', 'storefront', 'kubectl/v1.29.0 (linux/amd64) kubernetes/3f7a50f');

/** Looks around first. @param {Cluster} cluster @param {Actor} actor */
function looksAround(cluster, actor) {
  cluster.request(actor, { verb: 'get', path: '/api', query: 'timeout=32s' });
  cluster.request(actor, { verb: 'get', path: '/apis', query: 'timeout=32s' });
  cluster.request(actor, { verb: 'list', resource: 'namespaces', query: 'limit=500' });
}

/** @type {Attack[]} */
export const ATTACKS = [
  {
    name: 'dump all secrets',
    technique: 'T1552.007',
    go(cluster) {
      const actor = stolenAdministrator();
      looksAround(cluster, actor);
      cluster.request(actor, {
        verb: 'list',
        resource: 'secrets',
        query: 'limit=1000',
        expect: 'All Secrets Of The Cluster Read',
      });
    },
  },
  {
    name: "steal a pod's token by exec",
    technique: 'T1528',
    go(cluster) {
      const actor = stolenLaptop();
      cluster.request(actor, { verb: 'list', resource: 'pods', namespace: 'shop', query: 'limit=500' });
      const query =
        'command=cat&command=%2Fvar%2Frun%2Fsecrets%2Fkubernetes.io%2Fserviceaccount%2Ftoken&container=storefront&stderr=true&stdout=true';
      cluster.request(actor, {
        verb: 'get',
        resource: 'pods/exec',
        namespace: 'shop',
        name: cluster.podOf('storefront'),
        query,
        expect: 'Exec Reads Service Account Token',
      });
    },
  },
  {
    name: 'reach a kubelet by nodes/proxy',
    technique: 'T1609',
    go(cluster) {
      const actor = stolenToken();
      cluster.request(actor, {
        verb: 'create',
        resource: 'selfsubjectrulesreviews',
        body: {
          kind: 'SelfSubjectRulesReview',
          apiVersion: 'authorization.k8s.io/v1',
          spec: { namespace: 'shop' },
        },
        expect: 'Permissions Reviewed By A Service Account',
      });
      const proxy = {
        resource: 'nodes/proxy',
        name: 'worker-1',
        expect: 'Kubelet Reached Through Nodes Proxy',
      };
      cluster.request(actor, { ...proxy, verb: 'get', tail: '/runningpods/' });
      cluster.request(actor, {
        ...proxy,
        verb: 'create',
        tail: '/run/kube-system/kube-proxy-x2x9k/kube-proxy',
        query: 'cmd=id',
      });
    },
  },
  {
    name: 'make an administrator of a service account',
    technique: 'T1098.006',
    go(cluster) {
      const actor = stolenAdministrator();
      const name = 'node-metrics';
      const rules = [{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }];
      const account = { kind: 'ServiceAccount', name, namespace: 'kube-system' };
      cluster.request(actor, {
        verb: 'create',
        resource: 'clusterroles',
        name,
        body: role('ClusterRole', name, undefined, rules),
        expect: 'ClusterRole With Wildcard Created',
      });
      cluster.request(actor, {
        verb: 'create',
        resource: 'serviceaccounts',
        namespace: 'kube-system',
        name,
        body: { kind: 'ServiceAccount', metadata: { name } },
        expect: 'Service Account Created in Kube Namespace',
      });
      cluster.request(actor, {
        verb: 'create',
        resource: 'clusterrolebindings',
        name,
        body: binding('ClusterRoleBinding', name, undefined, { kind: 'ClusterRole', name: 'cluster-admin' }, [
          account,
        ]),
        expect: 'Attach to cluster-admin Role',
      });
      cluster.request(actor, {
        verb: 'create',
        resource: 'serviceaccounts/token',
        namespace: 'kube-system',
        name,
        body: { kind: 'TokenRequest', spec: { audiences: [], expirationSeconds: 31_536_000 } },
        expect: 'Service Account Token Requested',
      });
    },
  },
  {
    name: 'have a client certificate made',
    technique: 'T1649',
    go(cluster) {
      const actor = stolenAdministrator();
      const csr = { resource: 'certificatesigningrequests', name: 'system-node-agent' };
      const body = {
        kind: 'CertificateSigningRequest',
        apiVersion: 'certificates.k8s.io/v1',
        metadata: { name: csr.name },
        spec: {
          request: 'LS0tLS1CRUdJTi…',
          signerName: 'kubernetes.io/kube-apiserver-client',
          usages: ['client auth'],
        },
      };
      cluster.request(actor, { ...csr, verb: 'create', body, expect: 'Client Certificate Requested' });
      const approved = {
        ...body,
        status: { conditions: [{ type: 'Approved', status: 'True', reason: 'KubectlApprove' }] },
      };
      cluster.request(actor, {
        ...csr,
        verb: 'update',
        resource: `${csr.resource}/approval`,
        body: approved,
        expect: 'Certificate Request Approved',
      });
      cluster.request(actor, { ...csr, verb: 'get' });
    },
  },
  {
    name: 'have a token of a controller made',
    technique: 'T1550.001',
    go(cluster) {
      const actor = stolenAdministrator();
      cluster.request(actor, {
        verb: 'list',
        resource: 'serviceaccounts',
        namespace: 'kube-system',
        query: 'limit=500',
      });
      cluster.request(actor, {
        verb: 'create',
        resource: 'serviceaccounts/token',
        namespace: 'kube-system',
        name: 'clusterrole-aggregation-controller',
        body: {
          kind: 'TokenRequest',
          apiVersion: 'authentication.k8s.io/v1',
          spec: { audiences: [], expirationSeconds: 3600 },
        },
        expect: 'Service Account Token Requested',
      });
    },
  },
  {
    name: 'run a privileged pod',
    technique: 'T1611',
    go(cluster) {
      const actor = stolenLaptop();
      const spec = {
        containers: [
          {
            name: 'toolbox',
            image: 'busybox:1.36',
            command: ['sleep', '3600'],
            securityContext: { privileged: true },
          },
        ],
      };
      cluster.request(actor, {
        verb: 'create',
        resource: 'pods',
        namespace: 'shop',
        name: 'toolbox',
        query: 'fieldManager=kubectl-run',
        body: { kind: 'Pod', apiVersion: 'v1', metadata: { name: 'toolbox', namespace: 'shop' }, spec },
        expect: 'Create Privileged Pod',
      });
      cluster.wait(5000);
      cluster.request(actor, {
        verb: 'get',
        resource: 'pods/exec',
        namespace: 'shop',
        name: 'toolbox',
        query: 'command=sh&container=toolbox&stdin=true&stdout=true&tty=true',
        expect: 'Exec Into Privileged Pod',
      });
    },
  },
  {
    name: "mount the node's disk, in a deployment",
    technique: 'T1611',
    go(cluster) {
      const actor = person('ben', 'developers', HELM);
      const spec = {
        ...appSpec('cache', 'v1'),
        volumes: [{ name: 'host', hostPath: { path: '/', type: 'Directory' } }],
      };
      const body = {
        kind: 'Deployment',
        apiVersion: 'apps/v1',
        metadata: { name: 'cache', namespace: 'shop' },
        spec: { replicas: 1, template: { metadata: {}, spec } },
      };
      cluster.request(actor, {
        verb: 'create',
        resource: 'deployments',
        namespace: 'shop',
        name: 'cache',
        body,
        expect: 'Create Sensitive Mount Pod',
      });
      cluster.wait(2000);
      const replicas = pod(
        'kube-system',
        'replicaset-controller',
        'kube-controller-manager/v1.31.4 (linux/amd64) kubernetes/a78aa47/system:serviceaccount:kube-system:replicaset-controller',
      );
      cluster.request(replicas, {
        verb: 'create',
        resource: 'pods',
        namespace: 'shop',
        body: generatedPod('cache-5d4f', 'shop', spec),
        expect: 'Create Sensitive Mount Pod',
      });
    },
  },
];

/**
 * The healthy day, and within it all attacks, some hours after one another.
 *
 * @returns {{ event: import('./cluster.mjs').Members, expect?: string, attack?: string }[]} in order of time; what an
 *   attacker does has the name of the attack
 */
export function attackedDay() {
  const cluster = healthyDay();
  for (const [i, { name, go }] of ATTACKS.entries()) {
    cluster.at((2 + i * 2.5) * HOUR);
    cluster.mark(name, () => go(cluster));
  }
  return cluster.written();
}
