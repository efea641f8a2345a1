// SPDX-License-Identifier: Apache-2.0
// The values of examples/helm and examples/eks in the official Falco chart, which no package registry has: FALCO_CHART names its folder
// (charts/falco of a checkout of Falco's charts), and helm is on the PATH. Without them this says so.
import { execFileSync } from 'node:child_process';
import { cpSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { parse, parseAllDocuments, stringify } from 'yaml';

import { findCommand, repositoryRoot } from '../../scripts/lib/paths.mjs';
import { Workspace } from '../support/workspace.ts';

const chart = process.env['FALCO_CHART'];
const helm = findCommand('helm');
const isSkipped = chart === undefined || helm === undefined;
if (isSkipped)
  process.stderr.write(`!!! no helm, or no chart in FALCO_CHART: the Helm values are NOT rendered\n`);
/** Files of values; what else lies beside them is for kubectl. */
const files = ['helm', 'eks'].flatMap((folder) =>
  readdirSync(join(repositoryRoot, 'examples', folder))
    .filter((name) => name.endsWith('.yaml') && !name.endsWith('-rbac.yaml'))
    .map((name) => join('examples', folder, name)),
);

test.skipIf(isSkipped).each(files)('%s is rendered by the chart', (file) => {
  const workspace = new Workspace();
  const copy = workspace.at('chart');
  cpSync(chart ?? '', copy, { recursive: true });
  // The charts that it depends on are switched off, and would have to be fetched.
  const manifest = parse(readFileSync(join(copy, 'Chart.yaml'), 'utf8'));
  delete manifest.dependencies;
  writeFileSync(join(copy, 'Chart.yaml'), stringify(manifest));
  const args = ['template', 'falco', copy, '--namespace', 'falco', '--values', join(repositoryRoot, file)];
  const rendered = execFileSync(helm ?? '', args, { encoding: 'utf8' });
  const objects = parseAllDocuments(rendered).flatMap((document) => document.toJS() ?? []);
  const values = parse(readFileSync(join(repositoryRoot, file), 'utf8'));
  const config = objects.find(({ data }) => data?.['falco.yaml'] !== undefined);
  expect(parse(config.data['falco.yaml'])).toMatchObject(values.falco);
  const tool = objects.find(({ data }) => data?.['falcoctl.yaml'] !== undefined);
  expect(parse(tool.data['falcoctl.yaml'])).toMatchObject(values.falcoctl.config);
  const workload = objects.find(({ kind }) => /^(deployment|daemonset)$/i.test(kind));
  expect(workload.kind.toLowerCase()).toBe(values.controller.kind);
  const { spec } = workload.spec.template;
  expect(spec.containers[0].volumeMounts).toEqual(expect.arrayContaining(values.mounts?.volumeMounts ?? []));
  expect(spec.containers[0].securityContext).toEqual(values.containerSecurityContext);
  expect(spec.containers[0].args.map((each: string) => each.trim())).toContain('--disable-source');
  expect(objects.some(({ kind }) => kind === 'ServiceMonitor')).toBe(true);
  expect(workload.spec.replicas).toBe(values.controller.deployment?.replicas);
  if (values.serviceAccount !== undefined) expect(spec.serviceAccountName).toBe(values.serviceAccount.name);
});
