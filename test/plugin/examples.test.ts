// SPDX-License-Identifier: Apache-2.0
// The files of examples/ that are for users: each is read, and what it says to the plugin is said to the plugin.
import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { parseAllDocuments } from 'yaml';

import { findRulesFiles } from '../../scripts/package/rules.mjs';
import { Workspace } from '../support/workspace.ts';
import { open, repositoryRoot } from './support.ts';
import { Authority } from './tls-support.ts';

const folder = join(repositoryRoot, 'examples');
const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.yaml'))
  .sort();
const falcoFiles = files.filter((file) => /^falco.*\.yaml$/.test(file));
const helmFiles = files.filter((file) => file.startsWith('helm/'));

interface PluginEntry {
  name: string;
  library_path: string;
  init_config?: unknown;
  open_params?: string;
}

interface FalcoConfig {
  load_plugins: string[];
  plugins: PluginEntry[];
  rules_files: string[];
}

interface Mounts {
  volumes: { name: string; secret?: unknown; hostPath?: { path: string; type: string } }[];
  volumeMounts: { name: string; mountPath: string; readOnly?: boolean }[];
}

interface HelmValues {
  driver: { enabled: boolean };
  controller: { kind: string };
  services?: { type: string; ports: { port: number; nodePort?: number }[] }[];
  mounts: Mounts;
  falcoctl: {
    config: {
      indexes: { url: string }[];
      artifact: { install: { refs: string[] }; follow: { refs: string[] } };
    };
  };
  falco: FalcoConfig;
}

/** All documents of a file. */
function documentsOf(file: string) {
  const documents = parseAllDocuments(readFileSync(join(folder, file), 'utf8'));
  for (const { errors, warnings } of documents) expect([...errors, ...warnings]).toEqual([]);
  return documents;
}

// eslint-disable-next-line @typescript-eslint/no-explicit-any -- YAML of any shape
function read(file: string): any {
  const documents = documentsOf(file);
  expect(documents).toHaveLength(1);
  return documents[0]!.toJS();
}

const authority = new Authority();
afterAll(() => authority.close());

const isCloud = (params: string) => /^(eks|cloudwatch|s3|sqs):/.test(params);

/**
 * Opens the plugin as Falco would with these settings: on a free port, with files of the test in place of those that the
 * example names. Gives the paths that it names.
 */
function tryPlugin({ init_config, open_params = '' }: PluginEntry): string[] {
  const workspace = new Workspace();
  const pair = authority.make();
  const named: string[] = [];
  const stand = (path: string) => {
    named.push(path);
    if (/ca\.crt$|tls\.crt$/.test(path)) return workspace.write(path.slice(1), pair.certificate);
    if (/\.key$/.test(path)) return workspace.write(path.slice(1), pair.key);
    workspace.write(`${path.slice(1)}/keep`, '');
    return workspace.at(path.slice(1));
  };
  const config = typeof init_config === 'string' ? init_config : JSON.stringify(init_config ?? '');
  const mapped = config.replace(/"(\/[^"]*)"/g, (_, path: string) => JSON.stringify(stand(path)));
  // A cloud is not asked here: what goes to it is that the plugin takes the keys.
  const params = (isCloud(open_params) ? 'file:///log' : open_params)
    .replace(/^(https?:\/\/):\d+/, '$1127.0.0.1:0')
    .replace(/^file:\/\/(.*)$/, (_, path: string) => {
      if (!isCloud(open_params)) named.push(path);
      return `file://${workspace.write(path.slice(1), '')}`;
    });
  const reader = open(params, mapped);
  // A source that cannot work says so at once, or at its first turn.
  expect(() => reader.poll()).not.toThrow();
  return named;
}

test('there are examples of every kind', () => {
  expect(falcoFiles.length).toBeGreaterThanOrEqual(3);
  expect(helmFiles.length).toBeGreaterThanOrEqual(2);
  for (const file of ['kind/cluster.yaml', 'kubeadm/cluster.yaml', 'compose/compose.yaml'])
    expect(files).toContain(file);
});

