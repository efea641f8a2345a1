// SPDX-License-Identifier: Apache-2.0
// What npm run package makes, pushed to a real registry by npm run publish:oci, and installed by the real falcoctl; what
// it has installed is loaded by a real libsinsp. falcoctl's own check of signatures is not part of this: it always
// fetches Sigstore's trust root from the internet first, even for a plain key. cosign checks them here.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';

import { readBuildInfo } from '../../scripts/lib/build-info.mjs';
import { buildPaths, debianArchitecture, repositoryRoot } from '../../scripts/lib/paths.mjs';
import { listFiles } from '../../scripts/lib/stamp.mjs';
import { otherTarget } from '../../scripts/lib/target.mjs';
import { packFiles } from '../../scripts/package/archive.mjs';
import { makeIndex, parsePlace } from '../../scripts/package/index-file.mjs';
import { findRulesFiles } from '../../scripts/package/rules.mjs';
import { writeLayout, type Artifact } from '../../scripts/package/layout.mjs';
import { flatten, readSources } from '../../scripts/rules/flatten.mjs';
import { flattenRules, rulesFiles } from '../host/fixtures.ts';
import { pluginPath, runHost } from '../host/support.ts';
import { Workspace } from '../support/workspace.ts';
import { Machine, Registry, type Said } from './registry.ts';
import { buildTools, whyNoTools } from './tools.ts';

const missing = whyNoTools();
// Debian 12's own Go is too old for falcoctl, and is all that the scripts can install.
const isSkipped = missing !== undefined;
if (isSkipped) process.stderr.write(`!!! ${missing}: packages are NOT installed by falcoctl\n`);

const { build } = buildPaths();
const dist = join(build, 'e2e', 'dist');
const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));
const { name, version, falco } = manifest;
const { debian = '', machine: processor = '' } = debianArchitecture() ?? {};
const library = `lib${name}.so`;
const attack = join(repositoryRoot, 'examples', 'attack.jsonl');
const EPOCH = 1_700_000_000;

function node(script: string, args: string[], env: NodeJS.ProcessEnv = {}): Said {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(repositoryRoot, 'scripts', script), ...args],
    { encoding: 'utf8', env: { ...process.env, ...env }, maxBuffer: 16 << 20 },
  );
  return { status, text: stdout + stderr };
}

function expectSuccess({ status, text }: Said): string {
  if (status !== 0) throw new Error(`it ended with ${status}: ${text}`);
  return text;
}

