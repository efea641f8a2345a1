#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
// @ts-check
// `npm run docs:fields`: writes docs/fields.md from the catalogue of fields that the build has left in build/generated.
// With --check it writes nothing, and fails when the file is not up to date.
import { existsSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { formatDocument, keepDocument, readOptions } from './lib/document.mjs';
import { UserError } from './lib/errors.mjs';
import { runAsMain } from './lib/main.mjs';
import { buildPaths, repositoryRoot } from './lib/paths.mjs';

/**
 * A field as plugin_get_fields describes it.
 *
 * @typedef {object} Field
 * @property {string} name
 * @property {string} type
 * @property {boolean} [isList]
 * @property {{ isIndex?: boolean, isKey?: boolean, isRequired?: boolean }} [arg]
 * @property {boolean} [addOutput]
 * @property {string} desc
 */

/**
 * Values of fields, by their names with the argument in brackets; of a list, all of its values.
 *
 * @typedef {object} Example
 * @property {string} about
 * @property {Record<string, unknown>[]} [before] events that came before
 * @property {Record<string, unknown>} event the event that has them
 * @property {Record<string, unknown>} fields
 */

const examplesFile = join(repositoryRoot, 'docs', 'field-examples.json');

const usage = `usage: npm run docs:fields [-- --check]

Writes docs/fields.md from the catalogue, as the last build has left it.
  --check  write nothing; fail when docs/fields.md is not up to date`;

/** Headings, and the names that stand under them: a field belongs to the longest prefix that fits. */
const families = [
  { title: 'The request and its answer', prefixes: ['ka.'] },
  { title: 'Exec, attach and port-forward', prefixes: ['ka.exec.', 'ka.portforward.'] },
  { title: 'Objects of any kind', prefixes: ['ka.req.'] },
  { title: 'Role bindings', prefixes: ['ka.req.binding.'] },
  { title: 'Roles', prefixes: ['ka.req.role.'] },
  {
    title: 'Services, config maps and secrets',
    prefixes: ['ka.req.service.', 'ka.req.configmap.', 'ka.req.secret.'],
  },
  {
    title: 'Certificates, tokens and access reviews',
    prefixes: ['ka.req.csr.', 'ka.req.token.', 'ka.req.review.'],
  },
  { title: 'Pods', prefixes: ['ka.req.pod.', 'ka.req.volume.', 'ka.req.container.'] },
  { title: 'Containers', prefixes: ['ka.req.pod.containers.'] },
  { title: 'Init containers', prefixes: ['ka.req.pod.initContainers.'] },
  { title: 'Ephemeral containers', prefixes: ['ka.req.pod.ephemeralContainers.'] },
  { title: 'Pods and templates for pods', prefixes: ['ka.req.workload.'] },
  { title: 'Their containers of all three kinds', prefixes: ['ka.req.workload.all_containers.'] },
  { title: 'Their containers', prefixes: ['ka.req.workload.containers.'] },
  { title: 'Their init containers', prefixes: ['ka.req.workload.initContainers.'] },
  { title: 'Their ephemeral containers', prefixes: ['ka.req.workload.ephemeralContainers.'] },
];

/** @param {string} name */
function familyOf(name) {
  const fit = (/** @type {string[]} */ prefixes) =>
    Math.max(...prefixes.map((prefix) => (name.startsWith(prefix) ? prefix.length : 0)));
  return families.reduce((best, family) => (fit(family.prefixes) > fit(best.prefixes) ? family : best));
}

/** @param {Field} field */
function argumentOf({ arg }) {
  if (arg?.isKey) {
    return '`[text]`, required';
  }
  return arg?.isIndex ? '`[number]`, optional' : '–';
}

/** @param {string} text */
function cell(text) {
  return text.replaceAll('|', '\\|');
}

/**
 * The example of each field, in Markdown.
 *
 * @returns {Map<string, string>}
 */
function readExamples() {
  /** @type {Example[]} */
  const examples = JSON.parse(readFileSync(examplesFile, 'utf8'));
  return new Map(
    examples.flatMap(({ fields }) =>
      Object.entries(fields).map(([request, value]) => {
        const [, name = request, argument] = /^([^[]*)(\[.*\])?$/.exec(request) ?? [];
        const shown = [value].flat().map((one) => `\`${one}\``);
        return [name, `${argument === undefined ? '' : `\`${argument}\`: `}${shown.join(', ')}`];
      }),
    ),
  );
}

/** @param {Field} field @param {Map<string, string>} examples */
function row(field, examples) {
  const list = field.isList ? 'yes' : 'no';
  const example = examples.get(field.name);
  if (example === undefined) {
    throw new UserError(
      `${field.name} has no example: write one into ${relative(repositoryRoot, examplesFile)}`,
    );
  }
  const cells = [`\`${field.name}\``, field.type, list, argumentOf(field), cell(field.desc), cell(example)];
  return `| ${cells.join(' | ')} |`;
}

/** @param {Field[]} fields */
function shownNames(fields) {
  return fields
    .filter(({ addOutput }) => addOutput)
    .map(({ name }) => `\`${name}\``)
    .join(', ');
}

/**
 * @param {Field[]} fields
 * @returns {string} Markdown, not formatted yet
 */
function describeFields(fields) {
  const examples = readExamples();
  const sections = families.map(({ title, prefixes }) => {
    const rows = fields
      .filter(({ name }) => familyOf(name).prefixes === prefixes)
      .map((field) => row(field, examples));
    return rows.length === 0
      ? ''
      : `## ${title}\n\n| field | type | list | argument | value | example |\n| --- | --- | --- | --- | --- | --- |\n${rows.join('\n')}\n`;
  });
  return `<!-- SPDX-License-Identifier: Apache-2.0 -->
<!-- Written by npm run docs:fields from assembly/fields/catalogue.ts and docs/field-examples.json. Change it there. -->

# Fields

The ${fields.length} fields of the event source \`k8s_audit\`.

- Nearly every value is a string, as in the official plugin: \`ka.response.code = 403\` and
  \`ka.response.code startswith 4\` both work. An object or array is given as compact JSON.
- The other types: **uint64** compares as a number (\`ka.response.status_code >= 400\`), **bool** with \`= true\` or
  \`= false\`, **ipaddr** with addresses, and **reltime** and **abstime** count nanoseconds
  (\`ka.latency > 1000000000\`), the latter since 1970; outputs show the number.
- A value that is missing or \`null\` is no value: \`ka.target.name exists\` is then false. No request or response body is
  in an event that the audit policy logs at level \`Metadata\`.
- A **list** has any number of values. libsinsp compares lists with \`in\` (all of its values are in the set),
  \`intersects\` (at least one is) and \`exists\` alone: \`ka.user.groups intersects (system:masters)\`.
- \`[number]\` picks one element, counted from 0: \`ka.sourceips[0] in (10.0.0.1)\`. It stays a list, of one value.
- \`[text]\` has to be there: \`ka.uri.param[command]\`. In \`ka.value\` it is a JSON pointer (RFC 6901), in which \`~1\`
  stands for \`/\` and \`~0\` for \`~\`: \`ka.value[/responseObject/metadata/labels/app.kubernetes.io~1name]\`.
- \`ka.req.workload.*\` has the values of \`ka.req.pod.*\`, for pods and for the templates for pods in Deployments,
  ReplicaSets, StatefulSets, DaemonSets, Jobs, CronJobs, ReplicationControllers, PodTemplates and Argo's Rollouts, when
  they are created, updated or patched. It has none for other subresources than \`ephemeralcontainers\`: a new status
  comes with the old spec. \`all_containers\` are containers, init containers and ephemeral ones together.
- Of a JSON Patch, these fields tell what its operations bring; see
  [differences.md](differences.md#json-patch). A merge patch or an apply is an object of which only a part is there: a
  container in it may have no image.
- \`ka.user.type\` goes by the user's name: **serviceaccount** is \`system:serviceaccount:namespace:name\`; **node** is
  \`system:node:…\`, or \`system:bootstrap:…\`, which joins the cluster; **anonymous** is \`system:anonymous\`, or anybody
  in the group \`system:unauthenticated\`; **control-plane** is any other \`system:…\` but \`system:admin\`, \`eks:…\`,
  \`aksService\`, and GKE's service agent (\`…@container-engine-robot.iam.gserviceaccount.com\`); **human** is everybody
  else, also who calls the API with a cloud's machine identity. It is the user who made the request, also when it
  impersonates another one.
- \`ka.req.csr.user\` and \`ka.req.csr.groups\` are read out of the request for the certificate itself. Who asks for it
  is \`ka.user.name\`, with \`ka.user.groups\`.
- The examples come from the events in [field-examples.json](field-examples.json).
- An event without \`auditID\` has no field with a value.
- With \`append_output: [{ suggested_output: true }]\`, as in the falco.yaml that comes with Falco, these are added to
  the output of every alert: ${shownNames(fields)}. They tell who did what to which object, with what
  result, where the event is in the audit log, and whether all of it was there.

${sections.filter((section) => section !== '').join('\n')}`;
}

/**
 * docs/fields.md as it should be.
 *
 * @param {string} catalogue the text of build/generated/fields.json
 * @returns {Promise<string>}
 */
export function fieldsDocument(catalogue) {
  return formatDocument('fields.md', describeFields(JSON.parse(catalogue)));
}

/** @param {string[]} args */
async function main(args) {
  const { check = false, help = false } = readOptions(args, {}, usage);
  if (help) {
    console.log(usage);
    return;
  }
  const catalogue = join(buildPaths().build, 'generated', 'fields.json');
  if (!existsSync(catalogue)) {
    throw new UserError(`${relative(process.cwd(), catalogue)} is missing: run npm run build first`);
  }
  const wanted = await fieldsDocument(readFileSync(catalogue, 'utf8'));
  keepDocument('docs', 'fields.md', wanted, { check, how: 'npm run build && npm run docs:fields' });
}

await runAsMain(import.meta.url, 'docs', main);
