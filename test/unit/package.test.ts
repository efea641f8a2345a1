// SPDX-License-Identifier: Apache-2.0
// What npm run package and publish:oci are made of: archives, layouts, rules, tags, the index, the bill of materials.
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';

import { buildInfoHeader, readBuildInfo, type BuildInfo } from '../../scripts/lib/build-info.mjs';
import { componentsOf, licenceTexts } from '../../scripts/lib/components.mjs';
import { buildPaths, repositoryRoot } from '../../scripts/lib/paths.mjs';
import { sourcePackages } from '../../scripts/lib/source-packages.mjs';
import { packFiles } from '../../scripts/package/archive.mjs';
import { makeIndex, parsePlace } from '../../scripts/package/index-file.mjs';
import { writeLayout, type Artifact, type Descriptor } from '../../scripts/package/layout.mjs';
import { findRulesFiles, readRequirements } from '../../scripts/package/rules.mjs';
import { makeSbom } from '../../scripts/package/sbom.mjs';
import { floatingTags } from '../../scripts/package/tags.mjs';
import { Workspace } from '../support/workspace.ts';

const plugin = join(buildPaths().build, 'libk8saudit-ts.so');
const manifest = JSON.parse(readFileSync(join(repositoryRoot, 'package.json'), 'utf8'));
const EPOCH = 1_700_000_000;

function sha256(content: Buffer): string {
  return createHash('sha256').update(content).digest('hex');
}

describe('an archive', () => {
  async function pack(workspace: Workspace, folder: string, names: string[]): Promise<Buffer> {
    // Written in the given order, at times of their own.
    names.forEach((name, i) => workspace.write(`${folder}/${name}`, `content of ${name}`, 1_000_000 + i));
    const archive = workspace.at(`${folder}.tar.gz`);
    await packFiles(workspace.at(folder), archive, { epoch: EPOCH, logFile: workspace.at('log') });
    return readFileSync(archive);
  }

  test('is the same to the byte, whatever folder, order, times and modes the files had', async () => {
    const workspace = new Workspace();
    const one = await pack(workspace, 'one', ['b.txt', 'lib.so', 'a.txt']);
    const other = await pack(workspace, 'quite-another', ['a.txt', 'b.txt', 'lib.so']);
    expect(sha256(other)).toBe(sha256(one));
    utimesSync(workspace.at('one/a.txt'), 5, 5);
    const archive = workspace.at('again.tar.gz');
    await packFiles(workspace.at('one'), archive, { epoch: EPOCH, logFile: workspace.at('log') });
    expect(sha256(readFileSync(archive))).toBe(sha256(one));
  });

  test('holds plain files at its root, of nobody, and libraries that can be run', async () => {
    const workspace = new Workspace();
    await pack(workspace, 'files', ['lib.so', 'a.txt']);
    const env = { ...process.env, TZ: 'UTC', LC_ALL: 'C' };
    const list = execFileSync('tar', ['-tvzf', workspace.at('files.tar.gz')], { encoding: 'utf8', env });
    expect(
      list
        .trim()
        .split('\n')
        .map((line) => line.split(/\s+/)),
    ).toEqual([
      ['-rw-r--r--', '0/0', '16', '2023-11-14', '22:13', 'a.txt'],
      ['-rwxr-xr-x', '0/0', '17', '2023-11-14', '22:13', 'lib.so'],
    ]);
  });
});