describe.skipIf(isSkipped)('a package', () => {
  let tools = '';
  beforeAll(() => {
    tools = buildTools();
    expectSuccess(node('package.mjs', ['--out', dist], { SOURCE_DATE_EPOCH: String(EPOCH) }));
  }, 1_800_000);

  const publish = (args: string[]) =>
    node('publish-oci.mjs', args, {
      PATH: `${tools}:${process.env['PATH']}`,
      COSIGN_PASSWORD: '',
    });

  interface Setting {
    workspace: Workspace;
    registry: Registry;
    machine: Machine;
    /** `REGISTRY/REPO` */
    place: string;
  }

  async function setUp(): Promise<Setting> {
    const workspace = new Workspace();
    const registry = await Registry.start(workspace);
    const machine = new Machine(workspace, tools);
    return { workspace, registry, machine, place: `${registry.host}/team/plugins` };
  }

  /** The same with our package published, and its index known to falcoctl. */
  async function published(): Promise<Setting> {
    const setting = await setUp();
    const index = setting.workspace.at('index.yaml');
    const args = ['--dist', dist, '--plain-http', '--index', index];
    expectSuccess(publish([setting.place, ...args]));
    expectSuccess(setting.machine.falcoctl('index', 'add', 'ours', `file://${index}`, 'file'));
    return setting;
  }

  /** Pushes an artifact of the test's own making. */
  async function push(setting: Setting, repository: string, artifact: Partial<Artifact>): Promise<string> {
    const { workspace, machine, place } = setting;
    const layout = workspace.at('layout');
    const config = { name, version, ...artifact.config };
    const whole: Artifact = {
      type: 'plugin',
      config,
      files: [],
      source: falco.contact,
      created: '2023-11-14T22:13:20Z',
    };
    const digest = writeLayout(layout, { ...whole, ...artifact, config });
    for (const tag of [config.version, 'latest'])
      expectSuccess(machine.run('crane', ['push', '--insecure', layout, `${place}/${repository}:${tag}`]));
    return digest;
  }

  /** Packs a library as if it were a version's. */
  async function packLibrary(workspace: Workspace, file: string): Promise<string> {
    mkdirSync(workspace.at('files'), { recursive: true });
    cpSync(file, workspace.at(`files/${library}`));
    const archive = workspace.at('plugin.tar.gz');
    await packFiles(workspace.at('files'), archive, { epoch: EPOCH, logFile: workspace.at('log') });
    return archive;
  }

  test('holds what it says: sums, layouts, materials, index', () => {
    expect(() =>
      execFileSync('sha256sum', ['--check', '--strict', 'SHA256SUMS'], { cwd: dist }),
    ).not.toThrow();
    const names = listFiles(dist).filter((file) => !file.includes('/'));
    const base = `${name}-${version}-linux-`;
    expect(names).toEqual([
      'SHA256SUMS',
      'index.yaml',
      ...['aarch64', 'x86_64'].flatMap((each) => [`${base}${each}.spdx.json`, `${base}${each}.tar.gz`]),
      `${name}-rules-${version}.tar.gz`,
    ]);
    for (const each of ['aarch64', 'x86_64']) {
      const list = execFileSync('tar', ['-tzf', `${base}${each}.tar.gz`], { cwd: dist, encoding: 'utf8' });
      expect(list.trim().split('\n')).toEqual([`${name}-licenses.txt`, library]);
    }
  });

  test('is found by its index, and installed with what it depends on; libsinsp raises the sample alerts', async () => {
    const { machine, place } = await published();
    const found = expectSuccess(machine.falcoctl('artifact', 'search', name));
    expect(found).toContain(`team/plugins/plugin/${name}`);
    const info = expectSuccess(machine.falcoctl('artifact', 'info', '--plain-http', name));
    for (const tag of ['latest', '0', '0.1', version])
      expect(info).toMatch(new RegExp(`[\\s,]${tag}(,|\\s|$)`));
    const config = expectSuccess(machine.falcoctl('artifact', 'config', '--plain-http', name));
    const { api } = readBuildInfo(readFileSync(pluginPath()));
    expect(JSON.parse(config)).toEqual({
      name,
      version,
      requirements: [{ name: 'plugin_api_version', version: api }],
    });

    // Only the rules are asked for.
    const said = expectSuccess(machine.install(`${name}-rules`));
    expect(said).toContain(`${place}/plugin/${name}:${version}`);
    expect(machine.installed()).toEqual(expect.arrayContaining([library, `${name}-licenses.txt`]));
    const sbom = readFileSync(join(dist, `${name}-${version}-linux-${processor}.spdx.json`), 'utf8');
    const sum = createHash('sha256').update(machine.read(library)).digest('hex');
    expect(JSON.parse(sbom).packages[0].checksums[0].checksumValue).toBe(sum);
    for (const { path, name: shipped } of findRulesFiles(repositoryRoot))
      expect(machine.read(shipped)).toEqual(readFileSync(path));

    const installed = join(machine.plugins, library);
    const rules = flatten(readSources(rulesFiles.map((file) => join(machine.rules, basename(file))))).rules;
    const flat = machine.workspace.write('rules.json', JSON.stringify(rules));
    const { alerts, status } = runHost(['--plugin', installed, '--open', attack, '--rules', flat, '--first']);
    expect(status).toBe(0);
    const own = machine.workspace.write('own.json', JSON.stringify(flattenRules()));
    const expected = runHost(['--plugin', pluginPath(), '--open', attack, '--rules', own, '--first']);
    expect(alerts).toEqual(expected.alerts);
    expect(alerts.length).toBeGreaterThan(20);
  });

  test('is installed by its full reference, also for the other processor', async () => {
    const { machine, place } = await published();
    expectSuccess(machine.install(`${place}/plugin/${name}:0.1`));
    expect(readBuildInfo(machine.read(library)).platform).toBe(`linux/${debian}`);
    const other = otherTarget().names;
    expectSuccess(
      machine.install(`${place}/plugin/${name}:${version}`, '--platform', `linux/${other.debian}`),
    );
    expect(readBuildInfo(machine.read(library)).platform).toBe(`linux/${other.debian}`);
  });

  test('is followed onto a newer version, if Falco has the plugin API that it needs', async () => {
    const setting = await published();
    const { machine, workspace } = setting;
    expectSuccess(machine.install(name));
    const before = machine.read(library);
    const { api } = readBuildInfo(before);
    const follower = await machine.follow(name, { plugin_api_version: api, engine_version_semver: '0.58.0' });
    const newer = join(build, 'small', library);
    const archive = await packLibrary(workspace, newer);
    const files = [{ archive, architecture: debian }];
    const requirements = [{ name: 'plugin_api_version', version: api }];
    await push(setting, `plugin/${name}`, { files, config: { name, version: '0.1.1', requirements } });
    await follower.until(() => machine.read(library).equals(readFileSync(newer)));

    const tooNew = [{ name: 'plugin_api_version', version: '3.99.0' }];
    const other = await packLibrary(workspace, pluginPath());
    await push(setting, `plugin/${name}`, {
      files: [{ archive: other, architecture: debian }],
      config: { name, version: '0.1.2', requirements: tooNew },
    });
    await follower.until(() => /3\.99\.0/.test(follower.text()));
    expect(machine.read(library).equals(readFileSync(newer))).toBe(true);
  });

  test('for another processor alone is not installed', async () => {
    const setting = await setUp();
    const archive = join(dist, `${name}-${version}-linux-${otherTarget().names.machine}.tar.gz`);
    const files = [{ archive, architecture: otherTarget().names.debian }];
    await push(setting, `plugin/${name}`, { files });
    const { status, text } = setting.machine.install(`${setting.place}/plugin/${name}:${version}`);
    expect(status).not.toBe(0);
    expect(text).toMatch(/unable to find|no matching|not found|platform/i);
    expect(setting.machine.installed()).toEqual([]);
  });

  test('that was tampered with in the registry is not installed', async () => {
    const { machine, registry, place } = await published();
    const { digest } = JSON.parse(readFileSync(join(dist, 'plugin.oci', 'index.json'), 'utf8')).manifests[0];
    const blob = (of: string) => JSON.parse(readFileSync(registry.blobFile(of), 'utf8'));
    const own = blob(digest).manifests.find(
      ({ platform }: { platform: { architecture: string } }) => platform.architecture === debian,
    );
    const layer = registry.blobFile(blob(own.digest).layers[0].digest);
    const content = readFileSync(layer);
    content[content.length >> 1] = (content[content.length >> 1] ?? 0) ^ 1;
    writeFileSync(layer, content);
    const { status, text } = machine.install(`${place}/plugin/${name}:${version}`);
    expect(status).not.toBe(0);
    expect(text).toMatch(/digest|mismatch|content/i);
    expect(machine.installed()).toEqual([]);
  });

  test('of rules is not installed when the plugin that they depend on is nowhere', async () => {
    const setting = await setUp();
    const place = parsePlace(setting.place);
    if (place === undefined) throw new Error('no place');
    const rules = (await makeIndex(manifest, place)).replace(/^- name: k8saudit-ts\n(?: .*\n)*/m, '');
    expect(rules).not.toContain('type: plugin');
    const index = setting.workspace.write('index.yaml', rules);
    expectSuccess(setting.machine.falcoctl('index', 'add', 'ours', `file://${index}`, 'file'));
    await push(setting, `ruleset/${name}`, {
      type: 'rulesfile',
      config: { name: `${name}-rules`, version, dependencies: [{ name, version }] },
      files: [{ archive: join(dist, `${name}-rules-${version}.tar.gz`) }],
    });
    const { status, text } = setting.machine.install(`${name}-rules`);
    expect(status).not.toBe(0);
    expect(text).toContain(name);
    expect(setting.machine.installed()).toEqual([]);
  });

  test('is signed by digest, in both forms, and cosign knows whose signature it is', async () => {
    const { machine, place, workspace } = await setUp();
    const key = (prefix: string) => {
      const args = ['generate-key-pair', '--output-key-prefix', workspace.at(prefix)];
      expectSuccess(machine.run('cosign', args));
      return workspace.at(prefix);
    };
    const [ours, theirs] = [key('ours'), key('theirs')];
    const signing = ['--key', `${ours}.key`, '--no-transparency-log', '--public-key', `${ours}.pub`];
    const index = workspace.at('index.yaml');
    const args = ['--dist', dist, '--plain-http', '--index', index];
    expectSuccess(publish([place, ...args, ...signing]));
    expect(readFileSync(index, 'utf8')).toContain(`key: ${ours}.pub`);
    const offline = ['--insecure-ignore-tlog=true', '--private-infrastructure', '--allow-http-registry'];
    for (const repository of [`plugin/${name}`, `ruleset/${name}`]) {
      const reference = `${place}/${repository}:latest`;
      for (const form of ['--new-bundle-format=true', '--new-bundle-format=false']) {
        const verify = (pair: string) =>
          machine.run('cosign', ['verify', form, ...offline, '--key', `${pair}.pub`, reference]);
        expect(expectSuccess(verify(ours))).toContain('verified against the specified public key');
        expect(verify(theirs).status).not.toBe(0);
      }
    }
  });

  test('is never published twice with other content, and moves no tag back', async () => {
    const setting = await published();
    const { workspace, machine, place } = setting;
    // The same once more is fine: a release may be repeated after it was interrupted.
    expectSuccess(publish([place, '--dist', dist, '--plain-http']));
    const files = [
      { archive: await packLibrary(workspace, join(build, 'small', library)), architecture: debian },
    ];
    const newest = await push(setting, `plugin/${name}`, { files, config: { name, version: '9.0.0' } });
    expectSuccess(publish([place, '--dist', dist, '--plain-http']));
    const digestOf = (tag: string) =>
      expectSuccess(machine.run('crane', ['digest', '--insecure', `${place}/plugin/${name}:${tag}`])).trim();
    expect(digestOf('latest')).toBe(newest);
    expect(digestOf('0.1')).toBe(digestOf(version));

    await push(setting, `plugin/${name}`, { files });
    const { status, text } = publish([place, '--dist', dist, '--plain-http']);
    expect([status, text]).toEqual([1, expect.stringContaining('raise the version in package.json')]);
  });
});
