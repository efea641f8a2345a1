// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Objects that clients send: what is in the manifests of real components, as far as rules can see it.

/** @typedef {import('./cluster.mjs').Members} Members */

/** @param {string} path @param {string} name */
const hostPath = (path, name) => ({ name, hostPath: { path, type: '' } });

/** @param {string} name @param {string} image @param {Members} [more] */
const container = (name, image, more = {}) => ({
  name,
  image,
  resources: { requests: { cpu: '50m', memory: '64Mi' } },
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'File',
  imagePullPolicy: 'IfNotPresent',
  ...more,
});

const RESTRICTED = {
  allowPrivilegeEscalation: false,
  readOnlyRootFilesystem: true,
  runAsNonRoot: true,
  capabilities: { drop: ['ALL'] },
};

/** @param {string} account @param {unknown[]} containers @param {Members} [more] */
const podSpec = (account, containers, more = {}) => ({
  containers,
  restartPolicy: 'Always',
  terminationGracePeriodSeconds: 30,
  dnsPolicy: 'ClusterFirst',
  serviceAccountName: account,
  serviceAccount: account,
  securityContext: {},
  schedulerName: 'default-scheduler',
  ...more,
});

/** Pod specifications of DaemonSets that come with a cluster or with its monitoring and storage. @type {Record<string, { namespace: string, spec: Members }>} */
export const AGENTS = {
  'kube-proxy': {
    namespace: 'kube-system',
    spec: podSpec(
      'kube-proxy',
      [
        container('kube-proxy', 'registry.k8s.io/kube-proxy:v1.31.4', {
          command: [
            '/usr/local/bin/kube-proxy',
            '--config=/var/lib/kube-proxy/config.conf',
            '--hostname-override=$(NODE_NAME)',
          ],
          securityContext: { privileged: true },
        }),
      ],
      {
        hostNetwork: true,
        priorityClassName: 'system-node-critical',
        tolerations: [{ operator: 'Exists' }],
        volumes: [
          { name: 'kube-proxy', configMap: { name: 'kube-proxy', defaultMode: 420 } },
          hostPath('/run/xtables.lock', 'xtables-lock'),
          hostPath('/lib/modules', 'lib-modules'),
        ],
      },
    ),
  },
  'calico-node': {
    namespace: 'kube-system',
    spec: podSpec(
      'calico-node',
      [container('calico-node', 'docker.io/calico/node:v3.29.1', { securityContext: { privileged: true } })],
      {
        hostNetwork: true,
        initContainers: [
          container('upgrade-ipam', 'docker.io/calico/cni:v3.29.1', {
            securityContext: { privileged: true },
          }),
          container('install-cni', 'docker.io/calico/cni:v3.29.1', { securityContext: { privileged: true } }),
          container('mount-bpffs', 'docker.io/calico/node:v3.29.1', {
            securityContext: { privileged: true },
          }),
        ],
        tolerations: [
          { effect: 'NoSchedule', operator: 'Exists' },
          { key: 'CriticalAddonsOnly', operator: 'Exists' },
        ],
        volumes: [
          hostPath('/lib/modules', 'lib-modules'),
          hostPath('/var/run/calico', 'var-run-calico'),
          hostPath('/var/lib/calico', 'var-lib-calico'),
          hostPath('/run/xtables.lock', 'xtables-lock'),
          hostPath('/sys/fs/', 'sys-fs'),
          hostPath('/sys/fs/bpf', 'bpffs'),
          hostPath('/proc', 'nodeproc'),
          hostPath('/opt/cni/bin', 'cni-bin-dir'),
          hostPath('/etc/cni/net.d', 'cni-net-dir'),
          hostPath('/var/log/calico/cni', 'cni-log-dir'),
          hostPath('/var/run/nodeagent', 'policysync'),
        ],
      },
    ),
  },
  'node-exporter': {
    namespace: 'monitoring',
    spec: podSpec(
      'node-exporter',
      [
        container('node-exporter', 'quay.io/prometheus/node-exporter:v1.8.2', {
          args: ['--path.procfs=/host/proc', '--path.sysfs=/host/sys', '--path.rootfs=/host/root'],
          securityContext: { readOnlyRootFilesystem: true },
        }),
      ],
      {
        hostNetwork: true,
        hostPID: true,
        tolerations: [{ effect: 'NoSchedule', operator: 'Exists' }],
        volumes: [hostPath('/proc', 'proc'), hostPath('/sys', 'sys'), hostPath('/', 'root')],
      },
    ),
  },
  'ebs-csi-node': {
    namespace: 'kube-system',
    spec: podSpec(
      'ebs-csi-node-sa',
      [
        container('ebs-plugin', 'public.ecr.aws/ebs-csi-driver/aws-ebs-csi-driver:v1.38.1', {
          securityContext: { privileged: true, readOnlyRootFilesystem: true },
        }),
        container(
          'node-driver-registrar',
          'public.ecr.aws/eks-distro/kubernetes-csi/node-driver-registrar:v2.12.0-eks-1-31-11',
          {
            securityContext: RESTRICTED,
          },
        ),
        container(
          'liveness-probe',
          'public.ecr.aws/eks-distro/kubernetes-csi/livenessprobe:v2.14.0-eks-1-31-11',
          {
            securityContext: RESTRICTED,
          },
        ),
      ],
      {
        tolerations: [{ operator: 'Exists' }],
        volumes: [
          hostPath('/var/lib/kubelet', 'kubelet-dir'),
          hostPath('/var/lib/kubelet/plugins/ebs.csi.aws.com/', 'plugin-dir'),
          hostPath('/var/lib/kubelet/plugins_registry/', 'registration-dir'),
          hostPath('/dev', 'device-dir'),
        ],
      },
    ),
  },
  'node-agent': {
    namespace: 'velero',
    spec: podSpec(
      'velero',
      [container('node-agent', 'velero/velero:v1.15.0', { args: ['node-agent', 'server'] })],
      {
        securityContext: { runAsUser: 0 },
        volumes: [
          hostPath('/var/lib/kubelet/pods', 'host-pods'),
          hostPath('/var/lib/kubelet/plugins', 'host-plugins'),
        ],
      },
    ),
  },
  'fluent-bit': {
    namespace: 'logging',
    spec: podSpec('fluent-bit', [container('fluent-bit', 'cr.fluentbit.io/fluent/fluent-bit:3.2.2')], {
      tolerations: [{ operator: 'Exists' }],
      volumes: [
        hostPath('/var/log', 'varlog'),
        hostPath('/var/lib/docker/containers', 'varlibdockercontainers'),
        hostPath('/etc/machine-id', 'etcmachineid'),
      ],
    }),
  },
};

