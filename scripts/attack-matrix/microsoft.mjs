// SPDX-License-Identifier: Apache-2.0
// @ts-check
// Microsoft's Threat Matrix for Kubernetes: techniques by tactic, and what can be said of those that no rule is about.

/** @typedef {import('./mitre.mjs').Technique} Technique */
/** @typedef {import('./mitre.mjs').Column} Column */

/** @param {number} number @param {string} name @param {string} [blind] @returns {Technique} */
const technique = (number, name, blind) => ({
  id: `MS-TA9${String(number).padStart(3, '0')}`,
  name,
  ...(blind === undefined ? {} : { blind }),
});

const EXPOSED = technique(5, 'Exposed sensitive interfaces');
const HOST_PATH = technique(13, 'Writable hostPath mount');
const ADMISSION = technique(15, 'Malicious admission controller');
const SERVICE_ACCOUNT = technique(16, 'Container service account');
const CLOUD = technique(
  20,
  'Access cloud resources',
  "the requests go to the cloud, whose own log has them; what is seen is a pod's account that gets an identity there",
);
const FILES = technique(
  27,
  'Application credentials in configuration files',
  'files are read inside of containers; what is seen is a configmap with credentials in it',
);

/** @type {Column[]} */
export const MICROSOFT = [
  {
    tactic: 'Initial Access',
    techniques: [
      technique(
        1,
        'Using cloud credentials',
        "the login is in the cloud's log; what is seen is an identity that is new, unexpected, or comes from elsewhere",
      ),
      technique(
        2,
        'Compromised image in registry',
        'the name of an image is in the log, what is in it is not; only a list of allowed images bounds it (off by default)',
      ),
      technique(
        3,
        'Kubeconfig file',
        'a stolen file is used like the real one; what is seen is how such credentials are made, and a user who is not expected',
      ),
      technique(4, 'Application vulnerability', 'an application is attacked past the API server'),
      EXPOSED,
    ],
  },
  {
    tactic: 'Execution',
    techniques: [
      technique(6, 'Exec into container'),
      technique(
        7,
        'Bash or cmd inside container',
        'a shell that does not come by exec is not seen; rules on system calls do see it',
      ),
      technique(8, 'New container'),
      technique(
        9,
        'Application exploit (RCE)',
        'an application is attacked past the API server; rules on system calls see what it runs then',
      ),
      technique(
        10,
        'SSH server running inside container',
        'its connections do not go through the API server',
      ),
      technique(11, 'Sidecar injection'),
    ],
  },
  {
    tactic: 'Persistence',
    techniques: [
      technique(12, 'Backdoor container'),
      HOST_PATH,
      technique(14, 'Kubernetes CronJob'),
      ADMISSION,
      SERVICE_ACCOUNT,
      technique(
        17,
        'Static pods',
        "a kubelet starts them from a file on its node; what is seen is the mirror pod: one that is not a kubelet's is reported",
      ),
    ],
  },
  {
    tactic: 'Privilege Escalation',
    techniques: [
      technique(18, 'Privileged container'),
      technique(19, 'Cluster-admin binding'),
      HOST_PATH,
      CLOUD,
    ],
  },
  {
    tactic: 'Defense Evasion',
    techniques: [
      technique(
        21,
        'Clear container logs',
        "logs lie on the node's disk; what is seen is a pod that mounts it, or an exec",
      ),
      technique(22, 'Delete Kubernetes events'),
      technique(23, 'Pod or container name similarity'),
      technique(
        24,
        'Connect from proxy server',
        'a proxy looks like any other address; what is seen is a system identity from a public one',
      ),
    ],
  },
  {
    tactic: 'Credential Access',
    techniques: [
      technique(25, 'List Kubernetes secrets'),
      technique(
        26,
        'Mount service principal',
        'for the paths that "Create Sensitive Mount Pod" knows, such as /etc/kubernetes/azure.json',
      ),
      SERVICE_ACCOUNT,
      FILES,
      technique(
        28,
        'Access managed identity credentials',
        'the request goes from the pod to the cloud; what is seen is an exec that names the address, and who gets an identity',
      ),
      ADMISSION,
    ],
  },
  {
    tactic: 'Discovery',
    techniques: [
      technique(29, 'Access the Kubernetes API server'),
      technique(
        30,
        'Access Kubelet API',
        'a kubelet that is asked directly writes no audit event; through the API server it is seen',
      ),
      technique(
        31,
        'Network mapping',
        'packets are not in the log; what is seen is an exec that names a scanner, and pods on the network of their node',
      ),
      EXPOSED,
      technique(
        33,
        'Instance metadata API',
        'the request goes from the pod to the cloud; what is seen is an exec that names the address',
      ),
    ],
  },
  {
    tactic: 'Lateral Movement',
    techniques: [
      CLOUD,
      SERVICE_ACCOUNT,
      technique(
        34,
        'Cluster internal networking',
        'traffic between pods is not in the log; tunnels through the API server are',
      ),
      FILES,
      HOST_PATH,
      technique(35, 'CoreDNS poisoning'),
      technique(
        36,
        'ARP poisoning and IP spoofing',
        'packets are not in the log; what is seen is a pod that gets the capability, or a service that claims an address',
      ),
    ],
  },
  {
    tactic: 'Collection',
    techniques: [
      technique(
        37,
        'Images from a private registry',
        "registries are not the API server; the secret with a registry's credentials is found as any other secret that is read",
      ),
      technique(41, 'Collecting data from pod'),
    ],
  },
  {
    tactic: 'Impact',
    techniques: [
      technique(38, 'Data destruction'),
      technique(
        39,
        'Resource hijacking',
        'a miner that is started inside of a container is not seen; one that is deployed is, if it is named as such',
      ),
      technique(40, 'Denial of service', 'load is not in the log; metrics show it'),
    ],
  },
];