test.each(files)('%s is YAML without errors, and its licence is named', (file) => {
  expect(documentsOf(file).length).toBeGreaterThan(0);
  expect(readFileSync(join(folder, file), 'utf8')).toMatch(/^# SPDX-License-Identifier: Apache-2\.0\n/);
});

function expectFalcoConfig(config: FalcoConfig): string[] {
  expect(config.load_plugins).toEqual([manifest.name]);
  expect(config.plugins.map(({ name }) => name)).toEqual([manifest.name]);
  expect(config.plugins[0]?.library_path).toMatch(
    new RegExp(`(^|/usr/share/falco/plugins/)lib${manifest.name}\\.so$`),
  );
  const shipped = findRulesFiles(repositoryRoot).map((file) => `/etc/falco/${file.name}`);
  for (const file of config.rules_files) expect([...shipped, '/etc/falco/rules.d']).toContain(file);
  expect(config.rules_files[0]).toBe('/etc/falco/k8s_audit_rules.yaml');
  return config.plugins.flatMap(tryPlugin);
}

test.each(falcoFiles)('%s is taken by the plugin', (file) => {
  expectFalcoConfig(read(file));
});

describe.each(helmFiles)('%s', (file) => {
  const values = read(file) as HelmValues;

  test('is taken by the plugin, and mounts each path that it names', () => {
    const named = expectFalcoConfig(values.falco);
    const { open_params = '' } = values.falco.plugins[0]!;
    if (!isCloud(open_params)) expect(named.length).toBeGreaterThan(1);
    const { volumes, volumeMounts } = values.mounts;
    for (const path of named) {
      expect(
        volumeMounts.filter(({ mountPath }) => `${path}/`.startsWith(`${mountPath}/`)),
        path,
      ).toHaveLength(1);
    }
    expect(volumeMounts.map(({ name }) => name).sort()).toEqual(volumes.map(({ name }) => name).sort());
  });

  test('gives a service to what listens, and none to what does not', () => {
    const { open_params = '' } = values.falco.plugins[0]!;
    const port = /^https?:\/\/:(\d+)/.exec(open_params)?.[1];
    const ports = (values.services ?? []).flatMap((service) => service.ports.map((each) => each.port));
    expect(ports).toEqual(port === undefined ? [] : [Number(port)]);
    expect(values.controller.kind).toBe(open_params.startsWith('file:') ? 'daemonset' : 'deployment');
    expect(values.driver.enabled).toBe(false);
  });

  test('installs this version and follows its series', () => {
    const { name, version } = manifest;
    const { install, follow } = values.falcoctl.config.artifact;
    expect(install.refs).toEqual([`${name}:${version}`, `${name}-rules:${version}`]);
    expect(follow.refs).toEqual([`${name}-rules:${version.split('.').slice(0, 2).join('.')}`]);
    expect(values.falcoctl.config.indexes[0]?.url).toMatch(
      new RegExp(`^${manifest.falco.contact}/releases/`),
    );
  });
});

test('helm/eks.yaml reads as the role of eks/main.tf may', () => {
  const values = read('helm/eks.yaml');
  const terraform = readFileSync(join(folder, 'eks', 'main.tf'), 'utf8');
  const initial = (variable: string) =>
    new RegExp(`^variable "${variable}" \\{[^}]*default +=.*"(.*)"`, 'm').exec(terraform)?.[1];
  expect(values.serviceAccount).toMatchObject({ create: true, name: initial('service_account') });
  const cluster = /^eks:\/\/(\w+)$/.exec(values.falco.plugins[0].open_params)?.[1];
  const name = /^ {2}name += "(.*)"\n {2}assume_role_policy/m
    .exec(terraform)?.[1]
    ?.replace('${var.cluster}', cluster!);
  expect(values.serviceAccount.annotations['eks.amazonaws.com/role-arn']).toMatch(
    new RegExp(`^arn:aws:iam::\\d{12}:role/${name}$`),
  );
});

/** What of AWS's permissions a text names. */
const permissions = (text: string) => new Set(text.match(/\b(logs|s3|sqs):[A-Z][a-z]\w+/g));

test('eks/main.tf and docs/eks.md ask for the same permissions', () => {
  const page = readFileSync(join(repositoryRoot, 'docs', 'eks.md'), 'utf8');
  const policies = [...page.matchAll(/^```json\n([^]*?)^```/gm)].map(([, text]) => text!);
  expect(policies).toHaveLength(3);
  for (const policy of policies) expect(JSON.parse(policy)).toHaveProperty('Statement');
  const terraform = readFileSync(join(folder, 'eks', 'main.tf'), 'utf8');
  expect(permissions(terraform)).toEqual(permissions(policies.join()));
  expect(permissions(terraform).size).toBe(6);
});

/** Arguments of kube-apiserver, in either form of kubeadm. */
function flagsOf({ extraArgs }: { extraArgs: Record<string, string> | { name: string; value: string }[] }) {
  return Array.isArray(extraArgs)
    ? Object.fromEntries(extraArgs.map(({ name, value }) => [name, value]))
    : extraArgs;
}

test.each(['kind/cluster.yaml', 'kubeadm/cluster.yaml'])('%s mounts what its flags name', (file) => {
  const whole = read(file);
  const cluster =
    file === 'kind/cluster.yaml'
      ? parseAllDocuments(whole.nodes[0].kubeadmConfigPatches[0])[0]!.toJS()
      : whole;
  expect(cluster.kind).toBe('ClusterConfiguration');
  const flags = flagsOf(cluster.apiServer);
  for (const value of Object.values(flags)) expect(typeof value).toBe('string');
  const mounts: { mountPath: string; hostPath: string; readOnly: boolean }[] = cluster.apiServer.extraVolumes;
  for (const flag of ['audit-policy-file', 'audit-log-path', 'audit-webhook-config-file']) {
    const mount = mounts.find(({ mountPath }) => dirname(flags[flag] ?? '') === mountPath);
    expect(mount, flag).toBeDefined();
    expect(mount?.readOnly).toBe(flag !== 'audit-log-path');
  }
  // The file that Falco follows in the other examples is the one that is written here.
  const followed = read('helm/audit-log.yaml').falco.plugins[0].open_params;
  expect(followed).toBe(`file://${flags['audit-log-path']}`);
});

test('compose.yaml mounts files that are here, and its client sends to where Falco listens', () => {
  const { services } = read('compose/compose.yaml');
  const sources = Object.values<{ volumes: string[] }>(services).flatMap(({ volumes }) =>
    volumes.map((volume) => resolve(folder, 'compose', volume.split(':')[0] ?? '')),
  );
  for (const file of sources)
    expect([file, existsSync(file) && statSync(file).isFile()]).toEqual([file, true]);
  const falco = read('falco.yaml') as FalcoConfig;
  const url = new URL(services.sample.command.at(-1));
  expect(falco.plugins[0]?.open_params).toBe(`http://:${url.port}${url.pathname}`);
  expect(services).toHaveProperty(url.hostname);
  const inside = services.falco.volumes.map((volume: string) => volume.split(':')[1]);
  const files = falco.rules_files.filter((file) => file.endsWith('.yaml'));
  for (const file of [falco.plugins[0]?.library_path, ...files]) expect(inside).toContain(file);
});