/** Static pods of a control-plane node, as kubeadm makes them. @param {string} name @param {string[]} paths */
const controlPlane = (name, paths) => ({
  ...podSpec('default', [container(name, `registry.k8s.io/${name}:v1.31.4`, { command: [name] })]),
  serviceAccountName: undefined,
  serviceAccount: undefined,
  hostNetwork: true,
  nodeName: 'cp-1',
  priorityClassName: 'system-node-critical',
  tolerations: [{ effect: 'NoExecute', operator: 'Exists' }],
  volumes: paths.map((path, i) => hostPath(path, `path-${i}`)),
});

/** @type {Record<string, Members>} */
export const STATIC_PODS = {
  'kube-apiserver': controlPlane('kube-apiserver', [
    '/etc/ssl/certs',
    '/etc/ca-certificates',
    '/etc/kubernetes/pki',
    '/etc/kubernetes/audit',
    '/var/log/kubernetes',
  ]),
  'kube-controller-manager': controlPlane('kube-controller-manager', [
    '/etc/ssl/certs',
    '/usr/libexec/kubernetes/kubelet-plugins/volume/exec',
    '/etc/kubernetes/pki',
    '/etc/kubernetes/controller-manager.conf',
  ]),
  'kube-scheduler': controlPlane('kube-scheduler', ['/etc/kubernetes/scheduler.conf']),
  etcd: controlPlane('etcd', ['/etc/kubernetes/pki/etcd', '/var/lib/etcd']),
};

