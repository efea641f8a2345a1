#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// `npm run corpus`: lets a day of a healthy cluster go through the rules, and writes docs/day-in-the-life.md about it.
import { readFileSync, writeFileSync } from 'node:fs';
import { ATTACKS, attackedDay } from './corpus/attacks.mjs';
import { healthyDay } from './corpus/healthy.mjs';
import { countByRule, judge, LOUD, RULES, TUNING } from './corpus/judge.mjs';
import { formatDocument, keepDocument, readOptions } from './lib/document.mjs';
import { runAsMain } from './lib/main.mjs';

const usage = `usage: npm run corpus [-- --check | --events FILE [--attacks]]

Lets a made-up day of a healthy cluster go through the rules, in the real libsinsp, and writes how many alerts come
from which rule to docs/day-in-the-life.md.
  --check        write nothing; fail when the document is not up to date
  --events FILE  write the events themselves as JSON Lines, and nothing else
  --attacks      … with eight attacks within that day`;

const DOCUMENT = 'day-in-the-life.md';

/** @typedef {ReturnType<typeof countByRule>} Counts */

/** Kinds of users, in the order of the table. @type {[string, (user: string) => boolean][]} */
const USERS = [
  ['kubelets', (user) => user.startsWith('system:node:')],
  [
    'control plane',
    (user) => /^system:(apiserver|kube-|serviceaccount:kube-system:.*-controller$)/.test(user),
  ],
  ['other service accounts', (user) => user.startsWith('system:serviceaccount:')],
  ['people', (user) => user.includes('@')],
  ['CI from outside', (user) => user.startsWith('ci:')],
  ['without credentials, or joining', () => true],
];