describe('a layout', () => {
  function makeLayout(workspace: Workspace, more: Partial<Artifact> = {}) {
    const archive = workspace.write('x-1.2.3-linux-x86_64.tar.gz', 'layer');
    const files = ['amd64', 'arm64'].map((architecture) => ({ archive, architecture }));
    const artifact: Artifact = {
      type: 'plugin',
      config: { name: 'x', version: '1.2.3' },
      files,
      source: 'https://example.org/x',
      created: '2023-11-14T22:13:20Z',
      ...more,
    };
    const digest = writeLayout(workspace.at('layout'), artifact);
    const blob = (descriptor: Descriptor) => {
      const [algorithm = '', hash = ''] = descriptor.digest.split(':');
      const content = readFileSync(workspace.at(join('layout', 'blobs', algorithm, hash)));
      expect([sha256(content), content.length]).toEqual([hash, descriptor.size]);
      return content;
    };
    const json = (descriptor: Descriptor) => JSON.parse(blob(descriptor).toString());
    const index = JSON.parse(readFileSync(workspace.at('layout/index.json'), 'utf8'));
    return { digest, index, blob, json };
  }

  test('of a plugin is an index over its platforms, each with one config and one layer', () => {
    const { digest, index, blob, json } = makeLayout(new Workspace());
    expect(index.manifests).toHaveLength(1);
    expect(index.manifests[0]).toMatchObject({
      mediaType: 'application/vnd.oci.image.index.v1+json',
      digest,
      annotations: { 'org.opencontainers.image.ref.name': '1.2.3' },
    });
    const { manifests } = json(index.manifests[0]);
    expect(manifests.map(({ platform }: Descriptor) => platform)).toEqual([
      { architecture: 'amd64', os: 'linux' },
      { architecture: 'arm64', os: 'linux' },
    ]);
    for (const each of manifests) {
      expect(each.artifactType).toBe('application/vnd.cncf.falco.plugin.config.v1+json');
      const { config, layers } = json(each);
      expect(config.mediaType).toBe('application/vnd.cncf.falco.plugin.config.v1+json');
      expect(json(config)).toEqual({ name: 'x', version: '1.2.3' });
      expect(layers).toHaveLength(1);
      expect(layers[0].mediaType).toBe('application/vnd.cncf.falco.plugin.layer.v1+tar.gz');
      expect(layers[0].annotations['org.opencontainers.image.title']).toBe('x-1.2.3-linux-x86_64.tar.gz');
      expect(blob(layers[0]).toString()).toBe('layer');
    }
  });

  test('of rules is one manifest', () => {
    const workspace = new Workspace();
    const archive = workspace.write('x-rules-1.2.3.tar.gz', 'rules');
    const { index, json } = makeLayout(workspace, { type: 'rulesfile', files: [{ archive }] });
    expect(index.manifests[0].mediaType).toBe('application/vnd.oci.image.manifest.v1+json');
    const body = json(index.manifests[0]);
    expect(body.config.mediaType).toBe('application/vnd.cncf.falco.rulesfile.config.v1+json');
    expect(body.layers[0].mediaType).toBe('application/vnd.cncf.falco.rulesfile.layer.v1+tar.gz');
    expect(body.annotations['org.opencontainers.image.created']).toBe('2023-11-14T22:13:20Z');
  });
});

