// SPDX-License-Identifier: Apache-2.0
// @ts-check
// What comes with a cluster: agents on its nodes, add-ons, the static pods of its control plane.
import { container, generatedPod, hostPath, podSpec, RESTRICTED } from './objects.mjs';

/** @typedef {import('./cluster.mjs').Members} Members */

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
  'node-local-dns': {
    namespace: 'kube-system',
    spec: podSpec(
      'node-local-dns',
      [
        container('node-cache', 'registry.k8s.io/dns/k8s-dns-node-cache:1.23.1', {
          args: [
            '-localip',
            '169.254.20.10,10.96.0.10',
            '-conf',
            '/etc/Corefile',
            '-upstreamsvc',
            'kube-dns-upstream',
          ],
          securityContext: { capabilities: { add: ['NET_ADMIN'] } },
        }),
      ],
      {
        hostNetwork: true,
        priorityClassName: 'system-node-critical',
        tolerations: [
          { key: 'CriticalAddonsOnly', operator: 'Exists' },
          { effect: 'NoExecute', operator: 'Exists' },
          { effect: 'NoSchedule', operator: 'Exists' },
        ],
        volumes: [hostPath('/run/xtables.lock', 'xtables-lock')],
      },
    ),
  },
  speaker: {
    namespace: 'metallb-system',
    spec: podSpec(
      'speaker',
      [
        container('speaker', 'quay.io/metallb/speaker:v0.14.9', {
          args: ['--port=7472', '--log-level=info'],
          securityContext: {
            ...RESTRICTED,
            runAsNonRoot: false,
            capabilities: { drop: ['ALL'], add: ['NET_RAW'] },
          },
        }),
      ],
      {
        hostNetwork: true,
        tolerations: [
          { key: 'node-role.kubernetes.io/master', effect: 'NoSchedule', operator: 'Exists' },
          { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule', operator: 'Exists' },
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

const ON_CONTROL_PLANE = [
  { key: 'CriticalAddonsOnly', operator: 'Exists' },
  { key: 'node-role.kubernetes.io/control-plane', effect: 'NoSchedule' },
];
const CSI = 'public.ecr.aws/eks-distro/kubernetes-csi';

/** Pod specifications of Deployments in kube-system that come with a cluster, its network or its storage. @type {Record<string, Members>} */
export const ADD_ONS = {
  coredns: podSpec(
    'coredns',
    [
      container('coredns', 'registry.k8s.io/coredns/coredns:v1.11.3', {
        args: ['-conf', '/etc/coredns/Corefile'],
        securityContext: { ...RESTRICTED, capabilities: { drop: ['ALL'], add: ['NET_BIND_SERVICE'] } },
      }),
    ],
    { priorityClassName: 'system-cluster-critical', tolerations: ON_CONTROL_PLANE },
  ),
  'calico-kube-controllers': podSpec(
    'calico-kube-controllers',
    [container('calico-kube-controllers', 'docker.io/calico/kube-controllers:v3.29.1')],
    { priorityClassName: 'system-cluster-critical', tolerations: ON_CONTROL_PLANE },
  ),
  'ebs-csi-controller': podSpec('ebs-csi-controller-sa', [
    container('ebs-plugin', 'public.ecr.aws/ebs-csi-driver/aws-ebs-csi-driver:v1.38.1'),
    container('csi-provisioner', `${CSI}/external-provisioner:v5.1.0-eks-1-31-11`),
    container('csi-attacher', `${CSI}/external-attacher:v4.8.0-eks-1-31-11`),
    container('csi-snapshotter', `${CSI}/external-snapshotter/csi-snapshotter:v8.2.0-eks-1-31-11`),
    container('csi-resizer', `${CSI}/external-resizer:v1.12.0-eks-1-31-11`),
    container('liveness-probe', `${CSI}/livenessprobe:v2.14.0-eks-1-31-11`),
  ]),
  'snapshot-controller': podSpec('snapshot-controller', [
    container('snapshot-controller', 'registry.k8s.io/sig-storage/snapshot-controller:v8.2.0'),
  ]),
  'cluster-autoscaler': podSpec(
    'cluster-autoscaler',
    [container('cluster-autoscaler', 'registry.k8s.io/autoscaling/cluster-autoscaler:v1.31.0')],
    { volumes: [hostPath('/etc/ssl/certs/ca-bundle.crt', 'ssl-certs')] },
  ),
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
