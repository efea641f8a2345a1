#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// `npm run attack-matrix`: writes docs/attack-matrix.md, which technique is found by which rule, from the rules' tags.
// With --check it writes nothing, and fails when the file is not up to date.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { MICROSOFT } from './attack-matrix/microsoft.mjs';
import { MITRE } from './attack-matrix/mitre.mjs';
import { formatDocument, keepDocument, readOptions } from './lib/document.mjs';
import { UserError } from './lib/errors.mjs';
import { runAsMain } from './lib/main.mjs';
import { repositoryRoot } from './lib/paths.mjs';
import { RULES } from './start/arguments.mjs';

/** @typedef {import('./attack-matrix/mitre.mjs').Column} Column */
/** @typedef {import('./attack-matrix/mitre.mjs').Technique} Technique */
/** @typedef {{ name: string, tags: string[], isExtended: boolean }} Rule */

const usage = `usage: npm run attack-matrix [-- --check]

Writes docs/attack-matrix.md from the tags of the rules.
  --check  write nothing; fail when docs/attack-matrix.md is not up to date`;

const DOCUMENT = 'attack-matrix.md';

/** Rules that are silent until a macro is changed. */
export const OFF = [
  'Create Disallowed Pod',
  'Disallowed K8s User',
  'Full K8s Administrative Access',
  'Untrusted Node Successfully Joined the Cluster',
  'Untrusted Node Unsuccessfully Tried to Join the Cluster',
];

/** @returns {Promise<Rule[]>} */
async function readRules() {
  const { parse } = await import('yaml');
  return RULES.flatMap((file, i) => {
    /** @type {{ rule?: string, tags?: string[] }[]} */
    const entries = parse(readFileSync(join(repositoryRoot, 'rules', file), 'utf8'));
    return entries.flatMap(({ rule: name, tags }) =>
      name === undefined || tags === undefined ? [] : [{ name, tags, isExtended: i > 0 }],
    );
  });
}

/** @param {Rule} rule */
function nameOf({ name, isExtended }) {
  const text = isExtended ? `_${name}_` : name;
  return OFF.includes(name) ? `${text} (off)` : text;
}

/** @param {Technique} technique @param {Rule[]} rules */
function row({ id, name, blind }, rules) {
  const own = rules.filter(({ tags }) => tags.includes(id));
  if (own.length === 0 && blind === undefined) {
    throw new UserError(`no rule has the tag ${id} (${name}): say in scripts/attack-matrix why`);
  }
  const found = own.length === 0 ? '**none**' : own.map(nameOf).join(', ');
  return `| ${id} | ${name} | ${found} | ${blind ?? ''} |`;
}

/** @param {Column[]} matrix @param {Rule[]} rules */
function table(matrix, rules) {
  return matrix
    .map(({ tactic, techniques }) => {
      const rows = techniques.map((technique) => row(technique, rules));
      return `### ${tactic}\n\n| id | technique | rules | what audit logs do not show |\n| --- | --- | --- | --- |\n${rows.join('\n')}`;
    })
    .join('\n\n');
}

/** @param {Column[]} matrix @param {Rule[]} rules */
function summary(matrix, rules) {
  const all = new Map(
    matrix.flatMap(({ techniques }) => techniques).map((technique) => [technique.id, technique]),
  );
  const tags = new Set(rules.flatMap(({ tags }) => tags));
  const [found, none] = [
    [...all.values()].filter(({ id }) => tags.has(id)),
    [...all.values()].filter(({ id }) => !tags.has(id)),
  ];
  const partly = found.filter(({ blind }) => blind !== undefined);
  return `Of its ${all.size} techniques, ${found.length} have a rule, ${partly.length} of these with a limit that the table tells; ${none.length} have none: ${none.map(({ name }) => name).join(', ')}.`;
}

/** @param {Rule[]} rules */
function others(rules) {
  const known = new Set(MITRE.flatMap(({ techniques }) => techniques).map(({ id }) => id));
  const ids = [...new Set(rules.flatMap(({ tags }) => tags))]
    .filter((tag) => /^T\d/.test(tag) && !known.has(tag))
    .sort();
  return ids
    .map(
      (id) =>
        `| ${id} | ${rules
          .filter(({ tags }) => tags.includes(id))
          .map(nameOf)
          .join(', ')} |`,
    )
    .join('\n');
}

/**
 * docs/attack-matrix.md as it should be.
 *
 * @returns {Promise<string>}
 * @throws {UserError} a technique has neither a rule nor a reason
 */
export async function matrixDocument() {
  const rules = await readRules();
  const text = `<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Written by npm run attack-matrix from the tags of the rules. Change it there, or in scripts/attack-matrix. -->

# Attack matrices

Which techniques the rules find. Rules in _italics_ are of
[k8s_audit_rules_extended.yaml](../rules/k8s_audit_rules_extended.yaml), the others of
[k8s_audit_rules.yaml](../rules/k8s_audit_rules.yaml); **off** means silent until a macro is changed
([rules.md](rules.md)). A rule that names a technique finds some ways to use it, never all.

An audit log has what was asked of the API server, and nothing else: not what runs inside of containers, not packets, not
what kubelets, registries and clouds are asked directly. The last column says where that matters. Falco's rules on system
calls see much of that; run both.

## MITRE ATT&CK for Containers

${summary(MITRE, rules)}

${table(MITRE, rules)}

### Techniques of other matrices

| id | rules |
| --- | --- |
${others(rules)}

## Microsoft's Threat Matrix for Kubernetes

${summary(MICROSOFT, rules)}

${table(MICROSOFT, rules)}
`;
  return formatDocument(DOCUMENT, text);
}

/** @param {string[]} args */
async function main(args) {
  const { check = false, help = false } = readOptions(args, {}, usage);
  if (help) console.log(usage);
  else
    keepDocument('attack-matrix', DOCUMENT, await matrixDocument(), { check, how: 'npm run attack-matrix' });
}

await runAsMain(import.meta.url, 'attack-matrix', main);