describe('the rules that are shipped', () => {
  test('are all of rules/ and rules/overlays, and ask for this version of the plugin', async () => {
    const files = findRulesFiles(repositoryRoot);
    const overlays = join(repositoryRoot, 'rules', 'overlays');
    const expected = ['rules', ...(existsSync(overlays) ? ['rules/overlays'] : [])].flatMap((folder) =>
      readdirSync(join(repositoryRoot, folder)).filter((name) => name.endsWith('.yaml')),
    );
    expect(files).toHaveLength(expected.length);
    expect(files).toContainEqual({
      path: join(repositoryRoot, 'rules', 'k8s_audit_rules.yaml'),
      name: 'k8s_audit_rules.yaml',
    });
    // All lie in Falco's own folder: their names say whose they are.
    for (const { name } of files) expect(name).toMatch(/^k8s_audit_rules(_[a-z]+)?\.yaml$/);
    const { engine, plugins } = await readRequirements(
      files.map(({ path }) => path),
      manifest,
    );
    expect(engine).toMatch(/^0\.\d+\.0$/);
    expect(plugins).toEqual([{ name: manifest.name, version: manifest.version }]);
  });

  test('ask for what the most demanding file asks for; numbers are versions of old', async () => {
    const workspace = new Workspace();
    const a = workspace.write(
      'a.yaml',
      '- required_engine_version: 15\n- required_plugin_versions:\n    - name: json\n      version: 0.7.0\n',
    );
    const b = workspace.write(
      'b.yaml',
      '- required_engine_version: 0.31.0\n- required_plugin_versions:\n    - name: json\n      version: 0.10.0\n',
    );
    const plugins = [{ name: 'json', version: '0.10.0' }];
    expect(await readRequirements([a], manifest)).toMatchObject({ engine: '0.15.0' });
    expect(await readRequirements([a, b], manifest)).toEqual({ engine: '0.31.0', plugins });
    expect(await readRequirements([b, a], manifest)).toEqual({ engine: '0.31.0', plugins });
  });

  test('are refused if they ask for another version, or if two have one name', async () => {
    const workspace = new Workspace();
    const file = workspace.write(
      'rules/a.yaml',
      '- required_plugin_versions:\n    - name: k8saudit-ts\n      version: 9.9.9\n',
    );
    await expect(readRequirements([file], manifest)).rejects.toThrow(/requires k8saudit-ts 9\.9\.9/);
    expect(findRulesFiles(workspace.path)).toEqual([{ path: file, name: 'a.yaml' }]);
    workspace.write('rules/tests/b.yaml', '');
    workspace.write('rules/overlays/c.yaml', '');
    expect(findRulesFiles(workspace.path).map(({ name }) => name)).toEqual([
      'a.yaml',
      'k8s_audit_rules_c.yaml',
    ]);
    workspace.write('rules/k8s_audit_rules_c.yaml', '');
    expect(() => findRulesFiles(workspace.path)).toThrow(
      'two rules files would be called k8s_audit_rules_c.yaml',
    );
  });
});

describe('the tags that move to a version', () => {
  test.each([
    ['0.1.0', [], ['0', '0.1', 'latest']],
    ['1.2.3', ['1.2.2', '1.2', '1', 'latest', 'sha256-abc.sig'], ['1', '1.2', 'latest']],
    ['1.2.4', ['1.2.3', '1.3.0'], ['1.2']],
    ['1.9.1', ['2.0.0', '1.9.0'], ['1', '1.9']],
    ['1.10.0', ['1.9.0'], ['1', '1.10', 'latest']],
    ['1.2.3', ['1.2.3'], ['1', '1.2', 'latest']],
    ['1.2.3', ['1.3.0-rc.1'], ['1', '1.2', 'latest']],
    ['1.2.3-rc.1', [], []],
  ])('%s among %j: %j', (version, present, tags) => {
    expect(floatingTags(version, present)).toEqual(tags);
  });

  test.each(['v1.2.3', '1.2', '1.2.3+build', 'latest', ''])(
    'are none for "%s", which is no version',
    (text) => {
      expect(floatingTags(text, [])).toBeUndefined();
    },
  );
});