/** An application's pods. @param {string} app @param {string} tag */
export const appSpec = (app, tag) =>
  podSpec(
    app,
    [
      container(app, `registry.example.com:5000/shop/${app}:${tag}`, {
        ports: [{ name: 'http', containerPort: 8080, protocol: 'TCP' }],
        env: [{ name: 'DB_PASSWORD', valueFrom: { secretKeyRef: { name: `${app}-db`, key: 'password' } } }],
        securityContext: RESTRICTED,
      }),
    ],
    { volumes: [{ name: 'config', configMap: { name: `${app}-config` } }] },
  );

/** @param {string} name @param {string} namespace @param {Members} spec of the pods */
export const deployment = (name, namespace, spec) => ({
  kind: 'Deployment',
  apiVersion: 'apps/v1',
  metadata: { name, namespace, labels: { 'app.kubernetes.io/name': name } },
  spec: {
    replicas: 3,
    selector: { matchLabels: { 'app.kubernetes.io/name': name } },
    template: { metadata: { labels: { 'app.kubernetes.io/name': name } }, spec },
    strategy: { type: 'RollingUpdate' },
  },
  status: {},
});

/** @param {string} name @param {string} namespace @param {Members} spec of the pods */
export const daemonSet = (name, namespace, spec) => ({
  ...deployment(name, namespace, spec),
  kind: 'DaemonSet',
  spec: {
    selector: { matchLabels: { 'app.kubernetes.io/name': name } },
    template: { metadata: { labels: { 'app.kubernetes.io/name': name } }, spec },
  },
});

/** A pod as a controller makes it. @param {string} prefix @param {string} namespace @param {Members} spec */
export const generatedPod = (prefix, namespace, spec) => ({
  kind: 'Pod',
  apiVersion: 'v1',
  metadata: { generateName: `${prefix}-`, namespace, labels: { 'app.kubernetes.io/name': prefix } },
  spec,
  status: {},
});

/** A pod of a DaemonSet: its controller names the node by affinity and adds tolerations. @param {string} name @param {string} node */
export function agentPod(name, node) {
  const { namespace, spec } = AGENTS[name] ?? { namespace: 'default', spec: {} };
  const matchFields = [{ key: 'metadata.name', operator: 'In', values: [node] }];
  return generatedPod(name, namespace, {
    ...spec,
    affinity: {
      nodeAffinity: {
        requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [{ matchFields }] },
      },
    },
    tolerations: [
      { key: 'node.kubernetes.io/not-ready', operator: 'Exists', effect: 'NoExecute' },
      { key: 'node.kubernetes.io/unreachable', operator: 'Exists', effect: 'NoExecute' },
      { key: 'node.kubernetes.io/disk-pressure', operator: 'Exists', effect: 'NoSchedule' },
      { key: 'node.kubernetes.io/network-unavailable', operator: 'Exists', effect: 'NoSchedule' },
    ],
  });
}

/** @param {string} name @param {string} namespace @param {Members} spec of the pods */
export const job = (name, namespace, spec) => ({
  kind: 'Job',
  apiVersion: 'batch/v1',
  metadata: { name, namespace },
  spec: { backoffLimit: 3, template: { metadata: {}, spec: { ...spec, restartPolicy: 'OnFailure' } } },
});

/** @param {string} kind @param {string} name @param {string | undefined} namespace @param {Members[]} rules */
export const role = (kind, name, namespace, rules) => ({
  kind,
  apiVersion: 'rbac.authorization.k8s.io/v1',
  metadata: { name, namespace },
  rules,
});

/** @param {string} kind @param {string} name @param {string | undefined} namespace @param {Members} roleRef @param {Members[]} subjects */
export const binding = (kind, name, namespace, roleRef, subjects) => ({
  kind,
  apiVersion: 'rbac.authorization.k8s.io/v1',
  metadata: { name, namespace },
  subjects,
  roleRef: { apiGroup: 'rbac.authorization.k8s.io', ...roleRef },
});
