// SPDX-License-Identifier: Apache-2.0
// @ts-check
// MITRE ATT&CK for Containers: techniques by tactic, and what can be said of those that no rule is about.

/**
 * @typedef {object} Technique
 * @property {string} id as it stands in the tags of rules
 * @property {string} name
 * @property {string} [blind] why audit logs do not show it, or only a part
 */

/** @typedef {{ tactic: string, techniques: Technique[] }} Column */

const CONTAINER_JOB = { id: 'T1053.007', name: 'Scheduled Task/Job: Container Orchestration Job' };
const CLUSTER_ROLES = { id: 'T1098.006', name: 'Account Manipulation: Additional Container Cluster Roles' };
const CONTAINER_SERVICE = { id: 'T1543.005', name: 'Create or Modify System Process: Container Service' };
const DEFAULT_ACCOUNTS = { id: 'T1078.001', name: 'Valid Accounts: Default Accounts' };
const VALID_ACCOUNTS = { id: 'T1078', name: 'Valid Accounts' };
const DEPLOY = { id: 'T1610', name: 'Deploy Container' };
const REMOTE = { id: 'T1133', name: 'External Remote Services' };
const TOKEN = { id: 'T1550.001', name: 'Use Alternate Authentication Material: Application Access Token' };

/** @type {Column[]} */
export const MITRE = [
  {
    tactic: 'Initial Access',
    techniques: [
      {
        id: 'T1190',
        name: 'Exploit Public-Facing Application',
        blind:
          'a hole in an application does not reach the API server; what is seen is an API server that serves strangers',
      },
      REMOTE,
      VALID_ACCOUNTS,
      DEFAULT_ACCOUNTS,
    ],
  },
  {
    tactic: 'Execution',
    techniques: [
      { id: 'T1609', name: 'Container Administration Command' },
      DEPLOY,
      CONTAINER_JOB,
      {
        id: 'T1204.003',
        name: 'User Execution: Malicious Image',
        blind:
          'the name of an image is in the log, what is in it is not; "Create Disallowed Pod" can bound the names',
      },
    ],
  },
  {
    tactic: 'Persistence',
    techniques: [
      { id: 'T1098', name: 'Account Manipulation' },
      CLUSTER_ROLES,
      { id: 'T1136', name: 'Create Account' },
      CONTAINER_SERVICE,
      REMOTE,
      {
        id: 'T1525',
        name: 'Implant Internal Image',
        blind: 'a registry is not the API server; what is seen is a workload that gets another image',
      },
      CONTAINER_JOB,
      VALID_ACCOUNTS,
    ],
  },
  {
    tactic: 'Privilege Escalation',
    techniques: [
      CLUSTER_ROLES,
      CONTAINER_SERVICE,
      { id: 'T1611', name: 'Escape to Host' },
      {
        id: 'T1068',
        name: 'Exploitation for Privilege Escalation',
        blind:
          'an exploit runs on the node and leaves nothing in the audit log; one of an ingress controller by its annotations does',
      },
      CONTAINER_JOB,
      VALID_ACCOUNTS,
    ],
  },
  {
    tactic: 'Defense Evasion',
    techniques: [
      {
        id: 'T1612',
        name: 'Build Image on Host',
        blind:
          'images are built through the container runtime, past the API server; a pod that mounts its socket is found by "Create Sensitive Mount Pod"',
      },
      DEPLOY,
      { id: 'T1562.001', name: 'Impair Defenses: Disable or Modify Tools' },
      { id: 'T1070', name: 'Indicator Removal' },
      { id: 'T1036.005', name: 'Masquerading: Match Legitimate Name or Location' },
      TOKEN,
      VALID_ACCOUNTS,
    ],
  },
  {
    tactic: 'Credential Access',
    techniques: [
      {
        id: 'T1110',
        name: 'Brute Force',
        blind:
          'a request that fails to log in has no user, and many authentication failures are not of one user: refused requests are counted by user',
      },
      { id: 'T1528', name: 'Steal Application Access Token' },
      {
        id: 'T1552.001',
        name: 'Unsecured Credentials: Credentials In Files',
        blind:
          'files are read inside of containers; what is seen is an exec that names them, and who uses them afterwards',
      },
      { id: 'T1552.007', name: 'Unsecured Credentials: Container API' },
    ],
  },
  {
    tactic: 'Discovery',
    techniques: [
      { id: 'T1613', name: 'Container and Resource Discovery' },
      {
        id: 'T1046',
        name: 'Network Service Discovery',
        blind: 'packets are not in the log; what is seen is an exec that names a scanner',
      },
      { id: 'T1069', name: 'Permission Groups Discovery' },
    ],
  },
  { tactic: 'Lateral Movement', techniques: [TOKEN] },
  {
    tactic: 'Impact',
    techniques: [
      { id: 'T1485', name: 'Data Destruction' },
      {
        id: 'T1499',
        name: 'Endpoint Denial of Service',
        blind: 'load on applications and nodes is not in the log; metrics show it',
      },
      {
        id: 'T1490',
        name: 'Inhibit System Recovery',
        blind:
          'backups lie outside of the cluster; deleted objects of backup tools are custom resources, for which a rule of your own is needed',
      },
      { id: 'T1498', name: 'Network Denial of Service', blind: 'packets are not in the log' },
      {
        id: 'T1496',
        name: 'Resource Hijacking',
        blind:
          'a miner that is started inside of a container is not seen; one that is deployed is, if it is named as such',
      },
    ],
  },
];