describe('the index for falcoctl', () => {
  test('names both artifacts at their place, and who signs', async () => {
    const place = parsePlace('registry.example.org:5000/team/plugins');
    if (place === undefined) throw new Error('no place');
    const entries = parse(await makeIndex(manifest, place, { key: '/k.pub', ignoreTransparencyLog: true }));
    expect(entries).toMatchObject([
      { name: 'k8saudit-ts', type: 'plugin', repository: 'team/plugins/plugin/k8saudit-ts' },
      { name: 'k8saudit-ts-rules', type: 'rulesfile', repository: 'team/plugins/ruleset/k8saudit-ts' },
    ]);
    for (const { registry, signature } of entries) {
      expect(registry).toBe('registry.example.org:5000');
      expect(signature).toEqual({ cosign: { key: '/k.pub', 'ignore-tlog': true } });
    }
    const workflow = parse(await makeIndex(manifest, place, { workflow: manifest.falco.signer }));
    const { cosign } = workflow[0].signature;
    expect(cosign['certificate-oidc-issuer']).toMatch(/^https:/);
    const identity =
      'https://github.com/k8saudit-ts/k8saudit-ts/.github/workflows/release.yaml@refs/tags/v1.2.3';
    expect(identity).toMatch(new RegExp(cosign['certificate-identity-regexp']));
    expect(`${identity}/x`).not.toMatch(new RegExp(cosign['certificate-identity-regexp']));
    expect(`https://evil.example/?${identity}`).not.toMatch(
      new RegExp(cosign['certificate-identity-regexp']),
    );
    expect(parse(await makeIndex(manifest, place))[0]).not.toHaveProperty('signature');
  });

  test.each([
    'example.org',
    'https://example.org/a',
    'example.org/A',
    'example.org/a/',
    'example.org/a:1',
    '/a',
    'a b/c',
  ])('is for no place such as "%s"', (text) => {
    expect(parsePlace(text)).toBeUndefined();
  });
});

describe('the bill of materials', () => {
  test('has each component with version, licence and relation, and the licences as text', () => {
    const components = componentsOf();
    const names = components.map(({ name }) => name);
    expect(names).toEqual([...names].sort());
    expect(names).toEqual(expect.arrayContaining(['assemblyscript', 'openssl', 'llhttp', 'simde', 'zlib']));
    // What is built from source is linked: it cannot be forgotten.
    expect(names).toEqual(expect.arrayContaining(sourcePackages.map(({ name }) => name)));
    const product = { name: 'x', version: '1.2.3', platform: 'linux/amd64', url: 'https://example.org/x' };
    const file = { file: 'libx.so', sha256: 'ab'.repeat(32), created: '2023-11-14T22:13:20Z' };
    // eslint-disable-next-line @typescript-eslint/no-explicit-any -- JSON of any shape
    const sbom = makeSbom({ ...product, ...file }, components) as any;
    const ids = sbom.packages.map((each: { SPDXID: string }) => each.SPDXID);
    expect(new Set(ids).size).toBe(components.length + 1);
    for (const id of ids) expect(id).toMatch(/^SPDXRef-[A-Za-z0-9.-]+$/);
    for (const { versionInfo, licenseDeclared } of sbom.packages) {
      expect(versionInfo).toMatch(/\d/);
      expect(licenseDeclared).toMatch(/^(Apache-2\.0|BSD-3-Clause|MIT|Zlib|curl|BSD-2-Clause)$/);
    }
    for (const { spdxElementId, relatedSpdxElement } of sbom.relationships) {
      expect([...ids, 'SPDXRef-DOCUMENT']).toContain(spdxElementId);
      expect(ids).toContain(relatedSpdxElement);
    }
    expect(sbom.relationships).toContainEqual({
      spdxElementId: 'SPDXRef-plugin',
      relationshipType: 'STATIC_LINK',
      relatedSpdxElement: 'SPDXRef-openssl',
    });
    const texts = licenceTexts(components);
    for (const { name, version } of components) expect(texts).toContain(`${name} ${version} (`);
    expect(texts).toContain('Niels Provos');
    expect(texts).toContain('TERMS AND CONDITIONS FOR USE, REPRODUCTION, AND DISTRIBUTION');
  });
});