/** @param {Record<string, unknown>[]} events */
function countUsers(events) {
  const counts = USERS.map(() => 0);
  for (const event of events) {
    const user = String(/** @type {{ username?: string }} */ (event['user']).username ?? '');
    const kind = USERS.findIndex(([, fits]) => fits(user));
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return USERS.map(([name], i) => `| ${name} | ${counts[i]} |`).join('\n');
}

/** @param {Counts} counts */
const sum = (counts) => counts.reduce((all, { alerts }) => all + alerts, 0);

/** How many are above NOTICE. @param {Counts} counts */
const loud = (counts) => sum(counts.filter(({ priority }) => LOUD.includes(priority))) || 'none';

/** @param {Counts} shipped @param {Counts} tuned */
function countRules(shipped, tuned) {
  const of = (/** @type {Counts} */ counts, /** @type {string} */ rule) =>
    counts.find((count) => count.rule === rule)?.alerts ?? 0;
  const all = [...shipped, ...tuned.filter(({ rule }) => of(shipped, rule) === 0)];
  const order = [...LOUD, 'Notice', 'Informational'];
  return all
    .sort((a, b) => order.indexOf(a.priority) - order.indexOf(b.priority))
    .map(({ rule, priority }) => `| ${rule} | ${priority} | ${of(shipped, rule)} | ${of(tuned, rule)} |`)
    .join('\n');
}

/** What is reported first of each attack, as shipped. @returns {string} rows of a table */
function describeAttacks() {
  const day = attackedDay();
  const alerts = judge(
    day.map(({ event }) => event),
    RULES,
  );
  return ATTACKS.map(({ name, technique }) => {
    const rules = alerts.filter(({ evt_num }) => day[evt_num - 1]?.attack === name).map(({ rule }) => rule);
    return `| ${name} | ${technique} | ${[...new Set(rules)].join(', ')} |`;
  }).join('\n');
}

/** @param {Record<string, unknown>[]} events @param {Counts} shipped @param {Counts} tuned @param {string} tuning */
function describeDay(events, shipped, tuned, tuning) {
  // The first block is the file's own comment.
  const [, ...rest] = tuning.split('\n\n');
  return `<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Written by npm run corpus. The events come from scripts/corpus. -->

# A day in the life of the rules

How noisy are the rules where nobody attacks? [scripts/corpus](../scripts/corpus) makes up the audit log of a day of a
healthy cluster: ${events.length} events as kube-apiserver writes them, with the client names, groups, requests and levels that
real components have. The control plane is kubeadm's; there are four workers, Calico, a CSI driver, Prometheus and its
operator, cert-manager, Argo CD, External Secrets, Velero, two operators for databases, CI with kubectl, Helm and Terraform
inside and outside of the cluster, GitLab's build jobs, and five people. In the course of the day a node joins and another is
given back, two are drained and upgraded, the control plane is restarted, the agents on the nodes are upgraded, certificates
are renewed, databases, preview environments and a namespace for a team are made, Argo CD is installed, and an engineer on call
looks into pods with logs, a shell, a tunnel and a debug container. The events are the same at each run.
\`npm run corpus -- --events FILE\` writes them.

| who asks | events |
| --- | --- |
${countUsers(events)}

It is made up, so what it says of another cluster is limited: which rules such components touch, not how often. A busy cluster
writes millions of events a day, most of them reads by the control plane and the kubelets, on which no rule fires.

## Alerts

With both rules files and \`rule_matching: first\`, as Falco is configured by default:

- **As shipped**, before anything is said about the cluster: ${sum(shipped)} alerts, ${loud(shipped)} above NOTICE.
- **Tuned** with the ${rest.length} entries below: ${sum(tuned)} alerts, ${loud(tuned)} above NOTICE. They also switch on what has to know
  the cluster: whoever is not listed is reported with every request, and every namespace that nobody expects.

| rule | priority | as shipped | tuned |
| --- | --- | --- | --- |
${countRules(shipped, tuned)}

What is left at NOTICE is worth a look, not a call at night: shells and copies out of pods, tunnels, roles that can write,
kubectl in a pod, secrets that are read by operators and CI. INFO is a journal of what was created and deleted; the macro
\`consider_activity_events\` turns it off.

## Attacks within that day

Eight attacks after the techniques of Stratus Red Team, with stolen credentials of people and pods that are known, amid that
day's events. Each step that matters is reported by the rule that is meant, as shipped and with that tuning, and the rest of
the day stays as quiet. \`npm run corpus -- --events FILE --attacks\` writes the log.

| attack | technique | reported by |
| --- | --- | --- |
${describeAttacks()}

## The tuning

[scripts/corpus/tuning.yaml](../scripts/corpus/tuning.yaml), the kind of file that users write:

\`\`\`yaml
${rest.join('\n\n').trimEnd()}
\`\`\`

## What is quiet for a reason

Some of what healthy clusters do looks like an attack. These are the default exceptions that keep it quiet:

| what | kept quiet by |
| --- | --- |
| people and CI use the cluster | "Disallowed K8s User" is off until they are listed: \`allow_all_k8s_users\` |
| CI makes namespaces | "Create Disallowed Namespace" reports those named \`kube-…\` alone: \`allow_all_namespaces\` |
| operators and CI read a secret by its name, or look whether it is there | \`routine_secret_get\`; reported as NOTICE |
| Argo CD and Grafana are told where the secret of an OAuth client is | \`refers_to_credentials\` |
| metrics-server has roles named like the system's | \`known_system_role\` |
| kube-controller-manager makes service accounts of its controllers | its name |
| DNS and the controllers of the network tolerate control-plane nodes | \`control_plane_add_on_images\` |
| Argo CD gets roles with wildcards | \`known_wildcard_roles\`; whoever else is bound to them is reported |
| Helm writes a chart's new version on webhooks and API services | \`labels_patched\` |
| node-exporter's namespace is to accept privileged pods | \`known_agent_namespaces\`; reported as NOTICE |
| the administrator asks a network agent whether it is ready | \`known_agent_checks\`; reported as NOTICE |
| kubelets read the secrets of their pods, and have tokens made for them | \`secret_caches\`; the group \`system:nodes\` |
| cert-manager, Argo CD, kube-state-metrics, External Secrets, Velero and others read secrets, some all of the cluster's | \`known_secret_readers\` |
| Helm reads the secrets in which it keeps its releases | \`helm_release_read\`; reported as NOTICE |
| cert-manager makes a NodePort service and an ingress without TLS to prove that a domain is its cluster's | exceptions \`acme_solver\` |
| cert-manager's cainjector changes admission webhooks | \`known_admission_managers\` |
| Calico has tokens made for its CNI plugin | \`known_token_requesters\` |
| External Secrets has tokens made for a cloud or Vault, which the API server does not take | \`token_exchanged\` |
| a node that joins reads \`cluster-info\` without credentials | exception \`object\` of "Anonymous Request Allowed" |
| kubelets' certificate requests are approved by a controller | \`known_certificate_approvers\` |
| Prometheus scrapes kubelets through the API server | paths that end in \`/proxy/metrics\` and the like |
| a namespace that is deleted is emptied with \`deletecollection\`, of its events too | \`kube_controller_users\` |
| CNI, kube-proxy, node-exporter, CSI, backup and log agents are privileged or see the node's files | the lists of images |

That day has none of what is meant to be looked at even where nobody attacks: a person reads secrets by hand, or CI from
outside by name (Terraform does, where it keeps secrets); \`kubectl debug node/…\`; a shell in an agent of a node; kubeadm
upgrades the control plane; Flux or Velero is bound to \`cluster-admin\`; somebody who is not a known deployer installs an
admission webhook, or an operator whose role reaches exec, tokens or nodes.
`;
}

/**
 * docs/day-in-the-life.md as it should be.
 *
 * @returns {Promise<string>}
 * @throws {UserError} the plugin or the host is not built
 */
export async function dayDocument() {
  const events = healthyDay()
    .written()
    .map(({ event }) => event);
  const shipped = countByRule(judge(events, RULES));
  const tuned = countByRule(judge(events, [...RULES, TUNING]));
  return formatDocument(DOCUMENT, describeDay(events, shipped, tuned, readFileSync(TUNING, 'utf8')));
}

/** @param {string[]} args */
async function main(args) {
  const options = /** @type {const} */ ({ events: { type: 'string' }, attacks: { type: 'boolean' } });
  const { check = false, events, attacks = false, help = false } = readOptions(args, options, usage);
  if (help) {
    console.log(usage);
  } else if (events !== undefined) {
    const day = attacks ? attackedDay() : healthyDay().written();
    const lines = day.map(({ event }) => `${JSON.stringify(event)}\n`);
    writeFileSync(events, lines.join(''));
    console.log(`corpus: ${lines.length} events written to ${events}`);
  } else {
    keepDocument('corpus', DOCUMENT, await dayDocument(), { check, how: 'npm run corpus' });
  }
}

await runAsMain(import.meta.url, 'corpus', main);