describe('the build information', () => {
  const info: BuildInfo = {
    name: 'x',
    version: '1.2.3',
    api: '3.11.0',
    platform: 'linux/amd64',
    compiler: 'gcc "12"\\ü',
    wasm: 'ab',
    options: [],
    components: { a: '1' },
  };

  test('is read back as it was written', () => {
    const literal = /^#define BUILD_INFO (.*)$/m.exec(buildInfoHeader(info))?.[1] ?? '';
    const text = JSON.parse(literal) as string;
    expect(readBuildInfo(Buffer.from(`\0ELF\0${text}\0rest\0`))).toEqual(info);
  });

  test.each([
    ['nothing', 'ELF', /no build information/],
    ['a text without end', 'k8saudit-ts-build {"name":', /damaged/],
    ['a text that is not JSON', 'k8saudit-ts-build {"name":\0', /damaged/],
    ['a text without bounds', `k8saudit-ts-build {"name":${' '.repeat(20_000)}\0`, /damaged/],
  ])('is not taken from a file with %s', (_, content, message) => {
    expect(() => readBuildInfo(Buffer.from(content))).toThrow(message);
  });

  test('of the plugin is true, and npm run info shows it', () => {
    const built = readBuildInfo(readFileSync(plugin));
    expect(built).toMatchObject({ name: manifest.name, version: manifest.version, options: [] });
    expect(built.wasm).toBe(sha256(readFileSync(join(buildPaths().build, 'k8saudit.wasm'))));
    expect(built.components).toEqual(
      Object.fromEntries(componentsOf().map(({ name, version }) => [name, version])),
    );
    const script = join(repositoryRoot, 'scripts', 'info.mjs');
    const said = execFileSync(process.execPath, [script, plugin], { encoding: 'utf8' });
    expect(said).toContain(`openssl              ${built.components['openssl']}`);
    const json = execFileSync(process.execPath, [script, '--json', plugin], { encoding: 'utf8' });
    expect(JSON.parse(json)).toEqual(built);
    const workspace = new Workspace();
    mkdirSync(workspace.at('folder'));
    const wrong = [workspace.write('other.so', 'ELF'), workspace.at('folder'), workspace.at('absent')];
    for (const file of wrong) {
      const { status, stderr } = spawnSync(process.execPath, [script, file], { encoding: 'utf8' });
      expect([status, stderr]).toEqual([
        1,
        expect.stringMatching(/^info: .*(no build information|not a file)/),
      ]);
    }
  });
});

describe('publish-oci.mjs', () => {
  const script = join(repositoryRoot, 'scripts', 'publish-oci.mjs');
  const publish = (args: string[], path = process.env['PATH']) =>
    spawnSync(process.execPath, [script, ...args], { encoding: 'utf8', env: { ...process.env, PATH: path } });

  test('pushes nothing that is not what was packed', () => {
    const workspace = new Workspace();
    expect(publish(['127.0.0.1:1/x', '--dist', workspace.path]).stderr).toMatch(/run npm run package first/);
    workspace.write('SHA256SUMS', `${'0'.repeat(64)}  index.yaml\n`);
    workspace.write('index.yaml', 'changed');
    const { status, stderr } = publish(['127.0.0.1:1/x', '--dist', workspace.path]);
    expect([status, stderr]).toEqual([1, expect.stringContaining('is not what SHA256SUMS says')]);
  });

  test('says which program is missing and how to get it', () => {
    const workspace = new Workspace();
    workspace.write('SHA256SUMS', '');
    for (const layout of ['plugin.oci', 'rules.oci'])
      workspace.write(`${layout}/index.json`, '{"manifests":[{"digest":"sha256:0"}]}');
    const { status, stderr } = publish(['127.0.0.1:1/x', '--dist', workspace.path], workspace.path);
    expect([status, stderr]).toEqual([
      1,
      expect.stringMatching(/^publish: crane is not on the PATH.*go install/),
    ]);
  });

  test.each([[[]], [['x']], [['a/b', 'c/d']], [['a/b', '--key', 'k', '--keyless']], [['a/b', '--nonsense']]])(
    'refuses the arguments %j',
    (args: string[]) => {
      const { status, stderr } = publish(args);
      expect([status, stderr]).toEqual([1, expect.stringMatching(/^publish: /)]);
    },
  );
});
